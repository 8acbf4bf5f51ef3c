//! Ollama's requests, lowered to drafts.

use std::borrow::Cow;

use chatmock_protocol::json::{Raw, Text};
use chatmock_protocol::ollama::chat::{Call, Message, Options, Request as Chat};
use chatmock_protocol::ollama::generate::Request as Generate;
use chatmock_protocol::responses::item::{ContentPart, InputItem, Role, ToolOutput};

use crate::content;
use crate::conversation::Conversation;
use crate::dialect::Finish;
use crate::draft::{Draft, NOT_OF_API};
use crate::failure::Failure;
use crate::format::{self, Format};
use crate::names;
use crate::notice::{self, Notice, NoticeKind};
use crate::offer;
use crate::thinking::without_thinking;

/// Strips the tag `latest`, which clients add and which names nothing here.
#[must_use]
pub fn model_name(name: &str) -> &str {
    name.strip_suffix(":latest").unwrap_or(name)
}

/// Lowers a chat request.
pub(super) fn chat(mut request: Chat<'_>) -> Result<Draft<'_>, Failure> {
    let mut draft = begin(request.model.take(), request.stream)?;
    notice::unknown(&mut draft.notices, "", &request.unknown, NOT_OF_API);
    probabilities(request.logprobs, request.top_logprobs, &mut draft);
    options(request.options.take(), &mut draft)?;
    think(request.think, &mut draft)?;
    let messages = request.messages.take().unwrap_or_default();
    if messages.is_empty() {
        draft.at_once = Some(idle(request.keep_alive));
        return Ok(draft);
    }
    let format = format_of(request.format, &mut draft)?;
    let mut history = History::new(matches!(format, Some(Format::JsonObject)));
    for (index, message) in messages.into_iter().enumerate() {
        history.message(message, index)?;
    }
    finish(history.conversation, format, &mut draft)?;
    let tools = request.tools.take().unwrap_or_default();
    offer::tools(tools, &mut draft)?.put(&mut draft)?;
    Ok(draft)
}

/// Lowers a generate request.
pub(super) fn generate(mut request: Generate<'_>) -> Result<Draft<'_>, Failure> {
    let mut draft = begin(request.model.take(), request.stream)?;
    notice::unknown(&mut draft.notices, "", &request.unknown, NOT_OF_API);
    probabilities(request.logprobs, request.top_logprobs, &mut draft);
    options(request.options.take(), &mut draft)?;
    think(request.think, &mut draft)?;
    draft.note_ignored(&[
        (
            "template",
            request.template.as_ref().is_some_and(|t| !t.is_empty()),
            "there is no prompt template",
        ),
        (
            "context",
            request.context.is_some(),
            "token ids of an earlier answer cannot be read; send /api/chat the messages",
        ),
        ("raw", request.raw == Some(true), "the backend has no prompt without a template"),
    ]);
    let images = request.images.take().unwrap_or_default();
    let prompt = request.prompt.take().unwrap_or_default();
    if prompt.is_empty() && images.is_empty() && request.suffix.is_none() {
        draft.at_once = Some(idle(request.keep_alive));
        return Ok(draft);
    }
    let format = format_of(request.format, &mut draft)?;
    let mut conversation = Conversation::new(matches!(format, Some(Format::JsonObject)));
    if let Some(Text(text)) = request.system.take().filter(|text| !text.is_empty()) {
        conversation.system(vec![ContentPart::InputText { text }]);
    }
    let suffix = request.suffix.take().filter(|text| !text.is_empty());
    let text = match suffix {
        Some(suffix) => {
            let why = "the model is asked to fill the place between prompt and suffix";
            draft.notices.push(Notice::new("suffix", NoticeKind::Emulated, why));
            conversation.system(vec![ContentPart::InputText { text: format::FILL_IN.into() }]);
            Cow::Owned(format::fill_in(&prompt, &suffix))
        }
        None => prompt.0,
    };
    let content = with_images(Some(text), images, "images")?;
    conversation.push(InputItem::Message { role: Role::User, content });
    finish(conversation, format, &mut draft)?;
    Ok(draft)
}

fn begin<'b>(model: Option<Text<'b>>, stream: Option<bool>) -> Result<Draft<'b>, Failure> {
    let Some(Text(name)) = model.filter(|name| !name.trim().is_empty()) else {
        return Err(Failure::param("model", "model is required"));
    };
    let asked = match &name {
        Cow::Borrowed(name) => Cow::Borrowed(model_name(name)),
        Cow::Owned(name) => Cow::Owned(model_name(name).to_owned()),
    };
    Ok(Draft {
        model: asked,
        echoed_model: Some(name),
        stream: stream.unwrap_or(true),
        choices: 1,
        shows_reasoning: true,
        own_reasoning: true,
        ..Draft::default()
    })
}

