//! A whole message, and the wordings that it shares with the stream's events.

use std::borrow::Cow;

use chatmock_protocol::anthropic::event::Stop;
use chatmock_protocol::anthropic::reply::{
    Block, Citation, Message, Page, SearchContent, SearchInput, StopDetails, Usage,
};
use chatmock_protocol::json::{RawObject, raw};

use super::checked;
use super::{MessagesShape, ShownThinking};
use crate::delta::{FoundPage, Search};
use crate::end::{End, Finish};
use crate::reply::{
    self as collected, Reply, ReplyAnnotation, ReplyCall, ReplyReasoning, ReplySearch,
};
use crate::shape::Shape;
use crate::tool_names;

/// The reply's id: the backend's, under this API's prefix.
pub(super) fn id(response_id: &str, shape: &Shape<MessagesShape>) -> String {
    let response_id = shape.response_id.get_or_init(|| response_id.to_owned());
    match response_id.strip_prefix("resp_").unwrap_or(response_id) {
        "" => format!("msg_{}", shape.created),
        id => format!("msg_{id}"),
    }
}

/// The words for an end.
pub(super) fn stop<'s>(finish: Finish, shape: &'s Shape<MessagesShape>) -> Stop<'s> {
    let stop = |stop_reason| Stop { stop_reason, stop_sequence: None, stop_details: None };
    match finish {
        Finish::Stop | Finish::Loaded | Finish::Unloaded => stop("end_turn"),
        Finish::StopSequence(index) => {
            let stop_sequence = shape.stop.sequences.get(index).map(String::as_str);
            Stop { stop_sequence, ..stop("stop_sequence") }
        }
        Finish::Length | Finish::Incomplete => stop("max_tokens"),
        Finish::ToolCalls => stop("tool_use"),
        Finish::ContentFilter => {
            let details = StopDetails { kind: "refusal", category: None, explanation: None };
            Stop { stop_details: Some(details), ..stop("refusal") }
        }
    }
}

/// The counts of an end; of one that was cut here, the backend gives none.
pub(super) fn usage(end: &End, searches: u64, shape: &Shape<MessagesShape>) -> Usage {
    let mut usage = end.usage.unwrap_or_default();
    if usage.input == 0 {
        usage.input = shape.own.input_tokens;
    }
    let mut worded = Usage::new(usage, searches, end.service_tier.as_deref());
    if let Some(more) = &mut worded.more
        && shape.own.fast
        && more.service_tier == "priority"
    {
        more.speed = Some("fast");
    }
    worded
}

/// Words a cited page.
pub(super) fn citation<'c>(url: &'c str, title: &'c str) -> Citation<'c> {
    Citation {
        kind: "web_search_result_location",
        url: url.into(),
        title: title.into(),
        cited_text: Cow::Borrowed(""),
        encrypted_index: "cmw1",
    }
}

/// The id under which a search's call is joined with its result.
pub(super) fn search_id(id: &str) -> String {
    format!("{SEARCH_ID}{id}")
}

/// The beginning of such ids.
pub(super) const SEARCH_ID: &str = "srvtoolu_";

/// Words the call of a search; in a stream its arguments come later.
pub(super) fn search_call<'s>(id: &str, query: Option<&'s str>) -> Block<'s> {
    let input = SearchInput { query: query.map(Cow::Borrowed) };
    Block::ServerToolUse { id: search_id(id).into(), name: "web_search", input }
}

/// Words the result of a search.
pub(super) fn search_result<'s>(search: Search<'s>) -> Block<'s> {
    let page = |page: &'s FoundPage| Page {
        kind: "web_search_result",
        url: page.url.as_str().into(),
        title: if page.title.is_empty() { &page.url } else { &page.title }.into(),
        encrypted_content: format!("cmw1.{}", search.id).into(),
        page_age: None,
    };
    let content = match search.failed {
        true => {
            SearchContent::Error { kind: "web_search_tool_result_error", error_code: "unavailable" }
        }
        false => SearchContent::Pages(search.pages.iter().map(page).collect()),
    };
    Block::WebSearchToolResult { tool_use_id: search_id(search.id).into(), content }
}

