//! The use of budgets by the other servers that share a sign-in.
//!
//! Each server tells the engine what its own callers have used, in a field of its own, and learns from the answer what the
//! others have told. So nothing is counted twice, and an engine that forgets takes nothing back: what others have used is
//! remembered here, and each tells its own figure again with its next turn.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chatmock_shared::{Name, Shared};

use super::Used;

/// The time for which the engine keeps what was used: longer than a day.
const LIFE: Duration = Duration::from_secs(2 * 24 * 3600);

/// The other servers, as the quota guard sees them.
#[derive(Clone, Debug)]
pub(crate) struct OtherServers {
    shared: Shared,
    /// The name of this process among them.
    me: Arc<str>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By label, then by server.
    used: Mutex<HashMap<String, BTreeMap<String, Used>>>,
    /// The engine has lost what another server had told it.
    lost: AtomicBool,
}

impl OtherServers {
    /// `me` names this process, and no other one.
    pub(crate) fn new(shared: Shared, me: &str) -> Self {
        Self { shared, me: me.into(), state: Arc::default() }
    }

    /// The name of this process among them.
    pub(crate) fn me(&self) -> &str {
        &self.me
    }

    /// Returns what the others have used of a label's budget in the periods of our own use.
    pub(super) fn used(&self, label: &str, own: Used) -> (u64, u64) {
        let known = self.state.used();
        let others = known.get(label).into_iter().flat_map(BTreeMap::values);
        others.fold((0_u64, 0_u64), |(tokens, requests), used| {
            let of_day = if used.day == own.day { used.tokens } else { 0 };
            let of_minute = if used.minute == own.minute { used.requests } else { 0 };
            (tokens.saturating_add(of_day), requests.saturating_add(of_minute))
        })
    }

    /// Tells the others what was used here, in the background.
    pub(super) fn tell(&self, label: &str, own: Used) {
        let (others, label) = (self.clone(), label.to_owned());
        self.shared.spawn(async move { others.exchange(&label, own).await });
    }

    /// Tells the others what was used here, and learns what they have used.
    pub(super) async fn exchange(&self, label: &str, own: Used) {
        let name = Name { kind: "budget", account: label, id: "" };
        let text = format!("{} {} {} {}", own.day, own.tokens, own.minute, own.requests);
        let field = (&*self.me, text.as_bytes());
        match self.shared.tally(&name, field, LIFE).await {
            Ok(fields) => self.learn(label, &fields),
            Err(error) => tracing::debug!(%error, "the use of a budget is not shared"),
        }
    }

    fn learn<T: AsRef<[u8]>>(&self, label: &str, fields: &[(String, T)]) {
        let mut known = self.state.used();
        let known = known.entry(label.to_owned()).or_default();
        let is_there = |server: &String| fields.iter().any(|(field, _)| field == server);
        if known.keys().any(|server| !is_there(server)) {
            self.state.lost.store(true, Ordering::Relaxed);
        }
        for (server, text) in fields.iter().filter(|(server, _)| **server != *self.me) {
            let Some(theirs) = read(text.as_ref()) else { continue };
            let before = known.entry(server.clone()).or_default();
            before.take_later(theirs);
        }
    }

    /// Returns whether the engine has lost what another server had told it.
    pub(crate) fn has_lost(&self) -> bool {
        self.state.lost.load(Ordering::Relaxed)
    }
}

impl State {
    fn used(&self) -> MutexGuard<'_, HashMap<String, BTreeMap<String, Used>>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Used {
    /// Takes what is later or more: within a period nothing becomes less.
    fn take_later(&mut self, theirs: Self) {
        if (theirs.day, theirs.tokens) > (self.day, self.tokens) {
            (self.day, self.tokens) = (theirs.day, theirs.tokens);
        }
        if (theirs.minute, theirs.requests) > (self.minute, self.requests) {
            (self.minute, self.requests) = (theirs.minute, theirs.requests);
        }
    }
}

fn read(text: &[u8]) -> Option<Used> {
    let mut numbers = std::str::from_utf8(text).ok()?.split(' ').map(|number| number.parse().ok());
    let mut next = || numbers.next().flatten();
    Some(Used { day: next()?, tokens: next()?, minute: next()?, requests: next()? })
}