fn probabilities(logprobs: Option<bool>, top: Option<u32>, draft: &mut Draft<'_>) {
    if logprobs == Some(true) || top.is_some_and(|n| n > 0) {
        let why = "the backend gives no log probabilities";
        draft.notices.push(Notice::ignored("logprobs", why));
    }
}

fn options(options: Option<Options<'_>>, draft: &mut Draft<'_>) -> Result<(), Failure> {
    let Some(options) = options else { return Ok(()) };
    draft.bounds.max_tokens =
        options.num_predict.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
    draft.bounds.stop = crate::bounds::stop(options.stop, "options.stop")?;
    let why = "the backend takes no such parameter";
    notice::unknown(&mut draft.notices, "options", &options.unknown, why);
    draft.note_emulated("options.stop", "options.num_predict");
    Ok(())
}

/// `true` and `false` show or hide the thinking; a word is an effort.
fn think(think: Option<Raw<'_>>, draft: &mut Draft<'_>) -> Result<(), Failure> {
    let Some(think) = think else { return Ok(()) };
    match think.text() {
        "true" => {}
        "false" => {
            draft.shows_reasoning = false;
            draft.reasoning.set("effort", "none")?;
        }
        _ => {
            let word = think
                .as_text()
                .filter(|word| word.parse::<chatmock_protocol::effort::Effort>().is_ok());
            let Some(word) = word else {
                let message = "think must be true, false, low, medium, high or max";
                return Err(Failure::param("think", message));
            };
            draft.reasoning.set("effort", &word)?;
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
        None => Some(format::schema(raw, format::Named::default(), "format")?),
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
        let text = Cow::Borrowed("Answer in JSON.");
        let content = vec![ContentPart::InputText { text }];
        conversation.items.push(InputItem::Message { role: Role::Developer, content });
        let why = "the backend wants the word JSON in the conversation, so it was added";
        draft.notices.push(Notice::new("format", NoticeKind::Emulated, why));
    }
    conversation.finish(draft)?;
    format::put(format, None, draft)
}

/// Why a request without content is made: to load the model, or with `keep_alive: 0` to unload it.
fn idle(keep_alive: Option<Raw<'_>>) -> Finish {
    let zero = |raw: Raw<'_>| matches!(raw.text(), "0" | "\"0\"" | "\"0s\"" | "\"0m\"");
    if keep_alive.is_some_and(zero) { Finish::Unloaded } else { Finish::Loaded }
}

fn with_images<'b>(
    text: Option<Cow<'b, str>>,
    images: Vec<Text<'b>>,
    path: &str,
) -> Result<Vec<ContentPart<'b>>, Failure> {
    let text = text.filter(|text| !text.is_empty() || images.is_empty());
    let mut parts: Vec<ContentPart<'b>> =
        text.map(|text| ContentPart::InputText { text }).into_iter().collect();
    for (index, Text(image)) in images.into_iter().enumerate() {
        let path = format!("{path}[{index}]");
        let url = content::image_url(image).map_err(|why| Failure::param(path, why))?;
        let (image_url, file_id, detail) = (Some(url), None, None);
        parts.push(ContentPart::InputImage { image_url, file_id, detail });
    }
    Ok(parts)
}

/// The messages so far, and the calls that wait for their results.
struct History<'b> {
    conversation: Conversation<'b>,
    /// Name and id of calls without a result.
    open: Vec<(Cow<'b, str>, String)>,
}

impl<'b> History<'b> {
    fn new(keep_json: bool) -> Self {
        Self { conversation: Conversation::new(keep_json), open: Vec::new() }
    }

