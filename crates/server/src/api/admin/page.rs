//! `GET /ui`: the page that shows what the server does, in a browser on this machine.
//!
//! Its files are part of the program: nothing is fetched from elsewhere, and its policy lets nothing else run. They hold
//! no data and need no key; the data comes from `/ui/events`, which needs one where keys are set.

mod state;
mod viewers;

use bytes::Bytes;
use chatmock_translate::{Failure, FailureKind};
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_FRAME_OPTIONS};
use http::{HeaderValue, StatusCode};

pub(crate) use self::viewers::Viewers;
use super::super::{Exchange, Handling};
use super::View;
use crate::http::access_log::LoggedByBody;
use crate::http::response::{self, HttpResponse, ReplyHeaders};

/// What the page may do: run its own script and style, and talk to its own server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// A file of the page.
struct File {
    name: &'static str,
    media_type: &'static str,
    text: &'static str,
}

const HTML: File = File {
    name: "",
    media_type: "text/html; charset=utf-8",
    text: include_str!("page/files/index.html"),
};

const FILES: [File; 3] = [
    File {
        name: "app.js",
        media_type: "text/javascript; charset=utf-8",
        text: include_str!("page/files/app.js"),
    },
    File {
        name: "style.css",
        media_type: "text/css; charset=utf-8",
        text: include_str!("page/files/style.css"),
    },
    File {
        name: "icon.svg",
        media_type: "image/svg+xml",
        text: include_str!("page/files/icon.svg"),
    },
];

/// Answers `GET /ui`.
pub(super) fn html(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move { served(&exchange, Some(&HTML)) })
}

/// Answers `GET /ui/{file}`.
pub(super) fn file(exchange: Exchange<'_>) -> Handling<'_> {
    let file = FILES.iter().find(|file| file.name == exchange.variable);
    Box::pin(async move { served(&exchange, file) })
}

/// Answers `GET /ui/events`.
#[expect(clippy::needless_pass_by_value, reason = "the signature is that of every endpoint")]
pub(super) fn events(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let services = exchange.context.services;
        if !services.ui {
            return Err(not_served());
        }
        let view = View::of(exchange.context.caller);
        let body = services.viewers.join(services, view);
        let mut reply =
            response::stream(ReplyHeaders::default(), "text/event-stream; charset=utf-8", body);
        // It has no record of its own.
        reply.extensions_mut().remove::<LoggedByBody>();
        Ok(reply)
    })
}

fn served(exchange: &Exchange<'_>, file: Option<&File>) -> Result<HttpResponse, Failure> {
    let file = file.filter(|_| exchange.context.services.ui).ok_or_else(not_served)?;
    let body = Bytes::from_static(file.text.as_bytes());
    let mut reply = response::bytes(StatusCode::OK, file.media_type, body);
    let headers = reply.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    Ok(reply)
}

fn not_served() -> Failure {
    Failure::new(FailureKind::NotFound, "nothing is served here").with_code("unknown_url")
}
