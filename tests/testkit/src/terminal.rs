//! A terminal: the program on the other side of a pseudo-terminal, with a person at this one.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::process::PATIENCE;

/// A program at a terminal.
pub struct Terminal {
    child: Child,
    keys: File,
    pieces: Receiver<String>,
    seen: String,
}

impl Terminal {
    /// Starts a program at a new terminal, in an environment that shows block characters.
    pub fn start(command: &mut Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let side = || Stdio::from(OpenOptions::new().read(true).write(true).open(&name).unwrap());
        command.stdin(side()).stdout(side()).stderr(side());
        let child = command.env("TERM", "xterm").env("LANG", "C.UTF-8").spawn().unwrap();
        // The command holds this side of the terminal open otherwise, and its end would not show.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let keys = File::from(master);
        let mut screen = keys.try_clone().unwrap();
        let (sender, pieces) = mpsc::channel();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            // Reading fails once the program has left the terminal.
            while let Ok(length @ 1..) = screen.read(&mut piece) {
                let piece = String::from_utf8_lossy(&piece[..length]).into_owned();
                if sender.send(piece).is_err() {
                    return;
                }
            }
        });
        Self { child, keys, pieces, seen: String::new() }
    }

    /// Waits for a text; meanwhile `act` is tried with what was shown, until it did something.
    #[track_caller]
    pub fn until(&mut self, text: &str, act: impl Fn(&str) -> bool) {
        let mut acted = false;
        while !self.seen.contains(text) {
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => self.seen.push_str(&piece),
                Err(_) => panic!("no {text:?} in:\n{}", self.seen),
            }
            acted = acted || act(&self.seen);
        }
    }

    /// Returns what was shown until now.
    #[must_use]
    pub fn seen(&self) -> &str {
        &self.seen
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) {
        writeln!(self.keys, "{line}").unwrap();
    }

    /// Sends a signal to the program.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &*id]).status().unwrap().success());
    }

    /// Waits for the end; gives the exit code and all that was shown.
    #[track_caller]
    pub fn end(mut self) -> (Option<i32>, String) {
        loop {
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => self.seen.push_str(&piece),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("no end after:\n{}", self.seen),
            }
        }
        (self.child.wait().unwrap().code(), std::mem::take(&mut self.seen))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended already; either way it is collected.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
