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
    hangup: Option<tokio::signal::unix::Signal>,
    ends_with_terminal: bool,
    /// A file beyond the size limit becomes an error of the write instead of the end of the program.
    _survived: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Starts receiving the signals.
    ///
    /// With `stay`, the end of the terminal ends nothing.
    pub(crate) fn listen(stay: bool) -> io::Result<Self> {
        use rustix::process::Signal;
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            // Before it is received here: from then on, nobody can see that it was ignored.
            ends_with_terminal: !stay && hangup::has_terminal() && !hangup::is_ignored(),
            hangup: if hangup::is_ignored() { None } else { Some(signal(SignalKind::hangup())?) },
            _survived: signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?,
        })
    }

    /// Waits for the next signal; returns the exit code of a program that it ends.
    pub(crate) async fn next(&mut self) -> u8 {
        /// The exit code of a program that SIGTERM ended.
        const TERMINATED: u8 = 143;
        /// The exit code of a program that ended with its terminal.
        const HUNG_UP: u8 = 129;
        tokio::select! {
            _ = self.interrupt.recv() => INTERRUPTED,
            _ = self.terminate.recv() => TERMINATED,
            () = hung_up(&mut self.hangup, self.ends_with_terminal) => HUNG_UP,
        }
    }
}

/// Waits for the end of the terminal, where that ends the server, too.
#[cfg(unix)]
async fn hung_up(hangup: &mut Option<tokio::signal::unix::Signal>, ends: bool) {
    match hangup {
        Some(hangup) if ends => drop(hangup.recv().await),
        _ => std::future::pending().await,
    }
}

/// Facts from the start that decide what SIGHUP means.
#[cfg(unix)]
mod hangup {
    use std::io::{IsTerminal, stderr, stdin, stdout};

    /// The state of this process, where the system has one to read.
    const STATUS: &str = "/proc/self/status";

    /// Returns whether the program was started from a terminal.
    ///
    /// `nohup` leaves at most standard input on it. Where the system does not say which signals are ignored, that is
    /// how it shows.
    pub(super) fn has_terminal() -> bool {
        let output = stdout().is_terminal() || stderr().is_terminal();
        output || (cfg!(target_os = "linux") && stdin().is_terminal())
    }

    /// Returns whether whoever started the program has SIGHUP ignored, as `nohup` does.
    pub(super) fn is_ignored() -> bool {
        std::fs::read_to_string(STATUS).is_ok_and(|status| ignores_hangup(&status))
    }

    fn ignores_hangup(status: &str) -> bool {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask & 1 == 1)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_first_bit_of_the_mask_is_that_of_the_terminal() {
            assert!(ignores_hangup("Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"));
            assert!(!ignores_hangup("Name:\tx\nSigIgn:\t0000000000001000\nSigCgt:\t1\n"));
            assert!(!ignores_hangup(""));
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
    pub(crate) fn listen(_: bool) -> io::Result<Self> {
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
