//! The log: what people say and what lets them in stays out of it, at every level.

use std::io::{self, Write};
use std::sync::{Arc, LazyLock, Mutex};

use chatmock_simulator::{Claims, Settings as Simulated};
use chatmock_testkit::client::Request;
use serde_json::json;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::dialects::ways;
use crate::harness::{CHAT, Harness, ask, sign_in};

/// Keeps what is written.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Kept {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// While there is only one subscriber, an event that another thread is the first to reach is taken for one that nobody
/// wants, for all threads and for good. So there is always a second.
static SECOND: LazyLock<tracing::Dispatch> = LazyLock::new(|| {
    tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish())
});

/// Logs everything that happens on this thread, which is all that a test's runtime does.
pub(crate) fn listen() -> (Kept, tracing::subscriber::DefaultGuard) {
    LazyLock::force(&SECOND);
    let kept = Kept::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(kept.clone())
        .finish();
    (kept, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn no_prompt_no_answer_and_no_token_reaches_the_log() {
    let (log, _guard) = listen();
    let harness = Harness::of(Simulated::default(), Claims::expiring_in(-60), |_| {}).await;
    for (dialect, stream) in ways() {
        for mode in ["", "MODE:cut", "MODE:unauthorized-once", "MODE:429", "MODE:fail-after"] {
            let body = dialect.ask(&format!("canary-prompt {mode}"), stream);
            let request = Request::post(dialect.path, body.to_string())
                .with("authorization", "Bearer canary-key")
                .with("cookie", "canary-cookie=1");
            harness.server.send(request).await;
        }
    }
    for wrong in [
        json!({"model": "gpt-5.5", "messages": "canary-prompt"}),
        json!({"model": "gpt-5.5", "messages": ["canary-prompt"]}),
        json!({"model": "gpt-5.5", "messages": [{"role": "user", "content": ["canary-prompt"]}]}),
        json!({"model": "gpt-5.5", "messages": [{"role": "user"}], "n": "canary-prompt"}),
    ] {
        assert_eq!(harness.server.post(CHAT, &wrong).await.status, 400);
    }
    assert_eq!(harness.server.send(Request::post(CHAT, "{\"canary-prompt")).await.status, 400);
    let auth = std::fs::read_to_string(harness.home.path().join("auth.json")).unwrap();
    let auth: serde_json::Value = serde_json::from_str(&auth).unwrap();
    sign_in(harness.home.path(), "{\"tokens\": {\"access_token\": \"canary-token\", ");
    harness.server.say("canary-prompt").await;
    let text = log.text();
    assert!(text.contains("request_id") && text.contains("outcome=\"broken\""), "{text}");
    let line = |canary: &str| text.lines().find(|line| line.contains(canary)).map(str::to_owned);
    for canary in ["canary-", "You said", "This is not the whole"] {
        assert_eq!(line(canary), None);
    }
    for token in ["access_token", "refresh_token", "id_token"] {
        assert_eq!(line(auth["tokens"][token].as_str().unwrap()), None);
    }
}

#[tokio::test]
async fn nothing_that_a_client_sends_makes_a_line_of_its_own() {
    let (log, _guard) = listen();
    let harness = Harness::new().await;
    let mut request = ask(CHAT, "hello", false);
    request["x\nFORGED key"] = json!(1);
    harness.server.post(CHAT, &request).await;
    request["model"] = json!("a\nFORGED model\u{1b}[2J\u{2028}FORGED");
    harness.server.post(CHAT, &request).await;
    let forged = Request::post(CHAT, "{}").with("session-id", "a\tFORGED");
    harness.server.send(forged).await;
    harness.server.get("/%0AFORGED%1b[2J").await;
    harness.server.get("/v1/models/a%0AFORGED%1b[2J").await;
    harness.server.send(Request::new("FORGED", "/")).await;
    let text = log.text();
    assert!(text.contains("FORGED"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{2028}', '\u{85}']), "{text}");
    for line in text.lines() {
        assert!(!line.starts_with("FORGED"), "{line}");
    }
}
