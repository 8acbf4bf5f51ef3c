//! The one accumulator: a whole reply is a fold of the same steps that a stream is made of.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::time::Duration;

use chatmock_protocol::json::RawValue;
use chatmock_protocol::responses::event::Channel;

use crate::delta::{Annotation, Delta};
use crate::dialect::DeltaEncoder;
use crate::end::{End, Finish};
use crate::failure::Failure;
use crate::frames::Out;

/// A whole reply, before a dialect has worded it.
#[derive(Debug)]
pub struct Reply {
    /// The backend's id of the response; empty where it gave none.
    pub response_id: String,
    /// The text.
    pub text: String,
    /// The refusal's words.
    pub refusal: String,
    /// Reasoning, one piece per run of the same channel.
    pub reasoning: Vec<(Channel, String)>,
    /// Annotations of the text.
    pub annotations: Vec<ReplyAnnotation>,
    /// Tool calls, in order.
    pub calls: Vec<ReplyCall>,
    /// Generated images.
    pub images: Vec<ReplyImage>,
    /// When the first output came, since the request arrived.
    pub first_at: Option<Duration>,
    /// How it ended.
    pub end: End,
}

impl Reply {
    /// All reasoning, without a copy where it is one piece.
    #[must_use]
    pub fn thinking(&self) -> Cow<'_, str> {
        self.thinking_of(|_| true).unwrap_or_default()
    }

    /// The reasoning of the wanted channels.
    pub(crate) fn thinking_of(&self, wanted: impl Fn(Channel) -> bool) -> Option<Cow<'_, str>> {
        let pieces = self.reasoning.iter().filter(|(channel, _)| wanted(*channel));
        pieces
            .map(|(_, text)| Cow::Borrowed(text.as_str()))
            .reduce(|sum, next| Cow::Owned(sum.into_owned() + &next))
    }
}

/// A tool call of a whole reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyCall {
    /// Joins call and result.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// Whether it is a freeform tool's call.
    pub custom: bool,
    /// The arguments, exactly as the model wrote them.
    pub arguments: String,
    /// Whether the call came to its end.
    pub complete: bool,
}

impl ReplyCall {
    /// A call that has begun.
    pub(crate) fn begun(id: &str, name: &str, custom: bool) -> Self {
        let (id, name) = (id.to_owned(), name.to_owned());
        Self { id, name, custom, arguments: String::new(), complete: false }
    }
}

/// A generated image of a whole reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyImage {
    /// `png`, `jpeg` or `webp`.
    pub format: String,
    /// The image in base64.
    pub base64: String,
}

/// An annotation of a whole reply.
#[derive(Debug)]
pub enum ReplyAnnotation {
    /// A cited page; see [`Annotation::Citation`].
    Citation {
        /// First character.
        start: u64,
        /// One past the last character.
        end: u64,
        /// The page's address.
        url: String,
        /// The page's title.
        title: String,
    },
    /// Any other kind, as the backend gave it.
    Other(Box<RawValue>),
}

/// Gathers steps into a [`Reply`].
#[derive(Debug)]
pub struct Collector(Reply);

impl Collector {
    /// Makes an empty collector.
    #[must_use]
    pub fn new() -> Self {
        Self(Reply {
            response_id: String::new(),
            text: String::new(),
            refusal: String::new(),
            reasoning: Vec::new(),
            annotations: Vec::new(),
            calls: Vec::new(),
            images: Vec::new(),
            first_at: None,
            end: End::new(Finish::Stop),
        })
    }

    fn think(&mut self, channel: Channel, text: &str) {
        match self.0.reasoning.last_mut() {
            Some((last, sofar)) if *last == channel => sofar.push_str(text),
            _ => self.0.reasoning.push((channel, text.to_owned())),
        }
    }
}

impl Default for Collector {
    fn default() -> Self {
        Self::new()
    }
}

impl DeltaEncoder for Collector {
    type Output = Reply;

    fn delta(&mut self, delta: Delta<'_>, out: &mut Out) -> ControlFlow<Finish> {
        let reply = &mut self.0;
        if !matches!(delta, Delta::Begin { .. }) {
            reply.first_at.get_or_insert(out.at);
        }
        match delta {
            Delta::Begin { response_id } => response_id.clone_into(&mut reply.response_id),
            Delta::Text(text) => reply.text.push_str(text.text()),
            Delta::Refusal(text) => reply.refusal.push_str(text.text()),
            Delta::Annotation(annotation) => reply.annotations.push(annotation.into()),
            Delta::Reasoning { channel, text } => self.think(channel, text.text()),
            Delta::ReasoningBreak(channel) => self.think(channel, "\n\n"),
            Delta::CallStart { id, name, custom, .. } => {
                reply.calls.push(ReplyCall::begun(id, name, custom));
            }
            Delta::CallArguments { slot, fragment } => {
                if let Some(call) = reply.calls.get_mut(slot) {
                    call.arguments.push_str(fragment.text());
                }
            }
            Delta::CallEnd { slot } => {
                if let Some(call) = reply.calls.get_mut(slot) {
                    call.complete = true;
                }
            }
            Delta::Image { format, base64 } => reply
                .images
                .push(ReplyImage { format: format.to_owned(), base64: base64.to_owned() }),
        }
        ControlFlow::Continue(())
    }

    fn end(mut self, end: End, _: &mut Out) -> Reply {
        self.0.end = end;
        self.0
    }

    fn fail(self, _: &Failure, _: &mut Out) {}
}

impl From<Annotation<'_>> for ReplyAnnotation {
    fn from(annotation: Annotation<'_>) -> Self {
        match annotation {
            Annotation::Citation { start, end, url, title } => {
                Self::Citation { start, end, url, title }
            }
            Annotation::Other(raw) => Self::Other(raw.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reply of these steps, each a second after the one before.
    fn gathered(deltas: Vec<Delta<'_>>) -> Reply {
        let (mut collector, mut out) = (Collector::new(), Out::default());
        for (second, delta) in (1..).zip(deltas) {
            out.at = Duration::from_secs(second);
            assert!(collector.delta(delta, &mut out).is_continue());
        }
        collector.end(End::new(Finish::Stop), &mut out)
    }

    #[test]
    fn the_first_output_of_any_kind_is_timed_and_the_beginning_is_none() {
        let begin = || Delta::Begin { response_id: "r" };
        let call = || Delta::CallStart { slot: 0, id: "a", name: "f", custom: false };
        let thought = || Delta::Reasoning { channel: Channel::Summary, text: "hm".into() };
        let second = |second| Some(Duration::from_secs(second));
        assert_eq!(gathered(vec![]).first_at, None);
        assert_eq!(gathered(vec![begin()]).first_at, None);
        assert_eq!(
            gathered(vec![begin(), Delta::Text("a".into()), Delta::Text("b".into())]).first_at,
            second(2)
        );
        assert_eq!(gathered(vec![begin(), thought(), Delta::Text("b".into())]).first_at, second(2));
        assert_eq!(gathered(vec![begin(), call()]).first_at, second(2));
        assert_eq!(gathered(vec![Delta::Refusal("no".into()), call()]).first_at, second(1));
    }

    #[test]
    fn a_call_is_complete_only_at_its_end() {
        let start = |slot| Delta::CallStart { slot, id: "a", name: "f", custom: false };
        let calls = gathered(vec![start(0), start(1), Delta::CallEnd { slot: 1 }]).calls;
        let complete: Vec<bool> = calls.iter().map(|call| call.complete).collect();
        assert_eq!(complete, [false, true]);
    }
}
