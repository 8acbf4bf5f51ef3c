//! Home Assistant: the integration for Ollama.

use super::super::client::{Client, Setup};

pub(super) const CLIENT: Client = Client {
    name: "home-assistant",
    title: "Home Assistant",
    programs: &[],
    trace: None,
    setup: Setup::Steps(
        r#"Home Assistant runs on a machine of its own, or in a container, so that the
server has to be reachable there, and its Ollama integration sends no key. Put
a proxy in front that adds one, or allow the network at your own risk:
  chatmock-server --host ADDRESS --allow-unauthenticated
Then: Settings, Devices & services, Add integration, Ollama:
  URL     http://ADDRESS:8000 (on the same machine {url})
  Model   {model}"#,
    ),
    start: "the voice assistant",
    launch: None,
};
