//! Renewals of a sign-in that several servers share: one for all of them, whoever is killed.

use std::time::{Duration, Instant};

use chatmock_simulator::Settings;

use crate::engine::KEY;
use crate::fleet::{Fleet, QUESTION, answers, ask, private, ready, rounds, until};
use crate::process::{Running, chat, refused, text};

pub(crate) const CASES: &[(&str, fn())] = &[
    ("three_servers_with_an_ended_token_and_many_requests_renew_it_once", one_renewal),
    ("a_server_that_is_killed_while_it_renews_leaves_the_renewal_to_another", kills),
    ("a_server_with_another_key_does_not_start_and_says_why", other_key),
    ("an_engine_is_not_used_without_keys_nor_in_the_clear_beyond_this_machine", flags),
    ("a_sign_in_of_another_server_is_used_and_another_one_of_this_machine_put_aside", adopted),
];

fn slow() -> Settings {
    Settings { token_delay: Duration::from_millis(300), ..Settings::default() }
}

fn one_renewal() {
    // The lease of the default: a thousand requests for each server keep two processors busy for seconds.
    let mut fleet = Fleet::new(-60, slow());
    fleet.lease = 20;
    let servers: [Running; 3] = fleet.servers();
    servers.iter().for_each(answers);
    assert_eq!(fleet.refreshes(), (1, 0), "all three found an ended token at their start");
    for round in 2..=3 {
        fleet.backend.simulator.invalidate_access_tokens();
        let body = chat("hello there", false);
        let each = 50 * rounds(1).min(20);
        let asked: Vec<_> = (0..each)
            .flat_map(|_| servers.each_ref())
            .map(|server| server.open("POST", QUESTION, &body))
            .collect();
        for answer in asked {
            let answer = text(answer);
            assert!(answer.contains("You said: hello there"), "round {round}: {answer}");
        }
        assert_eq!(fleet.refreshes(), (round, 0), "one renewal for {} requests", 3 * each);
    }
    until("all homes have the newest copy", || {
        (0..3).all(|home| fleet.stored(home)["tokens"] == fleet.stored(0)["tokens"])
    });
    let dump = fleet.redis.ask(&["--scan"]).unwrap();
    assert!(dump.lines().all(|key| key.starts_with("chatmock:")), "{dump}");
}

fn kills() {
    let fleet = Fleet::new(3600, slow());
    let mut servers: [Running; 3] = fleet.servers();
    servers.iter().for_each(answers);
    let mut longest = Duration::ZERO;
    for round in 0..rounds(2) {
        let (before, refused) = fleet.refreshes();
        fleet.backend.simulator.invalidate_access_tokens();
        let victim = round % 3;
        let waiting = servers[victim].open("POST", QUESTION, &chat("hello there", false));
        until("the lease is taken", || !fleet.redis.ask(&["KEYS", "*:lease"]).unwrap().is_empty());
        servers[victim].signal("KILL");
        drop(waiting);
        let begun = Instant::now();
        for other in [1, 2].map(|step| &servers[(victim + step) % 3]) {
            answers(other);
        }
        longest = longest.max(begun.elapsed());
        let (after, also_refused) = fleet.refreshes();
        assert!(after - before <= 2 && after > before, "round {round}: {before} and {after}");
        assert_eq!(also_refused, refused, "round {round}: no token was used twice");
        servers[victim] = fleet.server(victim);
        answers(&servers[victim]);
    }
    eprintln!("{} servers were killed; the others renewed within {longest:?}", rounds(2));
}

fn other_key() {
    let fleet = Fleet::new(3600, Settings::default());
    answers(&fleet.server(0));
    // A server that starts earlier than this finds nothing that another key could not open.
    until("the sign-in is in the engine", || {
        !fleet.redis.ask(&["KEYS", "*:sign-in:*"]).unwrap().is_empty()
    });
    private(&fleet.keys(), &KEY.replace("00", "ff"));
    let (code, words) = refused(&mut fleet.command(1, &fleet.redis.url()));
    assert_eq!(code, 2, "{words}");
    assert!(words.contains("sealed with a key that is not in the file"), "{words}");
    // Both keys: the old record opens, and new ones are sealed with the first.
    private(&fleet.keys(), &format!("{}\n{KEY}\n", KEY.replace("00", "ff")));
    answers(&fleet.server(1));
}

fn flags() {
    let fleet = Fleet::new(3600, Settings::default());
    let (code, words) = refused(&mut fleet.command(0, "redis://canary:canary@10.0.0.1:6379"));
    assert_eq!(code, 2);
    assert!(words.contains("use rediss://") && !words.contains("canary"), "{words}");
    std::fs::remove_file(fleet.keys()).unwrap();
    let (code, words) = refused(&mut fleet.command(0, "redis://127.0.0.1:1"));
    assert!(code == 2 && words.contains("--shared-key-file"), "{words}");
}

fn adopted() {
    let fleet = Fleet::new(3600, Settings::default());
    let first = fleet.server(0);
    answers(&first);
    fleet.sign_in(1, 3600);
    let own = fleet.stored(1);
    let second = fleet.server(1);
    answers(&second);
    assert_eq!(fleet.stored(1)["tokens"], fleet.stored(0)["tokens"]);
    let aside = std::fs::read(fleet.home(1).join("auth.before-shared.json")).unwrap();
    let aside: serde_json::Value = serde_json::from_slice(&aside).unwrap();
    assert_eq!(aside["tokens"]["refresh_token"], own["tokens"]["refresh_token"]);
    assert_eq!(fleet.refreshes(), (0, 0));
}

/// Starts one server over an engine, and checks that it answers and what it says of the engine.
pub(crate) fn serves_with(url: &str, authority: Option<&str>, fault: Option<&str>) {
    let fleet = Fleet::new(3600, Settings::default());
    let mut command = fleet.command(0, url);
    if let Some(authority) = authority {
        command.env("SSL_CERT_FILE", authority);
    }
    let server = Running::start(&mut command);
    answers(&server);
    let (status, state) = ready(&server);
    assert_eq!((status, state["shared"].as_str()), (200, fault), "{state} {}", ask(&server));
}

/// Starts a server as a user whom the engine does not let in.
pub(crate) fn is_refused(url: &str, authority: &str) {
    let fleet = Fleet::new(3600, Settings::default());
    let (code, words) = refused(fleet.command(0, url).env("SSL_CERT_FILE", authority));
    assert!(code == 2 && words.contains("refuses the user"), "{words}");
}
