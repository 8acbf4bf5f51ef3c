//! Tools of a messages request, and the choice among them.

use std::borrow::Cow;

use chatmock_protocol::anthropic::request::{Request, Tool, ToolChoice as WireChoice};
use chatmock_protocol::json::{Raw, RawObject, RawValue, Text, raw};
use chatmock_protocol::openai::chat::request::Function;
use chatmock_protocol::responses::tool::{NamedTool, Tool as ResponsesTool, ToolChoice};

use super::client_tools;
use super::request::word;
use crate::draft::{Draft, UNKNOWN_OPTION};
use crate::failure::Failure;
use crate::format;
use crate::notice::{self, Notice, NoticeKind};
use crate::tool_list::ToolList;
use crate::tool_names;

/// The searches that Claude Code allows in every request for one.
const USUAL_SEARCHES: &str = "8";

/// Lowers tools and choice. Tools that are deferred follow the others once they were found, in the order in
/// which they were: the list only grows at its end, so that the cached prefix stays.
///
/// # Errors
/// When a tool or the choice cannot be meant; the failure names its path.
pub(super) fn offer<'b>(
    request: &mut Request<'b>,
    found: &[Cow<'b, str>],
    draft: &mut Draft<'b>,
) -> Result<ToolList<'b>, Failure> {
    let mut list = ToolList::default();
    let tools = request.tools.take().unwrap_or_default();
    // Where the service itself would search for tools, nobody else does.
    let all = tools.iter().any(|tool| word(tool.kind.as_ref()).starts_with("tool_search_tool_"));
    let mut deferred = Vec::new();
    for (index, tool) in tools.into_iter().enumerate() {
        let path = format!("tools[{index}]");
        if tool.defer_loading == Some(true) {
            deferred.push((tool, path));
        } else {
            list.kind(tool, &path, draft)?;
        }
    }
    let place = |tool: &Tool<'_>| found.iter().position(|name| *name == word(tool.name.as_ref()));
    deferred.retain(|(tool, _)| all || place(tool).is_some());
    deferred.sort_by_key(|(tool, _)| place(tool).unwrap_or(usize::MAX));
    for (tool, path) in deferred {
        list.kind(tool, &path, draft)?;
    }
    if let Some(choice) = request.tool_choice.take() {
        list.choose_by(choice, draft)?;
    }
    Ok(list)
}

impl<'b> ToolList<'b> {
    fn kind(&mut self, tool: Tool<'b>, path: &str, draft: &mut Draft<'b>) -> Result<(), Failure> {
        let kind = tool.kind.clone().unwrap_or_else(|| Text::from("custom"));
        if let Some(schema) = client_tools::schema(&kind) {
            return self.client_tool(tool, schema, path, draft);
        }
        match &*kind {
            "custom" => self.custom_tool(tool, path, draft),
            kind if kind.starts_with("web_search_") => self.web_search(&tool, path, draft),
            kind if kind.starts_with("tool_search_tool_") => {
                let how = "every deferred tool is offered at once";
                draft.notices.push(Notice::new(path.to_owned(), NoticeKind::Emulated, how));
                Ok(())
            }
            kind => {
                let shown: String = kind.chars().take(64).collect();
                let why = format!("a tool of the kind {shown:?} cannot be offered here");
                draft.notices.push(Notice::new(path.to_owned(), NoticeKind::Ignored, why));
                Ok(())
            }
        }
    }

    fn custom_tool(
        &mut self,
        tool: Tool<'b>,
        path: &str,
        draft: &mut Draft<'b>,
    ) -> Result<(), Failure> {
        notice::unknown(&mut draft.notices, path, &tool.unknown, "not a member of a tool");
        for (name, value) in
            [("input_examples", tool.input_examples), ("allowed_callers", tool.allowed_callers)]
        {
            if value.is_some() {
                let why = "the backend takes no such member of a tool";
                draft.notices.push(Notice::ignored(format!("{path}.{name}"), why));
            }
        }
        let schema_path = format!("{path}.input_schema");
        if tool.input_schema.is_some_and(|schema| !schema.is_object()) {
            return Err(Failure::param(schema_path, "a schema must be an object"));
        }
        let mut strict = tool.strict.unwrap_or(false);
        if strict && !tool.input_schema.is_some_and(|schema| is_strict(schema, &schema_path)) {
            let why = "the schema is not of the kind that can be kept to strictly";
            draft.notices.push(Notice::ignored(format!("{path}.strict"), why));
            strict = false;
        }
        let (name, description, parameters) = (tool.name, tool.description, tool.input_schema);
        let strict = Some(strict);
        let function = Function { name, description, parameters, strict, unknown: Vec::new() };
        self.function(function, path, draft)
    }

