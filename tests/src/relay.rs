//! A relay between the program and its backend: a distance that both directions have, and a count of what is sent.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::BoxError;

/// The most that is read at once, in bytes.
const PIECE: usize = 64 * 1024;

/// A relay that is as far from the backend as it was told.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    sent: Arc<AtomicU64>,
}

impl Relay {
    /// Starts one; each byte takes `delay` in each direction.
    pub(crate) async fn start(backend: SocketAddr, delay: Duration) -> Result<Self, BoxError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let relay = Self { address: listener.local_addr()?, sent: Arc::default() };
        let sent = Arc::clone(&relay.sent);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connection(client, backend, delay, Arc::clone(&sent)));
            }
        });
        Ok(relay)
    }

    /// The bytes that the program has sent so far, those of TLS and of heads included.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

async fn connection(
    client: TcpStream,
    backend: SocketAddr,
    delay: Duration,
    sent: Arc<AtomicU64>,
) -> std::io::Result<()> {
    let backend = TcpStream::connect(backend).await?;
    for stream in [&client, &backend] {
        stream.set_nodelay(true)?;
    }
    let (from_client, to_client) = client.into_split();
    let (from_backend, to_backend) = backend.into_split();
    let up = carry(from_client, to_backend, delay, Some(sent));
    let down = carry(from_backend, to_client, delay, None);
    tokio::join!(up, down);
    Ok(())
}

/// Carries bytes, each for as long as the way is, however many are under way.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    delay: Duration,
    count: Option<Arc<AtomicU64>>,
) {
    let (send, mut receive) = mpsc::unbounded_channel::<(Instant, Bytes)>();
    let reading = async move {
        let mut piece = BytesMut::new();
        loop {
            piece.reserve(PIECE);
            match from.read_buf(&mut piece).await {
                Ok(read) if read > 0 => {
                    if let Some(count) = &count {
                        count.fetch_add(read as u64, Ordering::Relaxed);
                    }
                    if send.send((Instant::now() + delay, piece.split().freeze())).is_err() {
                        return;
                    }
                }
                _ => return,
            }
        }
    };
    let writing = async move {
        while let Some((due, piece)) = receive.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
        // Whoever is there has heard everything; the other direction may go on.
        to.shutdown().await.ok();
    };
    tokio::join!(reading, writing);
}
