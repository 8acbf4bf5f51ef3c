//! The plan route: `login --route plan` and what comes after it.

use chatmock_simulator::{Backend, Endpoint, IssuerFault, Script, Settings};
use serde_json::{Value, json};

use crate::harness::{ADA, Harness, person};
use crate::process::{Ended, approve, fetch};

const LOGIN: [&str; 4] = ["login", "--route", "plan", "--no-browser"];

/// A harness where Ada has signed in on the plan route.
fn signed_in() -> Harness {
    let harness = Harness::new();
    sign_in(&harness).with(0);
    harness
}

fn sign_in(harness: &Harness) -> Ended {
    let mut login = harness.start(&LOGIN);
    let address = login.address();
    let back = approve(&address);
    fetch(&back);
    login.end()
}

fn registration(harness: &Harness) -> Value {
    serde_json::from_slice(&std::fs::read(harness.home().join("registration.json")).unwrap())
        .unwrap()
}

#[test]
fn a_first_sign_in_registers_this_installation_and_a_second_does_not() {
    let harness = Harness::new();
    let mut login = harness.start(&LOGIN);
    login.until("Continue with ChatGPT. Open this address in a browser:");
    let address = login.address();
    for part in ["client_id=dynamic_agent_client", "agent_name_hint=chatmock", "&nonce="] {
        assert!(address.contains(part), "no {part} in {address}");
    }
    let back = approve(&address);
    assert!(back.starts_with("http://127.0.0.1:"), "{back}");
    assert!(fetch(&back).body.contains("Signed in"));
    let ended = login.end().with(0).says("  Route       plan\n").says(ADA);
    ended.says("Signed in as ada@example.com.").says("chatmock-server --route plan");
    let first = registration(&harness);
    assert_eq!((&harness.stored()["route"], &first["email"]), (&json!("plan"), &json!(ADA)));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let file = harness.home().join("registration.json");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    let mut login = harness.start(&LOGIN);
    let address = login.address();
    assert!(address.contains(first["client_id"].as_str().unwrap()), "{address}");
    assert!(!address.contains("agent_name_hint"), "{address}");
    fetch(&approve(&address));
    login.end().with(0);
    assert_eq!(registration(&harness), first);
}

#[test]
fn the_status_names_the_route_and_asks_no_backend_for_limits() {
    let harness = signed_in();
    let ended = harness.run(&["status"]).with(0).says("Signed in as ada@example.com");
    let ended = ended.says("  Route       plan\n").says("  Plan use    allowed\n");
    ended.says("https://chatgpt.com/settings/usage").says("; renewed automatically");
    let status: Value =
        serde_json::from_str(&harness.run(&["status", "--json"]).with(0).out).unwrap();
    assert_eq!((&status["route"], &status["plan_use"]), (&json!("plan"), &json!(true)));
    assert_eq!((&status["usage"], &status["signed_in"]), (&Value::Null, &json!(true)));
    assert_eq!(harness.simulator.stats().count(Endpoint::Usage.name()), 0);
    harness.run(&["refresh"]).with(0).says("Renewed ada@example.com.");
    harness.run(&["accounts"]).with(0).says("plan   user-ada@unknown+plan");
}

#[test]
fn a_server_of_this_route_uses_the_sign_in_and_one_of_the_other_says_what_to_do() {
    let harness = signed_in();
    let answer = harness.serve_once(Backend::Plan);
    assert!(answer.starts_with("200 ") && answer.contains("You said: hello"), "{answer}");
    let answer = harness.serve_once(Backend::Codex);
    assert!(answer.starts_with("401 "), "{answer}");
    for words in ["--route plan", "chatmock-auth login"] {
        assert!(answer.contains(words), "no {words:?} in {answer}");
    }
    let codex =
        harness.simulator.model_calls().into_iter().filter(|call| !call.path.contains("plan"));
    assert_eq!(codex.count(), 0, "no token of one route goes to the other");
}

