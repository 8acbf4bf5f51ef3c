//! JetBrains AI: a page of its settings.

use super::super::client::{Client, Setup};

pub(super) const CLIENT: Client = Client {
    name: "jetbrains",
    title: "JetBrains AI",
    programs: &[],
    trace: None,
    setup: Setup::Steps(
        r#"In the IDE: Settings, Tools, AI Assistant, Models & API keys (Providers & API keys):
  Provider   OpenAI-compatible
  URL        {url}/v1
  API key    {key}
or, in versions before 2025.3, Third-party AI providers:
  Provider   Ollama
  URL        {url}
Then Test Connection, and choose {model} for the features that you want."#,
    ),
    start: "AI Assistant in the IDE",
    launch: None,
};
