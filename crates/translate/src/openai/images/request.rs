//! A request for pictures, lowered to a turn with the image tool.

use std::borrow::Cow;

use chatmock_protocol::json::{RawString, Text, raw};
use chatmock_protocol::openai::images::{ImageRef, Request};
use chatmock_protocol::responses::item::{ContentPart, InputItem, Role};
use serde::Serialize;

use super::{ImagesShape, Look};
use crate::content;
use crate::draft::{Draft, Drafted, NOT_ACCEPTED, NOT_STORED, ParamName, UNKNOWN_MEMBER};
use crate::failure::Failure;
use crate::notice::{self, Notice, NoticeKind};

/// What the model is told: it stands between the person and the tool, and is to stay out of the way.
const INSTRUCTIONS: &str = "Use the image tool exactly once for what the person asks, with their \
                            words as its prompt, unchanged. Write no text.";

/// The most pictures of a request.
const MAX_PICTURES: u32 = 10;

/// The most pictures that a request gives.
const MAX_GIVEN: usize = 16;

/// The longest prompt, in characters.
const MAX_PROMPT: usize = 32_000;

/// The starts of the names of image models.
const IMAGE_MODELS: [&str; 3] = ["gpt-image", "chatgpt-image", "dall-e"];

/// The options of the backend's image tool.
#[derive(Debug, Serialize)]
struct ImageTool<'b> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<Cow<'b, str>>,
    #[serde(skip_serializing_if = "is_auto")]
    size: &'b str,
    #[serde(skip_serializing_if = "is_auto")]
    quality: &'b str,
    #[serde(skip_serializing_if = "is_auto")]
    background: &'b str,
    output_format: &'b str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_compression: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moderation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partial_images: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_fidelity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_image_mask: Option<Mask<'b>>,
}

#[derive(Debug, Serialize)]
struct Mask<'b> {
    image_url: RawString<'b>,
}

fn is_auto(word: &str) -> bool {
    word == "auto"
}

/// Lowers a request.
pub(super) fn draft(
    mut request: Request<'_>,
    edit: bool,
) -> Result<Drafted<'_, ImagesShape>, Failure> {
    let mut draft = Draft { choices: pictures(request.n)?, ..Draft::default() };
    let Text(prompt) = request.prompt.take().unwrap_or_default();
    prompt_fits(&prompt)?;
    let look = look(&request, &mut draft.notices)?;
    let tool_model = model(request.model.take(), &mut draft);
    draft.stream = request.stream.unwrap_or(false);
    // Nothing but the picture is wanted, so that no other tool may be offered.
    draft.web_search = Some(false);
    report(&request, &mut draft, edit);
    let given = if edit { given(&mut request)? } else { Vec::new() };
    let tool = ImageTool {
        kind: "image_generation",
        model: tool_model,
        size: &look.size,
        quality: &look.quality,
        background: &look.background,
        output_format: &look.format,
        output_compression: compression(&request, &look)?,
        moderation: word(request.moderation.as_ref(), "moderation", &["auto", "low"])?,
        partial_images: partials(&request)?,
        input_fidelity: match edit {
            true => word(request.input_fidelity.as_ref(), "input_fidelity", &["low", "high"])?,
            false => None,
        },
        input_image_mask: match request.mask.take().filter(|_| edit) {
            Some(mask) => Some(Mask { image_url: address(mask, "mask")? }),
            None => None,
        },
    };
    draft.request.set("tools", &[tool])?;
    draft.request.set("tool_choice", "required")?;
    draft.request.set("parallel_tool_calls", &false)?;
    draft.request.set("instructions", INSTRUCTIONS)?;
    let mut content = vec![ContentPart::InputText { text: prompt.into() }];
    content.extend(given);
    let input = raw(&[InputItem::Message { role: Role::User, content }])?;
    draft.request.put("input", Cow::Owned(input));
    draft.optional_param(ParamName::new("user", NOT_ACCEPTED), request.user, |_| true)?;
    // This API stores nothing.
    draft.optional_param(ParamName::new("store", NOT_STORED), Some(false), |_| false)?;
    Ok(Drafted { draft, own: ImagesShape { look } })
}

