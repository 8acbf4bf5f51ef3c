//! A Responses request, reworded only where the backend would not take what the API allows.

use std::borrow::Cow;

use chatmock_protocol::json::{Members, RawValue, raw, read_text};
use chatmock_protocol::responses::Request;
use chatmock_protocol::responses::item::{ContentPart, InputItem, Role};

use crate::draft::Draft;
use crate::failure::Failure;
use crate::notice::{Notice, NoticeKind};

/// Members without which the answer would be to another question, so that leaving them out will
/// not do.
const NEEDED: [(&str, &str); 3] = [
    ("previous_response_id", "send the conversation as `input` instead: responses are not kept"),
    ("conversation", "send the conversation as `input` instead: conversations are not kept"),
    ("prompt", "send the prompt's text as `instructions` or `input` instead"),
];

/// Lowers a request: what is not named here passes through as it is.
pub(super) fn draft(mut request: Request<'_>) -> Result<Draft<'_>, Failure> {
    let mut draft = Draft { choices: 1, ..Draft::default() };
    draft.model = Cow::Owned(model(&request)?);
    draft.stream = boolean(&request, "stream")?.unwrap_or(false);
    for (name, instead) in NEEDED {
        if request.present(name).is_some() {
            let message = format!("{name} is not supported; {instead}");
            return Err(Failure::param(name, message).with_code("unsupported_parameter"));
        }
        request.remove(name);
    }
    if boolean(&request, "background")? == Some(true) {
        let message = "background responses are not supported; use stream";
        return Err(Failure::param("background", message).with_code("unsupported_parameter"));
    }
    string(&request, "instructions")?;
    string(&request, "prompt_cache_key")?;
    input(&mut request, &mut draft.notices)?;
    tools(&mut request, &mut draft)?;
    reasoning(&request, &mut draft)?;
    if let Some(tier) = string(&request, "service_tier")? {
        draft.tier = Some(Cow::Owned(tier));
    }
    request.remove("service_tier");
    draft.request = request;
    Ok(draft)
}

fn model(request: &Request<'_>) -> Result<String, Failure> {
    match string(request, "model")?.filter(|name| !name.trim().is_empty()) {
        Some(name) => Ok(name),
        None => Err(Failure::param("model", "model is required: name one of /v1/models")),
    }
}

fn string(request: &Request<'_>, name: &'static str) -> Result<Option<String>, Failure> {
    match request.present(name) {
        None => Ok(None),
        Some(_) => match request.text(name) {
            Some(text) => Ok(Some(text.into_owned())),
            None => Err(Failure::param(name, format!("{name} must be a string"))),
        },
    }
}

fn boolean(request: &Request<'_>, name: &'static str) -> Result<Option<bool>, Failure> {
    match request.present(name).map(RawValue::get) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(Failure::param(name, format!("{name} must be true or false"))),
    }
}

/// The input as the list that the backend demands, without `system` items, which it refuses.
fn input(request: &mut Request<'_>, notices: &mut Vec<Notice>) -> Result<(), Failure> {
    let Some(input) = request.present("input") else {
        return Err(Failure::param("input", "input is required"));
    };
    if let Some(text) = request.text("input") {
        let content = vec![ContentPart::InputText { text: Cow::Owned(text.into_owned()) }];
        return Ok(request.set("input", &[InputItem::Message { role: Role::User, content }])?);
    }
    if !input.get().starts_with('[') {
        return Err(Failure::param("input", "input must be a string or a list of items"));
    }
    if !input.get().contains("\"system\"") {
        return Ok(());
    }
    let items: Vec<&RawValue> = serde_json::from_str(input.get())?;
    let mended = items.iter().map(|item| developer(item)).collect::<Result<Vec<_>, Failure>>()?;
    if mended.iter().any(|item| matches!(item, Cow::Owned(_))) {
        let mended = raw(&mended)?;
        request.put("input", Cow::Owned(mended));
        let why = "system items went as developer items";
        notices.push(Notice::new("input", NoticeKind::Changed, why));
    }
    Ok(())
}

/// The item with the role `developer` where it had `system`.
fn developer(item: &RawValue) -> Result<Cow<'_, RawValue>, Failure> {
    if !item.get().contains("\"system\"") {
        return Ok(Cow::Borrowed(item));
    }
    let Ok(mut members) = read_text::<Members<'_>>(item.get()) else {
        return Ok(Cow::Borrowed(item));
    };
    if members.text("role").as_deref() != Some("system") {
        return Ok(Cow::Borrowed(item));
    }
    members.set("role", &Role::Developer)?;
    Ok(Cow::Owned(raw(&members)?))
}

/// Finds out whether a web search is offered; its old name is not the backend's.
fn tools(request: &mut Request<'_>, draft: &mut Draft<'_>) -> Result<(), Failure> {
    let Some(tools) = request.present("tools") else { return Ok(()) };
    let list = |_| Failure::param("tools", "tools must be a list");
    let tools: Vec<&RawValue> = serde_json::from_str(tools.get()).map_err(list)?;
    let tools = tools.into_iter().map(|tool| search(tool, draft)).collect::<Result<Vec<_>, _>>()?;
    if tools.iter().any(|tool| matches!(tool, Cow::Owned(_))) {
        let mended = raw(&tools)?;
        request.put("tools", Cow::Owned(mended));
        let why = "web_search_preview went as web_search";
        draft.notices.push(Notice::new("tools", NoticeKind::Changed, why));
    }
    Ok(())
}

/// The tool as it goes out, noted if it is a web search.
fn search<'t>(tool: &'t RawValue, draft: &mut Draft<'_>) -> Result<Cow<'t, RawValue>, Failure> {
    if !tool.get().contains("web_search") {
        return Ok(Cow::Borrowed(tool));
    }
    let Ok(mut members) = read_text::<Members<'_>>(tool.get()) else {
        return Ok(Cow::Borrowed(tool));
    };
    let kind = members.text("type").unwrap_or_default().into_owned();
    if kind != "web_search" && !kind.starts_with("web_search_preview") {
        return Ok(Cow::Borrowed(tool));
    }
    draft.web_search = Some(true);
    if kind == "web_search" {
        return Ok(Cow::Borrowed(tool));
    }
    members.set("type", "web_search")?;
    Ok(Cow::Owned(raw(&members)?))
}

fn reasoning<'b>(request: &Request<'b>, draft: &mut Draft<'b>) -> Result<(), Failure> {
    let Some(reasoning) = request.as_read("reasoning").filter(|raw| raw.get() != "null") else {
        return Ok(());
    };
    draft.reasoning = read_text(reasoning.get())
        .map_err(|_| Failure::param("reasoning", "reasoning must be an object"))?;
    Ok(())
}
