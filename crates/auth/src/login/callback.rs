//! The callback of the browser, which anybody may have written.

use super::{Denial, QUERY_LIMIT, UnexpectedCallback};
use crate::secret::Secret;

/// The longest error code and explanation that are passed on, in characters.
const CODE_LENGTH: usize = 64;
const DETAIL_LENGTH: usize = 256;

/// An answer with the right state.
#[derive(Debug)]
pub(super) enum Callback {
    Code {
        code: Secret,
        /// The client that the issuer names with it.
        client_id: Option<String>,
    },
    Denied(Denial),
}

impl Callback {
    /// Reads a query, or an address with one. The state is compared before anything else is read.
    pub(super) fn read(text: &str, state: &Secret) -> Result<Self, UnexpectedCallback> {
        if text.len() > QUERY_LIMIT {
            return Err(UnexpectedCallback::TooLong);
        }
        let query = Query(query_of(text.trim()));
        if !state.matches(query.one("state")?.as_deref().unwrap_or_default()) {
            return Err(UnexpectedCallback::State);
        }
        if let Some(code) = query.one("error")? {
            let detail = query.one("error_description")?;
            return Ok(Self::Denied(Denial::Refused {
                code: harmless(&code, CODE_LENGTH).unwrap_or_else(|| "no reason given".to_owned()),
                detail: detail.and_then(|detail| harmless(&detail, DETAIL_LENGTH)),
            }));
        }
        match query.one("code")?.filter(|code| !code.is_empty()) {
            Some(code) => {
                let client_id = query.one("client_id")?;
                Ok(Self::Code { code: Secret::new(code), client_id })
            }
            None => Err(UnexpectedCallback::NoCode),
        }
    }
}

/// The state that a text carries, if it can be read at all.
pub(super) fn state_of(text: &str) -> Option<String> {
    let text = Some(text).filter(|text| text.len() <= QUERY_LIMIT)?;
    Query(query_of(text.trim())).one("state").ok().flatten()
}

/// A person may paste the whole address, with or without its beginning, or the query alone.
fn query_of(text: &str) -> &str {
    let text = text.split('#').next().unwrap_or_default();
    text.split_once('?').map_or(text, |(_, query)| query)
}

struct Query<'a>(&'a str);

impl Query<'_> {
    /// Returns a parameter. A repeated one is refused: choosing one of them would be a guess.
    fn one(&self, name: &str) -> Result<Option<String>, UnexpectedCallback> {
        let pairs = form_urlencoded::parse(self.0.as_bytes());
        let mut values = pairs.filter(|(key, _)| key == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(UnexpectedCallback::Malformed),
            (value, None) => Ok(value.map(std::borrow::Cow::into_owned)),
        }
    }
}

/// Keeps printable ASCII, so that nothing in it can move a cursor or hide text.
fn harmless(text: &str, length: usize) -> Option<String> {
    let kept = text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' });
    Some(kept.take(length).collect::<String>()).filter(|text| !text.trim().is_empty())
}
