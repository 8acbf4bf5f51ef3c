//! The way to standard error: a bounded buffer that a thread of its own empties, so that nobody
//! waits for a reader.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The most that waits to be written, in bytes: some thousands of lines.
const ROOM: usize = 1024 * 1024;

/// So much is written without a rest, in bytes.
const HALF: usize = ROOM / 2;

/// How long the thread rests after it has written: lines of that time are written together, and
/// nobody has to wake it for each.
const REST: Duration = Duration::from_millis(20);

/// How long the end of the program waits for what is still to be written.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Takes lines at once, and loses those for which there is no room. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Outlet(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    filled: Condvar,
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// The thread is at work on what it took, or rests from it.
    busy: bool,
    /// The program ends: there is no rest any more.
    last: bool,
    /// The target did not take all of the last write.
    refused: bool,
    /// Lines that were lost since the start.
    lost: u64,
    /// How many of them were told of.
    told: u64,
}

impl Outlet {
    /// Starts the thread that writes to the target.
    pub(crate) fn over(target: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let outlet = Self(Arc::clone(&shared));
        thread::Builder::new().name("log".to_owned()).spawn(move || shared.empty(target))?;
        Ok(outlet)
    }

    /// Takes bytes whole or, where there is no room for them, not at all.
    pub(crate) fn put(&self, bytes: &[u8]) {
        let mut state = self.0.state();
        if state.waiting.len() + bytes.len() > ROOM {
            state.lost += lines(bytes);
            return;
        }
        state.waiting.extend_from_slice(bytes);
        // A thread that is at work looks again by itself; one that rests does so while there is room.
        let wakes = !state.busy || state.waiting.len() >= HALF;
        // What is put while it wakes up does not have to wake it again.
        state.busy = true;
        drop(state);
        if wakes {
            self.0.filled.notify_all();
        }
    }

    /// Waits until everything is written, for a moment: a reader that has stopped may never go on.
    pub(crate) fn finish(&self) {
        let mut state = self.0.state();
        state.last = true;
        self.0.filled.notify_all();
        let open = |state: &mut State| state.busy || !state.waiting.is_empty();
        // Whether it is done or the time is over, the program ends now.
        drop(self.0.emptied.wait_timeout_while(state, LAST_WORDS, open));
    }
}

impl Write for Outlet {
    /// Takes everything, as far as the caller can tell.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes);
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

    /// Writes what there is, again and again.
    fn empty(&self, mut target: impl Write) {
        loop {
            let (batch, news) = self.take();
            if let Some(lost) = news {
                tracing::warn!(lost, "lines of the log were lost: they were not read in time");
            }
            self.wrote(write(&mut target, &batch));
            self.rest(REST);
        }
    }

    fn rest(&self, most: Duration) {
        let on = |state: &mut State| !state.last && state.waiting.len() < HALF;
        drop(self.filled.wait_timeout_while(self.state(), most, on));
    }

    /// Waits for something to write, and takes it. Says how many lines were lost so far where that
    /// is news for a reader: the line that tells it finds room now.
    fn take(&self) -> (Vec<u8>, Option<u64>) {
        let mut state = self.state();
        while state.waiting.is_empty() && !state.has_news() {
            state.busy = false;
            self.emptied.notify_all();
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.busy = true;
        let news = state.has_news().then_some(state.lost);
        state.told = news.unwrap_or(state.told);
        (std::mem::take(&mut state.waiting), news)
    }

    /// Counts the lines that could not be written.
    fn wrote(&self, unwritten: u64) {
        let mut state = self.state();
        state.lost += unwritten;
        state.refused = unwritten > 0;
    }
}

impl State {
    /// Whether lines were lost of which nothing was said, and the target takes lines again.
    fn has_news(&self) -> bool {
        self.lost > self.told && !self.refused
    }
}

/// Writes as much as the target takes; gives how many lines it did not take whole.
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

    /// A target that asks before each write how many bytes it takes.
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

    struct Bench {
        outlet: Outlet,
        leave: Sender<io::Result<usize>>,
        read: Receiver<Vec<u8>>,
        asked: Receiver<()>,
    }

