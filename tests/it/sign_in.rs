//! The sign-in: renewed once for all, never by us when it is not ours, and found when it appears.

use std::time::Duration;

use chatmock_server::{Access, ApiKey, Server};
use chatmock_simulator::{Claims, Mode, Settings as Simulated};
use chatmock_testkit::client::{Reply, Request};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::dialects::{Row, dialect, ways};
use crate::harness::{CHAT, Harness, Running, ask, settings, sign_in, soon};

/// The command that repairs a sign-in.
const COMMAND: &str = "chatmock-auth login";

/// Asserts a 401 that says what to do, in the dialect's shape.
fn assert_signed_out(dialect: Row, reply: &Reply) {
    let members = [("type", "authentication_error"), ("code", "sign_in_required")];
    dialect.assert_failure(reply, 401, &members);
    assert!(reply.message().contains(COMMAND), "{}", reply.message());
    assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
}

#[tokio::test]
async fn a_token_that_is_refused_once_is_renewed_and_the_question_answered() {
    let (harness, mut questions) = (Harness::new().await, 0);
    for (dialect, stream) in ways() {
        harness.simulator.enqueue(Mode::UnauthorizedOnce);
        let before = harness.simulator.stats().refreshes;
        let reply = harness.server.ask(dialect, "hello", stream).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(harness.simulator.stats().refreshes, before + 1);
        questions += 1;
    }
    let calls = harness.simulator.model_calls();
    assert_eq!(calls.len(), 2 * questions);
    assert_eq!(calls[0].body, calls[1].body, "the same request is sent again");
    assert_ne!(calls[0].header("authorization"), calls[1].header("authorization"));
}

#[tokio::test]
async fn a_renewed_sign_in_is_kept_for_the_next_server() {
    let harness = Harness::new().await;
    harness.simulator.invalidate_access_tokens();
    assert_eq!(harness.server.say("hello").await.status, 200);
    let next = harness.another().await;
    assert_eq!(next.say("hello").await.status, 200);
    assert_eq!(harness.simulator.stats().refreshes, 1);
    let kept: Value =
        serde_json::from_slice(&std::fs::read(harness.home.path().join("auth.json")).unwrap())
            .unwrap();
    assert_eq!(kept["tokens"]["login_owner_id"], "simulatedsimulatedsimulatedsimulatedsimulat");
}

#[tokio::test]
async fn a_token_that_is_refused_twice_is_a_401_after_one_renewal() {
    for (dialect, stream) in ways() {
        let harness = Harness::new().await;
        harness.server.get("/v1/models").await;
        let (calls, refreshes) = (harness.calls(), harness.simulator.stats().refreshes);
        let reply = harness.server.ask(dialect, "MODE:unauthorized", stream).await;
        assert_signed_out(dialect, &reply);
        let message = reply.message();
        assert!(message.contains("the sign-in with the plan plus"), "{message}");
        assert!(!reply.text().contains("demo@"), "{}", reply.text());
        assert_eq!(harness.calls(), calls + 2);
        assert_eq!(harness.simulator.stats().refreshes, refreshes + 1);
    }
}

/// Each refusal of a new token is the backend's answer: nothing is spent on it, and nobody is sent to
/// sign in again for more than the first.
#[tokio::test]
async fn a_backend_that_refuses_every_token_costs_one_renewal_in_a_minute() {
    let harness = Harness::new().await;
    harness.server.get("/v1/models").await;
    let calls = harness.calls();
    for _ in 0..10 {
        assert_signed_out(dialect("chat"), &harness.server.say("MODE:unauthorized").await);
    }
    assert_eq!(harness.calls(), calls + 11, "only the first question is sent twice");
    assert_eq!(harness.simulator.stats().refreshes, 1);
    assert_eq!(harness.server.say("hello").await.status, 200, "the token is used all the same");
}

#[tokio::test]
async fn the_holder_of_a_key_is_given_the_name_of_the_account() {
    let key = "a-key-of-ann-0123456789";
    let harness = Harness::with(|s| s.http.admission.keys = vec![ApiKey::new("ann", key)]).await;
    let request = Request::post(CHAT, ask(CHAT, "MODE:unauthorized", false).to_string());
    let reply = harness.server.send(request.with("x-api-key", key)).await;
    assert_signed_out(dialect("chat"), &reply);
    assert!(reply.message().contains("of demo@example.invalid"), "{}", reply.message());
}