    fn message(&mut self, message: Message<'b>, index: usize) -> Result<(), Failure> {
        let path = format!("messages[{index}]");
        let Some(role) = message.role.clone() else {
            return Err(Failure::param(format!("{path}.role"), "a message needs a role"));
        };
        let notices = &mut self.conversation.notices;
        notice::unknown(notices, &path, &message.unknown, "not a member of a message");
        let images = message.images.unwrap_or_default();
        let text = Some(message.content.unwrap_or_default().0);
        match &*role {
            "system" | "developer" => {
                self.conversation.system(with_images(text, images, &format!("{path}.images"))?);
            }
            "user" => {
                let content = with_images(text, images, &format!("{path}.images"))?;
                self.conversation.push(InputItem::Message { role: Role::User, content });
            }
            "assistant" => {
                if message.thinking.is_some() {
                    let (field, why) =
                        (format!("{path}.thinking"), "reasoning is not sent back as text");
                    notices.push(Notice::new(field, NoticeKind::Changed, why));
                }
                self.assistant(
                    text.unwrap_or_default(),
                    message.tool_calls.unwrap_or_default(),
                    index,
                )?;
            }
            "tool" => {
                let name = message.tool_name.or(message.name);
                let call_id = self.answered(message.tool_call_id, name, index);
                let output =
                    match with_images(text, images, &format!("{path}.images"))?.as_mut_slice() {
                        [ContentPart::InputText { text }] => ToolOutput::Text(std::mem::take(text)),
                        parts => ToolOutput::Parts(parts.to_vec()),
                    };
                self.conversation.push(InputItem::FunctionCallOutput { call_id, output });
            }
            other => {
                let known = "system, user, assistant, tool";
                let message = format!("unknown role {other:?}; expected one of {known}");
                return Err(Failure::param(format!("{path}.role"), message));
            }
        }
        Ok(())
    }

    fn assistant(
        &mut self,
        text: Cow<'b, str>,
        calls: Vec<Call<'b>>,
        message: usize,
    ) -> Result<(), Failure> {
        let text = match text {
            Cow::Borrowed(text) => Cow::Borrowed(without_thinking(text)),
            Cow::Owned(text) => Cow::Owned(without_thinking(&text).to_owned()),
        };
        if !text.is_empty() {
            let content = vec![ContentPart::OutputText { text }];
            self.conversation.push(InputItem::Message { role: Role::Assistant, content });
        }
        for (index, call) in calls.into_iter().enumerate() {
            let path = format!("messages[{message}].tool_calls[{index}].function");
            let function = call.function.unwrap_or_default();
            let Some(Text(name)) = function.name.filter(|name| !name.is_empty()) else {
                return Err(Failure::param(format!("{path}.name"), "a tool call needs a name"));
            };
            let renamed = &mut self.conversation.renamed;
            let made = || Text(format!("call_{message}_{index}").into());
            let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(made);
            let call_id = names::call_id(id.0, renamed);
            self.open.push((name.clone(), call_id.clone().into_owned()));
            let name = names::tool_name(name, renamed);
            let arguments = match function.arguments {
                Some(raw) => raw.as_text().map_or_else(|| Cow::Borrowed(raw.text()), |text| text.0),
                None => Cow::Borrowed("{}"),
            };
            self.conversation.push(InputItem::FunctionCall { call_id, name, arguments });
        }
        Ok(())
    }

    /// The id of the call that a result answers: its own, else the first open one of its name,
    /// else the first open one.
    fn answered(
        &mut self,
        id: Option<Text<'b>>,
        name: Option<Text<'b>>,
        message: usize,
    ) -> Cow<'b, str> {
        if let Some(Text(id)) = id.filter(|id| !id.is_empty()) {
            let id = names::call_id(id, &mut self.conversation.renamed);
            self.open.retain(|(_, open)| *open != *id);
            return id;
        }
        let named = name.and_then(|name| self.open.iter().position(|(open, _)| *open == name.0));
        match named.or(if self.open.is_empty() { None } else { Some(0) }) {
            Some(at) => Cow::Owned(self.open.remove(at).1),
            None => Cow::Owned(format!("call_{message}")),
        }
    }
}
