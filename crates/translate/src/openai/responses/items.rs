//! Items of a request, in the shape of this API whatever shape they came in.
//!
//! Programs put messages, parts and calls of chat completions into `input`, and members that other
//! services or older clients know. What has this API's shape keeps its bytes, and is looked at without
//! being parsed; the rest is lowered as chat completions are. What depends on the whole conversation
//! (ids, pairs, names) comes later, in [`crate::resend`].

mod call;
mod known;
mod message;

use std::borrow::Cow;

use chatmock_protocol::json::{self, RawObject, RawValue, raw, read_text};
use chatmock_protocol::openai::chat::request::ToolCall;
use chatmock_protocol::responses::Request;
use chatmock_protocol::responses::item::{ContentPart, InputItem, Role};

use crate::conversation::Conversation;
use crate::draft::Draft;
use crate::failure::Failure;
use crate::field_path::FieldPath;
use crate::notice::{Notice, NoticeKind};
use crate::openai::chat::messages::Lowering;
use crate::openai::responses::tools;

/// The path of the items.
const INPUT: FieldPath<'_> = FieldPath::Top("input");

/// The type of a reference to an item of a kept response.
pub(crate) const REFERENCE: &str = "item_reference";

/// The type of an item that offers further tools.
const MORE_TOOLS: &str = "additional_tools";

/// Types of parts of messages, which some programs put among the items.
const PARTS: [&str; 6] = ["text", "image_url", "file", "input_text", "input_image", "input_file"];

/// Brings the input into the shape of this API: a list of items.
///
/// # Errors
/// When it is missing, or an item cannot be meant; the failure names its path.
pub(super) fn input<'b>(request: &mut Request<'b>, draft: &mut Draft<'b>) -> Result<(), Failure> {
    if request.present("input").is_none() {
        return Err(Failure::param("input", "input is required"));
    }
    // One that was made here has the right shape.
    let Some(input) = request.as_read("input") else { return Ok(()) };
    if let Some(text) = request.text("input") {
        let content = vec![ContentPart::InputText { text: text.into_owned().into() }];
        return Ok(request.set("input", &[InputItem::Message { role: Role::User, content }])?);
    }
    if !input.get().starts_with('[') {
        return Err(Failure::param("input", "input must be a string or a list of items"));
    }
    if json::items(input.get()).all(known::is_plain) {
        return Ok(());
    }
    let items: Vec<&'b RawValue> = serde_json::from_str(input.get())
        .map_err(|_| Failure::param("input", "input must be a list"))?;
    let mut lowered = Items::default();
    let past = items.iter().rposition(|item| known::is_answer(item.get()));
    for (index, item) in items.into_iter().enumerate() {
        lowered.lowering.past = past.is_some_and(|past| index <= past);
        lowered.item(item, INPUT.item(index))?;
    }
    lowered.finish(request, draft)
}

/// The items so far.
struct Items<'b> {
    items: Vec<Cow<'b, RawValue>>,
    /// Lowers what has the shape of chat completions.
    lowering: Lowering<'b>,
    /// True if some item had the role `system`, which the backend refuses.
    systems: bool,
    /// True if something of chat completions was among the items.
    converted: bool,
    /// What is noted of tools that items offer.
    offered: Draft<'b>,
}

impl Default for Items<'_> {
    fn default() -> Self {
        let mut lowering = Lowering::default();
        lowering.conversation = Conversation::within_others();
        let offered = Draft::default();
        Self { items: Vec::new(), lowering, systems: false, converted: false, offered }
    }
}

impl<'b> Items<'b> {
    fn item(&mut self, item: &'b RawValue, path: FieldPath<'_>) -> Result<(), Failure> {
        if known::is_plain(item.get()) {
            self.items.push(Cow::Borrowed(item));
            return Ok(());
        }
        if item.get().starts_with('"') {
            let text = serde_json::from_str::<String>(item.get())?.into();
            let content = vec![ContentPart::InputText { text }];
            return self.add(&InputItem::Message { role: Role::User, content });
        }
        let members: RawObject<'b> = read_text(item.get())
            .map_err(|_| Failure::param(path, format!("{path} must be an object")))?;
        let kind = members.text("type").map(Cow::into_owned).filter(|kind| !kind.is_empty());
        match kind.as_deref().unwrap_or_else(|| kind_of(&members)) {
            "message" => self.message(item, members, path),
            "function_call" | "custom_tool_call" => self.call(members, path),
            "function_call_output" | "custom_tool_call_output" => self.result(members, path),
            "reasoning" => self.reasoning(members, path),
            REFERENCE => self.reference(&members, path),
            "function" => self.chat_call(item, path),
            MORE_TOOLS => self.more_tools(item, members, path),
            kind if PARTS.contains(&kind) => self.part_alone(item, path),
            "" => {
                let message = format!("{path} needs a type, such as message or function_call");
                Err(Failure::param(format!("{path}.type"), message))
            }
            _ => {
                self.items.push(Cow::Borrowed(item));
                Ok(())
            }
        }
    }

