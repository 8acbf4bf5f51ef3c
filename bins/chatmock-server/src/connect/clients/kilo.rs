//! Kilo Code: its settings are a page of the extension.

use super::super::client::{Client, Setup};

pub(super) const CLIENT: Client = Client {
    name: "kilo",
    title: "Kilo Code",
    programs: &["kilo", "kilocode"],
    trace: None,
    setup: Setup::Steps(
        r#"In the editor, in Kilo Code's settings, under Providers:
  API Provider   OpenAI Compatible
  Base URL       {url}/v1
  API Key        {key}
  Model          {model}"#,
    ),
    start: "Kilo Code in the editor",
    launch: None,
};
