//! HTTP requests with their bodies read, and the responses that endpoints build.

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

use crate::body::Body;
use crate::error_response::ErrorResponse;
use crate::json::Json;

/// The answer of an endpoint.
pub(crate) type HttpResult = Result<Response<Body>, ErrorResponse>;

/// A request whose body has been read.
#[derive(Debug)]
pub(crate) struct HttpRequest {
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
}

impl HttpRequest {
    /// Returns the first value of a header, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn path(&self) -> &str {
        self.parts.uri.path()
    }

    pub(crate) fn query(&self) -> &str {
        self.parts.uri.query().unwrap_or_default()
    }

    /// Returns the access token of the `authorization` header.
    pub(crate) fn bearer(&self) -> Result<&str, ErrorResponse> {
        let value = self.header("authorization").ok_or_else(ErrorResponse::unauthorized)?;
        value.strip_prefix("Bearer ").ok_or_else(ErrorResponse::unauthorized)
    }
}

/// Builds a response in JSON.
pub(crate) fn json(code: u16, body: &Json) -> Response<Body> {
    with_body(code, "application/json", body.text())
}

/// Builds the response for an error.
pub(crate) fn error(error: &ErrorResponse) -> Response<Body> {
    json(error.status, &error.body)
}

/// Builds a small page.
pub(crate) fn html(content: &str) -> Response<Body> {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Simulated sign-in</title>\
         <body>{content}</body></html>\n"
    );
    with_body(200, "text/html; charset=utf-8", page)
}

/// Builds an empty response that sends the browser to another address.
pub(crate) fn redirect(location: &str) -> Response<Body> {
    let mut response = with_body(302, "text/plain", String::new());
    add_header(response.headers_mut(), "location", location);
    response
}

/// Adds a header, unless HTTP cannot carry it.
pub(crate) fn add_header(headers: &mut HeaderMap, name: &str, value: &str) {
    let name = HeaderName::from_bytes(name.as_bytes());
    let value = HeaderValue::from_bytes(value.as_bytes());
    if let (Ok(name), Ok(value)) = (name, value) {
        // The map refuses more than 32768 names, which no script needs.
        let _ = headers.try_append(name, value);
    }
}

/// Returns the status of a code; 500 for a number that is no status.
pub(crate) fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn with_body(code: u16, media_type: &str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() = status(code);
    add_header(response.headers_mut(), "content-type", media_type);
    response
}
