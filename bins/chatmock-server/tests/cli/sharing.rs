//! Tests of two servers with one home: a sign-in that one of them renews is used by both.

use std::time::Duration;

use chatmock_simulator::{Claims, Settings};
use chatmock_testkit::backend::Backend;

use super::process::{Running, chat, program, text};

/// How many times the access token ends.
const ROUNDS: u64 = 20;

/// Returns a backend that ends a sign-in whose refresh token is used twice.
fn backend() -> Backend {
    let token_delay = Duration::from_millis(50);
    let settings = Settings { revoke_on_reuse: true, token_delay, ..Settings::default() };
    Backend::start(settings).unwrap()
}

fn server(backend: &Backend) -> Running {
    Running::start(program(&["--port", "0"]).args(backend.flags()))
}

#[test]
fn of_two_servers_with_one_sign_in_one_renews_it_and_both_answer() {
    let backend = backend();
    backend.sign_in(Claims::expiring_in(-60)).unwrap();
    // Both servers find an expired token at their start, and later a rejected one.
    let servers = std::thread::scope(|scope| {
        let starting = [0, 1].map(|_| scope.spawn(|| server(&backend)));
        starting.map(|server| server.join().unwrap())
    });
    for round in 1..=ROUNDS {
        let body = chat("hello there", false);
        let asked =
            servers.each_ref().map(|server| server.open("POST", "/v1/chat/completions", &body));
        for answer in asked {
            let answer = text(answer);
            assert!(answer.contains("You said: hello there"), "round {round}: {answer}");
        }
        let stats = backend.simulator.stats();
        assert_eq!((stats.refreshes, stats.refreshes_refused), (round, 0), "round {round}");
        backend.simulator.invalidate_access_tokens();
    }
}
