//! The default answer, which is given when neither a script nor a mode is requested.

use serde_json::Value;

use crate::composer::{Composer, ResponseMeta};
use crate::json::{Json, members, object};
use crate::model_request::{ModelRequest, Tool};
use crate::output_items::{HostedCall, ToolCall};
use crate::pictures;
use crate::schema_sample;
use crate::script::Script;

/// Composes the answer to a request.
pub(crate) fn answer(request: &ModelRequest, meta: &ResponseMeta) -> Script {
    let mut composer = Composer::begin(request, meta);
    if request.wants_compaction() {
        composer.compaction();
        return composer.complete();
    }
    let text = request.last_user_text();
    think(&mut composer, request);
    let calls = calls(request, meta);
    if !calls.is_empty() {
        composer.calls(&calls);
    } else if let Some(json) = formatted(request, &text) {
        composer.message(&json, "final_answer");
    } else if !request.trailing_outputs().is_empty() {
        let outputs = request.trailing_outputs().join("; ");
        composer.message(&format!("The tool said: {outputs}"), "final_answer");
    } else if request.has_hosted("image_generation") && wants_image(request, &text) {
        pictures::write(&mut composer, request);
    } else if request.has_hosted("web_search") && mentions(&text, "search") {
        search(&mut composer, &text);
    } else {
        composer.message(&echo(&text, request.images()), "final_answer");
    }
    composer.complete()
}

/// The most output tokens of a request after which nothing is thought: a thought counts among them, and would leave no room
/// for the text that such a request is about.
const NO_ROOM_TO_THINK: u64 = 16;

/// Writes the reasoning item with which every answer begins: with a summary if one is requested.
fn think(composer: &mut Composer, request: &ModelRequest) {
    if request.get("max_output_tokens").as_u64().is_some_and(|most| most <= NO_ROOM_TO_THINK) {
        return;
    }
    if request.at("/reasoning/summary").is_string() {
        composer.reasoning(&["**Reading the question**\n\nA short answer will do."]);
    } else {
        composer.reasoning(&[]);
    }
}

/// Returns the calls that the request provokes: those that `tool_choice` forces, or those whose
/// tools the last user message names, unless the last item already answers a call.
fn calls(request: &ModelRequest, meta: &ResponseMeta) -> Vec<ToolCall> {
    let tools = request.tools();
    let text = request.last_user_text();
    let named = tools.iter().filter(|tool| names_tool(&text, &tool.name));
    let mut chosen: Vec<&Tool> = match request.get("tool_choice") {
        Value::String(choice) if choice == "none" => Vec::new(),
        Value::String(choice) if choice == "required" => {
            let named: Vec<_> = named.collect();
            if named.is_empty() { tools.iter().take(1).collect() } else { named }
        }
        Value::Object(choice) => {
            let name = choice.get("name").and_then(Value::as_str).unwrap_or_default();
            tools.iter().filter(|tool| tool.name == name).take(1).collect()
        }
        _ if request.trailing_outputs().is_empty() && !forbids_tools(&text) => named.collect(),
        _ => Vec::new(),
    };
    if request.get("parallel_tool_calls") == false {
        chosen.truncate(1);
    }
    let numbered = chosen.into_iter().enumerate();
    numbered.map(|(index, tool)| call(tool, &text, call_id(meta, index))).collect()
}

/// Returns the id of a call in a response.
pub(crate) fn call_id(meta: &ResponseMeta, index: usize) -> String {
    format!("call_{:08x}{index:02x}", meta.serial)
}

/// Returns a call of a tool, with arguments that satisfy its schema and take `name=value` from a
/// text.
pub(crate) fn call(tool: &Tool, text: &str, call_id: String) -> ToolCall {
    let text = match &tool.schema {
        Some(Value::Null) => "{}".to_owned(),
        Some(schema) => schema_sample::sample(schema, text).to_string(),
        None => schema_sample::hint(text, "input").unwrap_or("text").to_owned(),
    };
    let custom = tool.schema.is_none();
    ToolCall { call_id, name: tool.name.clone(), namespace: tool.namespace.clone(), text, custom }
}

/// Returns the answer in the format of `text.format`.
fn formatted(request: &ModelRequest, text: &str) -> Option<String> {
    match request.format() {
        "json_schema" => {
            Some(schema_sample::sample(request.at("/text/format/schema"), text).to_string())
        }
        "json_object" => Some(object! {"answer": text}.text()),
        _ => None,
    }
}

/// Returns whether a request provokes a picture: a tool is demanded, or the text speaks of one.
fn wants_image(request: &ModelRequest, text: &str) -> bool {
    let words = ["image", "picture", "draw"];
    request.get("tool_choice") == "required" || words.iter().any(|word| mentions(text, word))
}

fn echo(text: &str, images: usize) -> String {
    let mut answer = format!("You said: {text}");
    if images > 0 {
        answer.push_str(&format!("\nImages received: {images}."));
    }
    answer
}

/// Writes a web search, and a message that cites its result.
pub(crate) fn search(composer: &mut Composer, text: &str) {
    let query = text.chars().take(80).collect::<String>();
    let action = object! {"type": "search", "query": &query, "queries": vec![Json::from(&query)]};
    composer.hosted(&HostedCall {
        kind: "web_search_call",
        prefix: "ws",
        stages: ["in_progress", "searching", "completed"].map(|stage| (stage, Vec::new())).into(),
        begun: members! {"action": action.clone()},
        result: members! {"action": action},
    });
    let answer = "The search found one page: an example of a page.";
    let cited = answer.find("an example").unwrap_or_default();
    let citation = object! {
        "type": "url_citation", "start_index": cited, "end_index": answer.len() - 1,
        "url": "https://example.org/a", "title": "An example",
    };
    composer.cited_message(answer, "final_answer", vec![citation]);
}

/// Returns whether a text that may name tools says that none is to be called, as requests for a summary do.
fn forbids_tools(text: &str) -> bool {
    text.to_ascii_lowercase().contains("do not call any tools")
}

/// Returns whether a text names a tool, with underscores or with spaces.
fn names_tool(text: &str, name: &str) -> bool {
    mentions(text, name) || mentions(text, &name.replace('_', " "))
}

/// Returns whether a text contains a word or phrase, in any case, and not as part of a longer word.
fn mentions(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_lowercase(), word.to_lowercase());
    let outside = |letter: Option<char>| letter.is_none_or(|c| !c.is_alphanumeric() && c != '_');
    !word.is_empty()
        && text.match_indices(&word).any(|(at, _)| {
            outside(text[..at].chars().next_back())
                && outside(text[at + word.len()..].chars().next())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_can_name_tools_and_forbid_them() {
        assert!(forbids_tools("TEXT ONLY. Do NOT call any tools: no Read, no Bash."));
        assert!(!forbids_tools("Use the tool Read"));
    }

    #[test]
    fn a_tool_is_named_by_whole_words_only() {
        assert!(names_tool("Please get_weather now", "get_weather"));
        assert!(names_tool("please Get Weather.", "get_weather"));
        assert!(!names_tool("forget_weather", "get_weather"));
        assert!(!names_tool("anything", ""));
    }
}
