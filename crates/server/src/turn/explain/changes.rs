//! The changes between a client's request and what is sent, member by member, each with its reason.

use chatmock_protocol::json::{self, RawObject, RawValue};
use serde::Serialize;

use crate::turn::plan::TurnPlan;

/// One member that is not sent as the client wrote it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Change {
    /// The request whose member it is: `client` for one that is gone, `backend` for one that is sent.
    #[serde(rename = "in")]
    side: &'static str,
    member: String,
    change: &'static str,
    /// The step that changed it: `translation`, or `preparation` for the backend.
    by: &'static str,
    why: &'static str,
}

/// The sources of members of the backend's request.
const MADE_OF: [(&str, &str); 14] = [
    (
        "model",
        "the model that the request's name leads to, by an alias, an effort in it, a setting or a rule",
    ),
    ("input", "the conversation, as items of the Responses API"),
    ("instructions", "the words of the system, or those of --instructions"),
    (
        "reasoning",
        "effort and summary, of the request, the model's name, the model or the settings",
    ),
    ("text", "the format and the verbosity of the answer"),
    ("tools", "the tools, in the shape of the Responses API"),
    ("tool_choice", "the choice of a tool, in the shape of the Responses API"),
    ("parallel_tool_calls", "whether several tools may be called at once"),
    ("include", "what the answer has to contain for the next turn"),
    ("service_tier", "the tier, of the request or of --fast-mode"),
    ("max_output_tokens", "the most tokens of the answer"),
    ("prompt_cache_key", "the conversation's name in the backend's cache"),
    ("store", "whether the backend keeps the response"),
    ("previous_response_id", "the response that is continued, which the backend keeps"),
];

/// The fates of members of the client's request that are not sent under their own name.
const BECOMES: [(&str, &str); 22] = [
    ("messages", "it became input, and the words of the system became instructions"),
    ("prompt", "it became input"),
    ("suffix", "it became part of input"),
    ("images", "it became part of input"),
    ("system", "it became instructions"),
    ("raw", "it decides how input is made"),
    ("template", "it decides how input is made"),
    ("previous_response_id", "the conversation that it names was put before the input"),
    ("conversation", "the conversation that it names was put before the input"),
    ("reasoning_effort", "it became reasoning"),
    ("thinking", "it became reasoning"),
    ("think", "it became reasoning"),
    ("output_config", "it became reasoning and text"),
    ("response_format", "it became text"),
    ("format", "it became text"),
    ("verbosity", "it became text"),
    ("functions", "it became tools"),
    ("function_call", "it became tool_choice"),
    ("max_tokens", "the answer is cut here, where the backend has no such member"),
    ("max_completion_tokens", "the answer is cut here, where the backend has no such member"),
    ("metadata", "it is given back with the response, or names the conversation"),
    ("keep_alive", "it decides for how long the model is listed as loaded"),
];

const MADE: &str = "it was made from the request";
const FOR_HERE: &str = "it is for this server: it decides how the answer is made or written";

/// Returns the changes of a plan whose purpose is an explanation.
pub(super) fn of<O>(body: &[u8], plan: &TurnPlan<O>) -> Vec<Change> {
    let Some(facts) = &plan.explain_facts else { return Vec::new() };
    let client: RawObject<'_> = json::read(body).unwrap_or_default();
    let settled: RawObject<'_> = json::read(&facts.settled).unwrap_or_default();
    let named = |member: &str| {
        plan.notices.iter().any(|notice| notice.field.split(['.', '[']).next() == Some(member))
    };
    let mut changes: Vec<Change> = client
        .iter()
        .filter(|(member, _)| settled.get(member).is_none() && !named(member))
        .map(|(member, _)| Change {
            side: "client",
            member: member.to_owned(),
            change: "left out",
            by: "translation",
            why: reason(&BECOMES, member, FOR_HERE),
        })
        .collect();
    changes.extend(settled.iter().filter_map(|(member, value)| lowered(member, value, &client)));
    let prepared = plan.prepared.first().map(|prepared| prepared.changes(&facts.settled));
    changes.extend(prepared.into_iter().flatten().map(|change| Change {
        side: "backend",
        member: change.member,
        change: change.change,
        by: "preparation",
        why: change.why,
    }));
    changes
}

/// Returns the change of a member that the translation wrote; `None` where it is the client's own.
fn lowered(member: &str, value: &RawValue, client: &RawObject<'_>) -> Option<Change> {
    let change = match client.get(member) {
        Some(own) if own.get() == value.get() => return None,
        Some(_) => "changed",
        None => "added",
    };
    let why = reason(&MADE_OF, member, MADE);
    Some(Change { side: "backend", member: member.to_owned(), change, by: "translation", why })
}

fn reason(table: &[(&str, &'static str)], member: &str, or: &'static str) -> &'static str {
    table.iter().find(|(known, _)| *known == member).map_or(or, |(_, why)| why)
}

impl Change {
    /// Words the change as one line.
    pub(super) fn line(&self) -> (String, &'static str) {
        let from = if self.side == "client" { "of the request " } else { "" };
        (format!("{} {from}{} by {}", self.member, self.change, self.by), self.why)
    }
}
