//! Answers that are read as a whole: errors in all their shapes, and lists.
//!
//! Errors come from three places with a shape each: the backend itself (`{"error": …}`), the
//! gateway in front of it (`{"detail": …}`), and the network's edge (HTML, or a line of text). All
//! end up as one [`ErrorResponse`]. Text from the edge is clipped and HTML dropped, since messages
//! are shown to people and copied into logs.

use std::time::{Duration, SystemTime};

use chatmock_protocol::responses::ApiError;
use chatmock_protocol::sse::FrameTooLarge;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use crate::error::{Error, ErrorResponse};
use crate::{rate_limits, retry_after};

/// The number of bytes that are read of an error's body.
const MAX_ERROR: usize = 64 * 1024;

/// The time in which an error's body must arrive; after that, the bytes received so far are used.
const ERROR_TIME: Duration = Duration::from_secs(10);

/// The largest list accepted, in bytes; the real model list has half a megabyte.
const MAX_LIST: usize = 16 * 1024 * 1024;

/// Characters of an error's message that are kept.
const MAX_MESSAGE: usize = 512;

/// Characters of an error's code, kind and param that are kept.
const MAX_WORD: usize = 128;

/// Returns an answer with a success status, and the error that any other answer means.
pub(crate) async fn accept(response: Response) -> Result<Response, Error> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    if is_challenge(&response) {
        return Err(challenge(status, response.headers()));
    }
    if !(status.is_client_error() || status.is_server_error()) {
        return Err(unexpected(&response));
    }
    let headers = response.headers().clone();
    let body = read_error(response).await;
    let blocks = [StatusCode::FORBIDDEN, StatusCode::SERVICE_UNAVAILABLE].contains(&status);
    if blocks && is_html(&headers, &body) {
        return Err(challenge(status, &headers));
    }
    Err(Error::Refused(Box::new(refusal(status, &headers, &body, SystemTime::now()))))
}

/// Returns whether a bot check says in a header that it answered.
pub(crate) fn is_challenge(response: &Response) -> bool {
    response.headers().contains_key("cf-mitigated")
}

/// The error for an answer that reports no error and is not what was requested.
pub(crate) fn unexpected(response: &Response) -> Error {
    let content_type = text(response.headers(), CONTENT_TYPE.as_str());
    Error::Unexpected {
        status: response.status().as_u16(),
        content_type: content_type.map(|text| clipped(text, MAX_WORD)),
    }
}

/// The error for a success that is not a stream. Some gateways answer so where they mean an error, and say in JSON
/// which: its message is worth more than the content type.
pub(crate) async fn in_place_of_stream(response: Response) -> Error {
    let unexpected = unexpected(&response);
    let headers = response.headers().clone();
    let body = read_error(response).await;
    match ApiError::read_body(&body).filter(|error| error.message.is_some() || error.code.is_some())
    {
        Some(_) => {
            let now = SystemTime::now();
            Error::Refused(Box::new(refusal(StatusCode::BAD_GATEWAY, &headers, &body, now)))
        }
        None => unexpected,
    }
}

/// The value of a header, if it is text and not empty.
pub(crate) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().filter(|value| !value.is_empty())
}

/// The backend's id of a call.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = text(headers, "x-request-id").or_else(|| text(headers, "x-oai-request-id"))?;
    Some(clipped(id, MAX_WORD))
}

/// Reads the whole body of a list.
pub(crate) async fn read_list(mut response: Response, limit: Duration) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(None) => return Ok(body),
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_LIST => {
                return Err(FrameTooLarge { limit: MAX_LIST }.into());
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Err(error) if error.is_timeout() => return Err(Error::HeaderTimeout { limit }),
            Err(error) => return Err(Error::cut(error)),
        }
    }
}