#[tokio::test]
async fn no_answer_without_a_key_holds_the_address_of_the_account() {
    let harness = Harness::new().await;
    harness.server.say("hello").await;
    for path in ["/", "/health", "/health?verbose", "/limits", "/api/me", "/api/ps", "/v1/me"] {
        let reply = harness.server.get(path).await;
        assert!(!reply.text().contains("demo@"), "{path}: {}", reply.text());
    }
}

#[tokio::test]
async fn two_hundred_requests_with_an_expired_token_cost_one_renewal() {
    let simulated = Simulated {
        token_delay: Duration::from_millis(200),
        revoke_on_reuse: true,
        ..Simulated::default()
    };
    let harness = Harness::of(simulated, Claims::expiring_in(-60), |_| {}).await;
    let asked = ways().into_iter().cycle().take(200);
    let replies = asked.map(|(dialect, stream)| harness.server.ask(dialect, "hello", stream));
    let replies = join_all(replies).await;
    assert!(replies.iter().all(|reply| reply.status == 200), "{}", replies[0].text());
    let stats = harness.simulator.stats();
    assert_eq!((stats.refreshes, stats.refreshes_refused, stats.responses()), (1, 0, 200));
}

#[tokio::test]
async fn a_client_that_leaves_does_not_cut_a_renewal_off() {
    let simulated = Simulated { token_delay: Duration::from_millis(200), ..Simulated::default() };
    let harness = Harness::of(simulated, Claims::expiring_in(-60), |settings| {
        settings.models.sync = false;
    })
    .await;
    drop(harness.server.begin(CHAT, &ask(CHAT, "hello", false)).await);
    soon(harness.simulator.wait_for(|stats| stats.refreshes == 1)).await;
    assert_eq!(harness.server.say("hello").await.status, 200);
    assert_eq!(harness.simulator.stats().refreshes, 1);
}

#[tokio::test]
async fn a_renewal_that_is_refused_for_good_says_what_to_do_and_is_not_tried_again() {
    let harness = Harness::of(Simulated::default(), Claims::expiring_in(-60), |settings| {
        settings.models.sync = false;
    })
    .await;
    let body = json!({"error": {"code": "refresh_token_reused", "message": "used"}});
    let refusal = chatmock_simulator::Script::json(401, &body);
    harness.simulator.enqueue_at(chatmock_simulator::Endpoint::Token, refusal);
    for _ in 0..3 {
        let reply = harness.server.say("hello").await;
        assert_signed_out(dialect("chat"), &reply);
        assert!(reply.message().contains("the sign-in has ended"), "{}", reply.message());
        assert!(!reply.text().contains("demo@"), "{}", reply.text());
    }
    let stats = harness.simulator.stats();
    assert_eq!((stats.count("POST /oauth/token"), stats.responses()), (1, 0));
}

#[tokio::test]
async fn a_panic_that_holds_the_lock_of_the_sign_in_costs_one_answer_and_no_token() {
    let harness = Harness::new().await;
    let another = harness.another().await;
    for server in [&harness.server, &another] {
        assert_eq!(server.say("hello").await.status, 200);
    }
    harness.simulator.invalidate_access_tokens();
    let request = Request::post(CHAT, ask(CHAT, "hello", false).to_string());
    let reply = harness.server.send(request.with("x-test-panic", "renewal")).await;
    let (status, _, code, _) = reply.error();
    assert_eq!((status, code), (503, json!("sign_in_unavailable")));
    assert_eq!(harness.simulator.stats().refreshes, 0, "the token is not spent");
    for server in [&harness.server, &another] {
        assert_eq!(server.say("hello").await.status, 200);
    }
    assert_eq!(harness.simulator.stats().refreshes, 1);
}

#[tokio::test]
async fn an_issuer_that_is_down_is_a_503_and_tried_again() {
    let harness = Harness::of(Simulated::default(), Claims::expiring_in(-60), |settings| {
        settings.models.sync = false;
    })
    .await;
    let down = chatmock_simulator::Script::json(503, &json!({}));
    harness.simulator.enqueue_at(chatmock_simulator::Endpoint::Token, down);
    let (status, kind, code, _) = harness.server.say("hello").await.error();
    assert_eq!((status, kind.as_str()), (503, "service_unavailable_error"));
    assert_eq!(code, "sign_in_unavailable");
    assert_eq!(harness.server.say("hello").await.status, 200);
}

