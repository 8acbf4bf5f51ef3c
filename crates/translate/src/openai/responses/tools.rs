//! Tools of a request and the choice among them, in the shape of this API, as its backend takes them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use chatmock_protocol::json::{Raw, RawObject, RawValue, members, raw, read_text};
use chatmock_protocol::openai::chat::request::Tool as ChatTool;
use chatmock_protocol::responses::Request;

use crate::draft::Draft;
use crate::failure::Failure;
use crate::field_path::FieldPath;
use crate::notice::{Notice, NoticeKind};
use crate::tool_list;
use crate::tool_names;
use crate::tools::parameters;

/// Members of functions and freeform tools.
const KNOWN: [&str; 9] = [
    "type",
    "name",
    "description",
    "parameters",
    "strict",
    "format",
    "defer_loading",
    "output_schema",
    "allowed_callers",
];

/// The path of the tools.
const TOOLS: FieldPath<'_> = FieldPath::Top("tools");

/// The tools on offer.
#[derive(Debug, Default)]
pub(super) struct Offer {
    /// The names of functions and freeform tools, as the client has them.
    pub(super) names: BTreeSet<String>,
    /// True if something was changed.
    changed: bool,
}

/// Brings the tools into the shape of this API, and finds out if a web search is offered.
///
/// # Errors
/// When a tool cannot be meant; the failure names its path.
pub(super) fn tools<'b>(
    request: &mut Request<'b>,
    draft: &mut Draft<'b>,
) -> Result<Offer, Failure> {
    let mut offer = Offer::default();
    let functions = functions(request)?;
    let given: Vec<&'b RawValue> = match request.as_read("tools").map(RawValue::get) {
        None | Some("null") => Vec::new(),
        Some(list) => serde_json::from_str(list)
            .map_err(|_| Failure::param("tools", "tools must be a list"))?,
    };
    let mut tools = Vec::with_capacity(given.len());
    for (index, tool) in given.into_iter().enumerate() {
        tools.push(offer.tool(tool, TOOLS.item(index), draft)?);
    }
    for (index, function) in functions.into_iter().enumerate() {
        let path = FieldPath::Top("functions");
        tools.push(Cow::Owned(offer.lowered(function, path.item(index), draft)?));
    }
    if offer.changed {
        let why = "tools went in the form that the backend takes";
        draft.notices.push(Notice::new("tools", NoticeKind::Changed, why));
    }
    if tools.iter().any(|tool| matches!(tool, Cow::Owned(_))) {
        let tools = raw(&tools)?;
        request.put("tools", Cow::Owned(tools));
    }
    Ok(offer)
}

/// Brings tools that an item offers into the same shape; `None` where nothing changes.
///
/// # Errors
/// When a tool cannot be meant; the failure names its path.
pub(super) fn mended<'b>(
    list: &'b RawValue,
    path: FieldPath<'_>,
    draft: &mut Draft<'b>,
) -> Result<Option<Box<RawValue>>, Failure> {
    let mut offer = Offer::default();
    let mended = offer.list(list, path, draft)?;
    if offer.changed {
        let why = "tools went in the form that the backend takes";
        draft.notices.push(Notice::new(path.to_string(), NoticeKind::Changed, why));
    }
    Ok(mended)
}

/// The functions in the old form of chat completions, where no tools are offered.
fn functions<'b>(request: &mut Request<'b>) -> Result<Vec<&'b RawValue>, Failure> {
    let Some(functions) = request.as_read("functions").filter(|given| given.get() != "null") else {
        return Ok(Vec::new());
    };
    if request.present("tools").is_some_and(|tools| tools.get().len() > 2) {
        return Ok(Vec::new());
    }
    request.remove("functions");
    serde_json::from_str(functions.get())
        .map_err(|_| Failure::param("functions", "functions must be a list"))
}

