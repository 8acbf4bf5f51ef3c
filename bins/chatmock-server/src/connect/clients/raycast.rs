//! Raycast: its settings for Ollama.

use super::super::client::{Client, Setup};

pub(super) const CLIENT: Client = Client {
    name: "raycast",
    title: "Raycast",
    programs: &[],
    trace: None,
    setup: Setup::Steps(
        r#"In Raycast: Settings, AI, Ollama Host:
  {url} (or 127.0.0.1:8000 where it wants no scheme)
Then Sync Models, and choose {model}. The host is written without /v1."#,
    ),
    start: "Raycast AI, with {model}",
    launch: None,
};
