//! Members of every type in the place of each documented one: refused with their path, reported, or taken, as a table
//! says; `BLESS=1` writes it anew.

use std::fmt::Write;

use chatmock_testkit::client::Reply;
use serde_json::{Value, json};

use crate::dialects::{Row, dialects};
use crate::documented::{document, fields, root, section};
use crate::harness::Harness;

const TABLE: &str = "tests/fixtures/member-types.tsv";

/// The head of the table.
const HEAD: &str = "# What becomes of a value of each type in each documented member of a request: refused (a failure of this program's
# own, which names the path), noted (an answer whose notices name the member) or taken (an answer without a word).
dialect\tmember\tnumber\ttext\ttrue\tobject\tlist
";

/// A value of each type, none of which is what a member usually has.
fn values() -> [Value; 5] {
    [json!(7), json!("x"), json!(true), json!({"x": 7}), json!([7])]
}

/// Members of a message, which the document lists beside those of the request.
const OF_MESSAGE: [&str; 7] =
    ["content", "images", "name", "thinking", "tool_call_id", "tool_calls", "tool_name"];

/// Returns whether a dialect's request has a member; two dialects of Ollama share one table.
fn has(dialect: Row, field: &str) -> bool {
    let member = field.split('.').next().unwrap();
    match dialect.name {
        "ollama-chat" => {
            !["prompt", "system", "suffix", "template", "context", "raw"].contains(&member)
        }
        "ollama-generate" => {
            member == "images"
                || !OF_MESSAGE.contains(&member) && !["messages", "tools"].contains(&member)
        }
        _ => true,
    }
}

/// A question with a value in the place of one member.
fn asking(dialect: Row, field: &str, value: &Value) -> Value {
    let mut body = dialect.ask("hi", false);
    let in_message = dialect.name == "ollama-chat" && OF_MESSAGE.contains(&field);
    let mut place = if in_message { &mut body["messages"][0] } else { &mut body };
    for step in field.split('.') {
        place = &mut place[step];
    }
    *place = value.clone();
    body
}

/// The word of the table for an answer.
fn outcome(dialect: Row, field: &str, reply: &Reply) -> Result<&'static str, String> {
    let member = field.split('.').next().unwrap();
    if reply.status == 200 {
        let notices = reply.header("x-chatmock-notices").unwrap_or_default();
        let named = |notice: &str| {
            notice.strip_prefix(member).is_some_and(|rest| rest.starts_with(['=', '.', '[']))
        };
        return Ok(if notices.split(", ").any(named) { "noted" } else { "taken" });
    }
    let error = &reply.json()["error"];
    let path = error["param"].as_str().unwrap_or_default();
    let message = error["message"].as_str().or(error.as_str()).unwrap_or_default();
    let named = match dialect.path {
        "/v1/messages" => message.starts_with(member) || message.contains(&format!("{member} ")),
        // Ollama's own words for a duration do not name the member.
        "/api/chat" | "/api/generate" => message.contains(member) || message.contains("duration"),
        _ => path.starts_with(member),
    };
    match reply.status {
        400 | 404 if named => Ok("refused"),
        status => Err(format!("{status}: {}", reply.text())),
    }
}

#[tokio::test]
async fn a_member_of_the_wrong_type_is_refused_with_its_path_reported_or_known_to_be_taken() {
    let harness = Harness::new().await;
    let (mut table, mut faults) = (HEAD.to_owned(), Vec::new());
    let document = document();
    for dialect in dialects() {
        let fields = fields(section(&document, dialect.heading));
        for field in fields.iter().filter(|field| has(dialect, field)) {
            write!(table, "{dialect}\t{field}").unwrap();
            for value in values() {
                let calls = harness.calls();
                let reply =
                    harness.server.post(dialect.path, &asking(dialect, field, &value)).await;
                let asked = harness.calls() > calls;
                let word = outcome(dialect, field, &reply).unwrap_or_else(|why| {
                    faults.push(format!("{dialect}: {field}: {value}: {why}"));
                    "?"
                });
                // An answer in the background is asked for after its reply.
                if asked && word == "refused" && field != "background" {
                    faults.push(format!("{dialect}: {field}: {value}: the backend was asked"));
                }
                write!(table, "\t{word}").unwrap();
            }
            table.push('\n');
        }
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(root().join(TABLE), &table).unwrap();
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let written = std::fs::read_to_string(root().join(TABLE)).unwrap();
    assert_eq!(written, table, "{TABLE} says otherwise");
}