/// Reads the beginning of an error's body. A transport error only ends it: the status is known
/// already and matters more.
async fn read_error(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = MAX_ERROR.saturating_sub(body.len());
            body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if chunk.len() >= room {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(ERROR_TIME, read).await;
    body
}

fn challenge(status: StatusCode, headers: &HeaderMap) -> Error {
    let ray = text(headers, "cf-ray").map(|ray| clipped(ray, MAX_WORD));
    Error::Challenge { status: status.as_u16(), ray }
}

/// Returns whether a body is a page for a browser, by its content type or by its first character.
fn is_html(headers: &HeaderMap, body: &[u8]) -> bool {
    let claimed = text(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    claimed.trim_start().to_ascii_lowercase().starts_with("text/html")
        || body.trim_ascii_start().starts_with(b"<")
}

/// The error of a refusal that came in an event.
pub(crate) fn refused(status: StatusCode, headers: &HeaderMap, error: ApiError) -> Error {
    Error::Refused(Box::new(refusal_of(status, headers, error, SystemTime::now())))
}

fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> ErrorResponse {
    let error = ApiError::read_body(body).unwrap_or_else(|| plain_text_error(headers, body));
    refusal_of(status, headers, error, now)
}

fn refusal_of(
    status: StatusCode,
    headers: &HeaderMap,
    error: ApiError,
    now: SystemTime,
) -> ErrorResponse {
    let header = text(headers, RETRY_AFTER.as_str());
    ErrorResponse {
        status: status.as_u16(),
        retry_after: retry_after::read(header, &error, now),
        request_id: request_id(headers),
        limits: rate_limits::read_headers(headers, retry_after::unix(now)),
        error: presentable(error),
        hint: None,
    }
}

/// The error in a body that is not JSON: its text, unless it is a page, broken JSON or not UTF-8.
fn plain_text_error(headers: &HeaderMap, body: &[u8]) -> ApiError {
    let text = std::str::from_utf8(body).unwrap_or_default().trim();
    let shown = !text.is_empty() && !text.starts_with(['{', '[']) && !is_html(headers, body);
    ApiError { message: shown.then(|| text.to_owned()), ..ApiError::default() }
}

/// Reduces an error to what may be shown: clipped, without HTML and control characters.
fn presentable(error: ApiError) -> ApiError {
    let word = |text: Option<String>| text.map(|text| clipped(&text, MAX_WORD));
    ApiError {
        kind: word(error.kind),
        code: word(error.code),
        message: error
            .message
            .filter(|text| !holds_html(text))
            .map(|text| clipped(&text, MAX_MESSAGE)),
        param: word(error.param),
        ..error
    }
}

fn holds_html(text: &str) -> bool {
    let text = text.trim_start().to_ascii_lowercase();
    text.starts_with('<') || text.contains("<html") || text.contains("<!doctype")
}

/// The first `limit` characters of a text, with control characters replaced by blanks.
fn clipped(text: &str, limit: usize) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().map(printable).take(limit).collect()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn read(body: &str) -> ErrorResponse {
        refusal(StatusCode::BAD_REQUEST, &HeaderMap::new(), body.as_bytes(), SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn all_envelopes_are_read() {
        let message = |body| read(body).error.message;
        assert_eq!(
            message(r#"{"detail":"Store must be set to false"}"#).as_deref(),
            Some("Store must be set to false")
        );
        assert_eq!(
            message(r#"{"detail":[{"msg":"field required"}]}"#).as_deref(),
            Some("field required")
        );
        assert_eq!(message("upstream connect error").as_deref(), Some("upstream connect error"));
        assert_eq!(message(""), None);
        assert_eq!(message(r#"{"cut off": "#), None);
        let workspace = read(r#"{"detail":{"code":"deactivated_workspace"}}"#);
        assert_eq!(workspace.error.code.as_deref(), Some("deactivated_workspace"));
        let full = read(
            r#"{"error":{"message":"too long","type":"invalid_request_error","param":"input","code":"context_length_exceeded"}}"#,
        );
        assert_eq!(full.error.code.as_deref(), Some("context_length_exceeded"));
        assert_eq!(full.error.param.as_deref(), Some("input"));
        assert_eq!(
            full.to_string(),
            "the backend answered with status 400 (context_length_exceeded): too long"
        );
    }

    #[test]
    fn html_is_never_shown() {
        for body in [
            "<html><body>502</body></html>",
            "\n <!DOCTYPE html>",
            r#"{"detail":"<html>oops</html>"}"#,
            r#"{"error":{"message":"see <!doctype HTML> there"}}"#,
        ] {
            assert_eq!(read(body).error.message, None, "{body}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/HTML; charset=utf-8"));
        assert_eq!(plain_text_error(&headers, b"oops").message, None);
    }

    #[test]
    fn long_words_are_clipped_by_characters() {
        let long = "\u{e4}\n".repeat(1_000);
        let body = serde_json::json!({"error": {"message": long, "code": long}}).to_string();
        let error = read(&body).error;
        let message = error.message.unwrap();
        assert_eq!(message.chars().count(), MAX_MESSAGE);
        assert!(!message.contains('\n'));
        assert_eq!(error.code.unwrap().chars().count(), MAX_WORD);
    }
}
