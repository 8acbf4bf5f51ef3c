//! Choices: one running answer each, from the backend's events to a dialect's output.

use std::ops::ControlFlow;
use std::task::{Context, Poll};
use std::time::Duration;

use chatmock_protocol::responses::event::{Body, Phase};
use chatmock_protocol::responses::item::OutputKind;
use chatmock_protocol::responses::{OutputItem, Usage};
use chatmock_translate::{Encoder, End, Failure, Notice, Out};

use super::attempt::{Attempt, EventSource, NextEvent, parse};
use super::record::TurnMetrics;
use super::{TurnContext, TurnServices};
use crate::clock::unix_now;
use crate::remedies;
use crate::state::reasoning::Thought;
use crate::state::responses::{Arrivals, StoreKey};

/// The most that is written before the client is given a turn to read, in bytes.
const FULL: usize = 64 * 1024;

/// One choice of a reply.
pub(crate) struct Choice<E: Encoder> {
    source: EventSource,
    encoder: Option<E>,
    output: Option<E::Output>,
    /// When the first output came, since the request arrived.
    first_at: Option<Duration>,
    usage: Option<Usage>,
    /// What the model thinks before calls, and the name to keep it under.
    thought: Option<(StoreKey, Thought)>,
    /// The notice of what only the last event says.
    notice: Option<Notice>,
    /// What was kept of it already.
    arrivals: Arrivals,
}

/// The progress of a choice.
enum Progress {
    /// More may come.
    Open,
    /// The buffer is full; there may be more at once.
    Full,
    /// The choice has ended.
    Ended,
}

enum Flow {
    On,
    End {
        end: End,
        /// The backend ended the answer; otherwise it was cut here, and the call is cancelled.
        whole: bool,
    },
}

impl<E: Encoder> Choice<E> {
    /// Encodes what comes from `source`.
    pub(crate) fn new(source: EventSource, encoder: E) -> Self {
        Self {
            source,
            encoder: Some(encoder),
            output: None,
            first_at: None,
            usage: None,
            thought: None,
            notice: None,
            arrivals: Arrivals::default(),
        }
    }

    /// Keeps what the model thinks before calls under a name.
    pub(crate) fn remembering(mut self, name: Option<StoreKey>) -> Self {
        self.thought = name.map(|name| (name, Thought::default()));
        self
    }

    /// Feeds everything that has arrived to the encoder.
    fn advance(
        &mut self,
        cx: &mut Context<'_>,
        turn: &mut TurnContext<'_>,
        out: &mut Out,
    ) -> Result<Progress, Failure> {
        while self.encoder.is_some() {
            if out.frames.len() >= FULL {
                return Ok(Progress::Full);
            }
            let step = match self.source.poll_next(cx) {
                Poll::Pending => return Ok(Progress::Open),
                Poll::Ready(next) => {
                    out.at = turn.elapsed.get();
                    next.and_then(|next| self.step(&next, turn.services, out))
                }
            };
            match step {
                Ok(Flow::On) => {}
                Ok(Flow::End { end, whole }) => {
                    self.usage = end.usage;
                    if let Some((name, thought)) = self.thought.take().filter(|_| whole) {
                        let kept = turn.services.state.reasoning.keep(&name, thought, unix_now());
                        self.arrivals.add(kept);
                    }
                    self.output = self.encoder.take().map(|e| e.finish(end, out));
                    let source = std::mem::replace(&mut self.source, EventSource::Over);
                    if let (EventSource::Running(attempt), true) = (source, whole) {
                        let Attempt { events, place, .. } = *attempt;
                        turn.services.tasks.drain(events, place, cx);
                    }
                }
                Err(failure) => {
                    self.fail(&failure, out);
                    return Err(failure);
                }
            }
        }
        Ok(Progress::Ended)
    }

    /// Breaks the choice off, letting the backend go.
    pub(crate) fn fail(&mut self, failure: &Failure, out: &mut Out) {
        self.source = EventSource::Over;
        if let Some(encoder) = self.encoder.take() {
            encoder.fail(failure, out);
        }
    }

