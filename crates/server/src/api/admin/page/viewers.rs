//! The viewers of the page: one source of events for all who see the same, and a bounded backlog for each.
//!
//! Each second at most one event is made for all viewers of a kind, and only while there are any. A viewer that falls
//! behind gets the whole state again in place of what it missed, so it holds no more than the last few events.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http_body::{Body, Frame};
use http_body_util::StreamBody;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;

use super::super::View;
use super::state::{LiveNews, PageState, RECORDS};
use crate::api::Services;
use crate::clock::unix_now;
use crate::state::SharedState;

/// The time between two events.
const TICK: Duration = Duration::from_secs(1);

/// The events that a viewer may be behind.
const BACKLOG: usize = 8;

/// The silence after which a viewer gets a comment.
const SILENCE: Duration = Duration::from_secs(15);

/// The age of the limits from which the backend is asked for them while somebody looks.
const LIMITS_AGE: Duration = Duration::from_secs(300);

/// All viewers.
#[derive(Debug, Default)]
pub(crate) struct Viewers {
    sources: Mutex<HashMap<View, Weak<Source>>>,
    asked: Mutex<Option<Instant>>,
}

/// The events for all who see the same.
struct Source {
    view: View,
    state: Arc<SharedState>,
    events: Mutex<Events>,
    /// The number of events so far.
    made: watch::Sender<u64>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("view", &self.view).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Events {
    /// The last events, each with its number.
    last: VecDeque<(u64, Bytes)>,
    next: u64,
    /// The number of the next turn to be shown.
    cursor: u64,
    live: Bytes,
    mark: Option<(Option<u64>, Vec<&'static str>, u64)>,
    /// The whole state for those who come, and when it was made.
    whole: Option<(Instant, u64, Bytes)>,
}

impl Viewers {
    /// Adds a viewer; its body ends when the server stops.
    pub(crate) fn join(
        &self,
        services: &Services,
        view: View,
    ) -> impl Body<Data = Bytes, Error = Infallible> + Send + 'static + use<> {
        let source = self.source(services, view);
        let made = source.made.subscribe();
        let draining = services.turns.draining.subscribe();
        let viewer = Viewer { source, made, draining, next: None };
        StreamBody::new(stream::unfold(viewer, |mut viewer| async move {
            let bytes = viewer.next().await?;
            Some((Ok(Frame::data(bytes)), viewer))
        }))
    }

    fn source(&self, services: &Services, view: View) -> Arc<Source> {
        let mut sources = lock(&self.sources);
        sources.retain(|_, source| source.strong_count() > 0);
        if let Some(source) = sources.get(&view).and_then(Weak::upgrade) {
            return source;
        }
        let state = Arc::clone(&services.state);
        let cursor = state.ledger.end();
        let mark = Some(PageState::mark(&state));
        let events = Mutex::new(Events { cursor, mark, ..Events::default() });
        let made = watch::Sender::new(0);
        let source = Arc::new(Source { view: view.clone(), state, events, made });
        let viewers = Arc::downgrade(&services.viewers);
        services.turns.tasks.spawn(run(Arc::downgrade(&source), viewers));
        sources.insert(view, Arc::downgrade(&source));
        source
    }
}

/// Makes events until nobody looks any more.
async fn run(source: Weak<Source>, viewers: Weak<Viewers>) {
    loop {
        tokio::time::sleep(TICK).await;
        let (Some(source), Some(viewers)) = (source.upgrade(), viewers.upgrade()) else { return };
        source.tick().await;
        viewers.ask_limits(&source.state).await;
    }
}

impl Viewers {
    /// Asks the backend for the limits where no answer has brought any for long.
    async fn ask_limits(&self, state: &SharedState) {
        let age = state.limits.newest().map(|(as_of, _)| unix_now().saturating_sub(as_of));
        let is_new = age.is_some_and(|age| age < LIMITS_AGE.as_secs());
        let asked = *lock(&self.asked);
        let is_early = asked.is_some_and(|asked| asked.elapsed() < LIMITS_AGE);
        if is_new || is_early || state.client.route().usage_page().is_some() {
            return;
        }
        *lock(&self.asked) = Some(Instant::now());
        let Ok(credentials) = state.client.credentials().await else { return };
        match state.client.usage().await {
            Ok(usage) => state.limits.record(usage.into(), &credentials, unix_now()),
            Err(error) => tracing::debug!("the limits are not known: {error}"),
        }
    }
}

impl Source {
    /// Makes the next events, if there is something new.
    async fn tick(&self) {
        self.catch_up(&mut lock(&self.events));
        let mark = PageState::mark(&self.state);
        if lock(&self.events).mark.as_ref() != Some(&mark) {
            // The limits and faults bring everything else with them.
            let state = PageState::take(&self.state, &self.view).await;
            let mut events = lock(&self.events);
            // What it shows need not be told again.
            events.cursor = self.state.ledger.end();
            events.mark = Some(mark);
            events.push(event("state", &state));
        }
        let made = lock(&self.events).next;
        self.made.send_if_modified(|number| std::mem::replace(number, made) != made);
    }

