//! The client for tests without a runtime of their own.

use std::io;

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};

use crate::client::{self, Reply, Request};

/// A [`client::Connection`] that blocks its thread.
#[derive(Debug)]
pub struct Connection {
    connection: client::Connection,
    runtime: Runtime,
}

impl Connection {
    /// Connects to an address such as `127.0.0.1:8000`.
    ///
    /// # Errors
    ///
    /// Whatever the socket reports.
    pub fn open(address: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let connection = runtime.block_on(client::Connection::open(address))?;
        Ok(Self { connection, runtime })
    }

    /// As [`client::Connection::write`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.runtime.block_on(self.connection.write(bytes))
    }

    /// As [`client::Connection::send`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn send(&mut self, request: &Request) -> io::Result<Reply> {
        self.runtime.block_on(self.connection.send(request))
    }

    /// As [`client::Connection::head`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn head(&mut self) -> io::Result<Reply> {
        self.runtime.block_on(self.connection.head())
    }

    /// Reads a head and its body, as [`client::Connection::head`] and [`client::Connection::body`] do.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn reply(&mut self) -> io::Result<Reply> {
        self.runtime.block_on(async {
            let head = self.connection.head().await?;
            self.connection.body(head).await
        })
    }

    /// As [`client::Connection::chunks_until`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn chunks_until(&mut self, text: &str) -> io::Result<String> {
        self.runtime.block_on(self.connection.chunks_until(text))
    }

    /// As [`client::Connection::rest`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn rest(&mut self) -> io::Result<Bytes> {
        self.runtime.block_on(self.connection.rest())
    }
}

/// Sends one request on a connection of its own and reads the answer.
///
/// # Errors
///
/// Those of [`client::send`].
pub fn send(address: &str, request: &Request) -> io::Result<Reply> {
    Connection::open(address)?.send(request)
}
