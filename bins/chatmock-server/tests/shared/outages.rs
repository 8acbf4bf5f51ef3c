//! Engines that fail: stopped, emptied, read-only, paused. Nobody is signed out by it.

use std::time::{Duration, Instant};

use chatmock_simulator::Settings;
use sha2::{Digest, Sha256};

use crate::fleet::{Fleet, answers, ask, ready, until};
use crate::process::Running;

pub(crate) const CASES: &[(&str, fn())] = &[
    ("an_engine_that_stops_or_is_paused_or_cannot_be_written_stops_no_server", away),
    ("an_engine_that_lost_everything_gets_the_sign_in_back_from_the_newest_copy", emptied),
];

/// Those that take over ten seconds.
pub(crate) const LONG: &[(&str, fn())] = &[
    ("without_its_engine_only_the_home_that_made_the_sign_in_renews_one_that_has_ended", cut_off),
    (
        "an_engine_that_lost_its_last_writes_gets_them_back_before_a_token_is_spent_again",
        failed_over,
    ),
];

fn away() {
    let mut fleet = Fleet::new(3600, Settings::default());
    let servers: [Running; 2] = fleet.servers();
    servers.iter().for_each(answers);
    let shared = |server: &Running| ready(server).1["shared"].as_str().map(str::to_owned);
    let works = |fleet: &Fleet, away: &str| {
        for server in &servers {
            let begun = Instant::now();
            answers(server);
            assert!(begun.elapsed() < Duration::from_secs(5), "{away}: {:?}", begun.elapsed());
            until(away, || shared(server).as_deref() == Some("shared_unreachable"));
            assert_eq!(ready(server).0, 200, "a server that answers is ready");
        }
        assert_eq!(fleet.refreshes(), (0, 0));
    };
    let is_back = || servers.iter().for_each(|server| until("back", || shared(server).is_none()));
    fleet.redis.pause();
    works(&fleet, "paused");
    fleet.redis.go_on();
    is_back();
    fleet.redis.ask(&["REPLICAOF", "127.0.0.1", "1"]).unwrap();
    // What is only read shows nothing; a renewal cannot be made, and the token that the backend refuses is not spent.
    fleet.backend.simulator.invalidate_access_tokens();
    let answer = ask(&servers[0]);
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("shared engine"), "{answer}");
    assert_eq!(fleet.refreshes(), (0, 0));
    fleet.redis.ask(&["REPLICAOF", "NO", "ONE"]).unwrap();
    servers.iter().for_each(answers);
    assert_eq!(fleet.refreshes(), (1, 0));
    fleet.redis.stop();
    for server in &servers {
        answers(server);
        until("stopped", || shared(server).as_deref() == Some("shared_unreachable"));
    }
    fleet.redis.start_again().unwrap();
    servers.iter().for_each(answers);
}

fn emptied() {
    let fleet = Fleet::new(-60, Settings::default());
    let servers: [Running; 2] = fleet.servers();
    servers.iter().for_each(answers);
    let fence = fleet.fence(0);
    fleet.redis.ask(&["FLUSHALL"]).unwrap();
    until("the sign-in is in the engine again", || {
        !fleet.redis.ask(&["KEYS", "chatmock:sign-in:*"]).unwrap().is_empty()
    });
    let lost = || servers.iter().any(|server| ready(server).1["shared"] == "shared_lost");
    until("one of the servers says so", lost);
    fleet.backend.simulator.invalidate_access_tokens();
    servers.iter().for_each(answers);
    assert_eq!(fleet.refreshes(), (2, 0));
    assert!(fleet.fence(0) > fence, "the fence goes on where it was");
    // A server that starts now gets the sign-in.
    answers(&fleet.server(2));
}

fn cut_off() {
    // On a busy machine the token may end before the engine can be stopped; then one that lasts longer is taken.
    for seconds in [6, 12, 24, 48] {
        if let Some((fleet, servers)) = with_a_token_of(seconds) {
            return without_engine(fleet, servers);
        }
    }
    panic!("no two servers started within the time of a token");
}

/// Starts two servers with the same token, and stops their engine before it ends.
fn with_a_token_of(seconds: u64) -> Option<(Fleet, [Running; 2])> {
    let begun = Instant::now();
    let mut fleet = Fleet::new(i64::try_from(seconds).unwrap(), Settings::default());
    // Nobody renews early: another one, which does not come back, holds the lease.
    fleet.redis.ask(&["SET", &format!("{}:lease", sign_in_key()), "another"]).unwrap();
    let servers: [Running; 2] = fleet.servers();
    let has_it = |server: &Running| {
        until("a server has the sign-in", || {
            ask(server).contains("You said") || begun.elapsed().as_secs() >= seconds
        });
    };
    servers.iter().for_each(has_it);
    fleet.redis.stop();
    (begun.elapsed().as_secs() + 1 < seconds).then_some((fleet, servers))
}

fn without_engine(mut fleet: Fleet, [maker, other]: [Running; 2]) {
    until("the token has ended", || ask(&other).starts_with("HTTP/1.1 503"));
    assert_eq!(fleet.refreshes(), (0, 0), "the other home spends nothing");
    // The backend may find the token ended some milliseconds before its server does.
    until("the home that made it renews it", || ask(&maker).contains("You said"));
    assert_eq!(fleet.refreshes(), (1, 0));
    fleet.redis.start_again().unwrap();
    until("the other one goes on with the newer copy", || ask(&other).contains("You said"));
    assert_eq!(fleet.refreshes(), (1, 0), "no token was used twice");
}

/// The key of the sign-in in the engine: a hash of its name, each part of which comes with its length.
fn sign_in_key() -> String {
    let mut hash = Sha256::new();
    for part in ["", "sign-in", "", "active"] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("chatmock:sign-in:{digits}")
}

fn failed_over() {
    let fleet = Fleet::new(3600, Settings::default());
    let servers: [Running; 2] = fleet.servers();
    servers.iter().for_each(answers);
    let key = fleet.redis.ask(&["KEYS", "chatmock:sign-in:*"]).unwrap();
    let key = key.lines().find(|key| !key.ends_with(":fence")).unwrap().to_owned();
    fleet.redis.ask(&["COPY", &key, "before"]).unwrap();
    fleet.backend.simulator.invalidate_access_tokens();
    answers(&servers[0]);
    assert_eq!(fleet.refreshes(), (1, 0));
    // The engine as it was before the renewal: what was written last is lost.
    fleet.redis.ask(&["COPY", "before", &key, "REPLACE"]).unwrap();
    fleet.redis.ask(&["DEL", "chatmock:epoch"]).unwrap();
    answers(&servers[1]);
    servers.iter().for_each(answers);
    assert_eq!(fleet.refreshes().1, 0, "no token was used twice");
    until("the newest copy is everywhere", || {
        fleet.fence(0) == fleet.fence(1) && fleet.stored(0)["tokens"] == fleet.stored(1)["tokens"]
    });
}
