//! Forced panics: each costs one answer, which says so, and the process lives on.

use std::net::SocketAddr;

use chatmock_testkit::client::Connection;
use futures::future::join_all;

use crate::BoxError;
use crate::dialect::Dialect;
use crate::harness::Harness;
use crate::report::Line;
use crate::suite::Options;

/// Clients side by side.
const CLIENTS: usize = 8;
/// The header that forces one, where the program was built for it; its value says where.
const HEADER: &str = "x-test-panic";

pub(super) async fn check(options: &Options) -> Result<Vec<Line>, BoxError> {
    let count = options.number(10_000, 800);
    let mut harness = Harness::start()?;
    let probe = harness.ask(&forcing(Dialect::Chat, false)).await?;
    if probe.status == 200 {
        let absent = Line::new("panics cannot be forced", "absent", "absent", true);
        return Ok(vec![absent, inside::check(&harness, count).await?]);
    }
    let reported = force(harness.program.address, count).await;
    let served = harness.ask(&Dialect::Chat.request("hello", false)).await?.status;
    harness.wait_for(|stats| stats.open_streams == 0).await?;
    let alive = harness.program.is_alive();
    Ok(vec![
        Line::exactly("panics answered in words", reported, count),
        Line::new("  same process", alive, true, alive),
        Line::exactly("  status of the next request", served.into(), 200),
    ])
}

/// Forces so many panics; gives how many were answered as they should be.
async fn force(address: SocketAddr, count: usize) -> usize {
    let each = (0..CLIENTS).map(|client| async move {
        let mut reported = 0;
        for number in (client..count).step_by(CLIENTS) {
            // An answer that does not come is not counted.
            reported += usize::from(one(address, number).await.unwrap_or(false));
        }
        reported
    });
    join_all(each).await.into_iter().sum()
}

/// A request that forces a panic: before the answer begins, or inside its body.
fn forcing(dialect: Dialect, body: bool) -> Vec<u8> {
    let place = if body { "body" } else { "request" };
    dialect.post("hello", body).with(HEADER, place).bytes()
}

async fn one(address: SocketAddr, number: usize) -> Result<bool, BoxError> {
    let dialect = Dialect::all()[number % Dialect::all().len()];
    let body = number / Dialect::all().len() % 2 == 1;
    let request = forcing(dialect, body);
    let reply = Connection::open(address).await?.exchange(&request).await?;
    let status = if body { 200 } else { 500 };
    let as_it_should = reply.status == status && !dialect.is_complete(&reply, body);
    Ok(as_it_should && Dialect::reports_failure(&reply))
}

/// Panics in a server inside this process, for a program that was built without them.
#[cfg(feature = "fault-injection")]
mod inside {
    use chatmock_server::auth::KeeperSettings;
    use chatmock_server::translate::Policy;
    use chatmock_server::upstream::{Config, UpstreamRoute};
    use chatmock_server::{
        Access, CompanionSettings, HttpSettings, ModelSettings, Server, Settings, SignInSettings,
    };
    use tokio::net::TcpListener;

    use super::{BoxError, Harness, Line, force};

    pub(super) async fn check(harness: &Harness, count: usize) -> Result<Line, BoxError> {
        let home = tempfile::tempdir()?;
        std::fs::write(home.path().join("auth.json"), harness.simulator().auth_json())?;
        let issuer = harness.simulator().issuer();
        let keeper = KeeperSettings { issuer, ..KeeperSettings::new("chatmock", "chatmock/test") };
        let route = UpstreamRoute::codex().at(harness.simulator().upstream_url());
        let server = Server::new(Settings {
            http: HttpSettings::default(),
            policy: Policy::default(),
            upstream: Config { route, ..Config::default() },
            access: Access::SignIn(SignInSettings {
                home: home.path().to_owned(),
                borrow_codex: None,
                keeper,
            }),
            models: ModelSettings::default(),
            companions: CompanionSettings::default(),
        })?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let served = tokio::spawn(server.serve(vec![listener], std::future::pending()));
        std::panic::set_hook(Box::new(|_| {}));
        let reported = force(address, count).await;
        drop(std::panic::take_hook());
        served.abort();
        Ok(Line::exactly("panics answered in words, in this process", reported, count))
    }
}

#[cfg(not(feature = "fault-injection"))]
mod inside {
    use super::{BoxError, Harness, Line};

    #[expect(clippy::unused_async, reason = "the other build of it waits")]
    pub(super) async fn check(_: &Harness, _: usize) -> Result<Line, BoxError> {
        let why = "needs fault-injection";
        Ok(Line::skipped("panics answered in words", why))
    }
}
