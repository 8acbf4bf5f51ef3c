//! `status`: in words, with bars, and as an object for programs.

use chatmock_simulator::{Backend, Claims, Endpoint, Script};
use serde_json::{Value, json};

use crate::harness::{ADA, Harness, expiring, person};
use crate::process::Ended;

fn object(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).unwrap()
}

#[test]
fn nobody_is_told_what_to_do() {
    let harness = Harness::new();
    harness.run(&["status"]).with(3).says("Sign in with: chatmock-auth login");
    assert_eq!(object(&harness.run(&["info", "--json"]).with(3)), json!({"signed_in": false}));
}

#[test]
fn who_and_where_and_how_much_is_told() {
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    let place = harness.file().display().to_string();
    let ended = harness.run(&["status"]).with(0);
    for text in [
        "Signed in as ada@example.com\n",
        "  Plan        plus\n",
        "  Workspace   workspace-ada\n",
        "  Route       codex\n",
        &place,
        "  5 hours     ##------------------  12 % used, resets in 2 h ",
        "  7 days      ########------------  40 % used, resets in 3 d ",
        "  Credits     none\n",
    ] {
        assert!(ended.out.contains(text), "no {text:?} in {ended:#?}");
    }
    assert!(
        ended.out.contains("  Ends        in 10 d (")
            || ended.out.contains("  Ends        in 9 d 23 h (")
    );
    assert!(!ended.out.contains('\u{1b}') && ended.err.is_empty(), "{ended:?}");
}

#[test]
fn windows_are_those_that_the_account_has() {
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    let usage = json!({"plan_type": "pro", "rate_limit": {"limit_reached": true,
        "primary_window": {"used_percent": 100, "limit_window_seconds": 2_592_000}},
        "additional_rate_limits": [{"limit_name": "Spark\u{1b}[2J", "rate_limit":
            {"primary_window": {"used_percent": 3, "limit_window_seconds": 3600}}}],
        "credits": {"has_credits": true, "balance": "12.50"}});
    harness.simulator.enqueue_at(Endpoint::Usage, Script::json(200, &usage));
    let ended = harness.run(&["status"]).with(0);
    for text in [
        "  Plan        pro\n",
        "  30 days     #################### 100 % used\n",
        "The limit is reached",
        "  Spark\\u{1b}[2J\n  1 hour      #-------------------   3 % used\n",
        "  Credits     12.50 left\n",
    ] {
        assert!(ended.out.contains(text), "no {text:?} in {ended:#?}");
    }
    assert!(!ended.out.contains("5 hours") && !ended.out.contains("7 days"), "{ended:?}");
}

#[test]
fn the_object_for_programs_has_all_of_it_and_no_token() {
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    let status = object(&harness.run(&["status", "--json"]).with(0));
    for (member, value) in [
        ("signed_in", json!(true)),
        ("email", json!(ADA)),
        ("plan", json!("plus")),
        ("workspace", json!("workspace-ada")),
        ("key", json!("user-ada@workspace-ada")),
        ("route", json!("codex")),
        ("issuer", json!(harness.simulator.issuer())),
        ("place", json!(harness.file().display().to_string())),
        ("usage_error", Value::Null),
    ] {
        assert_eq!(status[member], value, "{member}");
    }
    let window = &status["usage"]["limits"][0]["windows"][1];
    assert_eq!((&window["minutes"], &window["used_percent"]), (&json!(10_080), &json!(40)));
    assert!(window["resets_at"].is_i64() && status["expires_at"].is_i64());
    assert_eq!(status["usage"]["credits"]["has_credits"], false);
}

#[test]
fn an_access_token_that_has_ended_is_renewed_first() {
    let harness = Harness::new();
    harness.sign_in(expiring(ADA, -60));
    let status = object(&harness.run(&["status", "--json"]).with(0));
    assert!(status["usage"].is_object(), "{status}");
    assert_eq!(harness.simulator.stats().refreshes, 1);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert!(status["expires_at"].as_u64().unwrap() > now.as_secs());
}

