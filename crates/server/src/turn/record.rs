//! The record of a turn: begun with its request, written once when it has ended, to the log and to the ledger.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use chatmock_protocol::responses::Usage;
use chatmock_translate::{Failure, Notice};
use tokio::time::Instant;

use super::fate::{Fate, Fated};
use super::pipeline::TurnRequest;
use super::{TurnServices, plan};
use crate::clock::{unix_milliseconds, unix_now};
use crate::http::access_log::milliseconds;
use crate::http::log_limiter::LogLimiter;
use crate::http::notes::RequestNotes;
use crate::http::{reason, sanitize};
use crate::settings::{EndedTurn, TurnObserver};
use crate::state::guard::QuotaGuard;
use crate::state::ledger::{Ledger, LiveGuard, LiveTurn, Tokens, TurnEntry};

/// The most notices of a turn that its record names.
const MAX_NOTICES: usize = 16;

/// The longest name of a member in a record, in bytes.
const MAX_NAME: usize = 64;

/// The status of a turn whose client left before an answer began, as nginx has it.
const CLIENT_LEFT: u16 = 499;

/// The record of a turn. One that is dropped without having been written is of a client that left.
pub(super) struct TurnRecord {
    /// The request's id.
    pub(super) request_id: String,
    /// When the request arrived.
    pub(super) arrived: Instant,
    notes: Arc<RequestNotes>,
    live: LiveGuard,
    ledger: Arc<Ledger>,
    limiter: Arc<LogLimiter>,
    guard: Arc<QuotaGuard>,
    observer: Option<Arc<dyn TurnObserver>>,
    entry: TurnEntry,
    over_socket: bool,
    /// Where it is noted what becomes of the turn.
    fate: Option<Arc<Fate>>,
    /// The answer has begun, with status 200.
    begun: bool,
    written: bool,
}

/// When a turn's first output came, since the request arrived, and the tokens it used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TurnMetrics {
    pub(super) first_at: Option<Duration>,
    pub(super) usage: Option<Usage>,
}

/// The end of a turn.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome<'f> {
    /// Whole.
    Complete,
    /// With a failure after the answer had begun.
    Broken(&'f Failure),
    /// The client left.
    Left,
}

impl TurnRecord {
    /// Begins the record of a turn of a dialect.
    pub(super) fn begin(
        services: &TurnServices,
        request: &TurnRequest,
        dialect: &'static str,
    ) -> Self {
        let at = unix_milliseconds().saturating_sub(milliseconds(request.arrived.elapsed()));
        let client = request.notes.client();
        let label = request.caller.label().map(str::to_owned);
        let (ledger, limiter) = (&services.state.ledger, &services.log_limiter);
        let live = LiveTurn {
            at,
            dialect,
            client: client.clone(),
            label: label.clone(),
            ..LiveTurn::default()
        };
        let entry = TurnEntry {
            at,
            dialect: dialect.into(),
            path: sanitize::text_within(request.uri.path(), MAX_NAME),
            route: services.state.client.route().name().into(),
            client,
            label,
            ..TurnEntry::default()
        };
        Self {
            request_id: request.request_id.clone(),
            arrived: request.arrived,
            notes: Arc::clone(&request.notes),
            live: ledger.begin(live),
            ledger: Arc::clone(ledger),
            limiter: Arc::clone(limiter),
            guard: Arc::clone(&services.state.guard),
            observer: services.state.observer.clone(),
            entry,
            over_socket: request.socket.is_some(),
            fate: request.fate.clone(),
            begun: false,
            written: false,
        }
    }

    /// Notes what the plan says.
    pub(super) fn plan<O>(&mut self, plan: &plan::TurnPlan<O>) {
        let entry = &mut self.entry;
        entry.asked = sanitize::text_within(&plan.shape.model, MAX_NAME);
        entry.stream = plan.stream;
        let sent = plan.sent.clone();
        // It is set once.
        let _ = self.live.turn.model.set(sent.model.clone());
        (entry.model, entry.effort, entry.tier) = (sent.model, sent.effort, sent.tier);
        entry.account = sent.account;
    }

    /// Notes that the answer begins.
    pub(super) fn begin_answer(&mut self, notices: &[Notice]) {
        self.begun = true;
        let name = |notice: &Notice| sanitize::text_within(&notice.field, MAX_NAME);
        self.entry.notices = notices.iter().take(MAX_NOTICES).map(name).collect();
    }

    /// The turn as it is shown while it runs.
    pub(super) fn live(&self) -> &Arc<LiveTurn> {
        &self.live.turn
    }

    /// Notes a piece that the client is given, and the pause since the last.
    pub(super) fn piece(&mut self, bytes: usize, pause: Option<Duration>) {
        self.live.turn.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        if let Some(pause) = pause {
            self.entry.gaps.note(pause);
        }
    }

