//! The service manager's side: sockets that it hands over, and what it is told of start and stop.
//!
//! The protocols are those of `sd_listen_fds(3)` and `sd_notify(3)`; without their variables in the
//! environment, and where there is no systemd, nothing happens.

use std::net::TcpListener;

use anyhow::Context;

/// What the service manager is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ServiceState {
    /// Requests are answered from now on.
    Ready,
    /// Open answers are being finished.
    Stopping,
}

/// The listening sockets that were handed over, ready for use without blocking.
#[cfg(unix)]
pub(crate) fn sockets() -> anyhow::Result<Vec<TcpListener>> {
    let mut handed = listenfd::ListenFd::from_env();
    let mut sockets = Vec::with_capacity(handed.len());
    for index in 0..handed.len() {
        let socket = handed.take_tcp_listener(index);
        let socket = socket.context("a socket from the service manager cannot be used")?;
        if let Some(socket) = socket {
            socket.set_nonblocking(true).context("a socket from the service manager")?;
            sockets.push(socket);
        }
    }
    Ok(sockets)
}

/// Tells the service manager; one that does not listen is no reason not to serve.
#[cfg(unix)]
pub(crate) fn notify(state: ServiceState) {
    let message = match state {
        ServiceState::Ready => sd_notify::NotifyState::Ready,
        ServiceState::Stopping => sd_notify::NotifyState::Stopping,
    };
    if let Err(error) = sd_notify::notify(&[message]) {
        tracing::warn!("cannot notify the service manager: {error}");
    }
}

/// Nothing is handed over here.
#[cfg(not(unix))]
pub(crate) fn sockets() -> anyhow::Result<Vec<TcpListener>> {
    Ok(Vec::new())
}

/// Nobody is to be told here.
#[cfg(not(unix))]
pub(crate) fn notify(_: ServiceState) {}
