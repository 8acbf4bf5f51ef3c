//! An event's kind, however it is found, is the `type` of its JSON.

#![no_main]

use bytes::Bytes;
use chatmock_protocol::responses::Event;
use chatmock_protocol::sse::Frame;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let frame = Frame::new(Bytes::copy_from_slice(data));
    let Ok(event) = Event::parse(&frame) else { return };
    let _ = event.phase();
    let text = frame.text();
    // Two members of one name, or a name in escapes, have no one meaning.
    if text.contains('\\') || text.matches("\"type\"").count() != 1 {
        return;
    }
    let Ok(Value::Object(members)) = serde_json::from_str(text) else { return };
    if let Some(Value::String(kind)) = members.get("type") {
        assert_eq!(event.kind, kind.as_str());
    }
});
