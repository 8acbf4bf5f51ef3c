//! What is asked of the backend, for the record of a turn.

use std::borrow::Cow;

use chatmock_protocol::json::RawValue;
use chatmock_protocol::responses::Request;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::http::sanitize;

/// What is asked of the backend, for the record.
#[derive(Clone, Debug, Default)]
pub(super) struct SentFacts {
    pub(super) model: String,
    pub(super) effort: Option<String>,
    pub(super) tier: Option<String>,
    /// A mark of the account, from which nobody can tell it.
    pub(super) account: Option<String>,
}

impl SentFacts {
    /// Reads a request to an account.
    pub(super) fn of(request: &Request<'_>, account: Option<&str>) -> Self {
        let text = |name| request.text(name).map(|text| sanitize::text_within(&text, MAX_WORD));
        let reasoning = request.get("reasoning").map(RawValue::get);
        let reasoning: Option<Reasoning<'_>> =
            reasoning.and_then(|reasoning| serde_json::from_str(reasoning).ok());
        let effort = reasoning.and_then(|reasoning| reasoning.effort);
        Self {
            model: text("model").unwrap_or_default(),
            effort: effort.map(|effort| sanitize::text_within(&effort, MAX_WORD)),
            tier: text("service_tier"),
            account: account.map(mark),
        }
    }
}

/// The part of a request that says how hard the model is to think.
#[derive(Deserialize)]
struct Reasoning<'r> {
    #[serde(borrow, default)]
    effort: Option<Cow<'r, str>>,
}

/// The longest word of a request in its record, in bytes.
const MAX_WORD: usize = 64;

/// Returns a mark by which an account's records are known as such.
fn mark(account: &str) -> String {
    let digest = Sha256::digest(account.as_bytes());
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
