//! The sockets of a server: over TCP, or, on Unix, in the file system.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};

use super::LocalEnd;

/// A socket on which a server accepts connections.
#[derive(Debug)]
pub enum Listener {
    /// An address and a port.
    Tcp(TcpListener),
    /// A path.
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listener {
    /// Returns whether other machines can reach it.
    pub(crate) fn is_exposed(&self) -> bool {
        match self {
            Self::Tcp(listener) => listener
                .local_addr()
                .is_ok_and(|address| !address.ip().to_canonical().is_loopback()),
            #[cfg(unix)]
            Self::Unix(_) => false,
        }
    }

    /// Waits for the next connection.
    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Without it, every short piece of a stream would wait for the client's acknowledgement.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!("TCP_NODELAY could not be set: {error}");
                }
                let (local, peer) = (LocalEnd::of(&stream), Some(peer.ip().to_canonical()));
                Ok(Accepted { stream: Stream::Tcp(stream), local, peer })
            }
            #[cfg(unix)]
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let local = Some(LocalEnd::Path);
                Ok(Accepted { stream: Stream::Unix(stream), local, peer: None })
            }
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

#[cfg(unix)]
impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

/// A connection that has come in.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) stream: Stream,
    /// Its end on this machine, unless that is a loopback address.
    pub(crate) local: Option<LocalEnd>,
    /// The address that it comes from, where it has one.
    pub(crate) peer: Option<IpAddr>,
}

impl Accepted {
    /// Makes it one of the runtime in which this is called.
    ///
    /// # Errors
    /// When the system takes no more sockets to watch.
    pub(crate) fn made_here(self) -> io::Result<Self> {
        let stream = match self.stream {
            Stream::Tcp(stream) => Stream::Tcp(TcpStream::from_std(stream.into_std()?)?),
            #[cfg(unix)]
            Stream::Unix(stream) => Stream::Unix(UnixStream::from_std(stream.into_std()?)?),
        };
        Ok(Self { stream, ..self })
    }
}

/// A connection's bytes.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Stream {
    /// Writes what goes out at once, and closes.
    pub(super) fn write_once(self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => io::Write::write(&mut stream.into_std()?, bytes),
            #[cfg(unix)]
            Self::Unix(stream) => io::Write::write(&mut stream.into_std()?, bytes),
        }
    }
}

/// Hands a call on to whichever socket it is.
macro_rules! either {
    ($stream:expr, $socket:ident => $call:expr) => {
        match $stream.get_mut() {
            Stream::Tcp($socket) => $call,
            #[cfg(unix)]
            Stream::Unix($socket) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, socket => Pin::new(socket).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, socket => Pin::new(socket).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, socket => Pin::new(socket).poll_write_vectored(cx, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, socket => Pin::new(socket).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, socket => Pin::new(socket).poll_shutdown(cx))
    }
}
