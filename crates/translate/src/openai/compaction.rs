//! The compaction of a conversation: `POST /v1/responses/compact`.
//!
//! The backend has no endpoint for it any more: compaction is a turn whose last item asks for it. So it is a
//! dialect, which reads what the Responses API reads, and answers with a list of items: what people and
//! developers said, word for word, and the item that stands for all else.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use chatmock_protocol::json::{RawObject, RawValue, raw};
use serde::Serialize;
use serde::ser::SerializeSeq;

use crate::dialect::{Dialect, Output};
use crate::draft::Drafted;
use crate::failure::Failure;
use crate::frames::{Framing, Out};
use crate::notice::Notice;
use crate::openai::OpenAi;
use crate::openai::either_body::OpenAiBody;
use crate::openai::responses::{Passthrough, ResponsesShape};
use crate::reasoning_seal::ReasoningSeal;
use crate::shape::Shape;

/// The item that asks for a compaction.
const TRIGGER: &str = r#"{"type":"compaction_trigger"}"#;

/// `POST /v1/responses/compact`.
#[derive(Clone, Copy, Debug)]
pub struct Compaction;

/// The reply: `response.compaction`.
#[derive(Debug, Serialize)]
pub struct Compacted<'r> {
    id: String,
    object: &'static str,
    created_at: u64,
    output: Items<'r>,
    usage: Usage<'r>,
}

/// The items that take the conversation's place.
#[derive(Debug)]
struct Items<'r> {
    /// What people and developers said.
    kept: &'r [Box<RawValue>],
    /// What the backend made of everything.
    made: Vec<&'r RawValue>,
}

impl Serialize for Items<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.kept.len() + self.made.len()))?;
        let kept = self.kept.iter().map(|item| &**item);
        kept.chain(self.made.iter().copied()).try_for_each(|item| list.serialize_element(item))?;
        list.end()
    }
}

/// The backend's token counts, or zeros where it gave none: the API demands the member.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Usage<'r> {
    Given(&'r RawValue),
    Missing {
        input_tokens: u64,
        input_tokens_details: InputDetails,
        output_tokens: u64,
        output_tokens_details: OutputDetails,
        total_tokens: u64,
    },
}

impl Usage<'_> {
    fn missing() -> Self {
        Self::Missing {
            input_tokens: 0,
            input_tokens_details: InputDetails::default(),
            output_tokens: 0,
            output_tokens_details: OutputDetails::default(),
            total_tokens: 0,
        }
    }
}

#[derive(Debug, Default, Serialize)]
struct InputDetails {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Debug, Default, Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
}

impl Dialect for Compaction {
    type Request<'b> = OpenAiBody<'b>;
    type Own = ResponsesShape;
    type Encoder = Passthrough;
    type Whole = Passthrough;
    type Response<'r> = Compacted<'r>;
    type Family = OpenAi;

    const NAME: &'static str = "compaction";
    const FRAMING: Framing = Framing::Sse;

    fn read(body: &[u8]) -> Result<OpenAiBody<'_>, Failure> {
        OpenAiBody::of_responses(body)
    }

    fn draft<'b>(
        request: Self::Request<'b>,
        seal: &ReasoningSeal,
    ) -> Result<Drafted<'b, Self::Own>, Failure> {
        let mut drafted = with_input(request)?.for_responses(seal)?;
        let draft = &mut drafted.draft;
        if std::mem::take(&mut draft.stream) {
            draft.notices.push(Notice::ignored("stream", "a compaction is given whole"));
        }
        draft.refuse_background("a compaction is answered at once")?;
        // It is no answer that a later request could continue, nor one whose text could be cut.
        draft.storage.store = false;
        draft.caps.stop.max_tokens = None;
        let items = items(draft.request.get("input"))?;
        drafted.own.kept = kept(&items)?;
        let trigger = serde_json::from_str::<&RawValue>(TRIGGER)?;
        let items: Vec<&RawValue> = items.iter().map(|item| &**item).chain([trigger]).collect();
        let input = raw(&items)?;
        draft.request.put("input", Cow::Owned(input));
        Ok(drafted)
    }

    fn encoder(shape: &Arc<Shape<Self::Own>>, _: u32) -> Passthrough {
        Passthrough::new(shape, true)
    }

    fn whole(shape: &Arc<Shape<Self::Own>>, _: u32) -> Passthrough {
        Passthrough::new(shape, false)
    }

    fn tail(_: Result<&[Output<Self>], &Failure>, _: &Shape<Self::Own>, _: &mut Out) {
        // A compaction is never streamed.
    }

    fn render<'r>(
        replies: &'r [Option<Box<RawValue>>],
        shape: &'r Shape<Self::Own>,
        _: Duration,
    ) -> Compacted<'r> {
        let response: RawObject<'r> = replies
            .iter()
            .flatten()
            .next()
            .and_then(|reply| serde_json::from_str(reply.get()).ok())
            .unwrap_or_default();
        let made =
            response.as_read("output").and_then(|output| serde_json::from_str(output.get()).ok());
        let usage = response.as_read("usage").filter(|usage| usage.get().starts_with('{'));
        Compacted {
            id: response.text("id").unwrap_or_default().into_owned(),
            object: "response.compaction",
            created_at: shape.created,
            output: Items { kept: &shape.own.kept, made: made.unwrap_or_default() },
            usage: usage.map_or_else(Usage::missing, Usage::Given),
        }
    }
}