/// Words a generated image.
pub(super) fn image(format: &str, base64: &str) -> String {
    format!("![image](data:image/{format};base64,{base64})")
}

/// Words a whole reply.
pub(super) fn render<'r>(reply: Option<&'r Reply>, shape: &'r Shape<MessagesShape>) -> Message<'r> {
    let nothing = || End::new(Finish::Stop);
    let end = reply.map_or_else(nothing, |reply| reply.end.clone());
    let Stop { stop_reason, stop_sequence, stop_details } = stop(end.finish, shape);
    let blocks = reply.map(|reply| reply.blocks.as_slice()).unwrap_or_default();
    let response_id = reply.map(|reply| reply.response_id.as_str()).unwrap_or_default();
    Message {
        id: id(response_id, shape).into(),
        kind: "message",
        role: "assistant",
        model: &shape.model,
        content: blocks.iter().flat_map(|part| worded(part, shape)).flatten().collect(),
        stop_reason: Some(stop_reason),
        stop_sequence,
        stop_details,
        usage: usage(&end, searches(blocks), shape),
    }
}

fn searches(blocks: &[collected::Block]) -> u64 {
    blocks.iter().filter(|block| matches!(block, collected::Block::Search(_))).count() as u64
}

/// The blocks of a part: a search is two.
fn worded<'r>(
    part: &'r collected::Block,
    shape: &'r Shape<MessagesShape>,
) -> [Option<Block<'r>>; 2] {
    match part {
        collected::Block::Search(search) => {
            let ReplySearch { id, query, failed, pages } = search;
            let result = search_result(Search { id, query, failed: *failed, pages });
            [Some(search_call(id, Some(query))), Some(result)]
        }
        part => [block(part, shape), None],
    }
}

fn block<'r>(part: &'r collected::Block, shape: &'r Shape<MessagesShape>) -> Option<Block<'r>> {
    let text = |text: Cow<'r, str>| Block::Text { text, citations: None };
    Some(match part {
        collected::Block::Text(part) => {
            let cited: Vec<_> = part.annotations.iter().filter_map(cited).collect();
            let citations = (!cited.is_empty()).then_some(cited);
            Block::Text { text: part.text.as_str().into(), citations }
        }
        collected::Block::Refusal(refusal) => text(refusal.into()),
        collected::Block::Image(part) => text(image(&part.format, &part.base64).into()),
        collected::Block::Call(call) => tool_use(call, shape),
        collected::Block::Reasoning(reasoning) => return thinking(reasoning, shape),
        collected::Block::Search(_) => return None,
    })
}

fn cited(annotation: &ReplyAnnotation) -> Option<Citation<'_>> {
    match annotation {
        ReplyAnnotation::Citation { url, title, .. } => Some(citation(url, title)),
        ReplyAnnotation::Other(_) => None,
    }
}

fn thinking<'r>(
    reasoning: &'r ReplyReasoning,
    shape: &'r Shape<MessagesShape>,
) -> Option<Block<'r>> {
    let own = &shape.own;
    if own.thinking == ShownThinking::None {
        return None;
    }
    let pieces = reasoning.pieces.iter().map(|piece| piece.text.as_str());
    let text = pieces.map(Cow::Borrowed).reduce(|whole, more| whole + more);
    let (id, content) = (reasoning.id.as_deref(), reasoning.encrypted_content.as_deref());
    let signature = own.seal.seal(id, content).into();
    Some(Block::Thinking { thinking: text.unwrap_or_default(), signature })
}

fn tool_use<'r>(call: &'r ReplyCall, shape: &'r Shape<MessagesShape>) -> Block<'r> {
    Block::ToolUse {
        id: tool_names::original(&shape.shortened, &call.id),
        name: tool_names::original(&shape.shortened, &call.name),
        input: match checked::object(&call.arguments) {
            Some(object) => Cow::Borrowed(object),
            None => Cow::Owned(wrapped(&call.arguments)),
        },
    }
}

/// Arguments that are no object, of a call that was broken off, as a member of one.
fn wrapped(arguments: &str) -> Box<chatmock_protocol::RawValue> {
    let mut object = RawObject::default();
    // A text always can be written.
    let _ = object.set("input", arguments);
    raw(&object).unwrap_or_default()
}
