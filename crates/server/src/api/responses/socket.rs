//! `GET /v1/responses` with an upgrade: the Responses API over a WebSocket.

use std::sync::Arc;

use chatmock_translate::{Failure, FailureKind};
use http::HeaderMap;
use http::header::VIA;

use super::super::{Exchange, Handling, log_body, model_of_path};
use crate::http::websocket::{self, Upgrade};
use crate::turn::{SESSION_HEADERS, SocketClient, SocketServices, serve_socket};

/// Answers the handshake; what follows is the connection's.
///
/// The guard has looked at host, origin and key before: a page could read everything that comes over a socket, since no
/// browser asks whether it may.
pub(in crate::api) fn socket(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, head, variable, .. } = exchange;
        let services = context.services;
        let reply = websocket::accept(head)?;
        if *services.turns.draining.borrow() {
            let kind = FailureKind::Unavailable { retry_after: None };
            return Err(Failure::new(kind, "the server is stopping").with_code("server_stopping"));
        }
        let client = SocketClient {
            caller: context.caller.clone(),
            notes: Arc::clone(context.notes),
            headers: kept(&head.headers),
            model: model_of_path(variable)?,
        };
        let socket = Arc::new(SocketServices {
            turns: Arc::clone(&services.turns),
            times: services.sockets,
            pace: services.bodies.pace(),
            log_body: services.log_bodies.then_some(log_body),
        });
        let Some(upgrade) = Upgrade::take(head) else {
            return Err(websocket::upgrade_required("this connection cannot become a WebSocket"));
        };
        let reservation = services.bodies.reservation(context.caller);
        upgrade.run(services.bodies.limit(), reservation, move |wire| {
            serve_socket(socket, client, wire)
        });
        Ok(reply)
    })
}

/// Copies the headers that turns look at: the others hold the whole buffer of the handshake in memory.
fn kept(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in SESSION_HEADERS.iter().copied().chain([VIA.as_str()]) {
        for value in headers.get_all(name) {
            if let (Ok(name), Ok(value)) = (
                http::HeaderName::from_bytes(name.as_bytes()),
                http::HeaderValue::from_bytes(value.as_bytes()),
            ) {
                kept.append(name, value);
            }
        }
    }
    kept
}
