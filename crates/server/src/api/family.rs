//! API families: the endpoints, the model list and the error shape of each vendor's API.

use bytes::Bytes;
use chatmock_protocol::codex::models::Model;
use chatmock_translate::{Anthropic, Dialect, Failure, Family, Ollama, OpenAi};
use http::{HeaderMap, Method, StatusCode};

use super::{Exchange, Explain, Handling, admin, explain_turn, serve_turn, status};
use crate::state::models::{ListWriter, Listing};

/// One API family: what it serves, and in which shape it answers.
///
/// A family is data. The router, the list of endpoints at `/`, `Allow` headers and the wording of errors
/// are made from it, so that a new dialect is one row here and nothing else can disagree about it.
pub(crate) trait Api: Family {
    /// The family's name.
    const NAME: &'static str;
    /// The path under which failures are worded in this family even where nothing is served.
    const PREFIX: &'static str;
    /// The endpoints that it serves.
    const ENDPOINTS: &'static [Endpoint];
    /// The header that marks requests of its clients, where they share paths with another family's.
    const MARK: Option<&'static str> = None;
    /// The header in which its clients read the id of their request, beside that of all replies.
    const REQUEST_ID: Option<&'static str> = None;

    /// Writes its list of models.
    fn models(listing: &Listing<'_>) -> Bytes;

    /// Adds headers to the response to a request that failed.
    fn error_headers(_: &Failure, _: &mut HeaderMap) {}
}

/// Serves a request.
pub(crate) type Serve = for<'r> fn(Exchange<'r>) -> Handling<'r>;

/// One method of one path, and what serves it.
pub(crate) struct Endpoint {
    /// The method; `GET` includes `HEAD`.
    pub(crate) method: Method,
    /// The path. `{id}` matches one segment, `{id...}` for the rest of the path.
    pub(crate) path: &'static str,
    pub(crate) serve: Serve,
    /// True if it is named at `/`; endpoints that only explain why they serve nothing are not.
    pub(crate) listed: bool,
    /// True if it serves handshakes of WebSockets and nothing else.
    pub(crate) is_socket: bool,
    /// The turn that it serves, if it serves one.
    pub(crate) turn: Option<TurnEndpoint>,
}

/// The parts that only an endpoint of turns has.
pub(crate) struct TurnEndpoint {
    /// The name of the dialect.
    pub(crate) dialect: &'static str,
    /// Explains a request in place of serving it.
    pub(crate) explain: Explain,
}

impl Endpoint {
    /// Creates an endpoint that is listed.
    pub(super) const fn new(method: Method, path: &'static str, serve: Serve) -> Self {
        Self { method, path, serve, listed: true, is_socket: false, turn: None }
    }

    /// Creates an endpoint that serves turns of a dialect and is listed.
    pub(super) const fn turn<D: Dialect>(path: &'static str) -> Self {
        Self::turn_by::<D>(path, true, (serve_turn::<D>, explain_turn::<D>))
    }

    /// Creates another address of an endpoint of turns, which is not listed.
    pub(super) const fn other_turn<D: Dialect>(path: &'static str) -> Self {
        Self::turn_by::<D>(path, false, (serve_turn::<D>, explain_turn::<D>))
    }

    /// Creates an endpoint of turns of a dialect that are served and explained in a way of their own.
    pub(super) const fn turn_by<D: Dialect>(
        path: &'static str,
        listed: bool,
        (serve, explain): (Serve, Explain),
    ) -> Self {
        let turn = Some(TurnEndpoint { dialect: D::NAME, explain });
        Self { method: Method::POST, path, serve, listed, is_socket: false, turn }
    }

    /// Creates an endpoint that is not listed.
    pub(super) const fn unlisted(method: Method, path: &'static str, serve: Serve) -> Self {
        Self { method, path, serve, listed: false, is_socket: false, turn: None }
    }

    /// Creates an endpoint of WebSockets.
    pub(super) const fn socket(path: &'static str, serve: Serve, listed: bool) -> Self {
        Self { method: Method::GET, path, serve, listed, is_socket: true, turn: None }
    }
}

/// A family as a value, for whatever depends on the request.
pub(crate) struct ApiFamily {
    prefix: &'static str,
    mark: Option<&'static str>,
    pub(crate) request_id: Option<&'static str>,
    pub(crate) endpoints: &'static [Endpoint],
    /// Words a failure as the body of a response.
    pub(crate) error_body: fn(&Failure) -> Bytes,
    pub(crate) error_headers: fn(&Failure, &mut HeaderMap),
    status: fn(&Failure) -> u16,
}

impl ApiFamily {
    const fn of<A: Api>() -> Self {
        Self {
            prefix: A::PREFIX,
            mark: A::MARK,
            request_id: A::REQUEST_ID,
            endpoints: A::ENDPOINTS,
            error_body: error_body::<A>,
            error_headers: A::error_headers,
            status: A::status,
        }
    }

    /// Returns the status of a failure in this family.
    pub(crate) fn status(&self, failure: &Failure) -> StatusCode {
        StatusCode::from_u16((self.status)(failure)).unwrap_or(StatusCode::BAD_GATEWAY)
    }

    /// Returns whether a request with these headers comes from a client of this family.
    pub(super) fn is_marked(&self, headers: &HeaderMap) -> bool {
        self.mark.is_some_and(|mark| headers.contains_key(mark))
    }

    /// Returns the length of the prefix by which a path that no endpoint has is this family's to refuse, if
    /// it is.
    pub(super) fn prefix_of(&self, path: &str) -> Option<usize> {
        let rest = path.strip_prefix(self.prefix)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(self.prefix.len())
    }
}

/// All families; the first words what belongs to none. The server's own endpoints answer as it does.
pub(crate) static FAMILIES: [ApiFamily; 5] = [
    ApiFamily::of::<OpenAi>(),
    ApiFamily::of::<Ollama>(),
    ApiFamily::of::<Anthropic>(),
    ApiFamily { endpoints: status::ENDPOINTS, prefix: "", ..ApiFamily::of::<OpenAi>() },
    ApiFamily { endpoints: admin::ENDPOINTS, prefix: "", ..ApiFamily::of::<OpenAi>() },
];

/// Returns the writers of all model lists.
pub(crate) fn list_writers() -> Vec<ListWriter> {
    vec![list_writer::<OpenAi>(), list_writer::<Ollama>(), list_writer::<Anthropic>()]
}

fn list_writer<A: Api>() -> ListWriter {
    ListWriter { family: A::NAME, write: A::models }
}

/// Returns what a model can do, in the words of Ollama's lists, as the catalogue names it.
pub(super) fn capabilities(model: &Model) -> Vec<&'static str> {
    let mut capabilities = vec!["completion", "tools"];
    if model.supported_reasoning_levels.as_ref().is_some_and(|levels| !levels.is_empty()) {
        capabilities.push("thinking");
    }
    if model.input_modalities.iter().flatten().any(|kind| kind == "image") {
        capabilities.push("vision");
    }
    capabilities
}

fn error_body<A: Api>(failure: &Failure) -> Bytes {
    // An error object is strings, which always can be written.
    serde_json::to_vec(&A::error(failure)).unwrap_or_default().into()
}
