//! The keyboard: lines of standard input, read by a thread of their own once somebody wants one.

use std::io::{BufRead, IsTerminal, stdin};

use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The longest line that is passed on, in bytes; a sign-in address is far shorter.
const MAX_BYTES: usize = 16 * 1024;

/// Lines that a person types or pastes.
#[derive(Debug, Default)]
pub(crate) struct Keyboard {
    lines: Mutex<Option<UnboundedReceiver<String>>>,
}

impl Keyboard {
    /// Returns whether somebody can be asked.
    pub(crate) fn has_person(&self) -> bool {
        stdin().is_terminal()
    }

    /// Waits for the next line; `None` when there are no more.
    pub(crate) async fn line(&self) -> Option<String> {
        self.lines.lock().await.get_or_insert_with(listen).recv().await
    }

    /// Waits for the next line, for ever when there are no more.
    pub(crate) async fn line_or_never(&self) -> String {
        match self.line().await {
            Some(line) => line,
            None => std::future::pending().await,
        }
    }

    /// Forgets what was typed so far; to be called before a question is shown, since a quick answer
    /// would be forgotten after it.
    pub(crate) async fn forget(&self) {
        let mut lines = self.lines.lock().await;
        let lines = lines.get_or_insert_with(listen);
        while lines.try_recv().is_ok() {}
    }

    /// Waits for a yes.
    pub(crate) async fn yes(&self) -> bool {
        let line = self.line().await.unwrap_or_default();
        matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }
}

/// Starts the thread. It is never called back: the end of the program ends it.
fn listen() -> UnboundedReceiver<String> {
    let (sender, receiver) = unbounded_channel();
    std::thread::spawn(move || read(&sender));
    receiver
}

fn read(sender: &UnboundedSender<String>) {
    let mut input = stdin().lock();
    loop {
        let mut line = Vec::new();
        match input.read_until(b'\n', &mut line) {
            Ok(1..) => {}
            _ => return,
        }
        line.truncate(MAX_BYTES);
        if sender.send(String::from_utf8_lossy(&line).trim().to_owned()).is_err() {
            return;
        }
    }
}
