//! `refresh`, `doctor`, and what protects the tokens in the process.

use chatmock_simulator::{Endpoint, Script, Settings};
use serde_json::json;

use crate::harness::{ADA, Harness, SOON, expiring, person};
use crate::process::Ended;

#[test]
fn a_renewal_is_made_when_it_is_asked_for() {
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    let before = harness.stored();
    harness.run(&["refresh"]).with(0).says("Renewed ada@example.com.").says("Ends");
    assert_ne!(harness.stored()["tokens"]["refresh_token"], before["tokens"]["refresh_token"]);
    assert_eq!(harness.simulator.stats().refreshes, 1);
}

#[test]
fn a_renewal_that_cannot_be_made_says_what_to_do() {
    let harness = Harness::new();
    harness.run(&["refresh"]).with(3).complains("sign in first: chatmock-auth login");
    harness.sign_in(person(ADA));
    harness.simulator.enqueue_at(Endpoint::Token, Script::json(503, &json!({})));
    harness.run(&["refresh"]).with(1).complains("try again").complains("status 503");
    let reused = json!({"error": {"code": "refresh_token_reused", "message": "x"}});
    harness.simulator.enqueue_at(Endpoint::Token, Script::json(400, &reused));
    harness.run(&["refresh"]).with(3).complains("already used").complains("chatmock-auth login");
}

#[cfg(unix)]
#[test]
fn a_renewal_that_is_stopped_comes_to_its_end_first() {
    let harness = Harness::with(Settings { token_delay: SOON * 4, ..Settings::default() });
    harness.sign_in(person(ADA));
    let before = harness.stored();
    let refresh = harness.start(&["refresh"]);
    harness.wait_for(|stats| stats.count(Endpoint::Token.name()) == 1);
    refresh.signal("INT");
    refresh.end().with(130).complains("was completed first");
    assert_ne!(harness.stored()["tokens"]["refresh_token"], before["tokens"]["refresh_token"]);
    harness.run(&["status"]).with(0);
}

#[test]
fn a_healthy_sign_in_passes_the_doctor() {
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    let ended = harness.run(&["doctor"]);
    for check in
        ["sign-in", "files", "sharing", "proxy", "trust store", "issuer", "clock", "backend"]
    {
        let line = ended.out.lines().find(|line| line[6..].starts_with(check)).unwrap();
        assert!(line.starts_with("ok "), "{line}");
    }
}

#[test]
fn the_doctor_finds_what_is_broken_and_says_what_mends_it() {
    let harness = Harness::new();
    harness
        .run(&["doctor"])
        .with(1)
        .says("FAIL  sign-in        nobody is signed in -> chatmock-auth login");
    harness.sign_in(person(ADA));
    let text = std::fs::read_to_string(harness.file()).unwrap();
    harness.put(&harness.beside("codex").join("auth.json"), &text);
    let mut command = harness.program(&["doctor"]);
    command
        .env("CHATMOCK_UPSTREAM_URL", "http://127.0.0.1:9/x")
        .env("HTTPS_PROXY", "http://me:hidden-word@p:1");
    let ended = Ended::of(&mut command).with(1).says("FAIL  sharing").says("FAIL  backend");
    assert!(ended.out.contains("HTTPS_PROXY") && !ended.out.contains("hidden-word"), "{ended:?}");
    for line in ended.out.lines().filter(|line| !line.starts_with("ok ")) {
        assert!(line.contains(" -> "), "{line}");
    }
}

#[cfg(unix)]
#[test]
fn the_doctor_sees_files_that_others_can_read() {
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(harness.file(), open).unwrap();
    harness.run(&["doctor"]).with(1).says("FAIL  files").says("chmod 600");
}

#[test]
fn the_log_at_its_most_verbose_holds_no_token() {
    let harness = Harness::new();
    harness.sign_in(expiring(ADA, -60));
    // Every run of a program is searched for tokens.
    for arguments in [["status", "--verbose"], ["refresh", "--verbose"], ["logout", "--verbose"]] {
        harness.run(&arguments).with(0);
    }
    harness.run(&["login", "--device", "--verbose"]).with(0);
}

#[test]
fn a_missing_keyring_is_warned_of_once_and_the_file_is_used() {
    let harness = Harness::new();
    let mut command = harness.program(&["login", "--device"]);
    let ended = Ended::of(command.env("CHATMOCK_STORE", "auto")).with(0);
    if cfg!(target_os = "linux") {
        assert_eq!(ended.err.matches("--store file").count(), 1, "{ended:?}");
        assert!(harness.file().exists());
        let mut command = harness.program(&["login", "--device", "--store", "keyring"]);
        Ended::of(&mut command).with(1).complains("sign in with --store file");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_writes_no_core_and_takes_no_token_as_an_argument() {
    let harness = Harness::new();
    let mut login = harness.start(&["login", "--no-browser"]);
    login.until("Ctrl-C stops");
    let limits = format!("/proc/{}/limits", login.0.child.id());
    let limits = std::fs::read_to_string(limits).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let words: Vec<&str> = core.split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{core}");
    login.signal("INT");
    login.end().with(130);
    let help = harness.run(&["login", "--help"]).out;
    assert!(!help.contains("token "), "{help}");
}

#[test]
fn the_doctor_and_the_status_agree_about_a_sign_in_that_has_ended() {
    let harness = Harness::new();
    harness.sign_in(expiring(ADA, -60));
    let ended = json!({"error": {"code": "refresh_token_invalidated", "message": "x"}});
    harness.simulator.enqueue_at(Endpoint::Token, Script::json(400, &ended));
    let doctor = harness.run(&["doctor"]).with(1);
    let line = doctor.out.lines().next().unwrap();
    assert!(line.starts_with("FAIL  sign-in ") && line.contains("chatmock-auth login"), "{line}");
    harness.simulator.enqueue_at(Endpoint::Token, Script::json(400, &ended));
    let status = harness.run(&["status"]).with(3);
    assert!(status.out.starts_with("The sign-in of ada@example.com has ended"), "{}", status.out);
}

#[test]
fn the_doctor_shows_the_limits_and_whether_a_server_runs() {
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    let mut command = harness.program(&["doctor"]);
    let ended = Ended::of(command.env("PORT", "9"));
    ended.says("ok    limits").says("none runs at http://127.0.0.1:9");
}

#[test]
fn completions_a_man_page_and_the_exit_codes_need_no_sign_in() {
    let harness = Harness::new();
    harness.run(&["completions", "bash"]).with(0).says("--borrow-codex");
    harness.run(&["man"]).with(0).says(".TH chatmock-auth");
    harness.run(&["help", "exit-codes"]).with(0).says("nobody is signed in");
}
