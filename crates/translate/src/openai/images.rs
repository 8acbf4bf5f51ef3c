//! The dialects of pictures: `POST /v1/images/generations` and `POST /v1/images/edits`.
//!
//! The backend's way to a picture is a turn in which a model uses the image tool, so that each picture of a request
//! is one turn. What this API says of a picture becomes an option of the tool.

mod encoder;
mod request;

use std::sync::Arc;
use std::time::Duration;

use chatmock_protocol::openai::images::{Image, Images as Reply, Request, Usage};

use crate::dialect::{Dialect, Output};
use crate::draft::Drafted;
use crate::failure::Failure;
use crate::family::Family;
use crate::frames::{Framing, Out};
use crate::openai::OpenAi;
use crate::reasoning_seal::ReasoningSeal;
use crate::shape::Shape;

pub use encoder::{ImageEncoder, Picture};

/// The part of a request that only the encoders of pictures need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImagesShape {
    /// The look that was asked for; the backend may say what it made of that.
    pub look: Look,
}

/// The look of a picture, in the words of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// `auto`, or width and height.
    pub size: String,
    /// `auto`, `low`, `medium` or `high`.
    pub quality: String,
    /// `auto`, `transparent` or `opaque`.
    pub background: String,
    /// `png`, `jpeg` or `webp`.
    pub format: String,
}

impl Default for Look {
    fn default() -> Self {
        let auto = || "auto".to_owned();
        Self { size: auto(), quality: auto(), background: auto(), format: "png".to_owned() }
    }
}

/// Pictures, of words alone or of other pictures.
#[derive(Clone, Copy, Debug)]
pub struct Images<const EDIT: bool>;

/// `POST /v1/images/generations`.
pub type ImageGeneration = Images<false>;

/// `POST /v1/images/edits`.
pub type ImageEdit = Images<true>;

impl<const EDIT: bool> Dialect for Images<EDIT> {
    type Request<'b> = Request<'b>;
    type Own = ImagesShape;
    type Encoder = ImageEncoder;
    type Whole = ImageEncoder;
    type Response<'r> = Reply<'r>;
    type Family = OpenAi;

    const NAME: &'static str = if EDIT { "image_edits" } else { "images" };
    const FRAMING: Framing = Framing::Sse;

    fn read(body: &[u8]) -> Result<Request<'_>, Failure> {
        Ok(chatmock_protocol::json::read(body)?)
    }

    fn draft<'b>(
        request: Self::Request<'b>,
        _: &ReasoningSeal,
    ) -> Result<Drafted<'b, Self::Own>, Failure> {
        request::draft(request, EDIT)
    }

    fn encoder(shape: &Arc<Shape<Self::Own>>, _: u32) -> ImageEncoder {
        ImageEncoder::new(shape, Some(EDIT))
    }

    fn whole(shape: &Arc<Shape<Self::Own>>, _: u32) -> ImageEncoder {
        ImageEncoder::new(shape, None)
    }

    fn tail(outcome: Result<&[Output<Self>], &Failure>, _: &Shape<Self::Own>, out: &mut Out) {
        if let Err(failure) = outcome {
            let error = encoder::ErrorEvent { kind: "error", error: OpenAi::error(failure).error };
            out.frames.message_json(Some("error"), &error);
        }
    }

    fn render<'r>(pictures: &'r [Picture], shape: &'r Shape<Self::Own>, _: Duration) -> Reply<'r> {
        let look = pictures.first().map_or(&shape.own.look, |picture| &picture.look);
        let image = |picture: &'r Picture| Image {
            b64_json: &picture.base64,
            revised_prompt: picture.revised_prompt.as_deref(),
        };
        Reply {
            created: shape.created,
            background: &look.background,
            data: pictures.iter().map(image).collect(),
            output_format: &look.format,
            quality: &look.quality,
            size: &look.size,
            usage: pictures.iter().filter_map(|picture| picture.usage).reduce(Usage::plus),
        }
    }
}

#[cfg(test)]
mod tests;
