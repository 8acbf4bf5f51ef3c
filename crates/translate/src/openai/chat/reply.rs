//! A whole chat completion, and the wordings that it shares with the stream's chunks.

use std::borrow::Cow;

use chatmock_protocol::openai::chat::reply::{
    Annotation, Choice, Completion, CustomCall, FunctionCall, Image, ImageUrl, Message, Reasoning,
    ReasoningDetail, ReasoningField, ReasoningPart, ToolCall, UrlCitation,
};
use chatmock_protocol::responses;
use chatmock_protocol::responses::event::Channel;

use super::ChatShape;
use crate::end::Finish;
use crate::reasoning_style::ReasoningStyle;
use crate::reply::{Block, ReasoningPiece, Reply, ReplyAnnotation, ReplyCall};
use crate::shape::Shape;
use crate::tool_names;

/// The reply's id: the backend's, under this API's prefix; all choices share the first one's.
pub(super) fn id(response_id: &str, shape: &Shape<ChatShape>) -> String {
    let response_id = shape.response_id.get_or_init(|| response_id.to_owned());
    match response_id.strip_prefix("resp_").unwrap_or(response_id) {
        "" => format!("chatcmpl-{}", shape.created),
        id => format!("chatcmpl-{id}"),
    }
}

/// The word for an end.
pub(super) fn finish_reason(finish: Finish, shape: &Shape<ChatShape>) -> &'static str {
    match finish {
        Finish::Stop | Finish::StopSequence(_) | Finish::Loaded | Finish::Unloaded => "stop",
        Finish::Length | Finish::Incomplete => "length",
        Finish::ToolCalls if shape.own.legacy_functions => "function_call",
        Finish::ToolCalls => "tool_calls",
        Finish::ContentFilter => "content_filter",
    }
}

/// Words reasoning in the chosen style.
pub(super) fn reasoning(
    style: ReasoningStyle,
    channel: Channel,
    text: Cow<'_, str>,
) -> Reasoning<'_> {
    let mut worded = Reasoning::default();
    match (style, channel) {
        (ReasoningStyle::O3, _) => {
            let content = [ReasoningPart { kind: "text", text }];
            worded.reasoning = Some(ReasoningField::Parts { content });
        }
        (ReasoningStyle::Legacy, Channel::Summary) => worded.reasoning_summary = Some(text),
        (ReasoningStyle::Legacy, Channel::Raw) => {
            worded.reasoning = Some(ReasoningField::Text(text));
        }
        // Tags leave here only what came after they were closed.
        (ReasoningStyle::ReasoningContent | ReasoningStyle::ThinkTags, _) => {
            worded.reasoning_content = Some(text);
        }
        (ReasoningStyle::None, _) => {}
    }
    worded
}

/// The shape that elements of `reasoning_details` say they were made from.
const FORMAT: &str = "openai-responses-v1";

/// Returns whether replies hand out reasoning to be sent back: in the style of most clients, which pass on what they do
/// not know.
pub(super) fn hands_out_reasoning(shape: &Shape<ChatShape>) -> bool {
    shape.reasoning == ReasoningStyle::ReasoningContent && !shape.own.legacy_functions
}

/// Words an item of reasoning, to be sent back in later requests; none where the backend could not read it again.
pub(super) fn details<'r>(
    shape: &Shape<ChatShape>,
    index: usize,
    summary: &'r str,
    item: Option<(&str, &str)>,
) -> Vec<ReasoningDetail<'r>> {
    let Some((id, content)) = item.filter(|_| hands_out_reasoning(shape)) else {
        return Vec::new();
    };
    let data = shape.own.seal.seal(Some(id), Some(content)).into();
    let encrypted = ReasoningDetail::Encrypted { data, format: FORMAT, index };
    let summary = Cow::Borrowed(summary);
    let summary = (!summary.is_empty()).then_some(ReasoningDetail::Summary {
        summary,
        format: FORMAT,
        index,
    });
    summary.into_iter().chain([encrypted]).collect()
}

/// Words an annotation.
pub(super) fn annotation(annotation: &ReplyAnnotation) -> Annotation<'_> {
    match annotation {
        ReplyAnnotation::Citation { start, end, url, title } => Annotation::Url {
            kind: "url_citation",
            url_citation: UrlCitation {
                start_index: *start,
                end_index: *end,
                url: Cow::Borrowed(url),
                title: Cow::Borrowed(title),
            },
        },
        ReplyAnnotation::Other(raw) => Annotation::Other(raw),
    }
}

