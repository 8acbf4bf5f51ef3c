//! Lists of tools, in the form that OpenAI's and Ollama's clients share.

use std::borrow::Cow;

use chatmock_protocol::json::{Raw, RawValue, Text, raw, read_text};
use chatmock_protocol::openai::chat::request::{
    CustomFormat as WireFormat, CustomTool, Function, Tool as WireTool,
};
use chatmock_protocol::responses::tool::{CustomFormat, NamedTool, Tool, ToolChoice};

use crate::draft::Draft;
use crate::failure::Failure;
use crate::notice;
use crate::tool_names;
use crate::tools::parameters;

/// The reason why a member of a tool has no effect.
const NOT_OF_TOOL: &str = "not a member of a tool";

/// The tools that a request offers the model.
#[derive(Debug, Default)]
pub(crate) struct ToolList<'b> {
    /// The tools, as written.
    pub(crate) tools: Vec<Cow<'b, RawValue>>,
    /// The choice among them.
    pub(crate) choice: Option<ToolChoice<'b>>,
    /// True if several may be called at once.
    pub(crate) parallel: Option<bool>,
    /// Functions and freeform tools by the names that go out.
    pub(crate) named: Vec<NamedTool<'b>>,
}

/// Lowers a list of tools.
///
/// # Errors
/// When a tool cannot be meant; the failure names its path.
pub(crate) fn tools<'b>(
    tools: Vec<WireTool<'b>>,
    draft: &mut Draft<'b>,
) -> Result<ToolList<'b>, Failure> {
    let mut offer = ToolList::default();
    for (index, tool) in tools.into_iter().enumerate() {
        offer.tool(tool, &format!("tools[{index}]"), draft)?;
    }
    Ok(offer)
}

/// Lowers one tool.
///
/// # Errors
/// When it cannot be meant; the failure names its path.
pub(crate) fn one<'b>(
    tool: WireTool<'b>,
    path: &str,
    draft: &mut Draft<'b>,
) -> Result<Box<RawValue>, Failure> {
    let mut offer = ToolList::default();
    offer.tool(tool, path, draft)?;
    Ok(offer.tools.pop().map_or_else(|| RawValue::NULL.to_owned(), Cow::into_owned))
}

impl<'b> ToolList<'b> {
    /// Puts the offered tools and the choice among them into the request.
    ///
    /// # Errors
    /// Only where a value cannot be written.
    pub(crate) fn put(self, draft: &mut Draft<'b>) -> Result<(), Failure> {
        if !self.tools.is_empty() {
            draft.request.put("tools", Cow::Owned(raw(&self.tools)?));
        }
        if let Some(choice) = self.choice {
            draft.request.set("tool_choice", &choice)?;
        }
        if let Some(parallel) = self.parallel {
            draft.request.set("parallel_tool_calls", &parallel)?;
        }
        Ok(())
    }

    /// Adds a tool.
    ///
    /// # Errors
    /// Only where a value cannot be written.
    pub(crate) fn add(&mut self, tool: &Tool<'_>) -> Result<(), Failure> {
        self.tools.push(Cow::Owned(raw(tool)?));
        Ok(())
    }

