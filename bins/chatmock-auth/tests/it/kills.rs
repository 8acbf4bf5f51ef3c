//! A program that is killed around a renewal, at any time: the file can be read every time.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use chatmock_simulator::Settings;

use crate::bench::{ADA, Bench, person};

const ROUNDS: u32 = 60;

#[test]
fn the_file_parses_whenever_the_program_is_killed() {
    let habits = Settings { token_delay: Duration::from_millis(5), ..Settings::default() };
    let bench = Bench::with(habits);
    bench.sign_in(person(ADA));
    let started = Instant::now();
    bench.run(&["refresh"]).with(0);
    let whole = started.elapsed();
    let (mut renewed, mut lost) = (0, 0);
    for round in 0..ROUNDS {
        let before = bench.stored();
        // Spread evenly over the time that a run takes, in an order that jumps about.
        let life = whole.mul_f64(1.2) * (round * 37 % ROUNDS) / ROUNDS;
        kill_after(&bench, life);
        let after = bench.stored();
        let token = after["tokens"]["refresh_token"].as_str().unwrap();
        assert!(token.starts_with("rt_simulated"), "round {round}");
        renewed += u32::from(after != before);
        // Killed between the reply and the save, the token is spent: a new sign-in mends that.
        if bench.run(&["refresh"]).code != Some(0) {
            lost += 1;
            bench.sign_in(person(ADA));
        }
    }
    eprintln!("{ROUNDS} kills over {whole:?}: {renewed} after the save, {lost} cost the sign-in");
}

/// Starts a renewal and kills it after this time, or lets it end before.
fn kill_after(bench: &Bench, life: Duration) {
    let mut child = bench.program(&["refresh"]).spawn().unwrap();
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
