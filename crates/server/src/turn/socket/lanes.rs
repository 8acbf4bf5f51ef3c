//! Lanes: which requests of a socket run side by side, and which wait.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::task::Context;

use bytes::Bytes;
use chatmock_protocol::json::RawValue;
use chatmock_translate::{Failure, FailureKind};
use tokio::time::Instant;

use super::request::Create;
use super::running::{Running, Step};
use super::{Waiting, events};
use crate::http::memory_budget::Reservation;
use crate::state::responses::{ConnectionMemory, Lane};

/// The most answers at once on one connection.
const MAX_RUNNING: usize = 16;

/// The most names of lanes in the life of a connection.
const MAX_NAMES: usize = 32;

/// The most requests that wait on one connection.
const MAX_WAITING: usize = 64;

/// The longest name of a lane.
const MAX_NAME: usize = 256;

/// The lanes of a connection.
///
/// One lane answers one request after the other; different lanes answer side by side. A lane is a route and no memory:
/// a request without the id of an answer begins afresh.
pub(super) struct Lanes {
    memory: Arc<ConnectionMemory>,
    names: BTreeSet<Arc<str>>,
    /// In the order of arrival.
    waiting: VecDeque<Waiting>,
    running: Vec<Running>,
    /// The place among the running ones that is asked first, so that a busy lane holds up no other.
    first: usize,
}

impl Lanes {
    pub(super) fn new(memory: ConnectionMemory) -> Self {
        Self {
            memory: Arc::new(memory),
            names: BTreeSet::new(),
            waiting: VecDeque::new(),
            running: Vec::new(),
            first: 0,
        }
    }

    /// Returns the lane that a message names.
    ///
    /// # Errors
    /// When that is no name, or one too many; with the lane of the error.
    pub(super) fn lane(&mut self, name: Option<&RawValue>) -> Result<Lane, Box<(Failure, Lane)>> {
        let Some(name) = name else { return Ok(None) };
        let Some(name) =
            serde_json::from_str::<String>(name.get()).ok().filter(|name| is_name(name))
        else {
            let message = "stream_id must be 1 to 256 characters of A-Z a-z 0-9 _ - .";
            let failure = Failure::param("stream_id", message).with_code("invalid_stream_id");
            return Err(Box::new((failure, None)));
        };
        let name: Arc<str> = name.into();
        if !self.names.contains(&name) && self.names.len() >= MAX_NAMES {
            let message =
                format!("a connection has at most {MAX_NAMES} names of streams: open another");
            let failure = Failure::param("stream_id", message);
            let failure = failure.with_code("websocket_stream_limit_reached");
            return Err(Box::new((failure, Some(name))));
        }
        self.names.insert(Arc::clone(&name));
        Ok(Some(name))
    }

    /// Refuses one request more than may wait.
    pub(super) fn check_waiting(&self) -> Result<(), Failure> {
        if self.waiting.len() < MAX_WAITING {
            return Ok(());
        }
        let message = format!("{MAX_WAITING} requests wait on this connection, the most that may");
        let kind = FailureKind::RateLimited { retry_after: None };
        Err(Failure::new(kind, message).with_code("too_many_waiting_requests"))
    }

    /// Puts a request behind those that wait.
    pub(super) fn enqueue(&mut self, lane: Lane, create: Create, reservation: Reservation) {
        let (memory, arrived) = (Arc::clone(&self.memory), Instant::now());
        self.waiting.push_back(Waiting { lane, create, reservation, memory, arrived });
    }

    /// Takes the first request that may start.
    pub(super) fn next_to_start(&mut self) -> Option<Waiting> {
        if self.running.len() >= MAX_RUNNING {
            return None;
        }
        let runs = |lane: &Lane| self.running.iter().any(|running| running.lane == *lane);
        let at = self.waiting.iter().position(|waiting| !runs(&waiting.lane))?;
        self.waiting.remove(at)
    }

    /// Adds an answer that has begun.
    pub(super) fn run(&mut self, running: Running) {
        self.running.push(running);
    }

    /// Returns whether nothing runs or waits.
    pub(super) fn are_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }

    /// Returns the number of answers that run.
    pub(super) fn count(&self) -> usize {
        self.running.len()
    }

    /// Returns the next message of any answer; answers that have ended are removed.
    pub(super) fn poll_message(&mut self, cx: &mut Context<'_>) -> Option<Bytes> {
        let mut asked = 0;
        while asked < self.running.len() {
            let at = (self.first + asked) % self.running.len();
            match self.running[at].poll(cx, &self.memory) {
                Step::Pending => asked += 1,
                Step::Message(message) => {
                    self.first = at + 1;
                    return Some(message);
                }
                Step::Last(message) => {
                    self.running.swap_remove(at);
                    return Some(message);
                }
                Step::Over => {
                    self.running.swap_remove(at);
                    asked = 0;
                }
            }
        }
        None
    }

    /// Interrupts the answer of an id; returns what the client is told.
    pub(super) fn interrupt(&self, id: &str) -> Bytes {
        let found = self.running.iter().find(|running| running.response_id() == Some(id));
        if let Some(running) = found {
            running.interrupt();
        }
        let lane = found.map_or(&None, |running| &running.lane);
        events::interrupted(id, lane, found.is_some())
    }

    /// Tells every request that waits that it will not be answered.
    pub(super) fn refuse_waiting(&mut self, failure: &Failure, outbox: &mut VecDeque<Bytes>) {
        let waiting = self.waiting.drain(..);
        outbox.extend(waiting.map(|waiting| events::error(failure, &waiting.lane)));
    }

    /// Gives up the answers of which nothing has come; those that have begun end by themselves.
    pub(super) fn refuse_opening(&mut self, failure: &Failure, outbox: &mut VecDeque<Bytes>) {
        self.running.retain(|running| {
            if running.is_opening() {
                outbox.push_back(events::error(failure, &running.lane));
            }
            !running.is_opening()
        });
    }

    /// Lets go of everything: the client is gone.
    pub(super) fn abandon(&mut self) {
        self.waiting.clear();
        self.running.clear();
    }
}

/// Returns whether a text may name a lane.
fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(fits)
}