#[tokio::test]
async fn no_sign_in_is_a_401_in_the_dialect_and_one_that_appears_is_used_at_once() {
    let harness = Harness::with(|settings| settings.models.sync = false).await;
    let home = tempfile::tempdir().unwrap();
    let mut unasked = settings(&harness.simulator, home.path());
    // A fetch of the list would look at the sign-in at moments of its own.
    unasked.models.sync = false;
    let server = Running::start(unasked).await;
    for (dialect, stream) in ways() {
        assert_signed_out(dialect, &server.ask(dialect, "hello", stream).await);
    }
    assert_eq!(harness.calls(), 0);
    sign_in(home.path(), &harness.simulator.auth_json());
    assert_eq!(server.say("hello").await.status, 200);
    std::fs::remove_file(home.path().join("auth.json")).unwrap();
    assert_signed_out(dialect("chat"), &server.say("hello").await);
    sign_in(home.path(), &harness.simulator.auth_json());
    assert_eq!(server.say("hello").await.status, 200);
}

#[tokio::test]
async fn a_damaged_sign_in_is_a_401_and_left_as_it_is() {
    let harness = Harness::new().await;
    for damaged in ["", "{\"tokens\":", "[]", "not json"] {
        sign_in(harness.home.path(), damaged);
        let reply = harness.server.say("hello").await;
        assert_eq!(reply.status, 401, "{damaged:?}: {}", reply.text());
        assert!(reply.message().contains(COMMAND), "{damaged:?}: {}", reply.message());
        let kept = std::fs::read_to_string(harness.home.path().join("auth.json")).unwrap();
        assert_eq!(kept, damaged);
    }
}

#[tokio::test]
async fn the_codex_programs_sign_in_is_borrowed_while_ours_is_absent_and_never_renewed() {
    let harness = Harness::with(|settings| settings.models.sync = false).await;
    let (home, codex) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let theirs = harness.simulator.tokens(Claims::of_account("workspace-of-codex"));
    sign_in(codex.path(), &theirs.auth_json());
    let mut settings = settings(&harness.simulator, home.path());
    settings.models.sync = false;
    let Access::SignIn(held) = &mut settings.access else { panic!("a sign-in is set") };
    held.borrow_codex = Some(codex.path().to_owned());
    let server = Running::start(settings).await;
    let account = |harness: &Harness| {
        let call = harness.simulator.model_calls().pop().unwrap();
        call.header("chatgpt-account-id").unwrap().to_owned()
    };
    assert_eq!(server.say("hello").await.status, 200);
    assert_eq!(account(&harness), "workspace-of-codex");

    let reply = server.say("MODE:unauthorized").await;
    assert_eq!(reply.status, 401, "{}", reply.text());
    assert!(reply.message().contains("codex"), "{}", reply.message());
    let expired = harness.simulator.tokens(Claims::expiring_in(-60)).auth_json();
    sign_in(codex.path(), &expired);
    let reply = server.say("hello").await;
    assert_eq!(reply.error().0, 401);
    assert_eq!(std::fs::read_to_string(codex.path().join("auth.json")).unwrap(), expired);
    assert_eq!(harness.simulator.stats().refreshes, 0, "their token is not ours to spend");

    sign_in(home.path(), &harness.simulator.auth_json());
    assert_eq!(server.say("hello").await.status, 200);
    assert_eq!(account(&harness), Claims::default().account_id);
}

#[tokio::test]
async fn a_server_says_who_is_signed_in_or_what_to_do() {
    let harness = Harness::new().await;
    let server = Server::new(settings(&harness.simulator, harness.home.path())).unwrap();
    let account = server.account().await.unwrap().unwrap();
    assert_eq!(account.email.as_deref(), Some("demo@example.invalid"));
    assert_eq!(account.plan.as_deref(), Some("plus"));
    let empty = tempfile::tempdir().unwrap();
    let server = Server::new(settings(&harness.simulator, empty.path())).unwrap();
    let words = server.account().await.unwrap_err();
    assert!(words.contains(COMMAND), "{words}");
}

#[tokio::test]
async fn no_token_is_in_any_answer() {
    let harness = Harness::new().await;
    let tokens = harness.simulator.tokens(Claims::default());
    sign_in(harness.home.path(), &tokens.auth_json());
    let paths = ["/", "/health", "/limits", "/v1/models", "/v1/nothing"];
    let mut texts = Vec::new();
    for path in paths {
        texts.push(harness.server.get(path).await.text());
    }
    for text in ["hello", "MODE:unauthorized", "MODE:403-html", "MODE:429", "MODE:cut"] {
        texts.push(harness.server.say(text).await.text());
    }
    for secret in [&tokens.access_token, &tokens.refresh_token, &tokens.id_token] {
        assert!(texts.iter().all(|text| !text.contains(secret)));
    }
}
