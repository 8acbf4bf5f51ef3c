//! The protocols of the service manager: sockets that it passes, and notifications of start and
//! stop.
//!
//! They are those of `sd_listen_fds(3)` and `sd_notify(3)`. Without their variables in the
//! environment, and without systemd, nothing happens.

use std::net::TcpListener;

use anyhow::Context;

/// A state that the service manager is notified of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ServiceState {
    /// Requests are answered from now on.
    Ready,
    /// Open answers are finishing.
    Stopping,
}

/// Returns the listening sockets that were passed, in non-blocking mode.
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

/// Notifies the service manager. A failure is only logged, since it is no reason not to serve.
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

/// Returns no socket: this system passes none.
#[cfg(not(unix))]
pub(crate) fn sockets() -> anyhow::Result<Vec<TcpListener>> {
    Ok(Vec::new())
}

/// Does nothing: this system has no service manager to notify.
#[cfg(not(unix))]
pub(crate) fn notify(_: ServiceState) {}
