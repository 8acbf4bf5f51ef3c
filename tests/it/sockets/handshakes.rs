//! Handshakes: who may connect, and with what.

use chatmock_server::{ApiKey, Settings};
use chatmock_testkit::client::web_socket::handshake;
use chatmock_testkit::client::{Request, WebSocket};

use super::{create, say};
use crate::harness::{Harness, RESPONSES};

async fn status(harness: &Harness, request: &Request) -> u16 {
    match WebSocket::open(harness.server.address, request).await.unwrap() {
        Ok(_) => 101,
        Err(reply) => reply.status,
    }
}

#[tokio::test]
async fn a_handshake_takes_no_more_than_the_rfc_asks_for() {
    let harness = Harness::new().await;
    for path in [
        RESPONSES,
        "/openai/v1/responses",
        "/openai/deployments/gpt-5.5/responses",
        "/v1/responses?model=gpt-5.5",
    ] {
        assert_eq!(status(&harness, &handshake(path)).await, 101, "{path}");
    }
    // What the official library of Python sends with it.
    let request = handshake(RESPONSES)
        .with("accept", "application/json")
        .with("content-type", "application/json")
        .with("sec-websocket-extensions", "permessage-deflate; client_max_window_bits");
    assert_eq!(status(&harness, &request).await, 101);
    let plain = harness.server.send(Request::get(RESPONSES)).await;
    assert_eq!((plain.status, plain.header("allow")), (405, Some("POST")));
    let old = Request::get(RESPONSES)
        .with("connection", "Upgrade")
        .with("upgrade", "websocket")
        .with("sec-websocket-version", "8")
        .with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let reply = harness.server.send(old).await;
    assert_eq!((reply.status, reply.header("sec-websocket-version")), (426, Some("13")));
}

#[tokio::test]
async fn pages_and_strangers_get_no_socket() {
    let settings = |settings: &mut Settings| {
        settings.http.admission.keys = vec![ApiKey::new("ann", "sk-ann-0123456789")];
    };
    let harness = Harness::with(settings).await;
    assert_eq!(status(&harness, &handshake(RESPONSES)).await, 401);
    let keyed = || handshake(RESPONSES).with("authorization", "Bearer sk-ann-0123456789");
    assert_eq!(status(&harness, &keyed()).await, 101);
    assert_eq!(status(&harness, &keyed().with("origin", "https://page.example")).await, 403);
    assert_eq!(status(&harness, &keyed().with("host", "rebound.example")).await, 403);
    let mut socket = WebSocket::open(harness.server.address, &keyed()).await.unwrap().unwrap();
    say(&mut socket, &create("hello")).await;
}

#[tokio::test]
async fn the_model_of_an_azure_path_is_that_of_every_request() {
    let harness = Harness::new().await;
    let request = handshake("/openai/deployments/gpt-5.5/responses");
    let mut socket = WebSocket::open(harness.server.address, &request).await.unwrap().unwrap();
    let mut request = create("hello");
    request.as_object_mut().unwrap().remove("model");
    say(&mut socket, &request).await;
    assert_eq!(harness.sent()["model"], "gpt-5.5");
}
