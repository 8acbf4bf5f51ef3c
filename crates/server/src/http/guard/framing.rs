//! Messages that two readers could understand differently, or that ask for what is not here.

use chatmock_translate::{Failure, FailureKind};
use http::header::{CONTENT_TYPE, EXPECT, SEC_WEBSOCKET_KEY, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName};

use super::bad;
use crate::http::decompress::ContentCoding;

/// Refuses an ambiguous message.
pub(super) fn check(headers: &HeaderMap) -> Result<(), Failure> {
    if several(headers, CONTENT_TYPE) {
        return Err(bad("a request may have only one Content-Type header"));
    }
    if several(headers, TRANSFER_ENCODING) || !is(headers, TRANSFER_ENCODING, b"chunked") {
        return Err(bad("the only transfer coding that is understood is chunked"));
    }
    if several(headers, EXPECT) || !is(headers, EXPECT, b"100-continue") {
        let message = "the only expectation that can be met is 100-continue";
        return Err(Failure::new(FailureKind::Rejected(417), message));
    }
    web_socket(headers)?;
    ContentCoding::of(headers).map(drop)
}

fn several(headers: &HeaderMap, name: HeaderName) -> bool {
    headers.get_all(name).iter().nth(1).is_some()
}

/// Returns whether a header, where it is there, has this value.
fn is(headers: &HeaderMap, name: HeaderName, value: &[u8]) -> bool {
    headers.get(name).is_none_or(|found| found.as_bytes().eq_ignore_ascii_case(value))
}

/// A WebSocket handshake must be one: its key is 16 bytes in base64.
fn web_socket(headers: &HeaderMap) -> Result<(), Failure> {
    let mut upgrades = headers.get_all(UPGRADE).iter();
    if !upgrades.any(|upgrade| upgrade.as_bytes().eq_ignore_ascii_case(b"websocket")) {
        return Ok(());
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).map_or(&b""[..], |key| key.as_bytes());
    let digit = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let fits = key.strip_suffix(b"==").is_some_and(|k| k.len() == 22 && k.iter().all(digit));
    if several(headers, SEC_WEBSOCKET_KEY) || !fits {
        return Err(bad("a WebSocket handshake needs one Sec-WebSocket-Key of 16 bytes in base64"));
    }
    Ok(())
}
