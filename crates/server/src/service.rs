//! One request: guarded, routed, served, answered in its API family's shape and logged.

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use chatmock_translate::{Failure, FailureKind};
use futures::FutureExt;
use http::request::Parts;
use http::{Method, Request};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::api::address::{self, ExplainMark};
use crate::api::family::ApiFamily;
use crate::api::route::{self, NoRoute, Route};
use crate::api::unserved::unknown_path;
use crate::api::{self, Exchange, RequestContext};
use crate::app::App;
use crate::fault_injection;
use crate::http::access_log::{LoggedByBody, milliseconds, request_id};
use crate::http::api_keys::Caller;
use crate::http::guard::{Admitted, Guard};
use crate::http::notes::RequestNotes;
use crate::http::reason;
use crate::http::response::{self, HttpResponse};
use crate::http::{sanitize, websocket};

/// The parts of a request's head that are needed to the end.
///
/// The head itself holds the whole buffer into which the connection read it, too much to keep while
/// an answer is waited for.
struct RequestSummary {
    method: Method,
    /// The path that is meant.
    path: String,
    /// The path that was sent.
    sent: String,
    /// The family that words failures.
    family: &'static ApiFamily,
    caller: Caller,
    notes: Arc<RequestNotes>,
    arrived: Instant,
    id: String,
}

/// The failure that a response reports, for the log.
#[derive(Clone, Debug)]
struct Refusal {
    code: Option<String>,
    reason: String,
}

/// Answers a request from an address; every failure becomes an answer too, also a panic.
pub(crate) async fn answer(
    app: Arc<App>,
    request: Request<Incoming>,
    peer: Option<IpAddr>,
) -> Result<HttpResponse, Infallible> {
    let (mut head, body) = request.into_parts();
    let arrived = Instant::now();
    let sent = head.uri.path().to_owned();
    let admitted = app.guard.check_target(&head).and_then(|()| {
        if app.endpoints.explain {
            address::take_explain(&mut head);
        }
        address::rewrite(&mut head);
        app.guard.admit(&mut head)
    });
    let page = app.guard.listed_origin(&head.headers);
    let request = RequestSummary { sent, ..RequestSummary::new(&head, arrived, peer) };
    let refused = admitted.is_err();
    let outcome = match admitted {
        Ok(Admitted::Preflight) => Ok(Guard::preflight(&head)),
        Ok(Admitted::Request) => {
            let served = AssertUnwindSafe(serve(&app, &request, &mut head, body)).catch_unwind();
            served.await.unwrap_or_else(|_| Err(app.panics.caught()))
        }
        Err(failure) => Err(failure),
    };
    let mut response = outcome.unwrap_or_else(|failure| request.error_response(&failure));
    if refused || response::ends_with_connection(&response, head.version) {
        response::close(&mut response);
    }
    response::end_for_old_client(&mut response, head.version);
    response::default_headers(&mut response, &request.id);
    if let Some(name) = request.family.request_id {
        response::request_id(&mut response, name, &request.id);
    }
    app.guard.allow_origin(page, &mut response);
    request.log(&app, &response);
    Ok(response)
}

/// Routes a request to its endpoint.
async fn serve(
    app: &App,
    request: &RequestSummary,
    head: &mut Parts,
    body: Incoming,
) -> Result<HttpResponse, Failure> {
    let path = &*request.path;
    if head.method == Method::OPTIONS {
        let methods = route::methods(path).ok_or_else(|| unknown_path(&request.sent))?;
        return Ok(response::options(&methods));
    }
    let explains = head.extensions.get::<ExplainMark>().is_some();
    let socket = !explains && head.method == Method::GET && websocket::is_asked_for(&head.headers);
    let socket = socket.then(|| Route::of_socket(path)).flatten();
    let found = || Route::find(&head.method, path, &head.headers);
    let Route { endpoint, variable } = match socket.map_or_else(found, Ok) {
        Ok(route) => route,
        Err(no_route) => {
            app.endpoints.bodies.discard(body, &head.headers).await;
            return Err(unrouted(no_route, request));
        }
    };
    fault_injection::request(&head.headers, &app.state.auth);
    let context = RequestContext {
        services: &app.endpoints,
        caller: &request.caller,
        notes: &request.notes,
        arrived: request.arrived,
        request_id: &request.id,
        panic_in_body: fault_injection::body(&head.headers),
    };
    let exchange = Exchange { context: &context, head, body, variable };
    match &endpoint.turn {
        _ if !explains => (endpoint.serve)(exchange).await,
        Some(turn) => api::serve_explanation(turn.explain, exchange).await,
        None => Err(unexplained(&request.sent)),
    }
}

impl RequestSummary {
    fn new(head: &Parts, arrived: Instant, peer: Option<IpAddr>) -> Self {
        Self {
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            sent: String::new(),
            family: route::family(head.uri.path(), &head.headers),
            caller: Caller::of(&head.extensions).with_peer(peer),
            notes: Arc::new(RequestNotes::of(&head.headers, peer)),
            arrived,
            id: request_id(),
        }
    }

    fn error_response(&self, failure: &Failure) -> HttpResponse {
        let failure = failure.clone().with_request_id(&self.id);
        let mut response = api::error_response(&failure, self.family, &self.path);
        response.extensions_mut().insert(Refusal {
            code: failure.code.as_deref().or(failure.class.as_deref()).map(str::to_owned),
            reason: reason::reason(&failure),
        });
        response
    }

    /// Writes the line of the access log, unless the response's own body does or there were too many.
    fn log(&self, app: &App, response: &HttpResponse) {
        let by_body = response.extensions().get::<LoggedByBody>().is_some();
        if by_body || !app.log_limiter.admits(response.status()) {
            return;
        }
        let (notes, refusal) = (&self.notes, response.extensions().get::<Refusal>());
        macro_rules! write {
            ($level:ident) => {
                tracing::$level!(
                    request_id = self.id,
                    caller = self.caller.label(),
                    client = notes.program(),
                    user_agent = notes.user_agent(),
                    address = notes.address(),
                    forwarded_for = notes.forwarded_for(),
                    method = sanitize::text(self.method.as_str()),
                    path = sanitize::text(&self.sent),
                    dialect = notes.dialect(),
                    model = notes.model(),
                    status = response.status().as_u16(),
                    code = refusal.and_then(|refusal| refusal.code.as_deref()),
                    reason = refusal.map(|refusal| &*refusal.reason),
                    milliseconds = milliseconds(self.arrived.elapsed()),
                    "request"
                )
            };
        }
        match refusal {
            Some(_) => write!(warn),
            None => write!(info),
        }
    }
}

fn unexplained(path: &str) -> Failure {
    let message = format!("{} is no request for an answer", sanitize::text(path));
    Failure::new(FailureKind::NotFound, message).with_code("unknown_url")
}

fn unrouted(no_route: NoRoute, request: &RequestSummary) -> Failure {
    let path = &request.path;
    match no_route {
        NoRoute::Path => unknown_path(&request.sent),
        NoRoute::Method(allowed) => {
            let message = format!("{path} takes {allowed}");
            Failure::new(FailureKind::MethodNotAllowed, message).with_code("method_not_allowed")
        }
    }
}