#[test]
fn without_leave_to_use_the_plan_it_is_said_plainly() {
    let harness = Harness::new();
    harness.simulator.set_issuer_fault(Some(IssuerFault::NoPlanUse));
    let ended = sign_in(&harness).with(0).says("Signed in as ada@example.com.");
    ended.complains("use of the plan is off").complains("chatmock-auth login --route plan");
    let ended = harness.run(&["status"]).with(0).says("  Plan use    off");
    ended.says("sign in again and allow it: chatmock-auth login --route plan");
    let status: Value =
        serde_json::from_str(&harness.run(&["status", "--json"]).with(0).out).unwrap();
    assert_eq!((&status["plan_use"], &status["signed_in"]), (&json!(false), &json!(true)));
    harness.run(&["refresh"]).with(3).complains("allow it: chatmock-auth login --route plan");
    let found = harness.run(&["doctor"]);
    let line = found.out.lines().find(|line| line.contains("sign-in ")).unwrap();
    assert!(line.starts_with("FAIL") && line.contains("allow it"), "{line}");
}

#[test]
fn what_this_route_does_not_have_is_refused_in_one_line() {
    let harness = Harness::new();
    for (more, words) in [
        (&["--redirect-host", "localhost"][..], "--redirect-host cannot be used on the plan route"),
        (&["--redirect-host", "127.0.0.1"], "127.0.0.1 only"),
        (&["--device"], "--device cannot be used on the plan route"),
        (&["--workspace", "w"], "--workspace cannot be used"),
        (&["--client-id", "app_mine"], "--client-id cannot be used"),
    ] {
        let arguments: Vec<&str> =
            ["login", "--route", "plan"].iter().chain(more).copied().collect();
        let ended = harness.run(&arguments).with(2).complains(words);
        assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
    }
    harness.run(&["login", "--route", "other"]).with(2).complains("plan");
    assert!(!harness.home().join("registration.json").exists());
}

#[test]
fn a_machine_without_a_browser_gets_the_address_and_no_code() {
    let harness = Harness::new();
    let mut login = harness.start(&["login", "--route", "plan"]);
    fetch(&approve(&login.address()));
    login.end().with(0);
    assert_eq!(harness.simulator.stats().count(Endpoint::DeviceCode.name()), 0);
}

#[test]
fn a_no_and_a_mixed_up_answer_end_it_in_one_line_and_save_nothing() {
    let harness = Harness::new();
    for (flaw, code, words) in [
        (IssuerFault::Denied, 4, "access_denied"),
        (IssuerFault::NoClientId, 4, "did not register this installation"),
        (IssuerFault::OtherNonce, 1, "of another sign-in"),
        (IssuerFault::OtherAudience, 1, "for another program"),
        (IssuerFault::ForeignKey, 1, "whose signature is wrong"),
        (IssuerFault::UnknownKey, 1, "by a key that it does not publish"),
        (IssuerFault::Unsigned, 1, "that is not signed"),
        (IssuerFault::Expired, 1, "has ended"),
        (IssuerFault::DiscoveryOfAnother, 1, "by the name of another service"),
        (IssuerFault::KeysElsewhere, 1, "at no https address"),
    ] {
        harness.simulator.set_issuer_fault(Some(flaw));
        let ended = sign_in(&harness).with(code).complains(words);
        assert_eq!(ended.err.lines().count(), 1, "{flaw:?}: {ended:?}");
        assert!(!harness.file().exists(), "{flaw:?}");
        assert_eq!(registration(&harness)["client_id"], Value::Null, "{flaw:?}");
    }
    harness.simulator.set_issuer_fault(None);
    sign_in(&harness).with(0);
    harness.simulator.set_issuer_fault(Some(IssuerFault::OtherClientId));
    sign_in(&harness).with(4).complains("for another installation");
}

#[test]
fn an_answer_with_another_state_is_a_stray_and_the_right_one_still_counts() {
    let harness = Harness::new();
    harness.simulator.set_issuer_fault(Some(IssuerFault::OtherState));
    let mut login = harness.start(&LOGIN);
    let stray = approve(&login.address());
    assert_eq!(fetch(&stray).status, 400);
    login.type_line(&stray);
    login.until("That is not the right address: it belongs to another sign-in");
    drop(login);
    assert_eq!(harness.simulator.stats().count(Endpoint::PlanToken.name()), 0);
}

