//! A server over a bench's home, for what it leaves there.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use chatmock_server::auth::KeeperSettings;
use chatmock_server::translate::Policy;
use chatmock_server::upstream::{Config, Route};
use chatmock_server::{
    Access, HttpSettings, ModelSettings, Served, Server, Settings, SignInSettings,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::bench::Bench;
use crate::running::PATIENCE;

/// Asks a server one question and stops it.
pub(crate) async fn ask_once(bench: &Bench) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = Server::new(settings(bench)).unwrap().serve(vec![listener], async {
        stopped.await.ok();
    });
    let served = tokio::spawn(served);
    let answer = tokio::task::spawn_blocking(move || ask(address)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    drop(stop);
    assert_eq!(served.await.unwrap(), Served::Drained);
}

fn settings(bench: &Bench) -> Settings {
    let issuer = bench.simulator.issuer();
    let keeper = KeeperSettings { issuer, ..KeeperSettings::new("chatmock", "chatmock/test") };
    let route = Route::codex().at(bench.simulator.upstream_url());
    Settings {
        http: HttpSettings::default(),
        policy: Policy::default(),
        upstream: Config { route, ..Config::default() },
        access: Access::SignIn(SignInSettings { home: bench.home(), borrow_codex: None, keeper }),
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
