//! Many processes on one sign-in: one of them renews, and all of them live.

use chatmock_simulator::Settings;

use crate::harness::{ADA, Harness, SOON, expiring, rounds};
use crate::process::Ended;

const PROCESSES: usize = 8;
const ROUNDS: u32 = 6;

#[test]
fn eight_processes_make_one_renewal_each_round_and_never_reuse_a_token() {
    let habits = Settings { revoke_on_reuse: true, token_delay: SOON, ..Settings::default() };
    let harness = Harness::with(habits);
    let rounds = rounds(ROUNDS);
    for round in 1..=rounds {
        harness.sign_in(expiring(ADA, -60));
        let crowd: Vec<_> = (0..PROCESSES)
            .map(|_| harness.program(&["status", "--json"]).spawn().unwrap())
            .collect();
        for child in crowd {
            Ended::from(child.wait_with_output().unwrap()).with(0).says("\"signed_in\":true");
        }
        let stats = harness.simulator.stats();
        assert_eq!((stats.refreshes, stats.refreshes_refused), (round.into(), 0), "round {round}");
    }
    eprintln!("{rounds} rounds of {PROCESSES} processes: {rounds} renewals, no token used twice");
}

#[test]
fn renewals_asked_for_at_once_never_reuse_a_token_either() {
    let habits = Settings { revoke_on_reuse: true, token_delay: SOON, ..Settings::default() };
    let harness = Harness::with(habits);
    harness.sign_in(expiring(ADA, -60));
    let crowd: Vec<_> =
        (0..PROCESSES).map(|_| harness.program(&["refresh"]).spawn().unwrap()).collect();
    for child in crowd {
        Ended::from(child.wait_with_output().unwrap()).with(0);
    }
    assert_eq!(harness.simulator.stats().refreshes_refused, 0);
    harness.run(&["status"]).with(0);
}
