//! Chat completions that are kept: what of the request is kept with them, and how they are shown later.

use std::borrow::Cow;

use chatmock_protocol::json::{RawObject, RawValue, members, raw, read_text};

use crate::failure::Failure;

/// The members of a request that its kept completion repeats.
const REPEATED: [&str; 9] = [
    "metadata",
    "tools",
    "tool_choice",
    "response_format",
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
];

/// The most labels of a completion, and the longest name and text of one, in characters.
const MAX_LABELS: usize = 16;
const MAX_NAME: usize = 64;
const MAX_TEXT: usize = 512;

/// The part of a request that is kept with its completion.
#[derive(Debug)]
pub struct KeptRequest {
    /// The messages, a JSON list.
    pub messages: String,
    /// The members that the completion repeats, a JSON object.
    pub repeated: String,
}

impl KeptRequest {
    /// Takes from a body what is kept; the body has been read before.
    #[must_use]
    pub fn of(body: &str) -> Self {
        let (mut messages, mut repeated) = ("[]".to_owned(), String::from("{"));
        for (name, value) in members(body) {
            if name == "messages" {
                value.clone_into(&mut messages);
            } else if REPEATED.contains(&name) && value != "null" {
                let comma = if repeated.len() > 1 { "," } else { "" };
                repeated.push_str(&format!("{comma}\"{name}\":{value}"));
            }
        }
        repeated.push('}');
        Self { messages, repeated }
    }
}

/// Checks the labels of a completion.
///
/// # Errors
/// When they are anything but a few short texts by name.
pub fn check_metadata(metadata: &str) -> Result<(), Failure> {
    const NAME: &str = "metadata";
    let labels: RawObject<'_> = read_text(metadata)
        .map_err(|_| Failure::param(NAME, "metadata must be an object of texts"))?;
    if labels.iter().count() > MAX_LABELS {
        let message = format!("metadata has more than {MAX_LABELS} labels");
        return Err(Failure::param(NAME, message));
    }
    for (name, value) in labels.iter() {
        let text: Option<String> = serde_json::from_str(value.get()).ok();
        let fits = |text: &str, most: usize| text.chars().count() <= most;
        if !fits(name, MAX_NAME) || !text.is_some_and(|text| fits(&text, MAX_TEXT)) {
            let shown: String = name.chars().take(MAX_NAME).collect();
            let message = format!(
                "metadata.{shown} must be a text of at most {MAX_TEXT} characters, under a name of at most {MAX_NAME}"
            );
            return Err(Failure::param(NAME, message));
        }
    }
    Ok(())
}

/// Writes a completion as it is kept, with what it repeats of its request.
///
/// # Errors
/// When one of the two is no object.
pub fn with_request(completion: &str, repeated: &str) -> Result<String, serde_json::Error> {
    let mut kept: RawObject<'_> = serde_json::from_str(completion)?;
    let repeated: RawObject<'_> = serde_json::from_str(repeated)?;
    for (name, value) in repeated.iter().filter(|(name, _)| REPEATED.contains(name)) {
        kept.set(name.to_owned(), value)?;
    }
    if !kept.contains("metadata") {
        kept.set("metadata", &RawObject::default())?;
    }
    serde_json::to_string(&kept)
}

/// Writes a kept completion with other labels.
///
/// # Errors
/// When it is no object.
pub fn with_metadata(completion: &str, metadata: &RawValue) -> Result<String, serde_json::Error> {
    let mut kept: RawObject<'_> = serde_json::from_str(completion)?;
    kept.put("metadata", Cow::Borrowed(metadata));
    serde_json::to_string(&kept)
}

/// Returns whether a kept completion is of a model, and has all of these labels.
#[must_use]
pub fn matches(completion: &str, model: Option<&str>, labels: &[(String, String)]) -> bool {
    let Ok(kept) = serde_json::from_str::<RawObject<'_>>(completion) else { return false };
    let of_model = model.is_none_or(|model| kept.text("model").as_deref() == Some(model));
    let metadata: RawObject<'_> =
        kept.get("metadata").and_then(|own| read_text(own.get()).ok()).unwrap_or_default();
    of_model && labels.iter().all(|(name, text)| metadata.text(name).as_deref() == Some(text))
}

