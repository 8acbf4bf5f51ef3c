//! Tools of a chat request, and the choice among them.

use std::borrow::Cow;

use chatmock_protocol::json::{Raw, RawObject, RawValue, Text, raw, read_text};
use chatmock_protocol::openai::chat::request::{
    Request, ToolChoice as WireChoice, WebSearchOptions,
};
use chatmock_protocol::responses::tool::{AllowedTools, NamedTool, Tool, ToolChoice};

use crate::draft::{Draft, UNKNOWN_OPTION};
use crate::failure::Failure;
use crate::notice::{self, Notice, NoticeKind};
use crate::tool_list::{self, ToolList};
use crate::tool_names;

/// The reason why a member of a choice has no effect.
const NOT_OF_CHOICE: &str = "not a member of a choice";

/// Lowers every form in which a chat request offers tools.
///
/// # Errors
/// When a tool or the choice cannot be meant; the failure names its path.
pub(super) fn offer<'b>(
    request: &mut Request<'b>,
    legacy_functions: bool,
    draft: &mut Draft<'b>,
) -> Result<ToolList<'b>, Failure> {
    let mut offer = tool_list::tools(request.tools.take().unwrap_or_default(), draft)?;
    for (index, function) in request.functions.take().into_iter().flatten().enumerate() {
        offer.function(function, &format!("functions[{index}]"), draft)?;
    }
    offer.searches(request, draft)?;
    offer.parallel = request.parallel_tool_calls;
    if legacy_functions {
        // The old form has room for one call.
        offer.parallel = Some(false);
    }
    let (choice, path) = match (request.tool_choice.take(), request.function_call.take()) {
        (Some(choice), _) => (Some(choice), "tool_choice"),
        (None, legacy) => (legacy, "function_call"),
    };
    if let Some(choice) = choice {
        offer.choose(choice, path, draft)?;
    }
    if offer.tools.is_empty() {
        offer.nothing_to_choose(path, draft);
    }
    Ok(offer)
}

impl<'b> ToolList<'b> {
    /// Web search, as this API and ChatMock's own members ask for it.
    fn searches(
        &mut self,
        request: &mut Request<'b>,
        draft: &mut Draft<'b>,
    ) -> Result<(), Failure> {
        if let Some(options) = request.web_search_options.take() {
            draft.web_search = Some(true);
            self.tools.push(Cow::Owned(web_search(options, draft)?));
        }
        match request.responses_tool_choice.take().as_deref() {
            Some("none") => draft.web_search = Some(false),
            None | Some("auto") => {}
            Some(_) => {
                return Err(Failure::param("responses_tool_choice", "expected auto or none"));
            }
        }
        for (index, tool) in request.responses_tools.take().into_iter().flatten().enumerate() {
            if draft.web_search != Some(false) {
                self.hosted(tool, &format!("responses_tools[{index}]"), draft)?;
            }
        }
        Ok(())
    }

    fn hosted(&mut self, tool: Raw<'b>, path: &str, draft: &mut Draft<'b>) -> Result<(), Failure> {
        let mut members: RawObject<'b> =
            read_text(tool.text()).map_err(|_| Failure::param(path, "a tool must be an object"))?;
        match members.text("type").as_deref() {
            Some("web_search") => self.tools.push(Cow::Borrowed(tool.get())),
            Some("web_search_preview") => {
                members.set("type", "web_search")?;
                self.tools.push(Cow::Owned(raw(&members)?));
            }
            Some(_) => {
                let message = "only web_search can be offered here";
                return Err(Failure::param(format!("{path}.type"), message)
                    .with_code("RESPONSES_TOOL_UNSUPPORTED"));
            }
            None => return Err(Failure::param(format!("{path}.type"), "a tool needs a type")),
        }
        draft.web_search = Some(true);
        Ok(())
    }

    fn choose(&mut self, raw: Raw<'b>, path: &str, draft: &mut Draft<'b>) -> Result<(), Failure> {
        self.choice = Some(match raw.as_text().as_deref() {
            Some("auto") => ToolChoice::Mode("auto"),
            Some("none") => ToolChoice::Mode("none"),
            Some("required" | "any") => ToolChoice::Mode("required"),
            Some(other) => {
                let message = format!("unknown choice {other:?}; expected auto, none or required");
                return Err(Failure::param(path, message));
            }
            None => {
                let choice = read_text(raw.text()).map_err(|fault| Failure::within(path, fault))?;
                self.named_choice(choice, path, draft)?
            }
        });
        Ok(())
    }

