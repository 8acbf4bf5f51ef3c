//! Events of the image tool, as pictures and as events of this API.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;

use chatmock_protocol::json::{RawValue, Text};
use chatmock_protocol::openai::error::ErrorObject;
use chatmock_protocol::openai::images::{Event as Wire, Usage};
use chatmock_protocol::responses::event::Body;
use chatmock_protocol::responses::{Event, Response};
use chatmock_protocol::sse::Frame;
use serde::{Deserialize, Serialize};

use super::{ImagesShape, Look};
use crate::encoder::Encoder;
use crate::end::{End, Finish, Step};
use crate::failure::{Failure, FailureKind};
use crate::frames::Out;
use crate::shape::Shape;

/// The kind of the event with an unfinished picture.
const PARTIAL: &str = "response.image_generation_call.partial_image";

/// The most of a model's words that are quoted where it made no picture, in bytes.
const MAX_WORDS: usize = 400;

/// A picture that was made.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// The file in base64.
    pub(super) base64: String,
    /// The words that it was made of, where the backend says so.
    pub(super) revised_prompt: Option<String>,
    /// The look that it has.
    pub(super) look: Look,
    /// The token counts.
    pub(super) usage: Option<Usage>,
}

/// Encodes one picture.
#[derive(Debug)]
pub struct ImageEncoder {
    shape: Arc<Shape<ImagesShape>>,
    /// For a stream, whether a picture is changed; `None` for a whole reply.
    stream: Option<bool>,
    picture: Option<Picture>,
    /// What the model wrote, for the case that it makes no picture.
    words: String,
}

/// The event that ends a stream with a failure.
#[derive(Serialize)]
pub(super) struct ErrorEvent<'f> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) error: ErrorObject<'f>,
}

/// A call of the image tool, or an event about one.
#[derive(Default, Deserialize)]
struct Call<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    result: Option<Text<'a>>,
    #[serde(borrow, default)]
    partial_image_b64: Option<Text<'a>>,
    #[serde(default)]
    partial_image_index: Option<u64>,
    #[serde(borrow, default)]
    revised_prompt: Option<Text<'a>>,
    #[serde(borrow, default)]
    size: Option<Text<'a>>,
    #[serde(borrow, default)]
    quality: Option<Text<'a>>,
    #[serde(borrow, default)]
    background: Option<Text<'a>>,
    #[serde(borrow, default)]
    output_format: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct ItemDone<'a> {
    #[serde(borrow)]
    item: Call<'a>,
}

impl Call<'_> {
    /// The look of the picture: what the backend says, else what was asked for.
    fn look(&self, asked: &Look) -> Look {
        let or = |said: &Option<Text<'_>>, asked: &String| {
            said.as_ref().map_or_else(|| asked.clone(), |said| said.0.clone().into_owned())
        };
        Look {
            size: or(&self.size, &asked.size),
            quality: or(&self.quality, &asked.quality),
            background: or(&self.background, &asked.background),
            format: or(&self.output_format, &asked.format),
        }
    }
}

impl ImageEncoder {
    /// Begins a picture, for a stream with the word whether one is changed.
    pub(super) fn new(shape: &Arc<Shape<ImagesShape>>, stream: Option<bool>) -> Self {
        Self { shape: Arc::clone(shape), stream, picture: None, words: String::new() }
    }

    /// Takes a finished picture; the first one counts, since one was asked for.
    fn take(&mut self, call: Call<'_>) {
        let Some(result) = &call.result else { return };
        let is_image = call.kind.as_deref() == Some("image_generation_call");
        if self.picture.is_some() || !is_image || result.is_empty() {
            return;
        }
        self.picture = Some(Picture {
            base64: result.0.clone().into_owned(),
            look: call.look(&self.shape.own.look),
            revised_prompt: call.revised_prompt.map(|words| words.0.into_owned()),
            usage: None,
        });
    }

    fn partial(&self, frame: &Frame, out: &mut Out) {
        let call: Call<'_> = serde_json::from_str(frame.text()).unwrap_or_default();
        let (Some(edit), Some(base64)) = (self.stream, &call.partial_image_b64) else { return };
        let look = call.look(&self.shape.own.look);
        let index = Some(call.partial_image_index.unwrap_or_default());
        self.write(kind(edit, true), (base64, &look), (index, None), out);
    }

