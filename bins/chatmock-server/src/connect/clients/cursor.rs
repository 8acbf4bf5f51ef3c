//! Cursor: its own servers call the address, so that this machine has to be reachable.

use super::super::client::{Client, Setup};

pub(super) const CLIENT: Client = Client {
    name: "cursor",
    title: "Cursor",
    programs: &["cursor"],
    trace: None,
    setup: Setup::Steps(
        r#"Cursor does not call this machine: its own servers call the address, so that
127.0.0.1 cannot work. They need an address of yours on the internet, with TLS:

1. Set a key, so that nobody else can use your account:
     openssl rand -hex 24 > keys && chmod 600 keys
2. Start the server with the key and the public name:
     chatmock-server --api-key-file keys --allow-host NAME
3. Lead the name here, with a tunnel such as  cloudflared tunnel  or a proxy.
4. In Cursor: Settings, Models, API Keys:
     OpenAI API Key             the key of step 1
     Override OpenAI Base URL   https://NAME/v1
   and add {model} as a model.

Tab completion and Cursor's own agents stay with Cursor's models. Without a
public address, use another client: chatmock-server connect"#,
    ),
    start: "Cursor, once its own server can reach yours",
    launch: None,
};
