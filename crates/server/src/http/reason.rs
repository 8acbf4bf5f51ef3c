//! The reason of a failure, as the log has it.

use chatmock_translate::{Failure, FailureKind};

use crate::http::sanitize;

/// The longest reason, in bytes: the sentences of this server that say what to do are longer than other values.
const MAX_REASON: usize = 512;

/// Returns the sentence that the client got, for the log.
///
/// The words about a bad request may repeat what a person wrote, so that what they quote is left out.
pub(crate) fn reason(failure: &Failure) -> String {
    if failure.kind != FailureKind::BadRequest {
        return sanitize::text_within(&failure.message, MAX_REASON);
    }
    let words = without_quotations(&failure.message);
    match &failure.param {
        Some(param) if !words.contains(param.as_str()) => {
            sanitize::text_within(&format!("{param}: {words}"), MAX_REASON)
        }
        _ => sanitize::text_within(&words, MAX_REASON),
    }
}

/// Replaces what stands between quotation marks, or backticks, by an ellipsis.
fn without_quotations(text: &str) -> String {
    let (mut kept, mut inside, mut escaped) = (String::with_capacity(text.len()), None, false);
    for c in text.chars() {
        match inside {
            None => {
                kept.push(c);
                if matches!(c, '"' | '`') {
                    inside = Some(c);
                    kept.push('\u{2026}');
                }
            }
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(mark) if c == mark => {
                inside = None;
                kept.push(c);
            }
            Some(_) => {}
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_the_sentence_of_the_client_without_what_a_person_wrote() {
        let limit =
            Failure::new(FailureKind::RateLimited { retry_after: None }, "the \"5-hour\" limit");
        assert_eq!(reason(&limit), "the \"5-hour\" limit");
        for (message, kept) in [
            (
                r#"invalid type: string "mar\"zi\"pan", expected a list"#,
                "invalid type: string \"\u{2026}\", expected a list",
            ),
            (
                "unknown variant `marzipan`, expected `user`",
                "unknown variant `\u{2026}`, expected `\u{2026}`",
            ),
            ("an open \"marzipan", "an open \"\u{2026}"),
        ] {
            let failure = Failure::param("messages[0].role", message);
            assert_eq!(reason(&failure), format!("messages[0].role: {kept}"));
        }
    }
}
