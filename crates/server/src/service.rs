//! One request: guarded, routed, handled, answered in its dialect and recorded.

use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use chatmock_translate::{
    Chat, Completions, Dialect, Failure, FailureKind, OllamaChat, OllamaGenerate, Responses,
};
use futures::FutureExt;
use http::request::Parts;
use http::{HeaderMap, Method, Request};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::api::route::{self, NoRoute, Route};
use crate::api::{ollama, openai, responses, status};
use crate::app::App;
use crate::failure;
use crate::fault_injection;
use crate::http::access_log::{LoggedByBody, milliseconds};
use crate::http::api_keys::Caller;
use crate::http::guard::{Admitted, Guard};
use crate::http::memory_budget::Reservation;
use crate::http::request_body;
use crate::http::response::{self, HttpResponse};
use crate::http::sanitize;
use crate::panics;
use crate::turn::pipeline::{self, TurnRequest};

/// The most of a body that is logged where that was asked for, in bytes.
const LONGEST_LOGGED: usize = 64 * 1024;

/// A request on its way through the server.
struct RequestContext<'r> {
    app: &'r Arc<App>,
    asked: &'r RequestSummary,
    arrived: Instant,
    request_id: &'r str,
}

/// What of a request's head is needed to the end. The head itself holds the whole buffer into which
/// the connection read it, too much to keep while an answer is waited for.
struct RequestSummary {
    method: Method,
    path: String,
    caller: Caller,
}

/// Answers a request; every failure becomes an answer too, a panic as well.
pub(crate) async fn answer(
    app: Arc<App>,
    request: Request<Incoming>,
) -> Result<HttpResponse, Infallible> {
    let (mut head, body) = request.into_parts();
    let arrived = Instant::now();
    let request_id = request_id();
    let admitted = app.guard.admit(&mut head);
    let page = app.guard.listed_origin(&head.headers);
    let asked = RequestSummary::of(&head);
    let visit = RequestContext { app: &app, asked: &asked, arrived, request_id: &request_id };
    let turned_away = admitted.is_err();
    let outcome = match admitted {
        Ok(Admitted::Preflight) => Ok(Guard::preflight(&head)),
        Ok(Admitted::Request) => {
            let handled = AssertUnwindSafe(visit.handle(&mut head, body)).catch_unwind().await;
            handled.unwrap_or_else(|_| Err(panics::caught(&app.panics)))
        }
        Err(failure) => Err(failure),
    };
    let mut reply = outcome.unwrap_or_else(|failure| visit.refusal(&failure));
    if turned_away {
        response::close(&mut reply);
    }
    response::default_headers(&mut reply, &request_id);
    app.guard.allow_origin(page, &mut reply);
    visit.record(&reply);
    Ok(reply)
}

impl RequestSummary {
    fn of(head: &Parts) -> Self {
        Self {
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            caller: Caller::of(&head.extensions),
        }
    }
}

