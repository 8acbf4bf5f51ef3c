//! Answers that are made without their client, who asks for them later: what they are so far, and how they are ended.

mod elsewhere;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chatmock_shared::Shared;
use chatmock_translate::{Failure, FailureKind};
use tokio::sync::watch;
use tokio::time::Instant;

use super::responses::StoreKey;
use crate::http::api_keys::Caller;
use crate::settings::BackgroundLimits;

/// The time for which the events of an answer are kept after its end.
const KEPT: Duration = Duration::from_secs(600);

/// The most bytes of events that an answer keeps; of a longer one, the oldest go.
const MAX_EVENTS: usize = 8 * 1024 * 1024;

/// The most answers whose events are kept after their ends.
const MAX_ENDED: usize = 32;

/// The wait that a refused client is asked for, in seconds.
const RETRY_AFTER: u64 = 10;

/// The answers that are being made without their clients, and those that have just come to an end.
#[derive(Debug)]
pub(crate) struct BackgroundAnswers {
    limits: BackgroundLimits,
    answers: Mutex<HashMap<StoreKey, Arc<BackgroundAnswer>>>,
    /// The engine of the servers that share what is kept.
    shared: Option<Shared>,
}

/// One answer without its client.
#[derive(Debug)]
pub(crate) struct BackgroundAnswer {
    /// The name under which it is kept.
    pub(crate) key: StoreKey,
    /// What went to the backend, as it is kept.
    pub(crate) input: Bytes,
    /// Whose places it takes.
    whose: Caller,
    progress: Mutex<Progress>,
    /// The number of events so far.
    changed: watch::Sender<u64>,
    stop: watch::Sender<bool>,
}

/// How far an answer is.
#[derive(Debug)]
struct Progress {
    response: Bytes,
    events: VecDeque<Bytes>,
    bytes: usize,
    /// The number of events that were dropped.
    dropped: u64,
    ended_at: Option<Instant>,
}

/// What a reader of events is given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Events, after which more may come, and the number of the one after them.
    Events(Vec<Bytes>, u64),
    /// Nothing yet.
    Nothing,
    /// All of them were given.
    Over,
    /// The next one is kept no longer.
    Dropped,
}

impl BackgroundAnswers {
    /// Makes none yet.
    pub(crate) fn new(limits: BackgroundLimits) -> Self {
        Self { limits, answers: Mutex::default(), shared: None }
    }

    /// The longest time that an answer may take.
    pub(crate) fn life(&self) -> Duration {
        self.limits.life
    }

    /// Begins an answer that is kept under `key`.
    ///
    /// # Errors
    /// 429 where the caller has as many as one may have, or all have.
    pub(crate) fn begin(
        &self,
        caller: &Caller,
        (key, input): (StoreKey, Bytes),
        response: Bytes,
    ) -> Result<Arc<BackgroundAnswer>, Failure> {
        let whose = caller.account();
        let mut answers = self.answers();
        tidy(&mut answers);
        let running = || answers.values().filter(|answer| !answer.is_over());
        let (all, own) = (running().count(), running().filter(|one| one.whose == whose).count());
        let BackgroundLimits { all: most, each, .. } = self.limits;
        if own >= each || all >= most {
            return Err(refused(own >= each, self.limits));
        }
        let progress =
            Progress { response, events: VecDeque::new(), bytes: 0, dropped: 0, ended_at: None };
        let answer = Arc::new(BackgroundAnswer {
            key: Arc::clone(&key),
            input,
            whose,
            progress: Mutex::new(progress),
            changed: watch::Sender::new(0),
            stop: watch::Sender::new(false),
        });
        answers.insert(key, Arc::clone(&answer));
        Ok(answer)
    }

    /// Gives the answer that is kept under a key, while it is made and for a while after.
    pub(crate) fn find(&self, key: &StoreKey) -> Option<Arc<BackgroundAnswer>> {
        self.answers().get(key).map(Arc::clone)
    }

    /// Forgets an answer that has come to its end.
    pub(crate) fn forget(&self, key: &StoreKey) {
        self.answers().remove(key);
    }

