//! `POST /v1/images/generations` and `POST /v1/images/edits`: pictures.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::json::{Raw, RawString, Text, object};

object! {
    /// A request for pictures. Required members are checked by the caller.
    pub struct Request<'b> {
        /// What is to be seen.
        prompt: Text<'b> = "prompt",
        /// The image model, or the model that is to use the image tool.
        model: Text<'b> = "model",
        /// The number of pictures.
        n: u32 = "n",
        /// `auto`, or width and height as in `1024x1024`.
        size: Text<'b> = "size",
        /// `auto`, `low`, `medium` or `high`.
        quality: Text<'b> = "quality",
        /// `auto`, `transparent` or `opaque`.
        background: Text<'b> = "background",
        /// `png`, `jpeg` or `webp`.
        output_format: Text<'b> = "output_format",
        /// The quality of a compressed picture, in percent.
        output_compression: u32 = "output_compression",
        /// `auto` or `low`.
        moderation: Text<'b> = "moderation",
        /// `b64_json` or `url`.
        response_format: Text<'b> = "response_format",
        /// `vivid` or `natural`, of an older model.
        style: Text<'b> = "style",
        /// True to answer as a stream.
        stream: bool = "stream",
        /// The number of unfinished pictures in a stream.
        partial_images: u32 = "partial_images",
        /// The end user's id.
        user: Text<'b> = "user",
        /// The pictures to change.
        images: Vec<ImageRef<'b>> = "images",
        /// The places to change, as a picture that is transparent there.
        mask: ImageRef<'b> = "mask",
        /// `low` or `high`: the care for what the pictures show.
        input_fidelity: Text<'b> = "input_fidelity",
        /// The picture to change, in forms that are not of this API.
        image: Raw<'b> = "image",
    }
}

object! {
    /// A picture of a request.
    pub struct ImageRef<'b> {
        /// A `data:` or `https:` address.
        image_url: RawString<'b> = "image_url",
        /// The id of an uploaded file.
        file_id: Text<'b> = "file_id",
    }
}

/// The pictures of a whole reply.
#[derive(Clone, Debug, Serialize)]
pub struct Images<'a> {
    /// Seconds of the Unix epoch.
    pub created: u64,
    /// The background that was made.
    pub background: &'a str,
    /// The pictures.
    pub data: Vec<Image<'a>>,
    /// The format of the pictures.
    pub output_format: &'a str,
    /// The quality that was made.
    pub quality: &'a str,
    /// Width and height.
    pub size: &'a str,
    /// The token counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// One picture.
#[derive(Clone, Debug, Serialize)]
pub struct Image<'a> {
    /// The file in base64.
    pub b64_json: &'a str,
    /// The words that the picture was made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revised_prompt: Option<&'a str>,
}

/// An event of a stream.
#[derive(Clone, Debug, Serialize)]
pub struct Event<'a> {
    /// `image_generation.partial_image` and so on.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The file in base64.
    pub b64_json: Cow<'a, str>,
    /// Seconds of the Unix epoch.
    pub created_at: u64,
    /// Width and height.
    pub size: &'a str,
    /// The quality.
    pub quality: &'a str,
    /// The background.
    pub background: &'a str,
    /// The format of the file.
    pub output_format: &'a str,
    /// The number of an unfinished picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial_image_index: Option<u64>,
    /// The token counts, with a finished picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// The token counts of pictures.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Tokens read.
    #[serde(default)]
    pub input_tokens: u64,
    /// The same by kind, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens_details: Option<InputDetails>,
    /// Tokens written.
    #[serde(default)]
    pub output_tokens: u64,
    /// Both.
    #[serde(default)]
    pub total_tokens: u64,
}

/// Tokens read, by kind.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct InputDetails {
    /// Those of pictures.
    #[serde(default)]
    pub image_tokens: u64,
    /// Those of texts.
    #[serde(default)]
    pub text_tokens: u64,
}

impl Usage {
    /// Adds the counts of another picture.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let details = self.input_tokens_details.zip(other.input_tokens_details);
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            input_tokens_details: details.map(|(own, more)| InputDetails {
                image_tokens: own.image_tokens.saturating_add(more.image_tokens),
                text_tokens: own.text_tokens.saturating_add(more.text_tokens),
            }),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            total_tokens: self.total_tokens.saturating_add(other.total_tokens),
        }
    }
}
