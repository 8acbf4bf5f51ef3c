//! The request to stop: Ctrl-C and, where it exists, SIGTERM, remembered until it is read.

use std::io;

use tokio::sync::watch;

/// The exit code of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Receives a signal. From then on, signals do nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<Option<u8>>);

impl Stop {
    /// Takes the signals over.
    pub(crate) fn listen() -> io::Result<Self> {
        let (sender, receiver) = watch::channel(None);
        let signals = signals()?;
        tokio::spawn(async move {
            let code = signals.await;
            // Nobody looks any more when the program is ending by itself.
            let _ = sender.send(Some(code));
            std::future::pending::<()>().await;
        });
        Ok(Self(receiver))
    }

    /// Waits for a signal; gives the exit code of a program that it ends.
    pub(crate) async fn asked(&self) -> u8 {
        let mut receiver = self.0.clone();
        let asked = receiver.wait_for(Option::is_some).await;
        match asked.ok().and_then(|code| *code) {
            Some(code) => code,
            // The sender lives as long as the runtime.
            None => std::future::pending().await,
        }
    }

    /// Returns the exit code when a signal came already.
    pub(crate) fn was_asked(&self) -> Option<u8> {
        *self.0.borrow()
    }
}

#[cfg(unix)]
fn signals() -> io::Result<impl Future<Output = u8>> {
    /// The exit code of a program that SIGTERM ended.
    const TERMINATED: u8 = 143;
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => INTERRUPTED,
            _ = terminate.recv() => TERMINATED,
        }
    })
}

#[cfg(windows)]
fn signals() -> io::Result<impl Future<Output = u8>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
        INTERRUPTED
    })
}
