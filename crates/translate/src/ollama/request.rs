//! Ollama's requests, lowered to drafts.

use std::borrow::Cow;

use chatmock_protocol::json::{Raw, Text};
use chatmock_protocol::ollama::chat::Request as Chat;
use chatmock_protocol::ollama::generate::Request as Generate;
use chatmock_protocol::ollama::shared::Options;
use chatmock_protocol::responses::item::{ContentPart, InputItem, Role};

use super::history::{History, with_images};
use crate::conversation::Conversation;
use crate::draft::{Draft, ModelName, NOT_STORED, ParamName, Reasoning, UNKNOWN_MEMBER};
use crate::end::Finish;
use crate::failure::Failure;
use crate::field_path::FieldPath;
use crate::format::{self, Format};
use crate::keep_alive::KeepAlive;
use crate::notice::{self, Notice, NoticeKind};
use crate::tool_list;

/// Strips the tag `latest`, which clients add and which names nothing here.
#[must_use]
pub fn model_name(name: &str) -> &str {
    name.strip_suffix(":latest").unwrap_or(name)
}

/// Lowers a chat request.
pub(super) fn chat(mut request: Chat<'_>) -> Result<Draft<'_>, Failure> {
    let mut draft = begin(request.model.take(), request.stream)?;
    if let Some(keep_alive) = request.keep_alive {
        draft.keep_alive = KeepAlive::read(keep_alive)?;
    }
    notice::unknown(&mut draft.notices, "", &request.unknown, UNKNOWN_MEMBER);
    probabilities(request.logprobs, request.top_logprobs, &mut draft);
    options(request.options.take(), &mut draft)?;
    think(request.think, &mut draft)?;
    let messages = request.messages.take().unwrap_or_default();
    if messages.is_empty() {
        draft.immediate_finish = Some(idle(&draft));
        return Ok(draft);
    }
    let format = format_of(request.format, &mut draft)?;
    let mut history = History::new(&messages, matches!(format, Some(Format::JsonObject)));
    for (index, message) in messages.into_iter().enumerate() {
        history.message(message, index)?;
    }
    finish(history.conversation, format, &mut draft)?;
    let tools = request.tools.take().unwrap_or_default();
    tool_list::tools(tools, &mut draft)?.put(&mut draft)?;
    Ok(draft)
}

/// Lowers a generate request.
pub(super) fn generate(mut request: Generate<'_>) -> Result<Draft<'_>, Failure> {
    let mut draft = begin(request.model.take(), request.stream)?;
    if let Some(keep_alive) = request.keep_alive {
        draft.keep_alive = KeepAlive::read(keep_alive)?;
    }
    notice::unknown(&mut draft.notices, "", &request.unknown, UNKNOWN_MEMBER);
    probabilities(request.logprobs, request.top_logprobs, &mut draft);
    options(request.options.take(), &mut draft)?;
    think(request.think, &mut draft)?;
    let template = request.template.as_ref().is_some_and(|template| !template.is_empty());
    draft.report_ignored("template", template, "there is no prompt template");
    let context = request.context.is_some_and(|context| context.text() != "[]");
    let why = "token ids of an earlier answer cannot be read; send /api/chat the messages";
    draft.report_ignored("context", context, why);
    let why = "the backend has no prompt without a template";
    draft.report_ignored("raw", request.raw == Some(true), why);
    let images = request.images.take().unwrap_or_default();
    let prompt = request.prompt.take().unwrap_or_default();
    let suffix = request.suffix.take().filter(|text| !text.is_empty());
    if prompt.is_empty() && images.is_empty() && suffix.is_none() {
        draft.immediate_finish = Some(idle(&draft));
        return Ok(draft);
    }
    let format = format_of(request.format, &mut draft)?;
    let mut conversation = Conversation::new(matches!(format, Some(Format::JsonObject)));
    if let Some(Text(text)) = request.system.take().filter(|text| !text.is_empty()) {
        conversation.system(vec![ContentPart::InputText { text: text.into() }]);
    }
    let text = match suffix {
        Some(suffix) => {
            let why = "the model is asked to fill the place between prompt and suffix";
            draft.notices.push(Notice::new("suffix", NoticeKind::Emulated, why));
            conversation.system(vec![ContentPart::InputText { text: format::FILL_IN.into() }]);
            format::fill_in(&prompt.text(), &suffix).into()
        }
        None => prompt,
    };
    let content = with_images(text, images, FieldPath::Top("images"), None)?;
    conversation.push(InputItem::Message { role: Role::User, content });
    finish(conversation, format, &mut draft)?;
    Ok(draft)
}

fn begin<'b>(model: Option<Text<'b>>, stream: Option<bool>) -> Result<Draft<'b>, Failure> {
    let Some(Text(name)) = model.filter(|name| !name.trim().is_empty()) else {
        return Err(Failure::param("model", "model is required"));
    };
    let slug = match &name {
        Cow::Borrowed(name) => Cow::Borrowed(model_name(name)),
        Cow::Owned(name) => Cow::Owned(model_name(name).to_owned()),
    };
    Ok(Draft {
        model: ModelName { name: slug, echoed: Some(name), ..ModelName::default() },
        stream: stream.unwrap_or(true),
        choices: 1,
        reasoning: Reasoning {
            effort_member: Some("think"),
            shown: true,
            own_field: true,
            ..Reasoning::default()
        },
        ..Draft::default()
    })
}

