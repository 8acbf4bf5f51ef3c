//! Hiding what must not be in a cassette: secrets, the ids of accounts and conversations, and texts where that is asked for.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{PieceData, TapedAnswer, TapedRequest};

/// The form of the texts in a cassette.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextForm {
    /// As they were.
    #[default]
    Plain,
    /// As the beginning of their SHA-256: equal texts stay equal, and nobody can read them.
    Hashed,
}

/// Members that name an account or a conversation, and their stand-ins. What they hold differs from account to account, so
/// it would keep a request from being found again.
const NAMED: [(&str, &str); 9] = [
    ("prompt_cache_key", "<session>"),
    ("session_id", "<session>"),
    ("thread_id", "<session>"),
    ("safety_identifier", "<user>"),
    ("user", "<user>"),
    ("user_id", "<user>"),
    ("email", "<email>"),
    ("account_id", "<account>"),
    ("organization_id", "<organization>"),
];

/// Members whose texts are words of the protocol, which stay readable where texts are hashed.
const WORDS: [&str; 34] = [
    "type",
    "role",
    "id",
    "call_id",
    "item_id",
    "response_id",
    "status",
    "model",
    "name",
    "namespace",
    "object",
    "effort",
    "summary",
    "verbosity",
    "service_tier",
    "tool_choice",
    "truncation",
    "include",
    "phase",
    "code",
    "reason",
    "created_at",
    "format",
    "detail",
    "encrypted_content",
    "obfuscation",
    "execution",
    "strict",
    "mode",
    "background",
    "previous_response_id",
    "error",
    "param",
    "image_detail",
];

/// The number of characters of the hash that replaces a text.
const DIGITS: usize = 16;

/// The rules by which a cassette is made.
#[derive(Clone, Debug)]
pub struct Hiding<'s> {
    form: TextForm,
    secrets: Vec<(&'s str, &'static str)>,
}

impl<'s> Hiding<'s> {
    /// Creates rules without secrets.
    #[must_use]
    pub fn new(form: TextForm) -> Self {
        Self { form, secrets: Vec::new() }
    }

    /// Adds a secret and the text that replaces it; an empty secret is passed over.
    #[must_use]
    pub fn secret(mut self, secret: &'s str, stand_in: &'static str) -> Self {
        if !secret.is_empty() {
            self.secrets.push((secret, stand_in));
            // The longest first: one may be part of another.
            self.secrets.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.len()));
        }
        self
    }

    pub(super) fn form(&self) -> TextForm {
        self.form
    }

    /// Returns the canonical form of a request's body: members in order of name, ids of accounts and conversations as
    /// stand-ins, texts hashed where that is asked for. `None` where it is no JSON.
    #[must_use]
    pub fn canonical(&self, body: &[u8]) -> Option<Value> {
        let mut value: Value = serde_json::from_slice(body).ok()?;
        self.value(&mut value, false);
        Some(value)
    }

    pub(super) fn request(&self, mut request: TapedRequest) -> TapedRequest {
        self.value(&mut request.body, false);
        self.headers(&mut request.headers);
        request
    }

    pub(super) fn answer(&self, mut answer: TapedAnswer) -> TapedAnswer {
        self.headers(&mut answer.headers);
        for piece in &mut answer.pieces {
            if let PieceData::Text(text) = &mut piece.data {
                *text = self.lines(text);
            }
        }
        answer
    }

    fn headers(&self, headers: &mut [(String, String)]) {
        for (_, value) in headers {
            *value = self.without_secrets(value);
        }
    }

    /// Hides what is in the lines of a body. Where texts stay, all else stays byte for byte; where they are hashed, the JSON of
    /// an event is written anew.
    fn lines(&self, text: &str) -> String {
        if self.form == TextForm::Plain {
            return self.without_secrets(&without_names(text));
        }
        let line = |line: &str| {
            let start = line.find('{').filter(|at| ["", "data:"].contains(&line[..*at].trim()));
            let (before, json) = line.split_at(start.unwrap_or(line.len()));
            let ended = json.trim_end_matches(['\r', '\n']);
            let Ok(mut value) = serde_json::from_str::<Value>(ended) else {
                return self.without_secrets(line);
            };
            self.value(&mut value, false);
            format!("{before}{value}{}", &json[ended.len()..])
        };
        text.split_inclusive('\n').map(line).collect()
    }

    /// Hides what is in a value; `is_word` says that its texts are words of the protocol.
    fn value(&self, value: &mut Value, is_word: bool) {
        match value {
            Value::Object(members) => {
                for (name, value) in members.iter_mut() {
                    let named = NAMED.iter().find(|(known, _)| known == name);
                    match (named, &value) {
                        (Some((_, stand_in)), Value::String(_)) => {
                            *value = Value::from(*stand_in);
                        }
                        _ => self.value(value, WORDS.contains(&name.as_str())),
                    }
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.value(value, is_word)),
            Value::String(text) => {
                *text = match self.form {
                    TextForm::Hashed if !is_word && !text.is_empty() && !is_stand_in(text) => {
                        hash(text)
                    }
                    _ => self.without_secrets(text),
                };
            }
            _ => {}
        }
    }

    fn without_secrets(&self, text: &str) -> String {
        let replace = |text: String, (secret, stand_in): &(&str, &str)| match text.contains(secret)
        {
            true => text.replace(secret, stand_in),
            false => text,
        };
        self.secrets.iter().fold(text.to_owned(), replace)
    }
}

/// Puts stand-ins into a text of JSON for the strings of the members that name an account or a conversation.
fn without_names(text: &str) -> String {
    NAMED.iter().fold(text.to_owned(), |text, (name, stand_in)| {
        let quoted = format!("\"{name}\"");
        if !text.contains(&quoted) {
            return text;
        }
        let mut pieces = text.split(&quoted);
        let mut hidden = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            hidden.push_str(&quoted);
            match string_after_colon(piece) {
                Some((before, after)) => {
                    hidden.push_str(&piece[..before]);
                    hidden.push_str(stand_in);
                    hidden.push_str(&piece[after..]);
                }
                None => hidden.push_str(piece),
            }
        }
        hidden
    })
}

/// Returns the range of the string that follows a colon at the beginning of a text, without its quotes.
fn string_after_colon(text: &str) -> Option<(usize, usize)> {
    let rest = text.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let start = text.len() - rest.len();
    let mut escaped = false;
    let end = rest.find(|character| {
        let ends = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        ends
    })?;
    Some((start, start + end))
}

/// Returns whether a text is already a hash, as in a request that is compared a second time.
fn is_stand_in(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|digits| digits.len() == DIGITS)
}

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{}", &digits[..DIGITS])
}
