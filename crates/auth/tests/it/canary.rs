//! No secret in anything that is printed: `Debug`, errors, pages, or the log at its finest level.

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use chatmock_auth::{AuthFile, LoginOutcome, sign_out};
use chatmock_simulator::{Endpoint, IssuerFault, Script};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::harness::Harness;
use crate::http::get;

static LOG: LazyLock<Log> = LazyLock::new(Log::default);

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Tokens that can be found again. The id token's payload is what it must be, its signature is not.
fn grant(harness: &Harness, serial: u32) -> Script {
    let good = harness.simulator.tokens(Default::default());
    let body = good.id_token.rsplit_once('.').unwrap().0;
    Script::json(
        200,
        &json!({"id_token": format!("{body}.canary-id-{serial}"),
        "access_token": format!("canary-access-{serial}"),
        "refresh_token": format!("canary-refresh-{serial}")}),
    )
}

fn note(seen: &mut String, thing: &impl std::fmt::Debug) {
    seen.push_str(&format!("{thing:?} {thing:#?}\n"));
}

fn chain(error: &dyn std::error::Error) -> String {
    let source = error.source().map(chain).unwrap_or_default();
    format!("{error} {error:?} {source}")
}

#[tokio::test]
async fn no_secret_is_ever_printed() {
    let finest = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
    tracing::subscriber::set_global_default(finest.with_writer(LOG.clone()).finish()).unwrap();
    let (harness, mut seen) = (Harness::new().await, String::new());

    let under_way = harness.begin().await;
    let state = under_way.state();
    harness.simulator.enqueue_at(Endpoint::Token, grant(&harness, 1));
    under_way.attempt.settle(LoginOutcome::SignedIn);
    let path = format!("/auth/callback?code=canary-code&state={state}");
    for _ in 0..2 {
        note(&mut seen, &get(under_way.address, &path, "").await);
    }
    note(&mut seen, &(&under_way.attempt, &under_way.listening, &harness.home, &harness.endpoint));
    let exchange = under_way.attempt.code().await.unwrap();
    note(&mut seen, &exchange);
    let obtained = harness.sign_in().obtain(&exchange).await.unwrap();
    note(&mut seen, &obtained);
    note(&mut seen, &obtained.save(async |_| true).await.unwrap());

    let keeper = harness.keeper();
    for (status, body) in [(500, "canary-body"), (200, "canary-body"), (400, "canary-body")] {
        let script = Script::json(status, &json!({"error": body, "access_token": 5}));
        harness.simulator.enqueue_at(Endpoint::Token, script);
        seen.push_str(&chain(&keeper.refresh().await.unwrap_err()));
    }
    harness.simulator.enqueue_at(Endpoint::Token, grant(&harness, 2));
    note(&mut seen, &keeper.refresh().await.unwrap());
    note(&mut seen, &(&keeper, harness.home.load().unwrap(), harness.home.accounts().unwrap()));

    let path = harness.folder.path().join("auth.json");
    let whole = std::fs::read_to_string(&path).unwrap();
    assert!(whole.contains("canary-refresh-2"), "the tokens are real");
    std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
    seen.push_str(&chain(&harness.home.load().unwrap_err()));
    note(&mut seen, &AuthFile::parse(&whole.as_bytes()[..99]).unwrap_err());
    std::fs::write(&path, &whole).unwrap();
    harness.simulator.enqueue_at(Endpoint::Revoke, Script::json(503, &json!("canary-body")));
    note(&mut seen, &sign_out(&harness.home, &harness.endpoint, None).await.unwrap());

    on_the_plan_route(&mut seen).await;

    let log = String::from_utf8(LOG.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("renewing the sign-in"), "the log was listened to");
    for text in [&seen, &log] {
        assert!(!text.contains("canary"), "{text}");
        // The tokens and codes of the simulator, and the start of a JWT.
        for start in ["at_simulated", "rt_simulated", "ac_simulated", "eyJ"] {
            assert!(!text.contains(start), "{start} in {text}");
        }
    }
    assert!(!seen.contains(&state) && !log.contains(&state));
}

/// A whole sign-in of the plan route, and how it ends.
async fn on_the_plan_route(seen: &mut String) {
    let harness = Harness::of_plan().await;
    let under_way = harness.begin().await;
    under_way.paste().await;
    let exchange = under_way.attempt.code().await.unwrap();
    note(seen, &(&under_way.attempt, &exchange));
    let obtained = harness.sign_in().obtain(&exchange).await.unwrap();
    note(seen, &obtained);
    note(seen, &obtained.save(async |_| true).await.unwrap());
    let keeper = harness.keeper();
    note(seen, &(keeper.refresh().await.unwrap(), harness.home.load().unwrap()));
    let refused = Script::json(400, &json!({"error": "invalid_grant", "more": "canary-body"}));
    harness.simulator.enqueue_at(Endpoint::PlanToken, refused);
    seen.push_str(&chain(&keeper.refresh().await.unwrap_err()));
    for flaw in [IssuerFault::ForeignKey, IssuerFault::OtherNonce, IssuerFault::KeysElsewhere] {
        harness.simulator.set_issuer_fault(Some(flaw));
        let under_way = harness.begin().await;
        under_way.paste().await;
        let exchange = under_way.attempt.code().await.unwrap();
        seen.push_str(&chain(&harness.sign_in().obtain(&exchange).await.unwrap_err()));
    }
}