    /// Waits until every answer has come to its end.
    pub(crate) async fn all_ended(&self) {
        let answers: Vec<_> = self.answers().values().map(Arc::clone).collect();
        for answer in answers {
            answer.ended().await;
        }
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<StoreKey, Arc<BackgroundAnswer>>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops what is kept no longer.
fn tidy(answers: &mut HashMap<StoreKey, Arc<BackgroundAnswer>>) {
    answers.retain(|_, answer| answer.ended_at().is_none_or(|ended| ended.elapsed() < KEPT));
    let ended = answers.iter().filter_map(|(key, one)| Some((one.ended_at()?, Arc::clone(key))));
    let mut ended: Vec<_> = ended.collect();
    ended.sort_unstable();
    let over = ended.len().saturating_sub(MAX_ENDED);
    for (_, key) in ended.into_iter().take(over) {
        answers.remove(&key);
    }
}

fn refused(is_own: bool, limits: BackgroundLimits) -> Failure {
    let kind = FailureKind::RateLimited { retry_after: Some(RETRY_AFTER) };
    let BackgroundLimits { all, each, .. } = limits;
    let (whose, most) = if is_own { ("this caller has", each) } else { ("there are", all) };
    let message = format!(
        "{whose} {most} background responses under way, the most at once; wait for one of them, cancel one, or ask \
         without background"
    );
    Failure::new(kind, message).with_code("too_many_background_responses")
}

impl BackgroundAnswer {
    /// The response as it is now.
    pub(crate) fn response(&self) -> Bytes {
        self.progress().response.clone()
    }

    /// Notes what the response is now.
    pub(crate) fn note(&self, response: Bytes) {
        self.progress().response = response;
    }

    /// The number of the next event.
    pub(crate) fn next_number(&self) -> u64 {
        let progress = self.progress();
        progress.dropped + progress.events.len() as u64
    }

    /// Adds an event, as it is written.
    pub(crate) fn push(&self, event: Bytes) {
        let mut progress = self.progress();
        progress.bytes += event.len();
        progress.events.push_back(event);
        while progress.bytes > MAX_EVENTS {
            let Some(oldest) = progress.events.pop_front() else { break };
            progress.bytes -= oldest.len();
            progress.dropped += 1;
        }
        let number = progress.dropped + progress.events.len() as u64;
        drop(progress);
        self.changed.send_replace(number);
    }

    /// Notes that the answer has come to its end.
    pub(crate) fn end(&self) {
        self.progress().ended_at.get_or_insert_with(Instant::now);
        self.changed.send_modify(|_| {});
    }

    /// Returns whether it has come to its end.
    pub(crate) fn is_over(&self) -> bool {
        self.ended_at().is_some()
    }

    /// Asks for its end.
    pub(crate) fn cancel(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until its end is asked for.
    pub(crate) async fn stopped(&self) {
        // An error says that nobody can ask any more.
        let _ = self.stop.subscribe().wait_for(|is_asked| *is_asked).await;
    }

    /// Waits for its end.
    pub(crate) async fn ended(&self) {
        let mut changes = self.changes();
        while !self.is_over() && changes.changed().await.is_ok() {}
    }

    /// Tells of each event and of the end.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Gives events from number `from` on, not more than about `most` bytes of them.
    pub(crate) fn next(&self, from: u64, most: usize) -> Next {
        let progress = self.progress();
        let Some(at) = from.checked_sub(progress.dropped) else { return Next::Dropped };
        let mut bytes = 0;
        let wanted = progress.events.iter().skip(usize::try_from(at).unwrap_or(usize::MAX));
        let fits = |event: &&Bytes| {
            let fits = bytes < most;
            bytes += event.len();
            fits
        };
        let events: Vec<Bytes> = wanted.take_while(fits).cloned().collect();
        match events.len() as u64 {
            0 if progress.ended_at.is_some() => Next::Over,
            0 => Next::Nothing,
            count => Next::Events(events, from + count),
        }
    }

    fn ended_at(&self) -> Option<Instant> {
        self.progress().ended_at
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(
        answers: &BackgroundAnswers,
        who: &str,
        name: &str,
    ) -> Result<Arc<BackgroundAnswer>, Failure> {
        let key = StoreKey::from(name.as_bytes());
        answers.begin(&Caller::named(who), (key, Bytes::new()), Bytes::new())
    }

    #[tokio::test(start_paused = true)]
    async fn callers_have_few_at_once_and_all_together_not_many() {
        let limits = BackgroundLimits { all: 3, each: 2, ..BackgroundLimits::default() };
        let answers = BackgroundAnswers::new(limits);
        let first = begin(&answers, "ann", "1").unwrap();
        begin(&answers, "ann", "2").unwrap();
        let own = begin(&answers, "ann", "3").unwrap_err();
        assert_eq!((own.status(), own.retry_after()), (429, Some(RETRY_AFTER)));
        begin(&answers, "ben", "4").unwrap();
        assert!(begin(&answers, "cid", "5").unwrap_err().message.contains("there are 3"));
        first.end();
        begin(&answers, "cid", "5").unwrap();
        assert!(answers.find(&first.key).is_some());
        tokio::time::advance(KEPT).await;
        assert!(begin(&answers, "dan", "6").is_err());
        assert!(answers.find(&first.key).is_none(), "it ended long ago");
    }

    #[tokio::test]
    async fn events_are_given_from_any_number_on_while_they_are_kept() {
        let answers = BackgroundAnswers::new(BackgroundLimits::default());
        let answer = begin(&answers, "ann", "1").unwrap();
        for event in ["a", "b", "c"] {
            answer.push(event.into());
        }
        assert_eq!(answer.next(1, 9), Next::Events(vec!["b".into(), "c".into()], 3));
        assert_eq!(answer.next(0, 1), Next::Events(vec!["a".into()], 1));
        assert_eq!(answer.next(3, 9), Next::Nothing);
        answer.end();
        assert_eq!((answer.next(3, 9), answer.next_number()), (Next::Over, 3));
        answer.push(vec![b'x'; MAX_EVENTS].into());
        assert_eq!((answer.next(0, 9), answer.next_number()), (Next::Dropped, 4));
    }
}
