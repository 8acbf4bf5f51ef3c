//! A backend whose every delta says when it was sent, so that its way can be timed to the microsecond.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::Fault;

/// What stands around a stamp; no answer holds it otherwise.
const MARK: char = '@';

/// A running backend; it accepts no more when it is dropped.
#[derive(Debug)]
pub(super) struct Stamps {
    pub(super) address: SocketAddr,
    pub(super) clock: Clock,
    accepting: JoinHandle<()>,
}

/// How fast a backend speaks, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) deltas: usize,
    pub(super) pause: Duration,
}

/// The time since a start that both ends know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    fn stamp(self) -> String {
        format!("{MARK}{}{MARK}", self.0.elapsed().as_micros())
    }

    /// How old the stamps in a text are.
    pub(super) fn ages(self, text: &str) -> impl Iterator<Item = Duration> {
        let now = self.0.elapsed();
        let stamps = text.split(MARK).skip(1).step_by(2);
        let stamps = stamps.filter_map(|stamp| stamp.parse().ok()).map(Duration::from_micros);
        stamps.map(move |sent| now.saturating_sub(sent))
    }
}

impl Stamps {
    pub(super) async fn start(pace: Pace) -> Result<Self, Fault> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (address, clock) = (listener.local_addr()?, Clock(Instant::now()));
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that leaves ends its own answer and no more.
                tokio::spawn(async move { answer(stream, pace, clock).await });
            }
        });
        Ok(Self { address, clock, accepting })
    }
}

impl Drop for Stamps {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Reads one request and answers it, event by event.
async fn answer(mut stream: TcpStream, pace: Pace, clock: Clock) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    request(&mut stream).await?;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                transfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    let created = r#"{"type":"response.created","response":{"id":"resp_1"}}"#;
    event(&mut stream, created).await?;
    for _ in 0..pace.deltas {
        tokio::time::sleep(pace.pause).await;
        let stamp = clock.stamp();
        let delta = format!(
            r#"{{"type":"response.output_text.delta","item_id":"m","output_index":0,"content_index":0,"delta":"{stamp}"}}"#
        );
        event(&mut stream, &delta).await?;
    }
    let completed = r#"{"type":"response.completed","response":{"id":"resp_1","status":"completed","output":[],"usage":null}}"#;
    event(&mut stream, completed).await?;
    stream.write_all(b"0\r\n\r\n").await
}

/// Reads a request up to the end of its body.
async fn request(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0) {
                return Ok(());
            }
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Writes one event as one chunk.
async fn event(stream: &mut TcpStream, data: &str) -> std::io::Result<()> {
    let event = format!("data: {data}\n\n");
    stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_found_again_wherever_it_stands() {
        let clock = Clock(Instant::now());
        let text =
            format!("{{\"delta\":\"{}\"}} {{\"delta\":\"{}\"}}", clock.stamp(), clock.stamp());
        let ages: Vec<_> = clock.ages(&text).collect();
        assert_eq!(ages.len(), 2);
        assert!(ages.iter().all(|age| *age <= clock.0.elapsed()));
        assert_eq!(clock.ages("nothing").count(), 0);
    }
}
