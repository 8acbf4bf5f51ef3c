//! Answers as refusals: whether they have the shape of the API.

use chatmock_testkit::client::Reply;
use serde_json::Value;

pub(crate) fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}

/// Returns the answer as an error unless it is a refusal in the shape of OpenAI's API.
pub(crate) fn refusal(answer: &Reply) -> Result<(), String> {
    let strange = || Err(format!("{} {}", answer.status, answer.text()));
    if !(400..500).contains(&answer.status) {
        return strange();
    }
    shape(answer).or_else(|()| strange())
}

/// Checks that an answer's body is an error in the shape of OpenAI's API.
fn shape(answer: &Reply) -> Result<(), ()> {
    let body: Value = serde_json::from_slice(&answer.body).map_err(drop)?;
    let error = body["error"].as_object().ok_or(())?;
    let says =
        |name: &str| error.get(name).and_then(Value::as_str).is_some_and(|it| !it.is_empty());
    let whole = says("message") && says("type") && error.contains_key("code");
    let json =
        answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    if whole && error.contains_key("param") && json { Ok(()) } else { Err(()) }
}
