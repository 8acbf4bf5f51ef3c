//! A server over a harness's home, for what it leaves there.

use std::net::{Ipv4Addr, SocketAddr};

use chatmock_server::auth::{self, KeeperSettings};
use chatmock_server::translate::Policy;
use chatmock_server::upstream::{Config, UpstreamRoute};
use chatmock_server::{
    Access, CompanionSettings, HttpSettings, ModelSettings, Served, Server, Settings,
    SignInSettings,
};
use chatmock_simulator::Backend;
use chatmock_testkit::client::{self, Request};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::harness::Harness;

/// Asks a server of a route one question and stops it; gives the answer.
pub(crate) async fn ask_once(harness: &Harness, backend: Backend) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = Server::new(settings(harness, backend)).unwrap().serve(vec![listener], async {
        stopped.await.ok();
    });
    let served = tokio::spawn(served);
    let answer = ask(address).await;
    drop(stop);
    assert_eq!(served.await.unwrap(), Served::Drained);
    answer
}

fn settings(harness: &Harness, backend: Backend) -> Settings {
    let route =
        if backend == Backend::Plan { UpstreamRoute::plan() } else { UpstreamRoute::codex() };
    let keeper = KeeperSettings {
        issuer: harness.simulator.issuer(),
        route: auth::SignInRoute::named(route.name()),
        ..KeeperSettings::new("chatmock", "chatmock/test")
    };
    let route = route.at(harness.simulator.url_of(backend));
    Settings {
        http: HttpSettings::default(),
        policy: Policy::default(),
        upstream: Config { route, ..Config::default() },
        access: Access::SignIn(SignInSettings { home: harness.home(), borrow_codex: None, keeper }),
        models: ModelSettings::default(),
        companions: CompanionSettings::default(),
    }
}

/// One question; returns the body of the answer.
async fn ask(address: SocketAddr) -> String {
    let body = r#"{"model":"gpt-6-sol","messages":[{"role":"user","content":"hello"}]}"#;
    let request = Request::post("/v1/chat/completions", body).with("connection", "close");
    let reply = client::send(address, &request).await.unwrap();
    format!("{} {}", reply.status, reply.text())
}
