//! The big list of naughty strings, as what is said, as the name of a model and in headers.

use chatmock_testkit::client::{Reply, Request};
use serde_json::{Value, json};

use crate::answers::refusal;
use crate::fetch::{Problem, npm};
use crate::harness::{CHAT, Harness, chat, said};
use crate::{Outcome, verdict, wait};

/// Headers that are read, and one that is not.
const HEADERS: [&str; 5] =
    ["user-agent", "x-request-id", "session-id", "openai-organization", "x-naughty"];

/// Each comes back from the simulator, which repeats its input.
pub(crate) fn contents() -> Outcome {
    wait(async {
        let (strings, harness) = (strings()?, Harness::new().await);
        let mut faults = Vec::new();
        for string in &strings {
            let answer = harness.server.say(string).await;
            faults.extend(unharmed(string, &answer));
        }
        verdict(format!("{} contents", strings.len()), &faults)
    })
}

/// Each is answered, or refused in the dialect's shape.
pub(crate) fn models() -> Outcome {
    wait(async {
        let (strings, harness) = (strings()?, Harness::new().await);
        let (mut faults, mut taken) = (Vec::new(), 0);
        for string in &strings {
            let mut request = chat("hi", false);
            request["model"] = json!(string);
            let answer = harness.server.post(CHAT, &request).await;
            let wrong = match answer.status {
                200 => {
                    serde_json::from_slice::<Value>(&answer.body).err().map(|why| why.to_string())
                }
                400 | 404 => refusal(&answer).err(),
                status => Some(format!("{status} {}", answer.text())),
            };
            taken += usize::from(answer.status == 200);
            faults.extend(wrong.map(|why| format!("{string:?}: {why}")));
        }
        verdict(format!("{} names of models, {taken} taken", strings.len()), &faults)
    })
}

/// Each that a header may hold changes nothing, and nothing of an unknown header goes to the backend.
pub(crate) fn headers() -> Outcome {
    wait(async {
        let (mut strings, harness) = (strings()?, Harness::new().await);
        strings
            .retain(|string| string.bytes().all(|byte| byte == b'\t' || !byte.is_ascii_control()));
        let mut faults = Vec::new();
        for string in &strings {
            let request = Request::post(CHAT, chat(string, false).to_string());
            let request = HEADERS.iter().fold(request, |request, name| request.with(name, string));
            let answer = harness.server.send(request).await;
            faults.extend(unharmed(string, &answer));
        }
        let calls = harness.simulator.model_calls();
        let passed = calls.iter().filter(|call| call.header("x-naughty").is_some()).count();
        faults.extend((passed > 0).then(|| format!("{passed} calls have a client's header")));
        verdict(format!("{} strings in {} headers each", strings.len(), HEADERS.len()), &faults)
    })
}

/// A fault where an answer does not repeat what was said.
fn unharmed(string: &str, answer: &Reply) -> Option<String> {
    let well = answer.status == 200 && said(answer) == format!("You said: {string}");
    (!well).then(|| format!("{string:?}: {} {}", answer.status, answer.text()))
}

fn strings() -> Result<Vec<String>, Problem> {
    let path = npm("blns", "2.0.4")?.join("resources/blns.json");
    let strings: Vec<String> = serde_json::from_slice(&std::fs::read(path)?)?;
    if strings.len() == 485 {
        Ok(strings)
    } else {
        Err(format!("{} strings are not the 485 pinned", strings.len()).into())
    }
}
