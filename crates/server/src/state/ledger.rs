//! The usage ledger: one record of each turn, and the totals of each day.
//!
//! A turn pays for its record with a push to a bounded buffer. All else happens once a second, and only while there is
//! something new: the history is brought up to date, the counters of the metrics, and the database where there is one.
//! Writing in the turn would be simpler, but a slow disk would then hold up answers. The price is that the last second
//! before a crash is lost.

mod database;
mod entry;
mod fleet;
mod gaps;
mod history;
mod live;
mod query;
mod report;
mod tally;
mod totals;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use self::database::Batch;
use self::entry::DAY;
pub(crate) use self::entry::{Tokens, TurnEntry};
use self::fleet::Fleet;
pub(crate) use self::fleet::ServerRow;
pub(crate) use self::gaps::{BOUNDS, Gaps};
use self::history::History;
use self::live::LiveTurns;
pub(crate) use self::live::{LiveTurn, LiveView};
pub use self::query::{UsageBy, UsageQuery, usage_since};
pub(crate) use self::report::Row;
pub use self::report::UsageReport;
pub(crate) use self::tally::{TIMES, Tally, Times};
pub(crate) use self::totals::Total;
use crate::clock::unix_now;
use crate::error::StoreError;
use crate::state::guard::QuotaGuard;
use crate::state::responses::DatabaseSlot;

/// The most records that wait for the next look.
const WAITING: usize = 16 * 1024;

/// The most turns that run of which more than their number is shown.
const SHOWN: usize = 50;

/// The time between two looks while there is something new.
const LOOK: Duration = Duration::from_secs(1);

/// Records of all turns.
#[derive(Debug)]
pub(crate) struct Ledger {
    waiting: Mutex<Vec<TurnEntry>>,
    live: Mutex<LiveTurns>,
    history: Mutex<History>,
    tally: Mutex<Tally>,
    /// The calls of the backend that were answered, repeated ones included.
    calls: AtomicU64,
    /// Held while the database is written, so that records reach it in their order.
    writing: tokio::sync::Mutex<()>,
    arrived: Notify,
    /// The number of records in the history; whoever shows them waits for it to change.
    changed: watch::Sender<u64>,
    lost: AtomicU64,
    failing: AtomicBool,
    slot: Option<Arc<DatabaseSlot>>,
    /// The time for which records are kept.
    keep: Duration,
    /// What other servers have told, where there are some.
    fleet: Mutex<Option<Fleet>>,
}

/// A turn that runs, and is shown as such until this is dropped.
#[derive(Debug)]
pub(crate) struct LiveGuard {
    ledger: Arc<Ledger>,
    place: usize,
    pub(crate) turn: Arc<LiveTurn>,
}

impl Drop for LiveGuard {
    fn drop(&mut self) {
        lock(&self.ledger.live).remove(self.place);
    }
}

impl Ledger {
    /// Makes a ledger, with what an earlier process kept in the database.
    pub(crate) fn open(slot: Option<Arc<DatabaseSlot>>, keep: Duration) -> Self {
        let kept =
            slot.as_ref().and_then(|slot| slot.with(|open| database::load(open, unix_now())));
        let history = match kept {
            Some(Ok(kept)) => History::restored(kept),
            Some(Err(error)) => {
                tracing::warn!("the usage of earlier runs cannot be read: {error}");
                History::restored(history::Kept::default())
            }
            None => History::default(),
        };
        Self {
            waiting: Mutex::default(),
            live: Mutex::default(),
            history: Mutex::new(history),
            tally: Mutex::default(),
            calls: AtomicU64::new(0),
            writing: tokio::sync::Mutex::default(),
            arrived: Notify::new(),
            changed: watch::Sender::new(0),
            lost: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            slot,
            keep,
            fleet: Mutex::default(),
        }
    }

    /// Takes what was used today from the budgets, after a start.
    pub(crate) fn restore_budgets(&self, guard: &QuotaGuard) {
        let now = unix_now();
        let query = UsageQuery {
            since: Some(Duration::from_secs(now % DAY)),
            by: UsageBy::Key,
            ..UsageQuery::default()
        };
        for Row { name, total } in self.report(&query, false).into_rows() {
            let Tokens { input_tokens, output_tokens, .. } = total.tokens;
            guard.spend(Some(&name), input_tokens.saturating_add(output_tokens), now);
        }
    }

    /// Notes that a turn runs.
    pub(crate) fn begin(self: &Arc<Self>, turn: LiveTurn) -> LiveGuard {
        let turn = Arc::new(turn);
        let place = lock(&self.live).add(Arc::clone(&turn));
        LiveGuard { ledger: Arc::clone(self), place, turn }
    }

