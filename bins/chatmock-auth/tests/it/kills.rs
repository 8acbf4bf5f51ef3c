//! A program that is killed around a renewal, at any time: the file can be read every time.

use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use chatmock_simulator::Settings;
use serde_json::Value;

use crate::harness::{ADA, Harness, person, rounds};

const ROUNDS: u32 = 60;

#[test]
fn the_file_parses_whenever_the_program_is_killed() {
    let habits = Settings { token_delay: Duration::from_millis(5), ..Settings::default() };
    let harness = Harness::with(habits);
    harness.sign_in(person(ADA));
    let started = Instant::now();
    harness.run(&["refresh"]).with(0);
    let whole = started.elapsed();
    let rounds = rounds(ROUNDS);
    let (mut renewed, mut spent, mut lost, mut written) = (0, 0, 0, 0);
    for round in 0..rounds {
        let (before, renewals) = (harness.stored(), harness.simulator.stats().refreshes);
        let older = harness.left_overs();
        // Spread evenly over the time that a run takes, in an order that jumps about.
        let life = whole.mul_f64(1.2) * (round * 37 % rounds) / rounds;
        kill_after(&harness, life);
        let after = harness.stored();
        let token = after["tokens"]["refresh_token"].as_str().unwrap();
        assert!(token.starts_with("rt_simulated"), "round {round}");
        renewed += u32::from(after != before);
        // Killed between the issuer's spending and the save, the token is spent: a new sign-in
        // mends that. A request that was sent whole may be served after its sender's end.
        let mended = harness.run(&["refresh"]).code == Some(0);
        let told = harness.simulator.stats().refreshes - renewals - u64::from(mended);
        spent += u32::from(told > 0 && after == before);
        if !mended {
            assert!(told > 0 && after == before, "round {round}: lost without being spent");
            lost += 1;
            let left = harness.left_overs();
            written += u32::from(left.difference(&older).any(|path| is_sign_in(path)));
            harness.sign_in(person(ADA));
        }
    }
    let left = harness.left_overs().len();
    harness.run(&["logout"]).with(0);
    assert_eq!(harness.left_overs().len(), 0, "tokens were left behind");
    eprintln!(
        "{rounds} kills over {whole:?}: {renewed} after the save, {spent} between spending and \
         save, {lost} cost the sign-in ({written} with the file written and not in place), {left} files left over until the sign-out"
    );
}

/// Whether a file holds a whole sign-in.
fn is_sign_in(path: &Path) -> bool {
    let text = std::fs::read(path).unwrap();
    serde_json::from_slice::<Value>(&text).is_ok_and(|file| file["tokens"].is_object())
}

/// Starts a renewal and kills it after this time, or lets it end before.
fn kill_after(harness: &Harness, life: Duration) {
    let mut child = harness.program(&["refresh"]).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let (sender, ended) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        std::io::copy(&mut output, &mut std::io::sink()).unwrap();
        drop(sender);
    });
    // Ends with the time, or with the program.
    ended.recv_timeout(life).unwrap_err();
    child.kill().unwrap();
    child.wait().unwrap();
}
