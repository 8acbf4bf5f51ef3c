//! Errors of calls to the backend.

use std::error::Error as StdError;
use std::time::Duration;

use chatmock_protocol::codex::limits::Snapshot;
use chatmock_protocol::responses::ApiError;
use chatmock_protocol::sse::FrameTooLarge;

use crate::credentials::CredentialError;

/// Why a call to the backend returned no usable answer.
///
/// No variant holds a token, a request body or HTML, so every message can be shown and logged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The client was configured with values that cannot be used.
    #[error("{message}")]
    Settings {
        /// The problem, in words for a person.
        message: String,
    },
    /// The request cannot be brought into the form that the backend accepts.
    #[error("{param}: {message}")]
    Request {
        /// The member at fault.
        param: &'static str,
        /// The problem with it.
        message: &'static str,
    },
    /// The backend does not report how much of the account's limits is left.
    #[error("this backend does not report what is left of the limits{}", page.map(|page| format!("; see {page}")).unwrap_or_default())]
    UsageUnavailable {
        /// The page where a person can see it.
        page: Option<&'static str>,
    },
    /// There are no credentials to call with, or none since the backend refused the last ones.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// The backend's name could not be resolved.
    #[error("the name of the backend could not be resolved")]
    Dns(#[source] reqwest::Error),
    /// No TLS connection could be made.
    #[error("no safe connection to the backend: {fault}")]
    Tls {
        /// The problem.
        fault: TlsFault,
        /// The error of the HTTP client.
        source: reqwest::Error,
    },
    /// The proxy made no connection to the backend.
    #[error("the proxy made no connection to the backend")]
    Proxy(#[source] reqwest::Error),
    /// Nothing listens at the backend's address.
    #[error("the connection to the backend was refused")]
    ConnectRefused(#[source] reqwest::Error),
    /// The connection was not made in time.
    #[error("the connection to the backend was not made in time")]
    ConnectTimeout(#[source] reqwest::Error),
    /// The connection failed for another reason.
    #[error("the connection to the backend could not be made")]
    Connect(#[source] reqwest::Error),
    /// The connection broke before the head of an answer arrived.
    #[error("the connection to the backend broke before an answer came")]
    Broken(#[source] reqwest::Error),
    /// A socket was closed after it took a request and before anything came of it, so that nobody knows whether it is
    /// being answered.
    #[error("the connection to the backend broke before an answer came")]
    SocketClosed,
    /// The head of the answer (for lists: the whole answer) did not come in time.
    #[error("the backend did not answer within {} s", limit.as_secs())]
    HeaderTimeout {
        /// The time limit.
        limit: Duration,
    },
    /// The stream was silent for too long.
    #[error("the backend sent nothing for {} s", limit.as_secs())]
    Stalled {
        /// The longest silence allowed.
        limit: Duration,
    },
    /// The stream broke off.
    #[error("the connection to the backend broke in the middle of the answer")]
    Cut(#[source] reqwest::Error),
    /// One event of the stream, or a list, exceeds the size limit.
    #[error(transparent)]
    FrameTooLarge(#[from] FrameTooLarge),
    /// The backend answered with an error status.
    #[error(transparent)]
    Refused(Box<ErrorResponse>),
    /// A bot check in front of the backend answered in its place.
    ///
    /// Neither a retry nor new credentials help; another network or a visit with a browser may.
    #[error("a bot check in front of the backend refused the call (status {status})")]
    Challenge {
        /// The status that came with it.
        status: u16,
        /// The id that the check gave the call, `cf-ray`.
        ray: Option<String>,
    },
    /// The answer is a redirect, or a success of another content type than requested.
    #[error("the backend answered with status {status} and {}", content_type.as_deref().unwrap_or("no content type"))]
    Unexpected {
        /// The status.
        status: u16,
        /// The content type, if the answer has one.
        content_type: Option<String>,
    },
    /// The answer is not the JSON that was expected.
    #[error("the backend's {what} cannot be read: {message}")]
    Malformed {
        /// The thing that was requested.
        what: &'static str,
        /// The problem.
        message: String,
    },
}

impl Error {
    pub(crate) fn settings(message: impl Into<String>) -> Self {
        Self::Settings { message: message.into() }
    }

    /// Classifies the error of a call for which no head of an answer arrived.
    pub(crate) fn before_head(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let cause = Cause::of(&error);
        match cause {
            Cause::Proxy => Self::Proxy(error),
            Cause::Dns => Self::Dns(error),
            Cause::Tls(fault) => Self::Tls { fault, source: error },
            Cause::Refused if error.is_connect() => Self::ConnectRefused(error),
            _ if error.is_connect() && error.is_timeout() => Self::ConnectTimeout(error),
            _ if error.is_connect() => Self::Connect(error),
            _ => Self::Broken(error),
        }
    }

    /// Wraps a transport error after the head of the answer.
    pub(crate) fn cut(error: reqwest::Error) -> Self {
        Self::Cut(error.without_url())
    }
}

/// Why a TLS connection could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFault {
    /// The certificate has expired or is not valid yet; often this machine's clock is wrong.
    Expired,
    /// The certificate is for another host.
    WrongName,
    /// The certificate's issuer is not trusted: self-signed, or that of an inspecting proxy.
    Untrusted,
    /// The other side does not speak TLS, or none of our versions.
    Handshake,
}

impl std::fmt::Display for TlsFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Expired => "its certificate is not valid at this time",
            Self::WrongName => "its certificate is for another host",
            Self::Untrusted => "its certificate is not trusted",
            Self::Handshake => "the TLS handshake failed",
        })
    }
}

impl TlsFault {
    fn of(error: &rustls::Error) -> Self {
        use rustls::CertificateError as Certificate;

        let rustls::Error::InvalidCertificate(certificate) = error else {
            return Self::Handshake;
        };
        match certificate {
            Certificate::Expired
            | Certificate::ExpiredContext { .. }
            | Certificate::NotValidYet
            | Certificate::NotValidYetContext { .. } => Self::Expired,
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                Self::WrongName
            }
            _ => Self::Untrusted,
        }
    }
}

/// The deciding error in a chain of sources.
enum Cause {
    Dns,
    Tls(TlsFault),
    Proxy,
    Refused,
    Other,
}

impl Cause {
    fn of(error: &reqwest::Error) -> Self {
        let links = || std::iter::successors(error.source(), |link| beneath(*link));
        // The proxy errors of the HTTP client have no public type, so their text must do. The tests
        // call through failing proxies of each kind and would notice a change of these words.
        let is_proxy = |link: &(dyn StdError + 'static)| {
            let words = link.to_string().to_ascii_lowercase();
            words.starts_with("tunnel error")
                || words.starts_with("socks")
                || words.ends_with("socks proxy")
        };
        if links().any(is_proxy) {
            return Self::Proxy;
        }
        if error.is_dns() {
            return Self::Dns;
        }
        links().find_map(Self::of_link).unwrap_or(Self::Other)
    }

    fn of_link(link: &(dyn StdError + 'static)) -> Option<Self> {
        if let Some(error) = link.downcast_ref::<rustls::Error>() {
            return Some(Self::Tls(TlsFault::of(error)));
        }
        let io = link.downcast_ref::<std::io::Error>()?;
        (io.kind() == std::io::ErrorKind::ConnectionRefused).then_some(Self::Refused)
    }
}

/// Whether the other side gave up one stream of an HTTP/2 connection that lives on.
///
/// The errors of HTTP/2 have no public type here, so their text must do.
pub(crate) fn is_stream_reset(error: &reqwest::Error) -> bool {
    let mut links = std::iter::successors(error.source(), |link| beneath(*link));
    links.any(|link| link.to_string().starts_with("stream error"))
}

/// The next error in a chain of sources.
fn beneath<'e>(link: &'e (dyn StdError + 'static)) -> Option<&'e (dyn StdError + 'static)> {
    // An `io::Error` that wraps an error returns that error's source as its own, and so skips it.
    match link.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => link.source(),
    }
}

/// An answer with an error status, reduced to what may be shown.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ErrorResponse {
    /// The status, 400 to 599.
    pub status: u16,
    /// The error in the body; its message has at most 512 characters and is never HTML.
    pub error: ApiError,
    /// Seconds to wait before another try, 1 to 86,400, if the answer says so.
    pub retry_after: Option<u64>,
    /// The backend's id of the call.
    pub request_id: Option<String>,
    /// The limits that came with the answer.
    pub limits: Option<Snapshot>,
    /// The probable cause, where the answer suggests one.
    pub hint: Option<Hint>,
}

/// The probable cause of a refusal by the backend.
///
/// What a person should do about it depends on the program that embeds this crate, and is for that
/// program to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hint {
    /// The backend does not accept the credentials of this provider route.
    Credentials {
        /// The name of the route, see [`UpstreamRoute::name`](crate::UpstreamRoute::name).
        route: &'static str,
    },
    /// Nothing is served under the address that the embedder gave in place of the usual one.
    Address,
}

impl std::fmt::Display for ErrorResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the backend answered with status {}", self.status)?;
        if let Some(code) = &self.error.code {
            write!(f, " ({code})")?;
        }
        match &self.error.message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

impl StdError for ErrorResponse {}

#[cfg(test)]
mod tests {
    use rustls::CertificateError as Certificate;

    use super::*;

    #[test]
    fn faults_of_certificates_are_distinguished() {
        let fault = |certificate| TlsFault::of(&rustls::Error::InvalidCertificate(certificate));
        assert_eq!(fault(Certificate::Expired), TlsFault::Expired);
        assert_eq!(fault(Certificate::NotValidYet), TlsFault::Expired);
        assert_eq!(fault(Certificate::NotValidForName), TlsFault::WrongName);
        assert_eq!(fault(Certificate::UnknownIssuer), TlsFault::Untrusted);
        assert_eq!(TlsFault::of(&rustls::Error::DecryptError), TlsFault::Handshake);
    }
}
