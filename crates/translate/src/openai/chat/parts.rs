//! Content parts of chat messages: text, images and files.

use chatmock_protocol::json::{RawString, Text, read_text};
use chatmock_protocol::openai::chat::request::{Content, Part};
use chatmock_protocol::responses::item::ContentPart;

use super::messages::Lowering;
use crate::content;
use crate::failure::Failure;
use crate::field_path::FieldPath;
use crate::notice;
use crate::reasoning_style::without_reasoning;

impl<'b> Lowering<'b> {
    /// Lowers content; what the backend does not take is left out and reported.
    ///
    /// # Errors
    /// When a part cannot be meant; the failure names its path.
    pub(super) fn parts(
        &mut self,
        content: Content<'b>,
        path: FieldPath<'_>,
        text_kind: TextKind,
    ) -> Result<Vec<ContentPart<'b>>, Failure> {
        let parts = match content {
            Content::Text(text) => return Ok(vec![text_kind.text(text)]),
            Content::Parts(list) => read_text::<Vec<Part<'b>>>(list.get())
                .map_err(|fault| Failure::within(&format!("{path}.content"), fault))?,
        };
        let mut lowered = Vec::with_capacity(parts.len());
        let content = path.member("content");
        for (index, part) in parts.into_iter().enumerate() {
            let path = content.item(index);
            let why = "not a member of a content part";
            notice::unknown(&mut self.conversation.notices, &path, &part.unknown, why);
            lowered.extend(self.part(part, path, text_kind)?);
        }
        Ok(lowered)
    }

    /// Lowers a part; `None` for one that the backend does not take, which is then reported.
    ///
    /// # Errors
    /// When it cannot be meant; the failure names its path.
    pub(in crate::openai) fn part(
        &mut self,
        part: Part<'b>,
        path: FieldPath<'_>,
        text_kind: TextKind,
    ) -> Result<Option<ContentPart<'b>>, Failure> {
        let kind = part.kind.clone().unwrap_or_default();
        match &*kind {
            "text" | "input_text" | "output_text" => match part.text {
                Some(text) => Ok(Some(text_kind.text(text))),
                None => Err(Failure::param(format!("{path}.text"), "a text part needs text")),
            },
            "refusal" => {
                let Text(refusal) = part.refusal.unwrap_or_default();
                Ok(Some(ContentPart::Refusal { refusal }))
            }
            "image_url" | "input_image" => self.image(part, path, text_kind).map(Some),
            "file" | "input_file" => self.file(part, path).map(Some),
            "input_audio" => {
                self.ignored(format!("{path}.input_audio"), "the backend takes no audio");
                Ok(None)
            }
            other => {
                let known = "text, image_url, file, input_audio, refusal";
                let message = format!("unknown content part {other:?}; expected one of {known}");
                Err(Failure::param(format!("{path}.type"), message))
            }
        }
    }

    fn image(
        &mut self,
        part: Part<'b>,
        path: FieldPath<'_>,
        text_kind: TextKind,
    ) -> Result<ContentPart<'b>, Failure> {
        let (url, detail) = match part.image_url {
            Some(image) => {
                let (path, why) = (path.member("image_url"), "not a member of an image");
                notice::unknown(&mut self.conversation.notices, &path, &image.unknown, why);
                (image.url, image.detail.or(part.detail))
            }
            None => (None, part.detail),
        };
        let path = path.member("image_url");
        let detail = detail.map(|text| text.0);
        let Some(url) = url.filter(|url| !url.is_empty()) else {
            return match part.file_id {
                Some(Text(id)) => {
                    Ok(ContentPart::InputImage { image_url: None, file_id: Some(id), detail })
                }
                None => Err(Failure::param(path, "an image part needs an image_url")),
            };
        };
        match content::image_url(url) {
            Ok(url) => Ok(ContentPart::InputImage { image_url: Some(url), file_id: None, detail }),
            Err(why) if self.past => {
                let text = content::left_out(path, why, &mut self.conversation.notices);
                Ok(text_kind.text(text))
            }
            Err(why) => Err(Failure::param(path, why)),
        }
    }

    fn file(&mut self, part: Part<'b>, path: FieldPath<'_>) -> Result<ContentPart<'b>, Failure> {
        let inner = part.file.unwrap_or_default();
        let why = "not a member of a file";
        notice::unknown(&mut self.conversation.notices, &path.member("file"), &inner.unknown, why);
        let filename = inner.filename.or(part.filename).map(|text| text.0);
        let file_id = inner.file_id.or(part.file_id).map(|text| text.0);
        let path = path.member("file");
        let file_data = match inner.file_data.or(part.file_data) {
            Some(data) => {
                let data = content::file_data(data, filename.as_deref());
                Some(data.map_err(|why| Failure::param(format!("{path}.file_data"), why))?)
            }
            None if file_id.is_none() => {
                return Err(Failure::param(path, "a file part needs file_data or a file_id"));
            }
            None => None,
        };
        Ok(ContentPart::InputFile { filename, file_data, file_url: None, file_id })
    }
}

/// The kind of a text part: the backend names those of its input and output differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::openai) enum TextKind {
    /// Of the person, the developer or a tool.
    Input,
    /// Of the model.
    Output,
}

impl TextKind {
    fn text(self, text: RawString<'_>) -> ContentPart<'_> {
        match self {
            Self::Input => ContentPart::InputText { text },
            Self::Output => ContentPart::OutputText { text: without_reasoning(text) },
        }
    }
}
