//! The number of tokens that a request has for the model to read.
//!
//! The backend counts only what it answers, so the count is made here: of all text, with what surrounds each
//! item, and of pictures and files by an estimate. Encrypted reasoning says nothing of its length, and is left out.

use chatmock_protocol::json::{RawObject, RawValue, Text};

use crate::tokens::{CHARACTERS_PER_TOKEN, TokenCount, Tokenizer};

/// Members of items that hold no text for the model to read.
const NOT_READ: [&str; 9] = [
    "call_id",
    "detail",
    "encrypted_content",
    "id",
    "phase",
    "role",
    "signature",
    "status",
    "type",
];

/// Members of a request that the model reads, next to its input.
const OPTIONS: [&str; 2] = ["tools", "text"];

/// The tokens around each item: its beginning, its author, and its end.
const AROUND_ITEM: u64 = 4;

/// The tokens with which the answer begins.
const BEFORE_ANSWER: u64 = 3;

/// The tokens that a picture is counted as, and a file of which only the address is known.
const PICTURE: u64 = 1_000;

/// The bytes of a file in base64 that are counted as a token: a page of a document takes some tens of
/// kilobytes, and is read as some thousand tokens.
const FILE_BYTES: u64 = 32;

/// Counts the tokens of a request's instructions, input and tools; `input` is the whole conversation.
pub fn input_tokens(
    request: &RawObject<'_>,
    input: Option<&RawValue>,
    tokenizer: &dyn Tokenizer,
) -> u64 {
    let mut counted = Counted { count: tokenizer.start(), more: BEFORE_ANSWER };
    if let Some(instructions) = request.text("instructions").filter(|text| !text.is_empty()) {
        counted.text(&instructions);
        counted.more += AROUND_ITEM;
    }
    if let Some(input) = input {
        let list: Option<Vec<&RawValue>> = serde_json::from_str(input.get()).ok();
        counted.more += AROUND_ITEM * list.map_or(1, |list| list.len() as u64);
        counted.items(input);
    }
    for value in OPTIONS.iter().filter_map(|name| request.present(name)) {
        counted.whole(value);
    }
    counted.count.tokens() + counted.more
}

/// Estimates the tokens of a request from its length, without reading it.
pub(crate) fn estimate(request: &RawObject<'_>) -> u64 {
    let read = ["instructions", "input"].iter().chain(&OPTIONS);
    let values = read.filter_map(|name| request.present(name));
    values.map(|value| estimate_text(value.get())).sum::<u64>().max(1)
}

/// Estimates the tokens of a JSON text in which there may be data of pictures and files.
fn estimate_text(text: &str) -> u64 {
    let (mut characters, mut more, mut rest) = (0, 0, text);
    while let Some(start) = memchr::memmem::find(rest.as_bytes(), b"\"data:") {
        let (before, data) = rest.split_at_checked(start + 1).unwrap_or((rest, ""));
        let end = memchr::memchr(b'"', data.as_bytes()).unwrap_or(data.len());
        let (data, after) = data.split_at_checked(end).unwrap_or((data, ""));
        characters += before.len() as u64;
        more += if data.starts_with("data:image/") { PICTURE } else { file(data) };
        rest = after;
    }
    more + (characters + rest.len() as u64).div_ceil(CHARACTERS_PER_TOKEN)
}

fn file(data: &str) -> u64 {
    (data.len() as u64).div_ceil(FILE_BYTES)
}

/// The tokens so far.
struct Counted {
    count: Box<dyn TokenCount>,
    /// Tokens of what is no text.
    more: u64,
}

impl Counted {
    fn text(&mut self, text: &str) {
        self.count.take(text, u64::MAX);
    }

    /// Counts every text in items, and what stands for pictures and files.
    fn items(&mut self, value: &RawValue) {
        let json = value.get();
        match json.as_bytes().first() {
            Some(b'"') => {
                if let Ok(text) = serde_json::from_str::<Text<'_>>(json) {
                    self.text(&text);
                }
            }
            Some(b'[') => {
                let list: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
                list.into_iter().for_each(|inner| self.items(inner));
            }
            Some(b'{') => {
                let members: RawObject<'_> = serde_json::from_str(json).unwrap_or_default();
                members.iter().for_each(|(name, inner)| self.member(name, inner));
            }
            _ => {}
        }
    }

    fn member(&mut self, name: &str, value: &RawValue) {
        match name {
            _ if value.get() == "null" || NOT_READ.contains(&name) => {}
            "image_url" | "file_url" | "file_id" => self.more += PICTURE,
            "file_data" => self.more += file(value.get()),
            // A list of tools among the items is read as one beside them.
            "tools" => self.whole(value),
            _ => self.items(value),
        }
    }

    /// Counts a value with the names of its members, as the model is shown tools and formats.
    fn whole(&mut self, value: &RawValue) {
        let json = value.get();
        match json.as_bytes().first() {
            Some(b'[') => {
                let list: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
                list.into_iter().for_each(|inner| self.whole(inner));
            }
            Some(b'{') => {
                let members: RawObject<'_> = serde_json::from_str(json).unwrap_or_default();
                for (name, inner) in members.iter() {
                    self.text(name);
                    self.whole(inner);
                }
            }
            Some(b'"') => self.items(value),
            _ => self.text(json),
        }
    }
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
    fn tools_are_counted_with_the_names_in_them() {
        let tools = r#"{"input":"abcd","tools":[{"type":"func","name":"abcd","strict":true,"parameters":{"abcd":{}}}]}"#;
        // In characters: the text 4, names of members 4, 4, 6 and 10, values 4, 4 and 4, and the name in the schema 4.
        assert_eq!(counted(tools), 11 + 4 + 3);
        let item = r#"{"input":[{"type":"additional_tools","tools":[{"name":"abcd"}]}]}"#;
        assert_eq!(counted(item), 2 + 4 + 3);
    }

    #[test]
    fn pictures_and_files_are_estimated() {
        let part = |part: &str| {
            counted(&format!(
                r#"{{"input":[{{"role":"user","content":[{part},{{"type":"input_text","text":"abcd"}}]}}]}}"#
            ))
        };
        let picture =
            r#"{"type":"input_image","image_url":"data:image/png;base64,AAAA","file_id":null}"#;
        assert_eq!(part(picture), PICTURE + 1 + 4 + 3);
        assert_eq!(
            part(r#"{"type":"input_file","file_url":"https://a/b.pdf"}"#),
            PICTURE + 1 + 4 + 3
        );
        let data = "A".repeat(3_200);
        let file =
            format!(r#"{{"type":"input_file","file_data":"data:application/pdf;base64,{data}"}}"#);
        assert_eq!(part(&file), 101 + 1 + 4 + 3);
        let thought = r#"{"input":[{"type":"reasoning","summary":[],"encrypted_content":"gAAAAAAAAAAAAAAA"}]}"#;
        assert_eq!(counted(thought), 4 + 3);
    }

    #[test]
    fn a_quick_estimate_skips_data() {
        let request = format!(r#"{{"input":"data:image/png;base64,{}"}}"#, "A".repeat(9_000));
        let request: RawObject<'_> = serde_json::from_str(&request).unwrap();
        assert!((PICTURE..PICTURE + 9).contains(&estimate(&request)));
    }
}
