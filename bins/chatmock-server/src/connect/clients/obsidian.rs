//! Obsidian Copilot: a model in its settings, and its origin.

use super::super::client::{Client, Setup};

pub(super) const CLIENT: Client = Client {
    name: "obsidian",
    title: "Obsidian Copilot",
    programs: &[],
    trace: None,
    setup: Setup::Steps(
        r#"In Obsidian: Settings, Copilot, Model, Add Custom Model:
  Model Name   {model}
  Provider     3rd party (openai-format)
  Base URL     {url}/v1
  API Key      {key}
  CORS         on
With CORS off, start the server with: --allow-origin app://obsidian.md"#,
    ),
    start: "Copilot in Obsidian",
    launch: None,
};