    /// Writes the record of an answer that began.
    pub(super) fn write(&mut self, outcome: Outcome<'_>, metrics: TurnMetrics) {
        let TurnMetrics { first_at, usage } = metrics;
        match outcome {
            Outcome::Complete => self.note(Fated::Complete),
            Outcome::Broken(failure) if first_at.is_some() => {
                self.note(Fated::Failed(failure.status()));
            }
            Outcome::Broken(_) | Outcome::Left => {}
        }
        let (outcome, failure) = match outcome {
            Outcome::Complete => ("complete", None),
            Outcome::Broken(failure) => ("broken", Some(failure)),
            Outcome::Left => ("left", None),
        };
        let code = failure.and_then(code_of);
        let entry = &mut self.entry;
        entry.status = if self.begun { 200 } else { CLIENT_LEFT };
        entry.first_milliseconds = first_at.map(milliseconds);
        entry.milliseconds = milliseconds(self.arrived.elapsed());
        if let Some(Usage { input, cached, output, reasoning, .. }) = usage {
            let (input_tokens, cached_tokens) = (input, cached);
            entry.tokens = Tokens {
                input_tokens,
                cached_tokens,
                output_tokens: output,
                reasoning_tokens: reasoning,
            };
        }
        if self.limiter.admits_turn(outcome, usage) {
            self.log(outcome, failure, usage);
        }
        self.push(outcome, code);
    }

    /// Writes the line of the log.
    fn log(&self, outcome: &'static str, failure: Option<&Failure>, usage: Option<Usage>) {
        let (entry, notes) = (&self.entry, &self.notes);
        macro_rules! write {
            ($level:ident) => {
                tracing::$level!(
                    request_id = self.request_id,
                    caller = entry.label,
                    client = notes.program(),
                    user_agent = notes.user_agent(),
                    address = notes.address(),
                    forwarded_for = notes.forwarded_for(),
                    dialect = &*entry.dialect,
                    model = entry.asked,
                    stream = entry.stream,
                    status = entry.status,
                    outcome,
                    code = failure.and_then(code_of),
                    reason = failure.map(reason::reason),
                    first_milliseconds = entry.first_milliseconds,
                    milliseconds = entry.milliseconds,
                    input_tokens = usage.map(|usage| usage.input),
                    cached_tokens = usage.map(|usage| usage.cached),
                    output_tokens = usage.map(|usage| usage.output),
                    "turn"
                )
            };
        }
        match failure {
            Some(_) => write!(warn),
            None => write!(info),
        }
    }

    /// Writes the record of a request that was refused before an answer began; its line in the log is that of
    /// every request.
    pub(super) fn refuse(&mut self, failure: &Failure, status: u16) {
        if !self.written {
            if self.begun {
                self.note(Fated::Failed(failure.status()));
            }
            (self.entry.status, self.begun) = (status, false);
            self.entry.milliseconds = milliseconds(self.arrived.elapsed());
            self.push("refused", code_of(failure));
        }
    }

    /// Tells whoever watches from outside.
    fn tell(&self, entry: &TurnEntry) {
        let Some(observer) = &self.observer else { return };
        let Tokens { input_tokens, cached_tokens, output_tokens, reasoning_tokens } = entry.tokens;
        observer.turn_ended(&EndedTurn {
            started: UNIX_EPOCH + Duration::from_millis(entry.at),
            duration: Duration::from_millis(entry.milliseconds),
            first_output: entry.first_milliseconds.map(Duration::from_millis),
            dialect: &entry.dialect,
            path: &entry.path,
            over_socket: self.over_socket,
            model: &entry.model,
            effort: entry.effort.as_deref(),
            tier: entry.tier.as_deref(),
            label: entry.label.as_deref(),
            client: &entry.client,
            stream: entry.stream,
            status: entry.status,
            outcome: &entry.outcome,
            code: entry.code.as_deref(),
            input_tokens,
            cached_tokens,
            output_tokens,
            reasoning_tokens,
            retries: entry.retries,
            request_id: &entry.request_id,
            trace: self.notes.trace(),
        });
    }

    fn note(&self, fated: Fated) {
        if let Some(fate) = &self.fate {
            fate.note(fated);
        }
    }

    fn push(&mut self, outcome: &'static str, code: Option<&str>) {
        self.written = true;
        let mut entry = std::mem::take(&mut self.entry);
        entry.outcome = outcome.into();
        entry.code = code.map(|code| sanitize::text_within(code, MAX_NAME));
        entry.retries = self.live.turn.retries.load(Ordering::Relaxed);
        entry.request_id.clone_from(&self.request_id);
        let Tokens { input_tokens, output_tokens, .. } = entry.tokens;
        let used = input_tokens.saturating_add(output_tokens);
        self.guard.spend(entry.label.as_deref(), used, unix_now());
        self.tell(&entry);
        self.ledger.push(entry);
    }
}

/// The word for programs; the backend's own class where it gave no code.
fn code_of(failure: &Failure) -> Option<&str> {
    failure.code.as_deref().or(failure.class.as_deref())
}

impl Drop for TurnRecord {
    fn drop(&mut self) {
        if !self.written {
            self.write(Outcome::Left, TurnMetrics::default());
        }
    }
}