/// Writes a message of a kept completion as it is listed: with an id, and parts apart from text.
///
/// # Errors
/// When it cannot be written.
pub fn listed_message(message: &RawValue, id: &str) -> Result<Box<RawValue>, serde_json::Error> {
    let mut listed: RawObject<'_> = serde_json::from_str(message.get())?;
    listed.set("id", id)?;
    let parts = listed.present("content").filter(|content| content.get().starts_with('['));
    match parts.map(ToOwned::to_owned) {
        Some(parts) => {
            listed.set("content", &None::<()>)?;
            listed.put("content_parts", Cow::Owned(parts));
        }
        None => listed.set("content_parts", &None::<()>)?,
    }
    raw(&listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_completion_is_kept_with_its_labels_and_messages_as_they_were_written() {
        let body = r#"{"model":"m","messages":[ {"role":"user","content":"h\u0069","n":1E2} ],"store":true,
            "metadata":{"a":"\u00e9"},"seed":7,"tools":null}"#;
        let KeptRequest { messages, repeated } = KeptRequest::of(body);
        assert_eq!(messages, r#"[ {"role":"user","content":"h\u0069","n":1E2} ]"#);
        assert_eq!(repeated, r#"{"metadata":{"a":"\u00e9"},"seed":7}"#);
        let kept = with_request(r#"{"id":"c","model":"m"}"#, &repeated).unwrap();
        assert_eq!(kept, r#"{"id":"c","model":"m","metadata":{"a":"\u00e9"},"seed":7}"#);
        let label = |text: &str| vec![("a".to_owned(), text.to_owned())];
        assert!(matches(&kept, Some("m"), &label("é")) && matches(&kept, None, &[]));
        assert!(!matches(&kept, Some("n"), &[]) && !matches(&kept, None, &label("e")));
        let other: &RawValue = serde_json::from_str(r#"{"b":"c"}"#).unwrap();
        let changed = with_metadata(&kept, other).unwrap();
        assert_eq!(changed, r#"{"id":"c","model":"m","metadata":{"b":"c"},"seed":7}"#);
        let bare = with_request(r#"{"id":"c"}"#, "{}").unwrap();
        assert_eq!(bare, r#"{"id":"c","metadata":{}}"#);
    }

    #[test]
    fn a_listed_message_has_an_id_and_its_parts_apart() {
        let listed = |text: &str| {
            listed_message(serde_json::from_str(text).unwrap(), "c-0").unwrap().get().to_owned()
        };
        assert_eq!(
            listed(r#"{"role":"user","content":"hi"}"#),
            r#"{"role":"user","content":"hi","id":"c-0","content_parts":null}"#
        );
        assert_eq!(
            listed(r#"{"role":"user","content":[{"type":"text","text":"hi"}]}"#),
            r#"{"role":"user","content":null,"id":"c-0","content_parts":[{"type":"text","text":"hi"}]}"#
        );
    }

    #[test]
    fn labels_are_few_short_texts() {
        assert!(check_metadata(r#"{"a":"b"}"#).is_ok());
        let many: Vec<String> = (0..17).map(|n| format!("\"{n}\":\"\"")).collect();
        let long = "x".repeat(513);
        for wrong in [
            "[]".to_owned(),
            r#"{"a":1}"#.to_owned(),
            format!("{{{}}}", many.join(",")),
            format!(r#"{{"a":"{long}"}}"#),
            format!(r#"{{"{long}":"a"}}"#),
        ] {
            let failure = check_metadata(&wrong).unwrap_err();
            assert_eq!(
                (failure.status(), failure.param.as_deref()),
                (400, Some("metadata")),
                "{wrong}"
            );
        }
    }
}