    fn write(
        &self,
        kind: &'static str,
        (base64, look): (&str, &Look),
        (partial_image_index, usage): (Option<u64>, Option<Usage>),
        out: &mut Out,
    ) {
        let event = Wire {
            kind,
            b64_json: Cow::Borrowed(base64),
            created_at: self.shape.created,
            size: &look.size,
            quality: &look.quality,
            background: &look.background,
            output_format: &look.format,
            partial_image_index,
            usage,
        };
        out.frames.message_json(Some(kind), &event);
    }

    fn words(&mut self, delta: &str) {
        if self.words.len() < MAX_WORDS {
            self.words.push_str(delta);
        }
    }

    /// Ends with the picture, or says that there is none.
    fn ended(&mut self, frame: &Frame, response: &Response<'_>) -> Step {
        for item in response.output() {
            if let Ok(call) = serde_json::from_str(item.get()) {
                self.take(call);
            }
        }
        let Some(picture) = &mut self.picture else {
            return ControlFlow::Break(Err(self.none(response)));
        };
        // The counts of the turn say nothing about which of them were of pictures.
        let of_turn = response.usage.map(|usage| Usage {
            input_tokens: usage.input,
            input_tokens_details: None,
            output_tokens: usage.output,
            total_tokens: usage.total,
        });
        picture.usage = of_tool(frame.text()).or(of_turn);
        let end = End { usage: response.usage, ..End::new(Finish::Stop) };
        ControlFlow::Break(Ok(end))
    }

    /// The failure of an answer without a picture, with what the model says about it.
    fn none(&self, response: &Response<'_>) -> Failure {
        let said = self.words.trim();
        let message = match (&response.incomplete, said) {
            (Some(reason), "") => format!("the backend broke off before the picture: {}", reason.0),
            (None, "") => "the model made no picture, and does not say why".to_owned(),
            (_, said) => format!("the model made no picture, and says: {said}"),
        };
        Failure::new(FailureKind::BadRequest, message).with_code("image_not_made")
    }
}

/// The token counts of the image tool, where the backend tells them apart.
fn of_tool(text: &str) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Last<'a> {
        #[serde(borrow)]
        response: Counted<'a>,
    }
    #[derive(Deserialize)]
    struct Counted<'a> {
        #[serde(borrow, default)]
        tool_usage: Option<Tools<'a>>,
    }
    #[derive(Deserialize)]
    struct Tools<'a> {
        #[serde(borrow, default)]
        image_gen: Option<&'a RawValue>,
    }

    let last: Last<'_> = serde_json::from_str(text).ok()?;
    let counts = last.response.tool_usage?.image_gen?;
    serde_json::from_str::<Usage>(counts.get()).ok().filter(|usage| usage.total_tokens > 0)
}

/// The name of an event.
fn kind(edit: bool, partial: bool) -> &'static str {
    match (edit, partial) {
        (false, true) => "image_generation.partial_image",
        (false, false) => "image_generation.completed",
        (true, true) => "image_edit.partial_image",
        (true, false) => "image_edit.completed",
    }
}

impl Encoder for ImageEncoder {
    type Output = Picture;

    fn event(&mut self, frame: &Frame, event: &Event<'_>, out: &mut Out) -> Step {
        match &event.body {
            Body::Other if event.kind == PARTIAL => self.partial(frame, out),
            Body::ItemDone { .. } => {
                if let Ok(done) = serde_json::from_str::<ItemDone<'_>>(frame.text()) {
                    self.take(done.item);
                }
            }
            Body::Text { delta, .. } | Body::Refusal { delta, .. } => {
                self.words(delta.decode(&mut String::new()))
            }
            Body::Completed(response) | Body::Incomplete(response) => {
                return self.ended(frame, response);
            }
            Body::Failed(response) => {
                let error = response.error.clone().unwrap_or_default();
                return ControlFlow::Break(Err(Failure::from_api(error, None, None)));
            }
            Body::Error(error) => {
                return ControlFlow::Break(Err(Failure::from_api((**error).clone(), None, None)));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn finish(mut self, _: End, out: &mut Out) -> Picture {
        let picture = self.picture.take().unwrap_or_default();
        if let Some(edit) = self.stream {
            let facts = (None, picture.usage);
            self.write(kind(edit, false), (&picture.base64, &picture.look), facts, out);
        }
        picture
    }

    fn fail(self, _: &Failure, _: &mut Out) {}
}
