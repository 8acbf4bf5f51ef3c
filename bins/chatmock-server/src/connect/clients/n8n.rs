//! n8n: credentials in its own store.

use super::super::client::{Client, Setup};

pub(super) const CLIENT: Client = Client {
    name: "n8n",
    title: "n8n",
    programs: &["n8n"],
    trace: None,
    setup: Setup::Steps(
        r#"In n8n: Credentials, Create, OpenAI:
  API Key    {key}
  Base URL   {url}/v1
or Ollama, with Base URL {url}.
In Docker, see `chatmock-server connect open-webui` for the address."#,
    ),
    start: "the nodes OpenAI Chat Model and Ollama Chat Model",
    launch: None,
};