    /// Makes an event of what happened since the last, if anything did.
    fn catch_up(&self, events: &mut Events) {
        let (ledger, label) = (&self.state.ledger, self.view.label.as_deref());
        let (running, live) = ledger.live(label);
        let (records, cursor) = ledger.since(events.cursor, (label, self.view.details), RECORDS);
        events.cursor = cursor;
        let is_new = !records.is_empty();
        let event = event("live", &LiveNews { running, live, records });
        if is_new || event != events.live {
            events.live = event.clone();
            events.push(event);
        }
    }

    /// The whole state for one who comes, and the number of the event that follows it.
    async fn whole(&self) -> (u64, Bytes) {
        if let Some((made, next, whole)) = &lock(&self.events).whole
            && made.elapsed() < TICK
        {
            return (*next, whole.clone());
        }
        let state = PageState::take(&self.state, &self.view).await;
        let whole = event("state", &state);
        let mut events = lock(&self.events);
        // What the state shows must not come again as an event.
        self.catch_up(&mut events);
        let next = events.next;
        events.whole = Some((Instant::now(), next, whole.clone()));
        (next, whole)
    }
}

impl Events {
    fn push(&mut self, event: Bytes) {
        self.last.push_back((self.next, event));
        self.next += 1;
        if self.last.len() > BACKLOG {
            self.last.pop_front();
        }
    }

    /// The events from a number on; `None` where the first of them is gone.
    fn since(&self, number: u64) -> Option<Bytes> {
        let first = self.last.front().map_or(self.next, |(first, _)| *first);
        if number < first {
            return None;
        }
        let news = self.last.iter().filter(|(made, _)| *made >= number);
        Some(news.flat_map(|(_, event)| event.iter().copied()).collect())
    }
}

/// One viewer.
struct Viewer {
    source: Arc<Source>,
    made: watch::Receiver<u64>,
    draining: watch::Receiver<bool>,
    /// The number of the next event; `None` before the first.
    next: Option<u64>,
}

impl Viewer {
    /// What the viewer gets next; `None` when the server stops.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let news = self.next.and_then(|next| {
                let events = lock(&self.source.events);
                Some((events.next, events.since(next)?))
            });
            match news {
                Some((next, news)) if !news.is_empty() => {
                    self.next = Some(next);
                    return Some(news);
                }
                Some(_) => {}
                None => {
                    let (next, whole) = self.source.whole().await;
                    self.next = Some(next);
                    return Some(whole);
                }
            }
            tokio::select! {
                changed = self.made.changed() => changed.ok()?,
                _ = self.draining.wait_for(|draining| *draining) => return None,
                () = tokio::time::sleep(SILENCE) => return Some(Bytes::from_static(b": keep-alive\n\n")),
            }
        }
    }
}

/// Writes an event; JSON has no line breaks.
fn event(name: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_default();
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
