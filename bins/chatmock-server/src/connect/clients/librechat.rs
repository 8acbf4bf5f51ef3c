//! LibreChat: an endpoint in librechat.yaml, wherever that is.

use super::super::client::{Client, Setup};

pub(super) const CLIENT: Client = Client {
    name: "librechat",
    title: "LibreChat",
    programs: &[],
    trace: None,
    setup: Setup::Steps(
        r#"In librechat.yaml (version 1.2.1 or later), below endpoints:
  endpoints:
    custom:
      - name: "ChatMock"
        apiKey: "{key}"
        baseURL: "{url}/v1"
        models:
          default: ["{model}"]
          fetch: true
        titleConvo: false
In Docker, write http://host.docker.internal:8000/v1 for {url}/v1, and see
`chatmock-server connect open-webui` for what the server needs then."#,
    ),
    start: "restart LibreChat",
    launch: None,
};