    fn named_choice(
        &self,
        choice: WireChoice<'b>,
        path: &str,
        draft: &mut Draft<'b>,
    ) -> Result<ToolChoice<'b>, Failure> {
        if choice.kind.as_deref() != Some("allowed_tools") {
            return match choice.kind.as_deref() {
                Some("web_search" | "web_search_preview") => {
                    let why = "the backend cannot be made to search; it decides by itself";
                    draft.notices.push(Notice::new(path.to_owned(), NoticeKind::Clamped, why));
                    Ok(ToolChoice::Mode("auto"))
                }
                _ => self.one(choice, path, draft).map(ToolChoice::Named),
            };
        }
        notice::unknown(&mut draft.notices, path, &choice.unknown, NOT_OF_CHOICE);
        let inner = choice.allowed_tools.unwrap_or_default();
        let below = format!("{path}.allowed_tools");
        notice::unknown(&mut draft.notices, &below, &inner.unknown, NOT_OF_CHOICE);
        let tools = inner.tools.or(choice.tools).unwrap_or_default();
        let tools = tools
            .into_iter()
            .enumerate()
            .map(|(index, tool)| self.one(tool, &format!("{below}.tools[{index}]"), draft));
        Ok(ToolChoice::Allowed(AllowedTools {
            tools: tools.collect::<Result<_, _>>()?,
            kind: "allowed_tools",
            mode: inner.mode.or(choice.mode).map_or(Cow::Borrowed("auto"), |text| text.0),
        }))
    }

    /// A tool named in a choice; it must be on offer.
    fn one(
        &self,
        choice: WireChoice<'b>,
        path: &str,
        draft: &mut Draft<'b>,
    ) -> Result<NamedTool<'b>, Failure> {
        let custom = choice.kind.as_deref() == Some("custom");
        notice::unknown(&mut draft.notices, path, &choice.unknown, NOT_OF_CHOICE);
        let inner = if custom { choice.custom } else { choice.function };
        if let Some(inner) = &inner {
            let path = format!("{path}.{}", if custom { "custom" } else { "function" });
            notice::unknown(&mut draft.notices, &path, &inner.unknown, NOT_OF_CHOICE);
        }
        let name = inner.and_then(|inner| inner.name).or(choice.name);
        let Some(Text(name)) = name.filter(|name| !name.is_empty()) else {
            return Err(Failure::param(path, "expected auto, none, required or a tool by name"));
        };
        let message = format!("no tool named {name:?} is offered");
        let name = tool_names::tool_name(name, &mut draft.shortened);
        let wanted = if custom { NamedTool::Custom { name } } else { NamedTool::Function { name } };
        if self.named.contains(&wanted) { Ok(wanted) } else { Err(Failure::param(path, message)) }
    }

    /// A choice without tools means nothing, and the backend refuses it.
    fn nothing_to_choose(&mut self, path: &'static str, draft: &mut Draft<'b>) {
        let idle = [ToolChoice::Mode("none"), ToolChoice::Mode("auto")];
        if self.choice.take().is_some_and(|choice| !idle.contains(&choice)) {
            draft.notices.push(Notice::ignored(path, "no tools are offered"));
        }
        self.parallel = None;
    }
}

/// The tool behind `web_search_options`.
fn web_search(
    options: WebSearchOptions<'_>,
    draft: &mut Draft<'_>,
) -> Result<Box<RawValue>, Failure> {
    notice::unknown(&mut draft.notices, "web_search_options", &options.unknown, UNKNOWN_OPTION);
    let place = options.user_location.map(place).transpose()?;
    Ok(raw(&Tool::WebSearch {
        search_context_size: options.search_context_size.map(|text| text.0),
        user_location: place.as_deref(),
        filters: options.filters.map(Raw::get),
    })?)
}

/// Moves the members of `approximate` next to `type`.
fn place(location: Raw<'_>) -> Result<Box<RawValue>, Failure> {
    let path = "web_search_options.user_location";
    let members: RawObject<'_> =
        read_text(location.text()).map_err(|_| Failure::param(path, "expected an object"))?;
    let Some(inner) = members.present("approximate") else { return Ok(location.get().to_owned()) };
    let mut lifted: RawObject<'_> = serde_json::from_str(inner.get())
        .map_err(|_| Failure::param(format!("{path}.approximate"), "expected an object"))?;
    lifted.set("type", "approximate")?;
    Ok(raw(&lifted)?)
}