    fn step(
        &mut self,
        next: &NextEvent,
        services: &TurnServices,
        out: &mut Out,
    ) -> Result<Flow, Failure> {
        let frame = match next {
            NextEvent::Frame(frame) => frame,
            NextEvent::AtOnce(finish) => {
                return Ok(Flow::End { end: End::new(*finish), whole: false });
            }
        };
        let event = parse(frame)?;
        let phase = event.phase();
        if event.kind == "codex.rate_limits"
            && let Some(credentials) = self.source.credentials()
        {
            services.state.limits.record_event(frame, credentials, unix_now());
        }
        if let Body::Created(response) = &event.body
            && let Some(id) = response.id.as_deref()
            && let Some(claimant) = self.source.take_claimant()
        {
            self.arrivals.add(services.state.responses.claim(&claimant, id, unix_now()));
        }
        if let (Some((_, thought)), Body::ItemDone { item, .. }) = (&mut self.thought, &event.body)
        {
            thought.note(item);
        }
        if let Body::ItemAdded { item: OutputItem { kind: OutputKind::Call { .. } }, .. }
        | Body::ItemDone { item: OutputItem { kind: OutputKind::Call { .. } }, .. } = &event.body
        {
            self.source.open_next_socket(&services.state.client);
        }
        if phase == Phase::End {
            self.notice = self.source.note_withheld(frame, services);
        }
        if phase == Phase::Output {
            self.first_at.get_or_insert(out.at);
        }
        let Some(encoder) = self.encoder.as_mut() else { return Err(Failure::incomplete()) };
        match encoder.event(frame, &event, out) {
            ControlFlow::Continue(()) => Ok(Flow::On),
            ControlFlow::Break(Ok(end)) => Ok(Flow::End { end, whole: phase == Phase::End }),
            ControlFlow::Break(Err(failure)) => Err(failure.with_remedy(&remedies::BY_CODE)),
        }
    }
}

/// Advances every choice; returns whether all have ended. One failed choice fails the turn.
///
/// # Errors
/// The first failure.
pub(crate) fn advance<E: Encoder>(
    choices: &mut [Choice<E>],
    cx: &mut Context<'_>,
    turn: &mut TurnContext<'_>,
    out: &mut Out,
) -> Result<bool, Failure> {
    let mut ended = true;
    for choice in choices {
        match choice.advance(cx, turn, out)? {
            Progress::Ended => {}
            Progress::Open => ended = false,
            Progress::Full => {
                ended = false;
                cx.waker().wake_by_ref();
            }
        }
    }
    Ok(ended)
}

/// Returns when the first output of any choice came, and the token counts of all.
pub(super) fn metrics<E: Encoder>(choices: &[Choice<E>]) -> TurnMetrics {
    TurnMetrics {
        first_at: choices.iter().filter_map(|choice| choice.first_at).min(),
        usage: choices.iter().filter_map(|choice| choice.usage).reduce(Usage::plus),
    }
}

/// Takes what was kept of all choices already, and may be on its way to other servers.
pub(super) fn take_arrivals<E: Encoder>(choices: &mut [Choice<E>]) -> Arrivals {
    let mut all = Arrivals::default();
    choices.iter_mut().for_each(|choice| all.add(std::mem::take(&mut choice.arrivals)));
    all
}

/// Takes the notices that only the ends of answers gave.
pub(crate) fn take_notices<E: Encoder>(choices: &mut [Choice<E>]) -> Vec<Notice> {
    choices.iter_mut().filter_map(|choice| choice.notice.take()).collect()
}

/// Returns the outputs that the encoders handed back at their ends.
pub(crate) fn outputs<E: Encoder>(choices: Vec<Choice<E>>) -> Vec<E::Output> {
    choices.into_iter().filter_map(|choice| choice.output).collect()
}
