//! The signals: Ctrl-C and, where they exist, SIGTERM, which ask the program to stop, and SIGUSR1, which changes the
//! level of the log.

use std::io;

use crate::log_level::LevelSwitch;

/// The exit code of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// SIGINT and SIGTERM, which from now on are received here instead of ending the program.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// Signals that are received and ignored. A server outlives the terminal that it was started
    /// from. A file beyond the size limit becomes an error of the write instead of the end of the
    /// program.
    _survived: [tokio::signal::unix::Signal; 2],
}

#[cfg(unix)]
impl Signals {
    /// Starts receiving the signals.
    pub(crate) fn listen() -> io::Result<Self> {
        use rustix::process::Signal;
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            _survived: [
                signal(SignalKind::hangup())?,
                signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?,
            ],
        })
    }

    /// Waits for the next signal; returns the exit code of a program that it ends.
    pub(crate) async fn next(&mut self) -> u8 {
        /// The exit code of a program that SIGTERM ended.
        const TERMINATED: u8 = 143;
        tokio::select! {
            _ = self.interrupt.recv() => INTERRUPTED,
            _ = self.terminate.recv() => TERMINATED,
        }
    }
}

/// Ctrl-C, which from now on is received here instead of ending the program.
#[cfg(windows)]
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: tokio::signal::windows::CtrlC,
}

#[cfg(windows)]
impl Signals {
    /// Starts receiving Ctrl-C.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c()? })
    }

    /// Waits for the next Ctrl-C; returns the exit code of a program that it ends.
    pub(crate) async fn next(&mut self) -> u8 {
        self.interrupt.recv().await;
        INTERRUPTED
    }
}

/// Changes the level of the log at each SIGUSR1, for as long as the program runs.
#[cfg(unix)]
pub(crate) fn switch_level(level: LevelSwitch) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut asked = signal(SignalKind::user_defined1())?;
    tokio::spawn(async move {
        while asked.recv().await.is_some() {
            level.switch();
        }
    });
    Ok(())
}

/// There is no such signal here.
#[cfg(windows)]
pub(crate) fn switch_level(_: LevelSwitch) -> io::Result<()> {
    Ok(())
}
