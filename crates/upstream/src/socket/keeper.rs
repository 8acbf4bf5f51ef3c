//! The keeper of an idle socket: it answers pings, gives large buffers back, and knows whether the other side is there.

use std::time::{Duration, SystemTime};

use futures::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_tungstenite::tungstenite::{Bytes, Error as Fault, Message};

use super::Socket;
use super::io::shrink;

/// The time between two pings of an idle socket, and the silence after which it is dead.
const PING: Duration = Duration::from_secs(25);
const DEAD: Duration = Duration::from_secs(62);

/// The silence after which a socket has to answer a ping before it is used: nothing tells of a connection that was
/// lost on the way, as over the sleep of a machine. The next call of a loop comes sooner, and need not wait for it.
const FRESH: Duration = Duration::from_secs(10);
const PONG: Duration = Duration::from_secs(3);

/// The payload of that ping.
const ASKED: Bytes = Bytes::from_static(b"before a request");

/// Reads an idle socket until it is taken, so that its pings are answered; `None` once it is closed, too old or let go.
pub(super) async fn keep(
    mut socket: Socket,
    taken: oneshot::Receiver<()>,
    until: Instant,
) -> Option<Socket> {
    let mut pings = tokio::time::interval_at(Instant::now() + PING, PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Heard::now();
    let mut taken = std::pin::pin!(taken);
    loop {
        // With nothing to be read, what a large message left behind can go.
        match socket.next().now_or_never() {
            None => drop(shrink(&mut socket)),
            Some(Some(Ok(Message::Close(_)) | Err(_)) | None) => return None,
            Some(Some(Ok(_))) => {
                heard = Heard::now();
                continue;
            }
        }
        tokio::select! {
            taken = &mut taken => return match taken {
                Ok(()) if heard.elapsed() <= FRESH || answers(&mut socket).await => Some(socket),
                _ => None,
            },
            next = socket.next() => match next {
                Some(Ok(Message::Close(_))) | Some(Err(_)) | None => return None,
                Some(Ok(_)) => heard = Heard::now(),
            },
            _ = pings.tick() => {
                if heard.elapsed() > DEAD || socket.send(Message::Ping(Bytes::new())).await.is_err() {
                    return None;
                }
            }
            () = tokio::time::sleep_until(until) => {
                let _ = socket.close(None).await;
                return None;
            }
        }
    }
}

/// When something was last heard, by both clocks: one of them stands still while the machine sleeps, the other may be
/// set back.
struct Heard(Instant, SystemTime);

impl Heard {
    fn now() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed().max(self.1.elapsed().unwrap_or_default())
    }
}

/// Returns whether the other side of a socket is there.
async fn answers<S>(socket: &mut S) -> bool
where
    S: Stream<Item = Result<Message, Fault>> + Sink<Message> + Unpin,
{
    let asked = async {
        socket.send(Message::Ping(ASKED)).await.ok()?;
        // What was under way before says nothing.
        loop {
            match socket.next().await? {
                Ok(Message::Pong(payload)) if payload == ASKED => return Some(()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    };
    tokio::time::timeout(PONG, asked).await.is_ok_and(|heard| heard.is_some())
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_socket_whose_other_side_does_not_answer_is_not_used() {
        let (near, far) = tokio::io::duplex(1024);
        let mut near = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
        let begun = Instant::now();
        assert!(!answers(&mut near).await);
        assert!(begun.elapsed() >= PONG);
        let mut far = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
        let reading =
            tokio::spawn(async move { while far.next().await.is_some_and(|m| m.is_ok()) {} });
        assert!(answers(&mut near).await);
        reading.abort();
        assert!(reading.await.is_err() && !answers(&mut near).await);
        let later = Heard(Instant::now(), SystemTime::now() - FRESH * 2);
        assert!(later.elapsed() > FRESH, "the machine has slept");
    }
}
