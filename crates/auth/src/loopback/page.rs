//! The pages: fixed text, nothing of the request in it, nothing loaded from anywhere.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{Response, StatusCode};

/// The pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    SignedIn,
    NotSignedIn,
    SeeTerminal,
    NotThisOne,
    Over,
    Refused,
    Nothing,
}

/// Takes the code out of the address bar and the history. The policy knows it by its digest.
pub(super) const SCRIPT: &str = "history.replaceState(null,\"\",\"/\")";

pub(super) const STYLE: &str = "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;\
     margin:18vh auto;padding:0 1.5rem;color:#1b1b1b;background:#fafafa}\
     @media(prefers-color-scheme:dark){body{color:#eee;background:#161616}}";

/// Nothing but the two texts above, by their digests.
pub(super) const POLICY: &str = "default-src 'none'; \
     style-src 'sha256-ItVO9qPFuJEiflYqeNONMvrr7GCcRadvS0MzVBJLNyU='; \
     script-src 'sha256-4yQlCA6sut83myo/n+J0YG9sdFWm5qA32W2S+0f011U='; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

impl Page {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::SignedIn => ("Signed in", "ChatMock is signed in. You may close this page."),
            Self::NotSignedIn => {
                ("Not signed in", "ChatMock is not signed in. The terminal says why.")
            }
            Self::SeeTerminal => {
                ("Go back to the terminal", "The sign-in goes on there. You may close this page.")
            }
            Self::NotThisOne => (
                "Not this sign-in",
                "This address does not belong to the sign-in that is waiting. Open the address in \
                 the terminal once more.",
            ),
            Self::Over => ("Already done", "This sign-in was completed before."),
            Self::Refused => ("Not allowed", "Open this page by the address in the terminal."),
            Self::Nothing => ("Nothing here", "There is no such page."),
        }
    }

    pub(super) fn response(self, status: StatusCode) -> Response<Full<Bytes>> {
        let (title, text) = self.words();
        let page = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>ChatMock: {title}</title>\
             <style>{STYLE}</style><h1>{title}</h1><p>{text}</p><script>{SCRIPT}</script></html>\n"
        );
        let mut response = Response::new(Full::new(Bytes::from(page)));
        *response.status_mut() = status;
        let headers: [(HeaderName, &'static str); 9] = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (X_FRAME_OPTIONS, "DENY"),
            (CACHE_CONTROL, "no-store"),
            (REFERRER_POLICY, "no-referrer"),
            (CONNECTION, "close"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ];
        for (name, value) in headers {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