fn pictures(n: Option<u32>) -> Result<u32, Failure> {
    match n {
        None => Ok(1),
        Some(n @ 1..=MAX_PICTURES) => Ok(n),
        Some(n) => Err(Failure::param("n", format!("n is {n}; it must be 1 to {MAX_PICTURES}"))
            .with_code("unsupported_value")),
    }
}

fn prompt_fits(prompt: &str) -> Result<(), Failure> {
    if prompt.trim().is_empty() {
        return Err(Failure::param("prompt", "prompt is required: what is to be seen"));
    }
    if prompt.chars().count() > MAX_PROMPT {
        let message = format!("prompt has more than {MAX_PROMPT} characters");
        return Err(Failure::param("prompt", message).with_code("string_above_max_length"));
    }
    Ok(())
}

/// Reads which model answers; returns that of the tool, where the request names one.
///
/// A name of an image model says nothing of the model that uses the tool, for which any will do.
fn model<'b>(name: Option<Text<'b>>, draft: &mut Draft<'b>) -> Option<Cow<'b, str>> {
    let name = name.map(|name| name.0).filter(|name| !name.trim().is_empty());
    let Some(name) = name else {
        (draft.model.name, draft.model.for_images) = (Cow::Borrowed("gpt-image"), true);
        return None;
    };
    draft.model.for_images = IMAGE_MODELS.iter().any(|start| name.starts_with(start));
    draft.model.name = name.clone();
    if name.starts_with("dall-e") {
        let detail = "the backend's own image model makes the picture";
        draft.notices.push(Notice::new("model", NoticeKind::Changed, detail));
        return None;
    }
    draft.model.for_images.then_some(name)
}

/// Reports what has no effect.
fn report(request: &Request<'_>, draft: &mut Draft<'_>, edit: bool) {
    // The models of today give nothing else, and an address would need a place where pictures are kept.
    let url = request.response_format.as_deref().is_some_and(|format| format != "b64_json");
    draft.report_ignored("response_format", url, "pictures come as b64_json");
    draft.report_ignored("style", request.style.is_some(), "of an older model");
    let unfinished = request.partial_images.is_some_and(|count| count > 0) && !draft.stream;
    draft.report_ignored("partial_images", unfinished, "only a stream has unfinished pictures");
    if draft.choices > 1 {
        let how = "each picture is asked for by itself";
        draft.notices.push(Notice::new("n", NoticeKind::Emulated, how));
    }
    if !edit {
        let why = "pictures are changed at /v1/images/edits";
        draft.report_ignored("images", request.images.is_some(), why);
        draft.report_ignored("image", request.image.is_some(), why);
        draft.report_ignored("mask", request.mask.is_some(), why);
        draft.report_ignored("input_fidelity", request.input_fidelity.is_some(), why);
    }
    notice::unknown(&mut draft.notices, "", &request.unknown, UNKNOWN_MEMBER);
}

/// Reads the look of the picture; words of older models become those of today.
fn look(request: &Request<'_>, notices: &mut Vec<Notice>) -> Result<Look, Failure> {
    let mut older = |member: &'static str, word: &str, today: &'static str| {
        let detail = format!("{today} is made of {word}, a word of an older model");
        notices.push(Notice::new(member, NoticeKind::Changed, detail));
        today.to_owned()
    };
    let size = match request.size.as_deref().unwrap_or("auto") {
        word @ ("256x256" | "512x512") => older("size", word, "1024x1024"),
        word @ "1792x1024" => older("size", word, "1536x1024"),
        word @ "1024x1792" => older("size", word, "1024x1536"),
        word if word == "auto" || is_size(word) => word.to_owned(),
        word => {
            return Err(unknown("size", word, &["auto", "1024x1024", "1536x1024", "1024x1536"]));
        }
    };
    let quality = match request.quality.as_deref() {
        Some(word @ "standard") => older("quality", word, "medium"),
        Some(word @ "hd") => older("quality", word, "high"),
        _ => {
            let words = ["auto", "low", "medium", "high"];
            word(request.quality.as_ref(), "quality", &words)?.unwrap_or_else(|| "auto".into())
        }
    };
    let words = ["auto", "transparent", "opaque"];
    let background = word(request.background.as_ref(), "background", &words)?;
    let words = ["png", "jpeg", "webp"];
    let format = word(request.output_format.as_ref(), "output_format", &words)?;
    let look = Look {
        size,
        quality,
        background: background.unwrap_or_else(|| "auto".into()),
        format: format.unwrap_or_else(|| "png".into()),
    };
    if look.background == "transparent" && look.format == "jpeg" {
        let message = "background cannot be transparent in jpeg: ask for png or webp";
        return Err(Failure::param("background", message).with_code("invalid_value"));
    }
    Ok(look)
}

