//! Open WebUI: variables for its first start.

use super::super::client::{Client, Launch, Setup};

pub(super) const CLIENT: Client = Client {
    name: "open-webui",
    title: "Open WebUI",
    programs: &["open-webui"],
    trace: None,
    setup: Setup::Steps(
        r#"Without Docker, for the first start (later, under Admin Settings, Connections):
  export OPENAI_API_BASE_URL={url}/v1 OPENAI_API_KEY={key}
  export ENABLE_OLLAMA_API=false
  export ENABLE_TITLE_GENERATION=false ENABLE_TAGS_GENERATION=false
  export ENABLE_FOLLOW_UP_GENERATION=false
  open-webui serve
The last three save quota: each message would be four turns otherwise.

In Docker, 127.0.0.1 is the container. On macOS and Windows the address is
http://host.docker.internal:8000/v1, and the server is started with
--allow-host host.docker.internal. On Linux, four things are needed:
  1. a key       openssl rand -hex 24 > keys && chmod 600 keys
  2. the server  chatmock-server --host 0.0.0.0 --api-key-file keys \
                   --allow-host host.docker.internal
  3. Docker      docker run --add-host=host.docker.internal:host-gateway …
  4. Open WebUI  OPENAI_API_BASE_URL=http://host.docker.internal:8000/v1
                 OPENAI_API_KEY=the key"#,
    ),
    start: "open-webui serve",
    launch: Some(Launch {
        program: "open-webui",
        arguments: &["serve"],
        variables: &[
            ("OPENAI_API_BASE_URL", "{url}/v1"),
            ("OPENAI_API_KEY", "{key}"),
            ("OLLAMA_BASE_URL", "{url}"),
            ("ENABLE_TITLE_GENERATION", "false"),
            ("ENABLE_TAGS_GENERATION", "false"),
            ("ENABLE_FOLLOW_UP_GENERATION", "false"),
        ],
    }),
};