    fn add(&mut self, item: &InputItem<'_>) -> Result<(), Failure> {
        self.converted = true;
        self.items.push(Cow::Owned(raw(item)?));
        Ok(())
    }

    /// Adds an object as it now is.
    fn add_members(&mut self, members: &RawObject<'_>) -> Result<(), Failure> {
        self.items.push(Cow::Owned(raw(members)?));
        Ok(())
    }

    /// Adds what the lowering of chat completions made.
    fn add_lowered(&mut self) -> Result<(), Failure> {
        for item in std::mem::take(&mut self.lowering.conversation.items) {
            self.add(&item)?;
        }
        self.converted = true;
        Ok(())
    }

    /// A reference by its id alone, which the type may be left out of.
    fn reference(&mut self, members: &RawObject<'b>, path: FieldPath<'_>) -> Result<(), Failure> {
        let Some(id) = members.text("id").filter(|id| !id.is_empty()) else {
            return Err(Failure::param(
                format!("{path}.id"),
                "a reference needs the id of an item",
            ));
        };
        let mut reference = RawObject::default();
        reference.set("type", REFERENCE)?;
        reference.set("id", &*id)?;
        self.add_members(&reference)
    }

    /// Reasoning without what its issuer alone knows; the summary may be empty, not absent.
    fn reasoning(
        &mut self,
        mut members: RawObject<'b>,
        path: FieldPath<'_>,
    ) -> Result<(), Failure> {
        self.lowering.retain(&mut members, known::REASONING, path);
        if !members.get("summary").is_some_and(|summary| summary.get().starts_with('[')) {
            members.set("summary", &[(); 0])?;
        }
        self.add_members(&members)
    }

    /// Further tools, each as those of the request are.
    fn more_tools(
        &mut self,
        item: &'b RawValue,
        mut members: RawObject<'b>,
        path: FieldPath<'_>,
    ) -> Result<(), Failure> {
        let path = path.member("tools");
        let given = members.as_read("tools").filter(|list| list.get() != "null");
        let tools = given.map(|list| tools::mended(list, path, &mut self.offered)).transpose()?;
        let Some(tools) = tools.flatten() else {
            self.items.push(Cow::Borrowed(item));
            return Ok(());
        };
        members.put("tools", Cow::Owned(tools));
        self.add_members(&members)
    }

    /// A call in the form that chat completions nest in a message.
    fn chat_call(&mut self, item: &'b RawValue, path: FieldPath<'_>) -> Result<(), Failure> {
        let call: ToolCall<'b> =
            read_text(item.get()).map_err(|fault| Failure::within(&path.to_string(), fault))?;
        self.lowering.call(call, path)?;
        self.add_lowered()
    }

    fn finish(self, request: &mut Request<'b>, draft: &mut Draft<'b>) -> Result<(), Failure> {
        let Self { items, mut lowering, systems, converted, mut offered } = self;
        draft.notices.append(&mut offered.notices);
        draft.shortened.append(&mut offered.shortened);
        draft.web_search = draft.web_search.or(offered.web_search);
        draft.notices.append(&mut lowering.conversation.notices);
        draft.shortened.append(&mut lowering.conversation.shortened);
        let done = [
            (systems, "system items went as developer items"),
            (converted, "what has the shape of chat completions went in that of responses"),
        ];
        for (_, why) in done.into_iter().filter(|(done, _)| *done) {
            draft.notices.push(Notice::new("input", NoticeKind::Changed, why));
        }
        if items.iter().any(|item| matches!(item, Cow::Owned(_))) || converted {
            let input = raw(&items)?;
            request.put("input", Cow::Owned(input));
        }
        Ok(())
    }
}

/// The type of an item that says none, by the members that only one type has.
fn kind_of(members: &RawObject<'_>) -> &'static str {
    let has = |name| members.present(name).is_some();
    match () {
        () if has("role") => "message",
        () if members.contains("output") && has("call_id") => "function_call_output",
        () if has("arguments") && has("name") => "function_call",
        () if has("id") && members.iter().all(|(name, _)| matches!(name, "id" | "type")) => {
            REFERENCE
        }
        () => "",
    }
}
