//! Xcode: a provider in its settings.

use super::super::client::{Client, Setup};

pub(super) const CLIENT: Client = Client {
    name: "xcode",
    title: "Xcode",
    programs: &[],
    trace: None,
    setup: Setup::Steps(
        r#"In Xcode 26: Settings, Intelligence, Add a Model Provider, Internet Hosted:
  URL           {url}
  API Key       {key}
  API Key Header  x-api-key
  Description   ChatMock
Xcode adds /v1/models and /v1/chat/completions itself. "Locally Hosted" with the
server's port works, too."#,
    ),
    start: "the coding assistant, with {model}",
    launch: None,
};
