//! Replies: bodies, headers and the wording of a failure on any path.

use std::convert::Infallible;

use bytes::Bytes;
use chatmock_translate::Failure;
use chatmock_translate::notice::{self, Notice};
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Either, Full};
use serde::Serialize;

use crate::http::access_log::LoggedByBody;

/// A whole body, or a stream.
pub(crate) type ResponseBody = Either<Full<Bytes>, UnsyncBoxBody<Bytes, CutOff>>;

/// The end of a stream before its end: the connection is closed, so that nobody takes it for whole.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the answer was cut off")]
pub(crate) struct CutOff;

impl From<Infallible> for CutOff {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// An answer to a client.
pub(crate) type HttpResponse = Response<ResponseBody>;

/// The headers of a turn's reply.
#[derive(Debug, Default)]
pub(crate) struct ReplyHeaders {
    /// The backend's headers about limits.
    pub(crate) forwarded: Vec<(HeaderName, HeaderValue)>,
    /// Request fields that were ignored or changed.
    pub(crate) notices: Vec<Notice>,
}

impl ReplyHeaders {
    fn put(self, reply: &mut HttpResponse) {
        let headers = reply.headers_mut();
        headers.extend(self.forwarded);
        if !self.notices.is_empty()
            && let Ok(value) = HeaderValue::try_from(notice::header(&self.notices))
        {
            headers.insert("x-chatmock-notices", value);
        }
    }
}

/// A reply whose body is written.
pub(crate) fn bytes(status: StatusCode, media_type: &'static str, body: Bytes) -> HttpResponse {
    let mut reply = Response::new(Either::Left(Full::new(body)));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    reply
}

/// A JSON reply.
///
/// # Errors
/// When the value cannot be written, which is this program's fault.
pub(crate) fn json<T: Serialize>(head: ReplyHeaders, value: &T) -> Result<HttpResponse, Failure> {
    Ok(written(head, serde_json::to_vec(value)?.into()))
}

/// A JSON reply that is written.
pub(crate) fn written(head: ReplyHeaders, json: Bytes) -> HttpResponse {
    let mut reply = bytes(StatusCode::OK, "application/json", json);
    head.put(&mut reply);
    reply
}

/// A turn's whole reply, whose record is already written.
///
/// # Errors
/// When the value cannot be written, which is this program's fault.
pub(crate) fn turn<T: Serialize>(head: ReplyHeaders, value: &T) -> Result<HttpResponse, Failure> {
    let mut reply = json(head, value)?;
    reply.extensions_mut().insert(LoggedByBody);
    Ok(reply)
}

/// A streamed reply, whose body writes its record.
pub(crate) fn stream<B>(head: ReplyHeaders, media_type: &'static str, body: B) -> HttpResponse
where
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let body = body.map_err(CutOff::from);
    let mut reply = Response::new(Either::Right(body.boxed_unsync()));
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    // nginx and its kin would hold a stream back otherwise.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    head.put(&mut reply);
    reply.extensions_mut().insert(LoggedByBody);
    reply
}

/// A reply whose head is known, and whose body is another's to write.
pub(crate) fn again<B>(status: StatusCode, headers: HeaderMap, body: B) -> HttpResponse
where
    B: Body<Data = Bytes, Error = CutOff> + Send + 'static,
{
    let mut reply = Response::new(Either::Right(body.boxed_unsync()));
    (*reply.status_mut(), *reply.headers_mut()) = (status, headers);
    reply
}

/// A reply whose head and body are known.
pub(crate) fn whole(status: StatusCode, headers: HeaderMap, body: Bytes) -> HttpResponse {
    let mut reply = Response::new(Either::Left(Full::new(body)));
    (*reply.status_mut(), *reply.headers_mut()) = (status, headers);
    reply
}

/// A reply that is passed on as it comes.
pub(crate) fn passed_on<B>(media_type: HeaderValue, body: B) -> HttpResponse
where
    B: Body<Data = Bytes, Error = CutOff> + Send + 'static,
{
    let mut reply = Response::new(Either::Right(body.boxed_unsync()));
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    reply
}

/// A reply without a body that names the methods of a path.
pub(crate) fn options(methods: &str) -> HttpResponse {
    let mut reply = empty(StatusCode::NO_CONTENT);
    allow(&mut reply, methods);
    reply
}

/// Leads a browser to another path.
pub(crate) fn see_other(path: &'static str) -> HttpResponse {
    let mut reply = empty(StatusCode::SEE_OTHER);
    reply.headers_mut().insert(LOCATION, HeaderValue::from_static(path));
    reply
}

/// A reply without a body.
pub(crate) fn empty(status: StatusCode) -> HttpResponse {
    let mut reply = Response::new(Either::Left(Full::default()));
    *reply.status_mut() = status;
    reply
}

/// Names the methods of a path.
pub(crate) fn allow(reply: &mut HttpResponse, methods: &str) {
    if let Ok(methods) = HeaderValue::from_str(methods) {
        reply.headers_mut().insert(ALLOW, methods);
    }
}

/// Ends the connection after a reply: who was turned away, or cannot be understood without doubt,
/// is not listened to further.
pub(crate) fn close(reply: &mut HttpResponse) {
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}

/// Returns whether only the end of the connection can end a reply: HTTP/1.0 knows no chunks.
///
/// The connection must not be promised to stay then, or the client would wait for ever.
pub(crate) fn ends_with_connection(reply: &HttpResponse, version: Version) -> bool {
    version == Version::HTTP_10 && reply.body().size_hint().exact().is_none()
}

/// Gives a reply that ends its connection the version of a client of HTTP/1.0.
///
/// hyper would add `keep-alive` to the `close` of a reply in version 1.1, and the client could wait for ever.
pub(crate) fn end_for_old_client(reply: &mut HttpResponse, version: Version) {
    let closes = reply.headers().get(CONNECTION).is_some_and(|value| value == "close");
    if closes && version == Version::HTTP_10 {
        *reply.version_mut() = version;
    }
}

/// Headers of every reply: nothing here is for a browser to keep, guess at or hand on.
pub(crate) fn default_headers(reply: &mut HttpResponse, request_id: &str) {
    let headers = reply.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-request-id", id);
    }
}

/// Adds the request's id under the name by which a family's clients know it.
pub(crate) fn request_id(reply: &mut HttpResponse, name: &'static str, id: &str) {
    if let Ok(id) = HeaderValue::from_str(id) {
        reply.headers_mut().insert(name, id);
    }
}