impl Offer {
    fn tool<'b>(
        &mut self,
        tool: &'b RawValue,
        path: FieldPath<'_>,
        draft: &mut Draft<'b>,
    ) -> Result<Cow<'b, RawValue>, Failure> {
        let mut tool_members: RawObject<'b> = read_text(tool.get())
            .map_err(|_| Failure::param(path, format!("{path} must be an object")))?;
        let kind = tool_members.text("type").unwrap_or_default().into_owned();
        if matches!(&*kind, "function" | "") && tool_members.present("parameters").is_none() {
            // The name that the schema has in the Messages API.
            if let Some(schema) = tool_members.remove("input_schema") {
                tool_members.put("parameters", schema);
                self.changed = true;
            }
        }
        let nested = ["function", "custom"]
            .iter()
            .any(|name| tool_members.get(name).is_some_and(|inner| inner.get().starts_with('{')));
        match &*kind {
            "function" | "custom" | "" if nested => self.lowered(tool, path, draft).map(Cow::Owned),
            "function" | "custom" => self.named(tool, tool_members, path, draft),
            "" if tool_members.contains("name") => {
                tool_members.set("type", "function")?;
                self.named(tool, tool_members, path, draft)
            }
            "" => Err(Failure::param(format!("{path}.type"), "a tool needs a type")),
            "namespace" => self.namespace(tool, tool_members, path, draft),
            kind if kind == "web_search" || kind.starts_with("web_search_") => {
                draft.web_search = Some(true);
                if kind == "web_search" {
                    return Ok(Cow::Borrowed(tool));
                }
                self.changed = true;
                tool_members.set("type", "web_search")?;
                Ok(Cow::Owned(raw(&tool_members)?))
            }
            _ => Ok(Cow::Borrowed(tool)),
        }
    }

    /// A function or freeform tool that has this API's shape.
    fn named<'b>(
        &mut self,
        tool: &'b RawValue,
        mut given: RawObject<'b>,
        path: FieldPath<'_>,
        draft: &mut Draft<'b>,
    ) -> Result<Cow<'b, RawValue>, Failure> {
        let Some(name) = given.text("name").filter(|name| !name.is_empty()) else {
            return Err(Failure::param(format!("{path}.name"), "a tool needs a name"));
        };
        let name = name.into_owned();
        let foreign = |(name, value): (&str, &str)| value == "null" || !KNOWN.contains(&name);
        let mut changed = false;
        let mut same = !members(tool.get()).any(foreign) && given.as_read("type").is_some();
        if !tool_names::fits(&name) {
            given
                .set("name", &*tool_names::tool_name(Cow::Borrowed(&name), &mut draft.shortened))?;
            changed = true;
        }
        self.names.insert(name);
        if given.text("type").as_deref() == Some("function") {
            if given.present("strict").is_none() {
                // This API is strict by default, and few schemas meet its rules.
                given.set("strict", &false)?;
                same = false;
            }
            changed |= completed(&mut given, path)?;
        }
        if same && !changed {
            return Ok(Cow::Borrowed(tool));
        }
        let gone = given.iter().filter(|(name, value)| foreign((name, value.get())));
        let gone: Vec<String> = gone.map(|(name, _)| name.to_owned()).collect();
        for name in gone {
            if given.remove(&name).is_some_and(|value| value.get() != "null") {
                let field = format!("{path}.{name}");
                draft.notices.push(Notice::ignored(field, "not a member of a tool"));
            }
        }
        self.changed |= changed;
        Ok(Cow::Owned(raw(&given)?))
    }

    fn namespace<'b>(
        &mut self,
        tool: &'b RawValue,
        mut given: RawObject<'b>,
        path: FieldPath<'_>,
        draft: &mut Draft<'b>,
    ) -> Result<Cow<'b, RawValue>, Failure> {
        let Some(list) = given.as_read("tools").filter(|list| list.get() != "null") else {
            return Ok(Cow::Borrowed(tool));
        };
        let Some(tools) = self.list(list, path.member("tools"), draft)? else {
            return Ok(Cow::Borrowed(tool));
        };
        given.put("tools", Cow::Owned(tools));
        Ok(Cow::Owned(raw(&given)?))
    }

    /// The tools of a list; `None` where nothing changes.
    fn list<'b>(
        &mut self,
        list: &'b RawValue,
        path: FieldPath<'_>,
        draft: &mut Draft<'b>,
    ) -> Result<Option<Box<RawValue>>, Failure> {
        let inner: Vec<&'b RawValue> = serde_json::from_str(list.get())
            .map_err(|_| Failure::param(path, format!("{path} must be a list")))?;
        let mut tools = Vec::with_capacity(inner.len());
        for (index, inner) in inner.into_iter().enumerate() {
            tools.push(self.tool(inner, path.item(index), draft)?);
        }
        let same = tools.iter().all(|tool| matches!(tool, Cow::Borrowed(_)));
        Ok(if same { None } else { Some(raw(&tools)?) })
    }

    /// A tool in the shape of chat completions.
    fn lowered<'b>(
        &mut self,
        tool: &'b RawValue,
        path: FieldPath<'_>,
        draft: &mut Draft<'b>,
    ) -> Result<Box<RawValue>, Failure> {
        let path = path.to_string();
        let given: ChatTool<'b> =
            read_text(tool.get()).map_err(|fault| Failure::within(&path, fault))?;
        self.changed = true;
        let named = [
            given.function.as_ref().and_then(|function| function.name.as_deref()),
            given.custom.as_ref().and_then(|custom| custom.name.as_deref()),
            given.name.as_deref(),
        ];
        self.names.extend(named.into_iter().flatten().take(1).map(str::to_owned));
        tool_list::one(given, &path, draft)
    }
}

/// Gives a function the schema that the backend demands; returns whether it had another.
fn completed(function: &mut RawObject<'_>, path: FieldPath<'_>) -> Result<bool, Failure> {
    let path = path.member("parameters").to_string();
    let given = function.present("parameters").map(ToOwned::to_owned);
    let schema: Option<Raw<'_>> = given
        .as_ref()
        .map(|given| read_text(given.get()))
        .transpose()
        .map_err(|fault| Failure::within(&path, fault))?;
    let Cow::Owned(schema) = parameters(schema, &path)? else { return Ok(false) };
    function.put("parameters", Cow::Owned(schema));
    Ok(true)
}