/// Returns whether a word is a width and a height.
fn is_size(word: &str) -> bool {
    let number = |part: &str| {
        (2..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    word.split_once('x').is_some_and(|(width, height)| number(width) && number(height))
}

/// Reads a word of a closed set.
fn word(
    value: Option<&Text<'_>>,
    member: &'static str,
    words: &[&'static str],
) -> Result<Option<String>, Failure> {
    match value.map(|value| &**value) {
        None => Ok(None),
        Some(value) if words.contains(&value) => Ok(Some(value.to_owned())),
        Some(value) => Err(unknown(member, value, words)),
    }
}

fn unknown(member: &'static str, value: &str, words: &[&str]) -> Failure {
    let shown: String = value.chars().take(32).collect();
    let message = format!("{member} is {shown:?}; it must be one of {}", words.join(", "));
    Failure::param(member, message).with_code("invalid_value")
}

fn compression(request: &Request<'_>, look: &Look) -> Result<Option<u32>, Failure> {
    let refuse = |message: &str| {
        Err(Failure::param("output_compression", message).with_code("invalid_value"))
    };
    match request.output_compression {
        Some(101..) => refuse("output_compression must be 0 to 100"),
        Some(0..=99) if look.format == "png" => {
            refuse("a png is not compressed further: output_compression needs jpeg or webp")
        }
        // The tool need not hear what it does by itself.
        compression => Ok(compression.filter(|_| look.format != "png")),
    }
}

fn partials(request: &Request<'_>) -> Result<Option<u32>, Failure> {
    match request.partial_images {
        Some(4..) => {
            let message = "partial_images must be 0 to 3";
            Err(Failure::param("partial_images", message).with_code("invalid_value"))
        }
        count => Ok(count.filter(|count| *count > 0 && request.stream == Some(true))),
    }
}

/// The pictures that are to be changed, as parts of the message.
fn given<'b>(request: &mut Request<'b>) -> Result<Vec<ContentPart<'b>>, Failure> {
    let images = request.images.take().unwrap_or_default();
    if images.is_empty() {
        let message = match request.image {
            Some(_) => "image is a file of a form; in JSON, send images: [{\"image_url\": …}]",
            None => "image is required: the picture to change",
        };
        return Err(Failure::param("image", message).with_code("missing_required_parameter"));
    }
    if images.len() > MAX_GIVEN {
        return Err(Failure::param("image", format!("more than {MAX_GIVEN} pictures")));
    }
    let part = |(index, image)| {
        let image_url = Some(address(image, &format!("images[{index}]"))?);
        Ok(ContentPart::InputImage { image_url, file_id: None, detail: None })
    };
    images.into_iter().enumerate().map(part).collect()
}

/// The address of a picture.
fn address<'b>(image: ImageRef<'b>, path: &str) -> Result<RawString<'b>, Failure> {
    let Some(url) = image.image_url else {
        let message = match image.file_id {
            Some(_) => "no files are kept here: send the picture itself",
            None => "a picture needs an image_url",
        };
        return Err(Failure::param(path, message));
    };
    content::image_url(url).map_err(|why| Failure::param(format!("{path}.image_url"), why))
}