    fn tool(
        &mut self,
        tool: WireTool<'b>,
        path: &str,
        draft: &mut Draft<'b>,
    ) -> Result<(), Failure> {
        let kind = tool.kind.clone().unwrap_or_else(|| Text::from("function"));
        notice::unknown(&mut draft.notices, path, &tool.unknown, NOT_OF_TOOL);
        let flat = (tool.name, tool.description);
        match &*kind {
            "function" => {
                let (function, path) = match tool.function {
                    Some(function) => (function, format!("{path}.function")),
                    None => {
                        let (name, description) = flat;
                        let parameters = tool.parameters.or(tool.input_schema);
                        let strict = tool.strict;
                        let unknown = Vec::new();
                        (
                            Function { name, description, parameters, strict, unknown },
                            path.to_owned(),
                        )
                    }
                };
                self.function(function, &path, draft)
            }
            "custom" => {
                let (custom, path) = match tool.custom {
                    Some(custom) => (custom, format!("{path}.custom")),
                    None => {
                        let (name, description) = flat;
                        let unknown = Vec::new();
                        (
                            CustomTool { name, description, format: tool.format, unknown },
                            path.to_owned(),
                        )
                    }
                };
                self.custom(custom, &path, draft)
            }
            "web_search" | "web_search_preview" => {
                draft.web_search = Some(true);
                self.add(&Tool::WebSearch {
                    search_context_size: tool.search_context_size.map(|text| text.0),
                    user_location: tool.user_location.map(Raw::get),
                    filters: tool.filters.map(Raw::get),
                })
            }
            other => {
                let known = "function, custom, web_search";
                let message = format!("unknown tool type {other:?}; expected one of {known}");
                Err(Failure::param(format!("{path}.type"), message))
            }
        }
    }

    /// Offers a function.
    ///
    /// # Errors
    /// When it cannot be meant; the failure names its path.
    pub(crate) fn function(
        &mut self,
        function: Function<'b>,
        path: &str,
        draft: &mut Draft<'b>,
    ) -> Result<(), Failure> {
        notice::unknown(&mut draft.notices, path, &function.unknown, NOT_OF_TOOL);
        let name = named(function.name, path, draft)?;
        self.named.push(NamedTool::Function { name: name.clone() });
        self.add(&Tool::Function {
            name,
            description: function.description.map(|text| text.0),
            // This is the API's default; the backend is strict by default.
            strict: function.strict.unwrap_or(false),
            parameters: parameters(function.parameters, &format!("{path}.parameters"))?,
        })
    }

    fn custom(
        &mut self,
        custom: CustomTool<'b>,
        path: &str,
        draft: &mut Draft<'b>,
    ) -> Result<(), Failure> {
        notice::unknown(&mut draft.notices, path, &custom.unknown, NOT_OF_TOOL);
        let name = named(custom.name, path, draft)?;
        self.named.push(NamedTool::Custom { name: name.clone() });
        let format = custom.format.map(|raw| custom_format(raw, path, draft)).transpose()?;
        let description = custom.description.map(|text| text.0);
        self.add(&Tool::Custom { name, description, format })
    }
}

fn named<'b>(
    name: Option<Text<'b>>,
    path: &str,
    draft: &mut Draft<'b>,
) -> Result<Cow<'b, str>, Failure> {
    match name.filter(|name| !name.is_empty()) {
        Some(Text(name)) => Ok(tool_names::tool_name(name, &mut draft.shortened)),
        None => Err(Failure::param(format!("{path}.name"), "a tool needs a name")),
    }
}

fn custom_format<'b>(
    raw: Raw<'b>,
    path: &str,
    draft: &mut Draft<'b>,
) -> Result<CustomFormat<'b>, Failure> {
    let path = format!("{path}.format");
    let format: WireFormat<'b> =
        read_text(raw.text()).map_err(|fault| Failure::within(&path, fault))?;
    notice::unknown(&mut draft.notices, &path, &format.unknown, NOT_OF_TOOL);
    match format.kind.as_deref() {
        Some("text") => Ok(CustomFormat::Text),
        Some("grammar") => {
            let grammar = format.grammar.unwrap_or_default();
            let inner = format!("{path}.grammar");
            notice::unknown(&mut draft.notices, &inner, &grammar.unknown, NOT_OF_TOOL);
            let (syntax, definition) =
                (grammar.syntax.or(format.syntax), grammar.definition.or(format.definition));
            let (Some(Text(syntax)), Some(Text(definition))) = (syntax, definition) else {
                return Err(Failure::param(path, "a grammar needs syntax and definition"));
            };
            Ok(CustomFormat::Grammar { syntax, definition })
        }
        _ => Err(Failure::param(format!("{path}.type"), "expected text or grammar")),
    }
}
