//! The tokens of a request: counted for clients that ask, estimated for answers that are cut here.

use std::fmt;

use chatmock_protocol::json::{self, RawValue};
use chatmock_protocol::responses::Request;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::request;
use crate::catalog::Catalog;
use crate::failure::Failure;
use crate::notice::{Notice, NoticeKind};
use crate::policy::Policy;
use crate::reasoning_seal::ReasoningSeal;
use crate::settle::{Turn, settle};
use crate::tokens::{CHARACTERS_PER_TOKEN, TokenCount};

/// The tokens that an image is counted as.
const IMAGE: u64 = 1_000;

/// The bytes of a file in base64 that are counted as a token: a page of a document takes some tens of
/// kilobytes, and is read as some thousand tokens.
const FILE_BYTES: u64 = 32;

/// The members of a request that the model reads.
const READ: [&str; 4] = ["instructions", "input", "tools", "text"];

/// Counts the tokens of a request, as its body would be answered; nobody is asked for it.
///
/// # Errors
/// What an answer to the same request would fail with before the backend is called.
pub fn count_tokens(
    body: &[u8],
    seal: &ReasoningSeal,
    catalog: &Catalog,
    policy: &Policy,
) -> Result<(u64, Vec<Notice>), Failure> {
    let drafted = request::lower(json::read(body)?, seal)?;
    let Turn { request, mut notices, .. } = settle(drafted, catalog, policy, 0)?;
    let mut count = Counted { count: policy.tokenizer.start(), more: 0 };
    for name in READ {
        if let Some(value) = request.present(name) {
            count.add(value)?;
        }
    }
    let how = "the tokens are counted here, and the backend may count others";
    notices.push(Notice::new("input_tokens", NoticeKind::Emulated, how));
    Ok((count.tokens().max(1), notices))
}

/// Estimates the tokens of a request from its length, without reading it.
pub(super) fn estimate(request: &Request<'_>) -> u64 {
    let values = READ.iter().filter_map(|name| request.present(name));
    values.map(|value| estimate_text(value.get())).sum::<u64>().max(1)
}

/// Estimates the tokens of a JSON text in which there may be data of images and files.
fn estimate_text(text: &str) -> u64 {
    let (mut characters, mut more, mut rest) = (0, 0, text);
    while let Some(start) = memchr::memmem::find(rest.as_bytes(), b"\"data:") {
        let (before, data) = rest.split_at_checked(start + 1).unwrap_or((rest, ""));
        let end = memchr::memchr(b'"', data.as_bytes()).unwrap_or(data.len());
        let (data, after) = data.split_at_checked(end).unwrap_or((data, ""));
        characters += before.len() as u64;
        more += data_tokens(data);
        rest = after;
    }
    more + (characters + rest.len() as u64).div_ceil(CHARACTERS_PER_TOKEN)
}

fn data_tokens(url: &str) -> u64 {
    match url.starts_with("data:image/") {
        true => IMAGE,
        false => (url.len() as u64).div_ceil(FILE_BYTES),
    }
}

/// The tokens so far.
struct Counted {
    count: Box<dyn TokenCount>,
    /// Tokens of what is no text.
    more: u64,
}

impl Counted {
    fn tokens(&self) -> u64 {
        self.count.tokens() + self.more
    }

    fn add(&mut self, value: &RawValue) -> Result<(), Failure> {
        let mut reader = serde_json::Deserializer::from_str(value.get());
        self.deserialize(&mut reader)?;
        Ok(())
    }

    fn text(&mut self, text: &str) {
        if text.starts_with("data:") {
            self.more += data_tokens(text);
        } else {
            self.count.take(text, u64::MAX);
        }
    }
}

impl<'de> DeserializeSeed<'de> for &mut Counted {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Counted {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.text(text);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.text(if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.text(&number.to_string());
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.text(&number.to_string());
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.text(&number.to_string());
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(&mut *self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Name>()? {
            self.text(&name.0);
            map.next_value_seed(&mut *self)?;
        }
        Ok(())
    }
}

/// The name of a member.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}
