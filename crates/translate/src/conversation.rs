//! A conversation on its way to the Responses API: instructions, items and shortened names.

use chatmock_protocol::json::RawString;
use chatmock_protocol::responses::item::{ContentPart, InputItem, Role};

use crate::draft::Draft;
use crate::failure::Failure;
use crate::notice::Notice;
use crate::tool_names::ShortenedName;
use crate::tools;

/// The lowered form of a history, for every translating dialect.
#[derive(Debug, Default)]
pub(crate) struct Conversation<'b> {
    /// The leading system text, if there is any.
    pub(crate) instructions: Option<RawString<'b>>,
    /// Everything else, in order.
    pub(crate) items: Vec<InputItem<'b>>,
    /// Names that went out shortened.
    pub(crate) shortened: Vec<ShortenedName>,
    /// Members that were ignored, changed or emulated.
    pub(crate) notices: Vec<Notice>,
    /// True once something other than system text was said.
    spoken: bool,
    /// Keeps system text that says "json" in the input, as JSON mode demands.
    keep_json: bool,
}

impl<'b> Conversation<'b> {
    /// Begins one; `keep_json` keeps system text that says "json" in the input.
    pub(crate) fn new(keep_json: bool) -> Self {
        Self { keep_json, ..Self::default() }
    }

    /// Begins one in the middle of others, so that no system text of it is leading.
    pub(crate) fn within_others() -> Self {
        Self { spoken: true, ..Self::default() }
    }

    /// Leading text becomes instructions, everything else a developer's item in its place.
    pub(crate) fn system(&mut self, parts: Vec<ContentPart<'b>>) {
        let texts: Option<Vec<&RawString<'_>>> = parts.iter().map(text_of).collect();
        let kept = |texts: &[&RawString<'_>]| self.keep_json && texts.iter().any(|t| says_json(t));
        let Some(texts) = texts.filter(|texts| !self.spoken && !kept(texts)) else {
            self.items.push(InputItem::Message { role: Role::Developer, content: parts });
            return;
        };
        let whole = match texts.as_slice() {
            [_] => None,
            texts => Some(texts.iter().map(|text| text.text()).collect::<Vec<_>>().join("\n")),
        };
        let only = parts.into_iter().next().and_then(into_text);
        let text = whole.map_or_else(|| only.unwrap_or_default(), RawString::from);
        self.instructions = Some(match self.instructions.take() {
            Some(before) if text.is_empty() => before,
            Some(before) if !before.is_empty() => {
                format!("{}\n\n{}", before.text(), text.text()).into()
            }
            _ => text,
        });
    }

    /// Adds an item; system text after it is no longer leading.
    pub(crate) fn push(&mut self, item: InputItem<'b>) {
        self.spoken = true;
        self.items.push(item);
    }

    /// Returns whether any text of the input says "json".
    pub(crate) fn says_json(&self) -> bool {
        self.items.iter().any(|item| match item {
            InputItem::Message { content, .. } => content.iter().filter_map(text_of).any(says_json),
            _ => false,
        })
    }

    /// Pairs calls with results and hands everything to the draft.
    ///
    /// # Errors
    /// Only where a value cannot be written.
    pub(crate) fn finish(mut self, draft: &mut Draft<'b>) -> Result<(), Failure> {
        self.items = tools::pair(self.items, &mut self.notices);
        drop_lone_reasoning(&mut self.items);
        if let Some(instructions) = &self.instructions {
            draft.request.set("instructions", instructions)?;
        }
        draft.request.set("input", &self.items)?;
        draft.shortened.append(&mut self.shortened);
        draft.notices.append(&mut self.notices);
        Ok(())
    }
}

/// Takes out reasoning that led to nothing: the backend wants the call or the message that it led to
/// behind it, and a client may have cut that off.
fn drop_lone_reasoning(items: &mut Vec<InputItem<'_>>) {
    let mut led = false;
    let mut kept: Vec<bool> = Vec::with_capacity(items.len());
    for item in items.iter().rev() {
        let is_reasoning = matches!(item, InputItem::Reasoning { .. });
        kept.push(led || !is_reasoning);
        led = match item {
            InputItem::Reasoning { .. } => led,
            InputItem::Message { role, .. } => *role == Role::Assistant,
            InputItem::FunctionCall { .. }
            | InputItem::CustomToolCall { .. }
            | InputItem::WebSearchCall { .. } => true,
            InputItem::FunctionCallOutput { .. } | InputItem::CustomToolCallOutput { .. } => false,
        };
    }
    let mut kept = kept.into_iter().rev();
    items.retain(|_| kept.next().unwrap_or(true));
}

/// The text of a text part.
pub(crate) fn text_of<'p, 'b>(part: &'p ContentPart<'b>) -> Option<&'p RawString<'b>> {
    match part {
        ContentPart::InputText { text } | ContentPart::OutputText { text } => Some(text),
        _ => None,
    }
}

fn into_text(part: ContentPart<'_>) -> Option<RawString<'_>> {
    match part {
        ContentPart::InputText { text } | ContentPart::OutputText { text } => Some(text),
        _ => None,
    }
}

fn says_json(text: &RawString<'_>) -> bool {
    text.text().to_ascii_lowercase().contains("json")
}