    /// A tool that clients run, and of which this API knows the arguments.
    fn client_tool(
        &mut self,
        tool: Tool<'b>,
        schema: &'static str,
        path: &str,
        draft: &mut Draft<'b>,
    ) -> Result<(), Failure> {
        let Some(Text(name)) = tool.name.filter(|name| !name.is_empty()) else {
            return Err(Failure::param(format!("{path}.name"), "a tool needs a name"));
        };
        notice::unknown(&mut draft.notices, path, &tool.unknown, UNKNOWN_OPTION);
        let name = tool_names::tool_name(name, &mut draft.shortened);
        self.named.push(NamedTool::Function { name: name.clone() });
        let parameters: &RawValue = serde_json::from_str(schema)?;
        let parameters = Cow::Borrowed(parameters);
        self.add(&ResponsesTool::Function { name, description: None, strict: false, parameters })
    }

    fn web_search(
        &mut self,
        tool: &Tool<'b>,
        path: &str,
        draft: &mut Draft<'b>,
    ) -> Result<(), Failure> {
        notice::unknown(&mut draft.notices, path, &tool.unknown, UNKNOWN_OPTION);
        let uses = tool.max_uses.filter(|uses| uses.text() != USUAL_SEARCHES);
        for (name, value) in [("blocked_domains", tool.blocked_domains), ("max_uses", uses)] {
            if value.is_some_and(|value| value.text() != "[]") {
                let why = "the backend's search has no such option";
                draft.notices.push(Notice::ignored(format!("{path}.{name}"), why));
            }
        }
        if draft.web_search.replace(true) == Some(true) {
            return Ok(());
        }
        let filters = tool.allowed_domains.filter(|domains| domains.text() != "[]");
        let filters = filters.map(allowed).transpose()?;
        self.add(&ResponsesTool::WebSearch {
            search_context_size: None,
            user_location: tool.user_location.map(Raw::get),
            filters: filters.as_deref(),
        })
    }

    fn choose_by(&mut self, choice: WireChoice<'b>, draft: &mut Draft<'b>) -> Result<(), Failure> {
        let path = "tool_choice";
        notice::unknown(&mut draft.notices, path, &choice.unknown, "not a member of a choice");
        let kind = word(choice.kind.as_ref());
        if self.tools.is_empty() {
            // A choice without tools means nothing, and the backend refuses it.
            let idle = matches!(kind, "auto" | "none");
            draft.report_ignored(path, !idle, "no tools are offered");
            return Ok(());
        }
        self.parallel = choice.disable_parallel_tool_use.map(|disable| !disable);
        self.choice = match kind {
            "auto" => Some(ToolChoice::Mode("auto")),
            "any" => Some(ToolChoice::Mode("required")),
            "none" => Some(ToolChoice::Mode("none")),
            "tool" => Some(self.by_name(choice.name, draft)?),
            _ => {
                draft.report_ignored("tool_choice.type", true, "not a known choice");
                None
            }
        };
        Ok(())
    }

    fn by_name(
        &self,
        name: Option<Text<'b>>,
        draft: &mut Draft<'b>,
    ) -> Result<ToolChoice<'b>, Failure> {
        let path = "tool_choice.name";
        let Some(Text(name)) = name.filter(|name| !name.is_empty()) else {
            return Err(Failure::param(path, "a choice of a tool needs its name"));
        };
        let message = format!("no tool named {name:?} is offered");
        let searches = name == "web_search" && draft.web_search == Some(true);
        let name = tool_names::tool_name(name, &mut draft.shortened);
        let wanted = NamedTool::Function { name };
        if self.named.contains(&wanted) {
            return Ok(ToolChoice::Named(wanted));
        }
        if searches {
            let why = "the backend cannot be made to search; it decides by itself";
            draft.notices.push(Notice::new("tool_choice", NoticeKind::Clamped, why));
            return Ok(ToolChoice::Mode("auto"));
        }
        Err(Failure::param(path, message))
    }
}

fn is_strict(schema: Raw<'_>, path: &str) -> bool {
    format::checked(schema.get(), path).is_ok()
}

/// The sites to search, as the backend takes them.
fn allowed(domains: Raw<'_>) -> Result<Box<RawValue>, Failure> {
    let mut filters = RawObject::default();
    filters.put("allowed_domains", Cow::Borrowed(domains.get()));
    Ok(raw(&filters)?)
}
