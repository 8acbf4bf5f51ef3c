//! Roo Code: its settings are a page of the extension.

use super::super::client::{Client, Setup};

pub(super) const CLIENT: Client = Client {
    name: "roo",
    title: "Roo Code",
    programs: &[],
    trace: None,
    setup: Setup::Steps(
        r#"In the editor, in Roo Code's settings, under Providers:
  API Provider     OpenAI Compatible
  Base URL         {url}/v1
  API Key          {key}
  Model            {model}
  Context Window   as `chatmock-server models` shows it"#,
    ),
    start: "Roo Code in the editor",
    launch: None,
};
