//! Objects that pass through member by member: what comes out means what went in.

#![no_main]

use chatmock_protocol::json::{self, RawObject};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let Ok(members) = json::read::<RawObject<'_>>(data) else { return };
    let text = serde_json::to_string(&members).expect("members are written");
    let data = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    let before: Result<Value, _> = serde_json::from_slice(data);
    let after: Result<Value, _> = serde_json::from_str(&text);
    assert_eq!(before.ok(), after.ok());
    let again: RawObject<'_> = json::read(text.as_bytes()).expect("what was written can be read");
    assert_eq!(serde_json::to_string(&again).ok(), Some(text.clone()));
});
