//! A server over a harness's home, for what it leaves there.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use chatmock_server::auth::{self, KeeperSettings};
use chatmock_server::translate::Policy;
use chatmock_server::upstream::{Config, UpstreamRoute};
use chatmock_server::{
    Access, HttpSettings, ModelSettings, Served, Server, Settings, SignInSettings,
};
use chatmock_simulator::Backend;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::harness::Harness;
use crate::process::PATIENCE;

/// Asks a server of a route one question and stops it; gives the answer.
pub(crate) async fn ask_once(harness: &Harness, backend: Backend) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = Server::new(settings(harness, backend)).unwrap().serve(vec![listener], async {
        stopped.await.ok();
    });
    let served = tokio::spawn(served);
    let answer = tokio::task::spawn_blocking(move || ask(address)).await.unwrap();
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
    }
}

fn ask(address: SocketAddr) -> String {
    let body = r#"{"model":"gpt-6-sol","messages":[{"role":"user","content":"hello"}]}"#;
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
