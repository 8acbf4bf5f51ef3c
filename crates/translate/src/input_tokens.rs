//! The number of tokens that a request has for the model to read.
//!
//! The backend counts only what it answers, so the count is made here: of all text, with what surrounds each
//! item. Pictures, files and encrypted reasoning are not text, and are left out.

use chatmock_protocol::json::{RawObject, RawValue, Text};

use crate::tokens::{TokenCount, Tokenizer};

/// Members that hold no text for the model to read.
const NOT_READ: [&str; 13] = [
    "call_id",
    "detail",
    "encrypted_content",
    "file_data",
    "file_id",
    "file_url",
    "id",
    "image_url",
    "phase",
    "role",
    "status",
    "strict",
    "type",
];

/// The tokens around each item: its beginning, its author, and its end.
const AROUND_ITEM: u64 = 4;

/// The tokens with which the answer begins.
const BEFORE_ANSWER: u64 = 3;

/// Counts the tokens of a request's instructions, input and tools; `input` is the whole conversation.
pub fn input_tokens(
    request: &RawObject<'_>,
    input: Option<&RawValue>,
    tokenizer: &dyn Tokenizer,
) -> u64 {
    let mut count = tokenizer.start();
    let mut items = 0;
    if let Some(instructions) = request.text("instructions").filter(|text| !text.is_empty()) {
        take(&mut *count, &instructions);
        items += 1;
    }
    if let Some(input) = input {
        let list: Option<Vec<&RawValue>> = serde_json::from_str(input.get()).ok();
        items += list.map_or(1, |list| list.len() as u64);
        texts(input, &mut *count);
    }
    for name in ["tools", "text"] {
        if let Some(value) = request.present(name) {
            texts(value, &mut *count);
        }
    }
    count.tokens() + items * AROUND_ITEM + BEFORE_ANSWER
}

/// Counts every text in a value, and the names of members that the client chose.
fn texts(value: &RawValue, count: &mut dyn TokenCount) {
    let json = value.get();
    match json.as_bytes().first() {
        Some(b'"') => {
            if let Ok(text) = serde_json::from_str::<Text<'_>>(json) {
                take(count, &text);
            }
        }
        Some(b'[') => {
            let list: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
            list.into_iter().for_each(|inner| texts(inner, count));
        }
        Some(b'{') => {
            let members: RawObject<'_> = serde_json::from_str(json).unwrap_or_default();
            let read = members.iter().filter(|(name, _)| !NOT_READ.contains(name));
            read.for_each(|(_, inner)| texts(inner, count));
        }
        _ => {}
    }
}

fn take(count: &mut dyn TokenCount, text: &str) {
    count.take(text, u64::MAX);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::Estimate;

    fn counted(request: &str) -> u64 {
        let request: RawObject<'_> = serde_json::from_str(request).unwrap();
        input_tokens(&request, request.get("input"), &Estimate)
    }

    #[test]
    fn text_is_counted_and_what_surrounds_it() {
        assert_eq!(counted(r#"{"input":"abcd"}"#), 1 + 4 + 3);
        assert_eq!(counted(r#"{"input":[{"role":"user","content":"abcd"}]}"#), 1 + 4 + 3);
        assert_eq!(counted(r#"{"instructions":"abcd","input":"abcd"}"#), 2 + 8 + 3);
        assert_eq!(counted("{}"), 3);
    }

    #[test]
    fn tools_are_counted_and_pictures_are_not() {
        let tools = r#"{"input":"abcd","tools":[{"type":"function","name":"abcd","description":"efgh","parameters":{}}]}"#;
        assert_eq!(counted(tools), 3 + 4 + 3);
        let picture = r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,AAAA"},{"type":"input_text","text":"abcd"}]}]}"#;
        assert_eq!(counted(picture), 1 + 4 + 3);
    }
}