fn probabilities(logprobs: Option<bool>, top: Option<u32>, draft: &mut Draft<'_>) {
    let why = "the backend gives no log probabilities";
    draft.report_ignored("logprobs", logprobs == Some(true), why);
    draft.report_ignored("top_logprobs", top.is_some_and(|n| n > 0), why);
}

fn options(options: Option<Options<'_>>, draft: &mut Draft<'_>) -> Result<(), Failure> {
    let options = options.unwrap_or_default();
    // Some programs write whole numbers as `128.0`; the cast keeps to what fits.
    draft.caps.stop.max_tokens = options.num_predict.filter(|n| *n >= 1.0).map(|n| n as u64);
    draft.caps.stop.sequences = crate::stop::sequences(options.stop, "options.stop")?;
    let why = "the backend takes no such parameter";
    notice::unknown(&mut draft.notices, "options", &options.unknown, why);
    draft.caps.max_tokens_member = Some("options.num_predict");
    draft.report_emulated("options.stop");
    let temperature = ParamName::new("temperature", why).at("options.temperature");
    draft.optional_param(temperature, options.temperature, |_| true)?;
    let top_p = ParamName::new("top_p", why).at("options.top_p");
    draft.optional_param(top_p, options.top_p, |_| true)?;
    // This API stores nothing.
    draft.optional_param(ParamName::new("store", NOT_STORED), Some(false), |_| false)
}

/// `true` and `false` show or hide the thinking; a word is an effort.
fn think(think: Option<Raw<'_>>, draft: &mut Draft<'_>) -> Result<(), Failure> {
    let Some(think) = think else { return Ok(()) };
    draft.reasoning.requested = think.text() != "false";
    match think.text() {
        "true" => {}
        "false" => {
            draft.reasoning.shown = false;
            draft.reasoning.params.set("effort", "none")?;
        }
        _ => {
            let word = think
                .as_text()
                .filter(|word| word.parse::<chatmock_protocol::effort::Effort>().is_ok());
            let Some(word) = word else {
                let message = "think must be true, false, low, medium, high or max";
                return Err(Failure::param("think", message));
            };
            draft.reasoning.params.set("effort", &word)?;
        }
    }
    Ok(())
}

fn format_of<'b>(
    format: Option<Raw<'b>>,
    draft: &mut Draft<'b>,
) -> Result<Option<Format<'b>>, Failure> {
    let Some(raw) = format else { return Ok(None) };
    let format = match raw.as_text().as_deref() {
        Some("") => None,
        Some("json") => Some(Format::JsonObject),
        Some(_) => return Err(Failure::param("format", "format must be json or a JSON schema")),
        None => Some(format::schema(raw, format::SchemaOptions::default(), "format")?),
    };
    draft.json = format.is_some();
    Ok(format)
}

/// Hands the conversation over; JSON mode gets the word that the backend demands.
fn finish<'b>(
    mut conversation: Conversation<'b>,
    format: Option<Format<'b>>,
    draft: &mut Draft<'b>,
) -> Result<(), Failure> {
    if matches!(format, Some(Format::JsonObject)) && !conversation.says_json() {
        let text = "Answer in JSON.".into();
        let content = vec![ContentPart::InputText { text }];
        conversation.items.push(InputItem::Message { role: Role::Developer, content });
        let why = "the backend wants the word JSON in the conversation, so it was added";
        draft.notices.push(Notice::new("format", NoticeKind::Emulated, why));
    }
    conversation.finish(draft)?;
    format::put(format, None, draft)
}

/// The purpose of a request without content: to load the model, or with `keep_alive: 0` to unload it.
fn idle(draft: &Draft<'_>) -> Finish {
    if draft.keep_alive.is_zero() { Finish::Unloaded } else { Finish::Loaded }
}