#[test]
fn a_sign_in_that_has_ended_is_told_with_its_mending() {
    let harness = Harness::new();
    harness.sign_in(expiring(ADA, -60));
    let ended = json!({"error": {"code": "refresh_token_expired", "message": "old"}});
    harness.simulator.enqueue_at(Endpoint::Token, Script::json(401, &ended));
    harness.run(&["status"]).with(3).says("Ended: the sign-in").says("chatmock-auth login");
    let ended = json!({"error": {"code": "refresh_token_expired", "message": "old"}});
    harness.simulator.enqueue_at(Endpoint::Token, Script::json(401, &ended));
    let status = object(&harness.run(&["status", "--json"]).with(3));
    assert_eq!((&status["signed_in"], &status["email"]), (&json!(false), &json!(ADA)));
}

#[test]
fn a_sign_in_that_is_not_accepted_has_ended_also_while_renewals_are_withheld() {
    let harness = Harness::new();
    harness.sign_in(expiring(ADA, -60));
    for _ in 0..5 {
        let ended = json!({"error": {"code": "refresh_token_invalidated", "message": "old"}});
        for _ in ["status", "doctor"] {
            harness.simulator.enqueue_at(Endpoint::Token, Script::json(401, &ended));
        }
        let ended = harness.run(&["status"]).with(3);
        ended.says("The sign-in of ada@example.com has ended").says("chatmock-auth login");
        harness.run(&["doctor"]).with(1).says("FAIL  sign-in").says("-> chatmock-auth login");
    }
    let status = object(&harness.run(&["status", "--json"]).with(3));
    assert_eq!(status["signed_in"], json!(false));
}

#[test]
fn the_doctor_tells_of_the_sign_in_as_it_is_after_its_renewal() {
    let harness = Harness::new();
    harness.sign_in(expiring(ADA, -60));
    harness
        .run(&["doctor"])
        .with(0)
        .says("ok    sign-in        ada@example.com: ")
        .says("then renewed");
}

#[test]
fn a_backend_that_does_not_answer_hides_only_the_limits() {
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    let mut command = harness.program(&["status"]);
    command.env("CHATMOCK_UPSTREAM_URL", "http://127.0.0.1:9/backend-api/codex");
    let ended = Ended::of(&mut command).with(0).says("Signed in as ada@example.com");
    ended.says("Limits are not known now").says("chatmock-auth doctor");
}

/// Lets a server leave limits in the home for the account that is signed in, and makes them old.
fn leave_limits(harness: &Harness) {
    let answer = harness.serve_once(Backend::Codex);
    assert!(answer.starts_with("200 "), "{answer}");
    let file = harness.home().join("limits.json");
    let mut kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let (over, to_come) = (1_795_000_000, 4_000_000_000_u64);
    kept["as_of"] = json!(1_794_990_000);
    kept["limits"] = json!({"limit_reached": true,
        "primary": {"used_percent": 100.0, "window_minutes": 300, "resets_at": over},
        "secondary": {"used_percent": 61.0, "window_minutes": 10_080, "resets_at": to_come},
        "further": [{"id": "bengalfox", "name": "Spark", "primary":
            {"used_percent": 3.0, "window_minutes": 60, "resets_at": null}}],
        "credits": {"has_credits": true, "unlimited": false, "balance": "12.50"}});
    harness.put(&file, &kept.to_string());
}

fn cut_off(harness: &Harness, arguments: &[&str]) -> Ended {
    let mut command = harness.program(arguments);
    command.env("CHATMOCK_UPSTREAM_URL", "http://127.0.0.1:9/backend-api/codex");
    Ended::of(&mut command).with(0)
}

