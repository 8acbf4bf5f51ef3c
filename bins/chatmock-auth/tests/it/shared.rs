//! `login`, `status` and `logout` on a sign-in that several servers share in a Redis.

use chatmock_testkit::prerequisite::find_program;
use chatmock_testkit::redis::{PROGRAMS, Redis};

use crate::harness::{ADA, Harness, person};

/// A Redis, where it is installed; with `CI=true` it must be.
#[expect(clippy::print_stderr, reason = "a run says what it leaves out")]
fn redis() -> Option<Redis> {
    if let Some(missing) = PROGRAMS.iter().find(|name| find_program(name).is_none()) {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{missing} is missing");
        eprintln!("not run here: {missing} is not installed");
        return None;
    }
    Some(Redis::start().unwrap())
}

#[test]
fn a_shared_sign_in_is_used_from_another_home_and_signed_out_everywhere() {
    let Some(redis) = redis() else { return };
    let harness = Harness::new();
    let keys = harness.beside("keys").join("shared");
    harness.put(&keys, &"0f".repeat(32));
    let (url, keys) = (redis.url(), keys.display().to_string());
    let other = harness.beside("other").display().to_string();
    let here = |task: &[&str]| {
        harness.run(&[task, &["--shared", &url, "--shared-key-file", &keys]].concat())
    };
    let there = |task: &[&str]| here(&[task, &["--home", &other]].concat());

    here(&["status"]).with(3);
    here(&["login", "--device", "--yes"]).with(0);
    here(&["status"]).with(0).says("the engine and this machine have the same");
    there(&["status"]).with(0).says("Signed in as ada@example.com");
    there(&["refresh"]).with(0);
    let newer = here(&["status", "--json"]).with(0);
    assert!(newer.out.contains(r#""shared":{"engine":2,"here":2}"#), "{}", newer.out);
    assert_eq!(harness.simulator.stats().refreshes_refused, 0);

    there(&["logout"]).with(0).says("Signed out ada@example.com");
    here(&["status"]).with(3);
    assert!(!harness.file().exists(), "the copy here is gone, too");
    assert_eq!(harness.simulator.stats().revokes, 1);
}

#[test]
fn an_engine_that_is_away_is_named_before_a_person_is_asked_to_sign_in() {
    let harness = Harness::new();
    let keys = harness.beside("keys").join("shared");
    harness.put(&keys, &"0f".repeat(32));
    let keys = keys.display().to_string();
    let away = ["--shared", "redis://127.0.0.1:1", "--shared-key-file", &keys];
    let run = |task: &[&str]| harness.run(&[task, &away].concat());
    run(&["login", "--device"]).with(1).complains("the shared engine cannot be reached");
    run(&["status"]).with(1).complains("the shared engine cannot be reached");
    harness.sign_in(person(ADA));
    run(&["status"]).with(0).says("Signed in as ada@example.com");
    harness
        .run(&["status", "--shared", "redis://127.0.0.1:1"])
        .with(2)
        .complains("--shared-key-file");
}