/// Words a generated image.
pub(super) fn image(format: &str, base64: &str) -> Image {
    let url = format!("data:image/{format};base64,{base64}");
    Image { kind: "image_url", image_url: ImageUrl { url } }
}

/// Words a whole reply.
pub(super) fn render<'r>(replies: &[&'r Reply], shape: &'r Shape<ChatShape>) -> Completion<'r> {
    let choices = (0..).zip(replies.iter().copied()).map(|(index, reply)| Choice {
        index,
        message: message(reply, shape),
        logprobs: None,
        finish_reason: finish_reason(reply.end.finish, shape),
    });
    let usage = replies.iter().filter_map(|r| r.end.usage).reduce(responses::Usage::plus);
    let first = replies.first().copied();
    Completion {
        id: Cow::Owned(id(first.map(|r| r.response_id.as_str()).unwrap_or_default(), shape)),
        object: "chat.completion",
        created: shape.created,
        model: &shape.model,
        choices: choices.collect(),
        usage: usage.map(Into::into),
        service_tier: first.and_then(|r| r.end.service_tier.as_deref()),
        system_fingerprint: None,
    }
}

fn message<'r>(reply: &'r Reply, shape: &'r Shape<ChatShape>) -> Message<'r> {
    let (text, refusal) = (reply.text(), reply.refusal());
    let silent = text.is_empty() && (reply.calls().next().is_some() || !refusal.is_empty());
    let calls = || reply.calls().map(|call| tool_call(call, shape));
    let legacy = shape.own.legacy_functions;
    Message {
        role: "assistant",
        content: (!silent).then_some(text),
        refusal: (!refusal.is_empty()).then_some(refusal),
        annotations: reply.annotations().map(annotation).collect(),
        reasoning: whole_reasoning(reply, shape.reasoning),
        reasoning_details: whole_details(reply, shape),
        tool_calls: if legacy { Vec::new() } else { calls().collect() },
        function_call: if legacy { calls().next().and_then(|call| call.function) } else { None },
        images: reply.images().map(|i| image(&i.format, &i.base64)).collect(),
    }
}

fn tool_call<'r>(call: &'r ReplyCall, shape: &'r Shape<ChatShape>) -> ToolCall<'r> {
    let name = Some(tool_names::original(&shape.shortened, &call.name));
    let text = call.arguments.as_str();
    ToolCall {
        index: None,
        id: Some(tool_names::original(&shape.shortened, &call.id)),
        kind: Some(if call.custom { "custom" } else { "function" }),
        function: (!call.custom).then_some(FunctionCall { name, arguments: text }),
        custom: call.custom.then_some(CustomCall { name, input: text }),
    }
}

/// Words the items of reasoning of a reply, to be sent back.
fn whole_details<'r>(reply: &'r Reply, shape: &Shape<ChatShape>) -> Vec<ReasoningDetail<'r>> {
    let items = reply.blocks.iter().filter_map(|block| match block {
        Block::Reasoning(reasoning) => Some(reasoning),
        _ => None,
    });
    let details = items.enumerate().map(|(index, reasoning)| {
        let item = reasoning.id.as_deref().zip(reasoning.encrypted_content.as_deref());
        let of_summary = |piece: &&ReasoningPiece| piece.channel == Channel::Summary;
        let summary = reasoning.pieces.iter().find(of_summary).map_or("", |piece| &piece.text);
        details(shape, index, summary, item)
    });
    details.flatten().collect()
}

/// Words the reasoning of a reply; only the legacy style keeps the channels apart.
fn whole_reasoning(reply: &Reply, style: ReasoningStyle) -> Reasoning<'_> {
    if style == ReasoningStyle::Legacy {
        return Reasoning {
            reasoning_summary: reply.reasoning_of(|channel| channel == Channel::Summary),
            reasoning: reply
                .reasoning_of(|channel| channel == Channel::Raw)
                .map(ReasoningField::Text),
            ..Reasoning::default()
        };
    }
    match reply.reasoning_of(|_| true) {
        Some(text) => reasoning(style, Channel::Summary, text),
        None => Reasoning::default(),
    }
}
