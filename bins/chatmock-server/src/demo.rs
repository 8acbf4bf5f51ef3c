//! The demo: a simulator in this process instead of the backend, with its own sign-in.

mod folder;

use std::time::Duration;

use anyhow::Context;
use chatmock_server::auth::{Secret, write_private};
use chatmock_server::upstream::Transport;
use chatmock_server::{Access, KeySettings, Settings};
use chatmock_simulator::{Backend, Cassettes, Claims, Simulator};

use folder::Folder;

/// The time between two pieces of an answer: slow enough to be seen, fast enough for a test.
const PACE: Duration = Duration::from_millis(20);

/// A running demo. Dropping it stops the simulator and removes the folder.
#[derive(Debug)]
pub(crate) struct Demo {
    _simulator: Simulator,
    _home: Folder,
}

impl Demo {
    /// Starts the simulator, which answers from cassettes where there are some, and points the settings at it, away from
    /// the user's own folder.
    pub(crate) async fn start(
        settings: &mut Settings,
        cassettes: Option<Cassettes>,
    ) -> anyhow::Result<Self> {
        if cassettes.is_some() {
            settings.upstream.transport = Transport::Http;
        }
        let simulator =
            chatmock_simulator::Settings { pace: PACE, cassettes, ..Default::default() };
        let key = simulator.api_keys.first().map(|key| Secret::new(key.as_str()));
        let simulator = Simulator::start(simulator).await.context("cannot start the simulator")?;
        let route = settings.upstream.route.clone();
        let backend = Backend::named(route.name()).context("the simulator has no such route")?;
        let home = signed_in(&simulator, backend);
        let home = home.context("cannot make a temporary folder for the demo")?;
        settings.upstream.route = route.at(simulator.url_of(backend));
        match &mut settings.access {
            Access::SignIn(sign_in) => {
                sign_in.keeper.issuer = simulator.issuer();
                sign_in.home = home.path().to_owned();
                sign_in.borrow_codex = None;
            }
            Access::Key(held) => *held = KeySettings { key, home: None },
        }
        Ok(Self { _simulator: simulator, _home: home })
    }
}

/// Creates a folder that only this user can open, with a sign-in at the simulator.
fn signed_in(simulator: &Simulator, backend: Backend) -> anyhow::Result<Folder> {
    let home = Folder::create()?;
    let sign_in = match backend {
        Backend::Plan => simulator.plan_tokens(&Claims::default()).auth_json(),
        Backend::Codex | Backend::Api => simulator.auth_json(),
    };
    write_private(&home.path().join("auth.json"), sign_in.as_bytes())?;
    Ok(home)
}