/// A request that has an input, also where the conversation is a kept one alone.
fn with_input(request: OpenAiBody<'_>) -> Result<OpenAiBody<'_>, Failure> {
    let OpenAiBody::Responses(mut request) = request else { return Ok(request) };
    if request.present("input").is_none() && request.present("previous_response_id").is_some() {
        // As if it had been read: what was set here is not.
        request.put("input", Cow::Borrowed(serde_json::from_str("[]")?));
    }
    Ok(OpenAiBody::Responses(request))
}

/// The items of an input; a text is a person's message.
fn items(input: Option<&RawValue>) -> Result<Vec<Box<RawValue>>, Failure> {
    let Some(input) = input else { return Ok(Vec::new()) };
    if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(input.get()) {
        return Ok(items.into_iter().map(RawValue::to_owned).collect());
    }
    let mut message = RawObject::default();
    message.set("type", "message")?;
    message.set("role", "user")?;
    message.put("content", Cow::Borrowed(input));
    Ok(vec![raw(&message)?])
}

/// The messages of people and developers, as items of a response.
fn kept(items: &[Box<RawValue>]) -> Result<Vec<Box<RawValue>>, Failure> {
    let mut kept = Vec::new();
    for item in items {
        let Ok(mut members) = serde_json::from_str::<RawObject<'_>>(item.get()) else { continue };
        let said = members.text("role").is_some_and(|role| matches!(&*role, "user" | "developer"));
        if !said || members.text("type").is_some_and(|kind| kind != "message") {
            continue;
        }
        members.set("type", "message")?;
        if members.present("id").is_none() {
            members.set("id", &format!("msg_kept_{}", kept.len()))?;
        }
        members.set("status", "completed")?;
        if let Some(text) =
            members.as_read("content").filter(|content| content.get().starts_with('"'))
        {
            let mut part = RawObject::default();
            part.set("type", "input_text")?;
            part.put("text", Cow::Borrowed(text));
            members.set("content", &[part])?;
        }
        kept.push(raw(&members)?);
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::policy::Policy;
    use crate::tests::support::{completed, created, done, settled, whole};

    #[test]
    fn the_conversation_goes_out_with_a_trigger_at_its_end() {
        let body =
            json!({"model": "m", "input": [{"role": "user", "content": "hi"}], "stream": true});
        let settled = settled::<Compaction>(&body.to_string(), &Policy::default()).unwrap();
        let input = settled.body["input"].as_array().unwrap();
        assert_eq!(input.last().unwrap(), &json!({"type": "compaction_trigger"}));
        assert_eq!((input.len(), settled.stream, settled.shape.store), (2, false, false));
        assert_eq!(settled.noted(), [("stream", "ignored")]);
        let text = json!({"model": "m", "input": "hi"}).to_string();
        let settled = settled_input(&text);
        assert_eq!(settled[0]["content"], json!([{"type": "input_text", "text": "hi"}]));
    }

    fn settled_input(body: &str) -> Vec<Value> {
        let settled = settled::<Compaction>(body, &Policy::default()).unwrap();
        settled.body["input"].as_array().unwrap().clone()
    }

    #[test]
    fn without_a_model_or_an_input_it_is_refused() {
        for (body, member) in [(json!({"input": "hi"}), "model"), (json!({"model": "m"}), "input")]
        {
            let failure = settled::<Compaction>(&body.to_string(), &Policy::default()).unwrap_err();
            assert_eq!((failure.status(), failure.param.as_deref()), (400, Some(member)));
        }
    }

    #[test]
    fn the_reply_holds_what_was_said_and_the_compaction() {
        let body = json!({"model": "m", "input": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "yes"},
            {"type": "message", "id": "msg_2", "role": "developer", "content": [{"type": "input_text", "text": "be brief"}]},
        ]});
        let settled = settled::<Compaction>(&body.to_string(), &Policy::default()).unwrap();
        let item = json!({"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAA"});
        let events = [created(), done(0, &item), completed()];
        let reply = whole::<Compaction>(&settled.shape, &events).unwrap();
        assert_eq!(reply["object"], "response.compaction");
        assert_eq!(reply["id"], "resp_0a1b");
        assert_eq!(reply["output"].as_array().unwrap().len(), 3);
        let said = json!({"role": "user", "content": [{"type": "input_text", "text": "hi"}], "type": "message", "id": "msg_kept_0", "status": "completed"});
        assert_eq!((&reply["output"][0], &reply["output"][2]), (&said, &item));
        assert_eq!(reply["output"][1]["id"], "msg_2");
        assert!(reply["usage"]["input_tokens"].is_u64());
    }
}