#[test]
fn what_a_server_was_told_last_stands_in_for_a_backend_that_does_not_answer() {
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    leave_limits(&harness);
    let ended = cut_off(&harness, &["status"]);
    for text in [
        "Limits as of 2026-11-18 08:20 UTC\n",
        "  5 hours     #################### 100 % used, has reset since (2026-11-18 11:06",
        "  7 days      ############--------  61 % used, resets in ",
        "  Spark\n  1 hour      #-------------------   3 % used\n",
        "  Credits     12.50 left\n",
        "They could not be read now: ",
        "chatmock-auth doctor",
    ] {
        assert!(ended.out.contains(text), "no {text:?} in {ended:#?}");
    }
    assert!(!ended.out.contains("is reached"), "{ended:?}");
    let status = object(&cut_off(&harness, &["status", "--json"]));
    assert_eq!(
        (&status["usage_live"], &status["usage_as_of"]),
        (&json!(false), &json!(1_794_990_000))
    );
    assert_eq!(status["usage"]["limits"][0]["windows"][1]["used_percent"], 61);
    assert!(status["usage_error"].is_string());
    // A backend that answers is believed.
    let status = object(&harness.run(&["status", "--json"]).with(0));
    assert_eq!(status["usage_live"], true);
    assert!(status["usage_as_of"].as_u64().unwrap() > 1_794_990_000);
    assert_eq!(status["usage"]["limits"][0]["windows"][1]["used_percent"], 40);
}

#[test]
fn what_a_server_was_told_about_another_account_is_not_shown() {
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    leave_limits(&harness);
    let bob = person("bob@example.com");
    // Members of one team share the workspace, and not its limits.
    let colleague = Claims { account_id: person(ADA).account_id, ..bob.clone() };
    for other in [bob, colleague, Claims { account_id: "second".to_owned(), ..person(ADA) }] {
        harness.sign_in(other);
        cut_off(&harness, &["status"]).says("Limits are not known now");
        let status = object(&cut_off(&harness, &["status", "--json"]));
        for member in ["usage", "usage_as_of"] {
            assert!(status[member].is_null(), "{status}");
        }
        assert_eq!(status["usage_live"], false);
    }
    harness.sign_in(person(ADA));
    cut_off(&harness, &["status"]).says("Limits as of 2026-11-18");
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    let upstream = ["status", "--upstream-url", "http://192.0.2.1/x"];
    harness.run(&upstream).with(2).complains("https");
    harness.run(&["status", "--issuer", "http://192.0.2.1"]).with(2).complains("--issuer");
    harness.run(&["status", "--originator", "a\nb"]).with(2).complains("header text");
}

#[test]
fn a_sign_in_of_another_issuer_is_not_sent_anywhere() {
    let (harness, other) = (Harness::new(), Harness::new());
    harness.put(&harness.file(), &other.simulator.tokens(person(ADA)).auth_json());
    harness.run(&["status"]).with(3).says("for another sign-in service");
    assert_eq!(harness.simulator.stats().requests.len(), 0);
}

#[test]
fn the_codex_clis_sign_in_is_looked_at_where_that_is_wanted() {
    let harness = Harness::new();
    let file = harness.beside("codex").join("auth.json");
    harness.put(&file, &harness.simulator.tokens(person(ADA)).auth_json());
    harness.run(&["status"]).with(3);
    let mut command = harness.program(&["status"]);
    let ended = Ended::of(command.env("CHATMOCK_BORROW_CODEX", "1")).with(0);
    ended.says(&file.display().to_string()).says("by the Codex CLI");
    let status = object(&harness.run(&["status", "--borrow-codex", "--json"]).with(0));
    assert_eq!(status["borrowed"], true);
    assert!(!harness.file().exists());
}

#[cfg(unix)]
#[test]
fn colours_are_for_terminals_and_no_color_forbids_them() {
    use crate::terminal::Terminal;
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    let (code, text) = Terminal::start(&mut harness.program(&["status"])).end();
    assert!(code == Some(0) && text.contains("\u{1b}[32m██░░"), "{text}");
    let mut command = harness.program(&["status"]);
    let (_, text) = Terminal::start(command.env("NO_COLOR", "1")).end();
    assert!(!text.contains('\u{1b}') && text.contains("██░░"), "{text}");
}