    /// Adds a record. It is lost, and counted, where too many wait.
    pub(crate) fn push(&self, entry: TurnEntry) {
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= WAITING {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.push(entry);
        let first = waiting.len() == 1;
        drop(waiting);
        if first {
            self.arrived.notify_one();
        }
    }

    /// Returns the number of records that were lost.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Returns whether the database could not be written last.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Counts calls of the backend.
    pub(crate) fn count_calls(&self, calls: u32) {
        self.calls.fetch_add(u64::from(calls), Ordering::Relaxed);
    }

    /// Returns the number of calls of the backend so far.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Returns the number of turns that run.
    pub(crate) fn running(&self) -> usize {
        lock(&self.live).count()
    }

    /// Returns the counters of all turns since the start.
    pub(crate) fn tally(&self) -> Tally {
        self.absorb();
        lock(&self.tally).clone()
    }

    /// Answers a question; `details` says whether single turns are told with their notices and failures.
    pub(crate) fn report(&self, query: &UsageQuery, details: bool) -> UsageReport {
        self.absorb();
        let (fleet, history) = (lock(&self.fleet), lock(&self.history));
        let report = UsageReport::of((&history, fleet.as_ref()), query, unix_now(), details);
        report.with_lost(self.lost())
    }

    /// Returns the number of turns of a label, or of all, that run, and the oldest of them.
    pub(crate) fn live(&self, label: Option<&str>) -> (usize, Vec<LiveView>) {
        lock(&self.live).views(label, SHOWN)
    }

    /// Returns the number that the next turn of the history will have.
    pub(crate) fn end(&self) -> u64 {
        lock(&self.history).next()
    }

    /// Returns the turns from a number on, at most the `most` newest, the oldest first, and the number of the next.
    pub(crate) fn since(
        &self,
        number: u64,
        visible: (Option<&str>, bool),
        most: usize,
    ) -> (Vec<TurnEntry>, u64) {
        self.absorb();
        let history = lock(&self.history);
        let entries = history.since(number, most).filter(|entry| entry.is_of(visible.0));
        (entries.map(|entry| entry.shown(visible.1)).collect(), history.next())
    }

    /// Returns the newest turns, the newest first.
    pub(crate) fn records(&self, visible: (Option<&str>, bool), most: usize) -> Vec<TurnEntry> {
        self.absorb();
        let history = lock(&self.history);
        let entries = history.newest().filter(|entry| entry.is_of(visible.0)).take(most);
        entries.map(|entry| entry.shown(visible.1)).collect()
    }

    /// Brings the history up to date, and the database, again and again.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            self.arrived.notified().await;
            tokio::time::sleep(LOOK).await;
            self.absorb();
            self.write().await;
            if self.is_failing() {
                // What could not be written is tried again, also when nothing new comes.
                self.arrived.notify_one();
            }
        }
    }

    /// Brings the history up to date.
    fn absorb(&self) {
        let mut history = lock(&self.history);
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        if waiting.is_empty() {
            return;
        }
        let mut tally = lock(&self.tally);
        for entry in waiting {
            tally.add(&entry);
            let lost = history.add(Arc::new(entry));
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
        self.changed.send_replace(history.next());
    }

    /// Writes to the database what it lacks.
    pub(crate) async fn write(self: &Arc<Self>) {
        if self.slot.is_none() {
            return;
        }
        let _turn = self.writing.lock().await;
        self.absorb();
        let ledger = Arc::clone(self);
        // A panic in it has been reported; the next write begins with what is there then.
        let _ = tokio::task::spawn_blocking(move || ledger.write_now()).await;
    }

    fn write_now(&self) {
        let Some(slot) = &self.slot else { return };
        let (entries, totals) = lock(&self.history).take_unwritten();
        if entries.is_empty() && totals.is_empty() {
            return;
        }
        let oldest = unix_now().saturating_sub(self.keep.as_secs()).saturating_mul(1000);
        let batch = Batch { entries: &entries, totals: &totals, oldest };
        let written = slot.with(|open| database::write(open, &batch));
        let failed = !matches!(written, Some(Ok(())));
        if !failed {
            self.failing.store(false, Ordering::Relaxed);
            return;
        }
        if !self.failing.swap(true, Ordering::Relaxed) {
            let why = written.and_then(Result::err).map(|error| error.to_string());
            tracing::warn!(
                why,
                "the usage could not be written to the database and is in memory only"
            );
        }
        let facets = totals.into_iter().map(|(facet, _)| facet).collect();
        let lost = lock(&self.history).put_back(entries, facets);
        self.lost.fetch_add(lost, Ordering::Relaxed);
    }
}

/// Answers a question from the database of a folder, while no server has it. May block.
///
/// # Errors
/// [`StoreError::InUse`] while a server has it, others where it cannot be read.
pub fn stored_usage(folder: &Path, query: &UsageQuery) -> Result<UsageReport, StoreError> {
    let now = unix_now();
    let history = History::restored(database::load_folder(folder, now)?);
    Ok(UsageReport::of((&history, None), query, now, true))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
