//! Two servers over one home: what one of them renews, both have.

use std::time::Duration;

use chatmock_simulator::{Claims, Settings, Simulator};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::process::{Running, chat, program};

/// How many rounds of an access token that has ended.
const ROUNDS: u64 = 20;

/// A simulator that ends a sign-in whose refresh token comes twice, and what drives it.
fn simulator() -> (Runtime, Simulator) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let token_delay = Duration::from_millis(50);
    let settings = Settings { revoke_on_reuse: true, token_delay, ..Settings::default() };
    let simulator = runtime.block_on(Simulator::start(settings)).unwrap();
    (runtime, simulator)
}

fn server(simulator: &Simulator, home: &TempDir) -> Running {
    let mut command = program(&["--port", "0", "--home"]);
    command.arg(home.path()).args(["--issuer", &simulator.issuer()]);
    Running::start(command.args(["--upstream-url", &simulator.upstream_url()]))
}

#[test]
fn of_two_servers_with_one_sign_in_one_renews_it_and_both_answer() {
    let (_runtime, simulator) = simulator();
    let home = TempDir::new().unwrap();
    let signed_in = simulator.tokens(Claims::expiring_in(-60)).auth_json();
    std::fs::write(home.path().join("auth.json"), signed_in).unwrap();
    // Both find a token that has ended at their start, and then one that is refused.
    let servers = std::thread::scope(|scope| {
        let starting = [0, 1].map(|_| scope.spawn(|| server(&simulator, &home)));
        starting.map(|server| server.join().unwrap())
    });
    for round in 1..=ROUNDS {
        let body = chat("hello there", false);
        let asked =
            servers.each_ref().map(|server| server.open("POST", "/v1/chat/completions", &body));
        for answer in asked {
            let answer = std::io::read_to_string(answer).unwrap();
            assert!(answer.contains("You said: hello there"), "round {round}: {answer}");
        }
        let stats = simulator.stats();
        assert_eq!((stats.refreshes, stats.refreshes_refused), (round, 0), "round {round}");
        simulator.invalidate_access_tokens();
    }
}
