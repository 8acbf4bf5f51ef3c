//! WebSockets: the handshake, the messages of an upgraded connection, and how it is closed.
//!
//! The frames are tungstenite's. What is done here is what a library cannot know: who may connect was decided before
//! the handshake, bytes on their way in count against the memory of all request bodies, and every fault of a client
//! ends with the close code that names it.

mod handshake;
mod io;
mod wire;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::HeaderMap;
use http::header::UPGRADE;
use http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

pub(crate) use self::handshake::{accept, upgrade_required};
use self::io::CountedIo;
pub(crate) use self::wire::{Close, Gone, Incoming, WebSocket};
use crate::http::connection::UpgradeSlot;
use crate::http::memory_budget::Reservation;

/// Returns whether a request asks for a WebSocket.
pub(crate) fn is_asked_for(headers: &HeaderMap) -> bool {
    let protocols = headers.get_all(UPGRADE).iter().filter_map(|value| value.to_str().ok());
    let mut protocols = protocols.flat_map(|value| value.split(','));
    protocols.any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
}

/// A connection that becomes a WebSocket once its 101 has been sent.
pub(crate) struct Upgrade {
    upgraded: OnUpgrade,
    slot: UpgradeSlot,
}

impl Upgrade {
    /// Takes the connection of a request; `None` where it cannot be upgraded.
    pub(crate) fn take(head: &mut Parts) -> Option<Self> {
        let slot = head.extensions.remove::<UpgradeSlot>()?;
        Some(Self { upgraded: head.extensions.remove::<OnUpgrade>()?, slot })
    }

    /// Leaves what is to be done with the socket to the connection's own task; messages of more than `max_message` bytes
    /// are refused.
    pub(crate) fn run(
        self,
        max_message: usize,
        reservation: Reservation,
        serve: impl FnOnce(WebSocket) -> BoxFuture<'static, ()> + Send + 'static,
    ) {
        let Self { upgraded, slot } = self;
        let place = slot.clone();
        let task = async move {
            match upgraded.await {
                Ok(upgraded) => {
                    let io = CountedIo::new(TokioIo::new(upgraded), reservation);
                    serve(WebSocket::new(io, max_message, place).await).await;
                }
                Err(error) => tracing::debug!("an upgrade did not come about: {error}"),
            }
        };
        slot.put(task.boxed());
    }
}
