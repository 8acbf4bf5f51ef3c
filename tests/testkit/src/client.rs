//! An HTTP/1.1 client over one connection that distinguishes a complete answer from a broken one.
//!
//! Tests need what a client library hides: malformed requests byte for byte, the moment at which a
//! chunk arrives, a body that ends early, a connection that is never read. A library would also repair
//! or retry what a test wants to see fail. The price is that only what the tests use is implemented:
//! no redirects, no compression, no TLS.

mod connection;
mod reply;
mod request;
pub mod web_socket;

use std::io;
use std::time::Duration;

pub use self::connection::Connection;
pub use self::reply::Reply;
pub use self::request::Request;
pub use self::web_socket::WebSocket;

/// The longest that any single step may take before a test gives up on it.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Waits for a future, at most for [`DEADLINE`].
///
/// # Errors
///
/// [`io::ErrorKind::TimedOut`] once the deadline has passed.
pub async fn with_deadline<F: Future>(future: F) -> io::Result<F::Output> {
    Ok(tokio::time::timeout(DEADLINE, future).await?)
}

/// Sends one request on a connection of its own and reads the answer.
///
/// # Errors
///
/// Whatever the socket reports, and a head that is no HTTP.
pub async fn send(address: impl tokio::net::ToSocketAddrs, request: &Request) -> io::Result<Reply> {
    Connection::open(address).await?.send(request).await
}
