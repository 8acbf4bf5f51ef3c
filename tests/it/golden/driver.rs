//! A turn without sockets: the public interface of the two pure crates, as a server uses it.

use std::any::Any;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chatmock_protocol::json::RawValue;
use chatmock_protocol::responses::Event;
use chatmock_protocol::sse::Decoder;
use chatmock_translate::openai::CompletionsShape;
use chatmock_translate::{
    Catalog, Dialect, Encoder, End, Failure, Family, Out, Policy, ReasoningSeal, Shape, Turn,
    settle,
};
use serde::Serialize;

use super::pretty::pretty;

/// When the answers are made, in seconds of the Unix epoch.
const CREATED: u64 = 1_795_338_734;

/// The recordings arrive in pieces of this many bytes.
const PIECE: usize = 61;

/// Each event of a recording comes this long after the one before.
const STEP: Duration = Duration::from_millis(10);

/// Settles a request; returns the turn, or the refusal.
pub(super) fn settled<D: Dialect>(body: &[u8]) -> String {
    #[derive(Serialize)]
    struct Settled<'a, R> {
        stream: bool,
        choices: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        at_once: Option<String>,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        echo: &'a [String],
        notices: Vec<String>,
        request: &'a R,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        more_inputs: &'a [Box<RawValue>],
    }

    match turn::<D>(body) {
        Err(failure) => refused::<D>(&failure),
        Ok(turn) => {
            let notices = turn.notices.iter();
            let notices = notices.map(|n| format!("{} {}: {}", n.field, n.kind.as_str(), n.detail));
            json(&Settled {
                stream: turn.stream,
                choices: turn.choices,
                at_once: turn.immediate_finish.map(|finish| format!("{finish:?}")),
                echo: echo(&turn.shape.own),
                notices: notices.collect(),
                request: &turn.request,
                more_inputs: &turn.more_inputs,
            })
        }
    }
}

/// The bytes of a streamed answer.
pub(super) fn streamed<D: Dialect>(asked: &str, upstream: &[u8]) -> String {
    let shape = shape::<D>(asked);
    let (mut encoder, mut out) = (D::encoder(&shape, 0), Out::new(D::FRAMING));
    match run(&mut encoder, upstream, &mut out) {
        Ok(end) => {
            let output = encoder.finish(end, &mut out);
            D::tail(Ok(&[output]), &shape, &mut out);
        }
        Err(failure) => {
            encoder.fail(&failure, &mut out);
            D::tail(Err(&failure), &shape, &mut out);
        }
    }
    String::from_utf8(out.frames.take().unwrap_or_default().to_vec()).unwrap()
}

/// A whole answer, or the error body with its status.
pub(super) fn whole<D: Dialect>(asked: &str, upstream: &[u8]) -> String {
    let shape = shape::<D>(asked);
    let (mut encoder, mut out) = (D::whole(&shape, 0), Out::default());
    match run(&mut encoder, upstream, &mut out) {
        Ok(end) => {
            let replies = [encoder.finish(end, &mut out)];
            json(&D::render(&replies, &shape, out.at))
        }
        Err(failure) => refused::<D>(&failure),
    }
}

/// The prompts that completions repeat.
fn echo(own: &dyn Any) -> &[String] {
    own.downcast_ref::<CompletionsShape>().map_or(&[], |own| &own.echo)
}

fn turn<D: Dialect>(body: &[u8]) -> Result<Turn<'_, D::Own>, Failure> {
    let draft = D::draft(D::read(body)?, &ReasoningSeal::default())?;
    settle(draft, &Catalog::builtin(), &Policy::default(), CREATED)
}

fn shape<D: Dialect>(asked: &str) -> Arc<Shape<D::Own>> {
    turn::<D>(asked.as_bytes()).unwrap().shape
}

/// Gives a recording to an encoder, piece by piece.
fn run<E: Encoder>(encoder: &mut E, upstream: &[u8], out: &mut Out) -> Result<End, Failure> {
    let mut decoder = Decoder::new(1 << 20);
    for piece in upstream.chunks(PIECE) {
        decoder.push(Bytes::copy_from_slice(piece));
        while let Some(frame) = decoder.next_frame().unwrap() {
            let event = Event::parse(&frame).unwrap();
            out.at += STEP;
            if let ControlFlow::Break(end) = encoder.event(&frame, &event, out) {
                return end;
            }
        }
    }
    Err(Failure::incomplete())
}

fn refused<D: Dialect>(failure: &Failure) -> String {
    #[derive(Serialize)]
    struct Refused<B> {
        status: u16,
        body: B,
    }

    json(&Refused { status: D::Family::status(failure), body: D::Family::error(failure) })
}

fn json<T: Serialize>(value: &T) -> String {
    pretty(&serde_json::to_string(value).unwrap())
}
