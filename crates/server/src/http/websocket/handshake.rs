//! The handshake of RFC 6455: checked, and answered with 101.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chatmock_translate::{Failure, FailureKind};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use ring::digest;

use crate::http::response::{self, HttpResponse};

/// The constant that the protocol appends to a client's key.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Accepts a handshake whose key the guard has checked.
///
/// No extension and no subprotocol is named, whatever is offered: the contract uses none.
///
/// # Errors
/// 426 for another version of the protocol, 400 for what is no handshake.
pub(crate) fn accept(head: &Parts) -> Result<HttpResponse, Failure> {
    let headers = &head.headers;
    if head.method != Method::GET || head.version != Version::HTTP_11 || !connects(headers) {
        return Err(bad("a WebSocket handshake is a GET of HTTP/1.1 with `Connection: Upgrade`"));
    }
    let mut versions = headers.get_all(SEC_WEBSOCKET_VERSION).iter();
    if versions.next().map(HeaderValue::as_bytes) != Some(b"13") || versions.next().is_some() {
        return Err(upgrade_required("the version of WebSockets that is spoken here is 13"));
    }
    let Some(key) = headers.get(SEC_WEBSOCKET_KEY) else {
        return Err(bad("a WebSocket handshake needs one Sec-WebSocket-Key"));
    };
    let accepted = HeaderValue::try_from(accepted(key.as_bytes()));
    let mut reply = response::empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = reply.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accepted.map_err(|_| bad("the key is no text"))?);
    Ok(reply)
}

/// The failure of a request that would have to be a WebSocket's handshake.
pub(crate) fn upgrade_required(message: &str) -> Failure {
    Failure::new(FailureKind::Rejected(426), message).with_code("upgrade_required")
}

fn bad(message: &str) -> Failure {
    Failure::new(FailureKind::BadRequest, message).with_code("invalid_handshake")
}

/// Returns whether the list in `Connection` names the upgrade.
fn connects(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let mut options = lists.flat_map(|list| list.split(','));
    options.any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
}

/// The proof that a key was read.
fn accepted(key: &[u8]) -> String {
    let proof = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &[key, GUID].concat());
    STANDARD.encode(proof)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(change: impl FnOnce(&mut Parts)) -> Parts {
        let request = http::Request::get("/v1/responses")
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "WebSocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let mut head = request.body(()).unwrap().into_parts().0;
        change(&mut head);
        head
    }

    #[test]
    fn a_handshake_is_answered_with_the_proof_of_its_key_and_no_extension() {
        let offered = head(|head| {
            let extension = HeaderValue::from_static("permessage-deflate");
            head.headers.insert("sec-websocket-extensions", extension);
        });
        let reply = accept(&offered).unwrap();
        assert_eq!(reply.status(), 101);
        // The example of the RFC.
        assert_eq!(reply.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(!reply.headers().contains_key("sec-websocket-extensions"));
    }

    #[test]
    fn what_is_no_handshake_is_refused() {
        type Change = fn(&mut Parts);
        let cases: [(u16, Change); 6] = [
            (400, |head| head.method = Method::POST),
            (400, |head| head.version = Version::HTTP_10),
            (400, |head| drop(head.headers.remove("connection"))),
            (400, |head| drop(head.headers.remove("sec-websocket-key"))),
            (426, |head| drop(head.headers.remove("sec-websocket-version"))),
            (426, |head| {
                head.headers.insert("sec-websocket-version", HeaderValue::from_static("8"));
            }),
        ];
        for (number, (status, change)) in cases.into_iter().enumerate() {
            assert_eq!(accept(&head(change)).unwrap_err().status(), status, "case {number}");
        }
    }
}
