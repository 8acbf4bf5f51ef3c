//! The issuer's own words about a refusal, made harmless for a terminal.

use std::fmt;

use serde_json::Value;

/// The longest text that is passed on, in characters.
const MAX_CHARS: usize = 256;

/// The longest run of characters that may be a word and no token.
const MAX_WORD: usize = 32;

/// What the issuer says about a refusal: often the only explanation that there is.
///
/// Printable ASCII alone is kept, so that nothing in it can move a cursor or hide text, and no run of
/// characters that may be a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceWords(Option<String>);

impl ServiceWords {
    /// Reads the words where issuers put them: `error.message`, `error_description`, `message` or `detail`.
    pub(crate) fn read(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let places = [
            &body["error"]["message"],
            &body["error_description"],
            &body["message"],
            &body["detail"]["message"],
            &body["detail"],
        ];
        Self(places.into_iter().find_map(Value::as_str).and_then(harmless))
    }
}

impl fmt::Display for ServiceWords {
    /// Writes nothing where there are no words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(words) => write!(f, " (it says: {words})"),
            None => Ok(()),
        }
    }
}

fn harmless(text: &str) -> Option<String> {
    let kept = text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' });
    let kept: String = kept.take(MAX_CHARS).collect();
    let words =
        kept.split_whitespace().map(|word| if word.len() > MAX_WORD { "..." } else { word });
    let words = words.collect::<Vec<_>>().join(" ");
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &str) -> String {
        ServiceWords::read(body.as_bytes()).to_string()
    }

    #[test]
    fn words_are_found_where_issuers_put_them() {
        for body in [
            r#"{"error":{"message":"Not allowed.","code":"x"}}"#,
            r#"{"error":"access_denied","error_description":"Not allowed."}"#,
            r#"{"message":"Not allowed."}"#,
            r#"{"detail":"Not allowed."}"#,
            r#"{"detail":{"message":"Not  allowed."}}"#,
        ] {
            assert_eq!(said(body), " (it says: Not allowed.)", "{body}");
        }
        for body in ["", "<html>", "{}", r#"{"message":" "}"#, r#"{"message":5}"#] {
            assert_eq!(said(body), "", "{body}");
        }
    }

    #[test]
    fn words_are_short_and_hold_no_token_and_no_control_character() {
        let token = "a".repeat(40);
        let body = format!(r#"{{"message":"The code {token} is\u001b[2J\n used."}}"#);
        assert_eq!(said(&body), " (it says: The code ... is?[2J? used.)");
        let long = serde_json::json!({"message": "a word ".repeat(1000)}).to_string();
        assert!(said(&long).len() < 300);
    }
}
