//! Cline: its settings are a page of the extension.

use super::super::client::{Client, Setup};

pub(super) const CLIENT: Client = Client {
    name: "cline",
    title: "Cline",
    programs: &["cline"],
    trace: None,
    setup: Setup::Steps(
        r#"In the editor, in Cline's settings:
  API Provider   OpenAI Compatible
  Base URL       {url}/v1
  API Key        {key}
  Model ID       {model}
In a terminal:
  cline auth -p openai-compatible -b {url}/v1 -k {key} -m {model}
The extension's provider Ollama takes the address {url}, too."#,
    ),
    start: "cline, or the extension in the editor",
    launch: None,
};