#[test]
fn an_ended_sign_in_loses_its_tokens_and_the_next_one_uses_the_registration() {
    let harness = signed_in();
    let before = registration(&harness);
    let reused = Script::json(400, &json!({"error": "refresh_token_reused"}));
    harness.simulator.enqueue_at(Endpoint::PlanToken, reused);
    let ended = harness.run(&["refresh"]).with(3).complains("already used");
    ended.complains("sign in again: chatmock-auth login --route plan");
    harness.run(&["status"]).with(3).says("Nobody is signed in");
    assert_eq!(registration(&harness), before);
    sign_in(&harness).with(0);
    assert_eq!(registration(&harness), before);
}

#[test]
fn a_status_that_finds_the_sign_in_ended_says_so() {
    let harness = Harness::with(Settings {
        plan_token_life: std::time::Duration::ZERO,
        ..Settings::default()
    });
    sign_in(&harness).with(0);
    let ended = Script::json(400, &json!({"error": "invalid_grant"}));
    harness.simulator.enqueue_at(Endpoint::PlanToken, ended);
    harness.run(&["status"]).with(3).complains("chatmock-auth login --route plan");
    assert!(!harness.file().exists());
}

#[test]
fn a_sign_out_is_told_and_the_registration_stays() {
    let harness = signed_in();
    let before = registration(&harness);
    let ended = harness.run(&["logout"]).with(0).says("Signed out ada@example.com.");
    ended.says("stays registered").says("has ended the sign-in, too");
    assert_eq!((harness.simulator.stats().revokes, registration(&harness)), (1, before));
    assert!(!harness.file().exists());
}

#[test]
fn a_sign_in_of_the_other_route_is_another_account() {
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    let ended = sign_in(&harness).with(4).says("ada@example.com (route codex)");
    ended.complains("--account NAME");
    assert_eq!(harness.stored()["tokens"]["account_id"], "workspace-ada");
    let mut login = harness.start(&["login", "--route=plan", "--no-browser", "--account=plan"]);
    fetch(&approve(&login.address()));
    login.end().with(0).says("Set aside");
    let listed = harness.run(&["accounts"]).with(0);
    assert_eq!(listed.out.lines().count(), 2, "{listed:?}");
    harness.run(&["logout", "--account", "plan"]).with(0).says("stays registered");
    harness.run(&["use", ADA]).with(0);
    harness.run(&["status"]).with(0).says("  Route       codex\n").says("Limits");
}

#[test]
fn a_damaged_registration_is_told_with_what_mends_it() {
    let harness = signed_in();
    harness.put(&harness.home().join("registration.json"), "{");
    harness.run(&LOGIN).with(1).complains("registration.json is damaged").complains("remove");
    let found = harness.run(&["doctor"]).with(1);
    let line = found.out.lines().find(|line| line.contains("registration ")).unwrap();
    assert!(line.starts_with("FAIL") && line.contains("remove the file"), "{line}");
    std::fs::remove_file(harness.home().join("registration.json")).unwrap();
    sign_in(&harness).with(0);
}

#[cfg(unix)]
mod at_a_terminal {
    use super::*;
    use crate::terminal::Terminal;

    #[test]
    fn no_question_is_asked_and_the_other_route_is_named() {
        let harness = Harness::new();
        let mut login = Terminal::start(&mut harness.program(&["login", "--no-browser"]));
        login.until("/oauth/authorize?", |_| false);
        login.until("Ctrl-C stops", |_| false);
        login.signal("INT");
        let (code, text) = login.end();
        assert_eq!(code, Some(130), "{text}");
        assert!(!text.contains("Which") && text.contains("--route plan"), "{text}");
        assert!(text.contains("nothing was changed"), "{text}");
    }
}
