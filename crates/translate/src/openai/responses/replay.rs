//! The stream of a response that is complete: the events by which it could have come.

use bytes::Bytes;
use chatmock_protocol::json::{RawObject, RawValue, raw};

/// Writes the events of a kept response, one message each, numbered from 0. Each text comes as one delta.
///
/// # Errors
/// When the response is no object of JSON.
pub fn replay(response: &RawValue) -> Result<Vec<Bytes>, serde_json::Error> {
    let whole: RawObject<'_> = serde_json::from_str(response.get())?;
    let mut begun = whole.clone();
    begun.set("status", "in_progress")?;
    begun.set("output", &[(); 0])?;
    begun.set("usage", &None::<()>)?;
    let mut events = Events::default();
    events.push("response.created", &[("response", &raw(&begun)?)])?;
    events.push("response.in_progress", &[("response", &raw(&begun)?)])?;
    let output = whole.get("output").map(RawValue::get).unwrap_or("[]");
    for (index, item) in serde_json::from_str::<Vec<&RawValue>>(output)?.into_iter().enumerate() {
        events.item(index, item)?;
    }
    let kind = match whole.text("status").as_deref() {
        Some("incomplete") => "response.incomplete",
        Some("failed" | "cancelled") => "response.failed",
        _ => "response.completed",
    };
    events.push(kind, &[("response", response)])?;
    Ok(events.written)
}

/// The events so far.
#[derive(Default)]
struct Events {
    written: Vec<Bytes>,
}

/// The place of a text: its item, and the part of it.
struct Place<'a> {
    item_id: &'a RawValue,
    output_index: &'a RawValue,
    part_index: (&'static str, &'a RawValue),
}

/// The kinds of the events of one text.
struct Kinds {
    part_added: &'static str,
    delta: &'static str,
    done: &'static str,
    part_done: &'static str,
}

const TEXT: Kinds = Kinds {
    part_added: "response.content_part.added",
    delta: "response.output_text.delta",
    done: "response.output_text.done",
    part_done: "response.content_part.done",
};

const REFUSAL: Kinds =
    Kinds { delta: "response.refusal.delta", done: "response.refusal.done", ..TEXT };

const SUMMARY: Kinds = Kinds {
    part_added: "response.reasoning_summary_part.added",
    delta: "response.reasoning_summary_text.delta",
    done: "response.reasoning_summary_text.done",
    part_done: "response.reasoning_summary_part.done",
};

impl Events {
    fn push(
        &mut self,
        kind: &'static str,
        members: &[(&'static str, &RawValue)],
    ) -> Result<(), serde_json::Error> {
        let mut event = RawObject::default();
        event.set("type", kind)?;
        event.set("sequence_number", &self.written.len())?;
        for (name, value) in members {
            event.set(*name, value)?;
        }
        self.written.push(serde_json::to_vec(&event)?.into());
        Ok(())
    }

    fn item(&mut self, index: usize, item: &RawValue) -> Result<(), serde_json::Error> {
        let index = raw(&index)?;
        let members: RawObject<'_> = serde_json::from_str(item.get()).unwrap_or_default();
        let id = members.get("id").unwrap_or(RawValue::NULL);
        let mut begun = members.clone();
        for (name, empty) in [("content", "[]"), ("summary", "[]"), ("arguments", "\"\"")] {
            if begun.contains(name) {
                begun.set(name, &serde_json::from_str::<&RawValue>(empty)?)?;
            }
        }
        if begun.contains("status") {
            begun.set("status", "in_progress")?;
        }
        self.push(
            "response.output_item.added",
            &[("output_index", &index), ("item", &raw(&begun)?)],
        )?;
        self.parts(&members, "content", &(id, &index))?;
        self.parts(&members, "summary", &(id, &index))?;
        if let Some(arguments) = members.get("arguments") {
            let place = [("item_id", id), ("output_index", &*index)];
            let kind = "response.function_call_arguments.delta";
            self.push(kind, &[place[0], place[1], ("delta", arguments)])?;
            let kind = "response.function_call_arguments.done";
            self.push(kind, &[place[0], place[1], ("arguments", arguments)])?;
        }
        self.push("response.output_item.done", &[("output_index", &index), ("item", item)])
    }

    /// Writes the parts of an item: of a message its content, of reasoning its summary.
    fn parts(
        &mut self,
        item: &RawObject<'_>,
        name: &'static str,
        (item_id, output_index): &(&RawValue, &RawValue),
    ) -> Result<(), serde_json::Error> {
        let parts = item.get(name).map_or("[]", RawValue::get);
        let Ok(parts) = serde_json::from_str::<Vec<&RawValue>>(parts) else { return Ok(()) };
        for (number, part) in parts.into_iter().enumerate() {
            let members: RawObject<'_> = serde_json::from_str(part.get()).unwrap_or_default();
            let (text, kinds) = match (name, members.text("type").as_deref()) {
                ("summary", _) => ("text", SUMMARY),
                (_, Some("output_text")) => ("text", TEXT),
                (_, Some("refusal")) => ("refusal", REFUSAL),
                _ => continue,
            };
            let index = if name == "summary" { "summary_index" } else { "content_index" };
            let number = raw(&number)?;
            let place = Place { item_id, output_index, part_index: (index, &number) };
            self.text(&place, (part, text), &kinds)?;
        }
        Ok(())
    }

    fn text(
        &mut self,
        place: &Place<'_>,
        (part, name): (&RawValue, &'static str),
        kinds: &Kinds,
    ) -> Result<(), serde_json::Error> {
        let mut empty: RawObject<'_> = serde_json::from_str(part.get())?;
        let members = empty.clone();
        let text = members.get(name).unwrap_or(RawValue::NULL);
        empty.set(name, "")?;
        let place =
            [("item_id", place.item_id), ("output_index", place.output_index), place.part_index];
        self.push(kinds.part_added, &[place[0], place[1], place[2], ("part", &raw(&empty)?)])?;
        self.push(kinds.delta, &[place[0], place[1], place[2], ("delta", text)])?;
        self.push(kinds.done, &[place[0], place[1], place[2], (name, text)])?;
        self.push(kinds.part_done, &[place[0], place[1], place[2], ("part", part)])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_kept_response_comes_as_the_events_of_its_stream() {
        let response = r#"{"id":"resp_1","status":"completed","usage":{"a":1E2},"output":[
            {"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]},
            {"id":"fc_1","type":"function_call","status":"completed","arguments":"{}","call_id":"c"},
            {"id":"msg_1","type":"message","status":"completed","content":[{"type":"output_text","text":"hi","annotations":[]}]}]}"#;
        let response: &RawValue = serde_json::from_str(response).unwrap();
        let events = replay(response).unwrap();
        let read: Vec<Value> =
            events.iter().map(|event| serde_json::from_slice(event).unwrap()).collect();
        let kinds: Vec<_> = read.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(kinds.len(), 19, "{kinds:?}");
        assert_eq!((kinds[0], kinds[18]), ("response.created", "response.completed"));
        for (number, event) in read.iter().enumerate() {
            assert_eq!(event["sequence_number"], number);
        }
        assert_eq!(read[0]["response"]["output"], serde_json::json!([]));
        let texts: Vec<_> = read.iter().filter_map(|event| event["delta"].as_str()).collect();
        assert_eq!(texts, ["hm", "{}", "hi"]);
        assert!(events[18].ends_with(format!("{}}}", response.get()).as_bytes()));
    }
}