impl RequestContext<'_> {
    async fn handle(&self, head: &mut Parts, body: Incoming) -> Result<HttpResponse, Failure> {
        let (app, RequestSummary { path, caller, .. }) = (self.app, self.asked);
        if head.method == Method::OPTIONS {
            return route::methods(path).map(response::options).ok_or_else(|| no_path(path));
        }
        let route = match Route::of(&head.method, path) {
            Ok(route) => route,
            Err(none) => {
                request_body::discard(body, &head.headers, app.http.linger).await;
                return Err(no_route(none, head));
            }
        };
        fault_injection::request(&head.headers, &app.holder);
        match route {
            Route::Chat => self.turn::<Chat>(head, body).await,
            Route::Responses => self.turn::<Responses>(head, body).await,
            Route::Completions => self.turn::<Completions>(head, body).await,
            Route::OllamaChat => self.turn::<OllamaChat>(head, body).await,
            Route::OllamaGenerate => self.turn::<OllamaGenerate>(head, body).await,
            Route::Ollama(endpoint) => {
                let (body, _reservation) = self.body(&head.headers, body).await?;
                ollama::answer(app, endpoint, &body).await
            }
            Route::Response(id) if responses::are_kept_there(app) => {
                responses::there(app, &head.method, &[id], head.uri.query()).await
            }
            Route::InputItems(id) if responses::are_kept_there(app) => {
                let path = [id, "input_items"];
                responses::there(app, &head.method, &path, head.uri.query()).await
            }
            Route::Response(id) if head.method == Method::DELETE => {
                responses::delete(app, caller, id).await
            }
            Route::Response(id) => responses::one(app, caller, id, head.uri.query()).await,
            Route::InputItems(id) => {
                responses::input_items(app, caller, id, head.uri.query()).await
            }
            Route::Models => Ok(openai::all(app).await),
            Route::Model(name) => openai::one(app, name).await,
            Route::Root => status::root(&head.headers),
            Route::Health => status::health(app, head.uri.query()),
            Route::Limits => status::limits(app).await,
        }
    }

    /// Reads the body, and logs it where that was asked for.
    async fn body(
        &self,
        headers: &HeaderMap,
        body: Incoming,
    ) -> Result<(Bytes, Reservation), Failure> {
        let (body, reservation) = request_body::read(body, headers, self.app).await?;
        if self.app.http.log_bodies {
            let text = sanitize::text_within(&String::from_utf8_lossy(&body), LONGEST_LOGGED);
            tracing::info!(request_id = self.request_id, bytes = body.len(), body = text, "body");
        }
        Ok((body, reservation))
    }

    async fn turn<D: Dialect>(
        &self,
        head: &mut Parts,
        body: Incoming,
    ) -> Result<HttpResponse, Failure> {
        let (body, reservation) = self.body(&head.headers, body).await?;
        let call = TurnRequest {
            head,
            body,
            reservation: Some(reservation),
            arrived: self.arrived,
            request_id: self.request_id.to_owned(),
            caller: self.asked.caller.label().map(str::to_owned),
        };
        pipeline::turn::<D>(self.app, call).await
    }

    fn refusal(&self, failure: &Failure) -> HttpResponse {
        tracing::debug!(
            request_id = self.request_id,
            code = ?failure.code,
            param = ?failure.param,
            words = ?failure::loggable(failure),
            "refused"
        );
        refusal(failure, self.asked)
    }

    /// Writes the access record, unless the answer's own body does, or there are too many like it.
    fn record(&self, reply: &HttpResponse) {
        let own = reply.extensions().get::<LoggedByBody>().is_some();
        if own || !self.app.log_limiter.admits(reply.status()) {
            return;
        }
        tracing::info!(
            request_id = self.request_id,
            caller = self.asked.caller.label(),
            method = sanitize::text(self.asked.method.as_str()),
            path = sanitize::text(&self.asked.path),
            status = reply.status().as_u16(),
            milliseconds = milliseconds(self.arrived.elapsed()),
            "request"
        );
    }
}

fn no_path(path: &str) -> Failure {
    let shown = sanitize::text(path);
    Failure::new(FailureKind::NotFound, format!("nothing is served at {shown}"))
        .with_code("unknown_url")
}

fn no_route(none: NoRoute, head: &Parts) -> Failure {
    let path = head.uri.path();
    match none {
        NoRoute::Path => no_path(path),
        NoRoute::Method(_) if is_upgrade(head) => {
            let message = "this server speaks HTTP only here: send a POST";
            Failure::new(FailureKind::Rejected(426), message).with_code("upgrade_refused")
        }
        NoRoute::Method(allowed) => {
            let message = format!("{path} takes {allowed}");
            Failure::new(FailureKind::MethodNotAllowed, message).with_code("method_not_allowed")
        }
    }
}

fn is_upgrade(head: &Parts) -> bool {
    head.uri.path() == "/v1/responses"
        && head.method == Method::GET
        && head.headers.contains_key(http::header::UPGRADE)
}

fn refusal(failure: &Failure, asked: &RequestSummary) -> HttpResponse {
    let mut reply = response::failure(failure, &asked.path);
    if failure.kind == FailureKind::MethodNotAllowed
        && let Some(methods) = route::methods(&asked.path)
    {
        response::allow(&mut reply, methods);
    }
    reply
}

/// A random id, to join what a client reports with what is logged.
fn request_id() -> String {
    format!("req_{:016x}", RandomState::new().hash_one(()))
}