    fn bench() -> Bench {
        let (leave, given) = mpsc::channel();
        let (sent, read) = mpsc::channel();
        let (asking, asked) = mpsc::sync_channel(100);
        let reader = Reader { leave: given, read: sent, asked: asking };
        Bench { outlet: Outlet::over(reader).unwrap(), leave, read, asked }
    }

    fn lost(outlet: &Outlet) -> u64 {
        outlet.0.state().lost
    }

    #[test]
    fn lines_arrive_whole_and_in_order_also_in_pieces() {
        let Bench { outlet, leave, read, asked } = bench();
        outlet.put(b"one\n");
        asked.recv().unwrap();
        outlet.put(b"two\n");
        outlet.put(b"three\n");
        for most in [2, 100, 3, 100] {
            leave.send(Ok(most)).unwrap();
        }
        outlet.finish();
        assert_eq!(read.try_iter().collect::<Vec<_>>().concat(), b"one\ntwo\nthree\n");
        assert_eq!(lost(&outlet), 0);
    }

    #[test]
    fn what_comes_during_a_rest_is_written_together() {
        let Bench { outlet, leave, read, asked } = bench();
        for _ in 0..3 {
            leave.send(Ok(usize::MAX)).unwrap();
        }
        outlet.put(b"one\n");
        asked.recv().unwrap();
        let first = read.recv().unwrap();
        assert_eq!(first, b"one\n");
        let start = std::time::Instant::now();
        outlet.put(b"two\n");
        outlet.put(b"three\n");
        let second = read.recv().unwrap();
        // A machine that stops between the two lines may take longer than the rest.
        assert!(second == b"two\nthree\n" || start.elapsed() >= REST, "{second:?}");
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
        let outlet = Outlet(Arc::clone(&shared));
        let scarce = resting(&shared);
        outlet.put(&[b'x'; HALF]);
        assert!(scarce.join().unwrap() < Duration::from_secs(60));
        shared.state().waiting.clear();
        let last = resting(&shared);
        outlet.finish();
        assert!(last.join().unwrap() < Duration::from_secs(60));
    }

    #[test]
    fn nobody_waits_for_a_reader_that_has_stopped_and_every_lost_line_is_counted() {
        let Bench { outlet, leave, read, asked } = bench();
        outlet.put(b"first\n");
        asked.recv().unwrap();
        let line = [&[b'x'; 99][..], b"\n"].concat();
        let (all, kept) = (20_000, ROOM / line.len());
        for _ in 0..all {
            outlet.put(&line);
        }
        assert_eq!(lost(&outlet), (all - kept) as u64);
        outlet.finish();
        leave.send(Ok(usize::MAX)).unwrap();
        leave.send(Ok(usize::MAX)).unwrap();
        assert_eq!(read.recv().unwrap(), b"first\n");
        assert_eq!(lines(&read.recv().unwrap()), kept as u64);
    }

    #[test]
    fn what_a_target_refuses_is_counted_and_the_next_lines_are_tried() {
        let Bench { outlet, leave, read, asked } = bench();
        outlet.put(b"one\n");
        asked.recv().unwrap();
        outlet.put(b"two\nthree\nfour\n");
        leave.send(Ok(4)).unwrap();
        leave.send(Ok(6)).unwrap();
        leave.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        outlet.finish();
        assert_eq!(lost(&outlet), 2);
        leave.send(Ok(5)).unwrap();
        outlet.put(b"five\n");
        outlet.finish();
        assert_eq!(read.try_iter().collect::<Vec<_>>().concat(), b"one\ntwo\nthfive\n");
    }

    #[test]
    fn the_sum_of_lost_lines_is_told_once_there_is_a_reader_again() {
        let shared = Shared::default();
        let news = || {
            shared.state().waiting.push(b'\n');
            shared.take().1
        };
        shared.wrote(2);
        shared.wrote(1);
        assert_eq!(news(), None);
        shared.wrote(0);
        assert_eq!((news(), news()), (Some(3), None));
    }
}
