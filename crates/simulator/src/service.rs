//! One request: read, recorded, answered.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Limited};
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};

use crate::backend::Backend;
use crate::body::{Body, StreamWatch};
use crate::endpoint::Endpoint;
use crate::error_response::ErrorResponse;
use crate::fast::Replay;
use crate::faulty_stream::ConnectionFaults;
use crate::json::{Json, object};
use crate::record::{Recorded, header_list};
use crate::script::{Play, Script, Step};
use crate::simulator::State;
use crate::{account, issuer, modes, responses};

/// A request whose body has been read.
#[derive(Debug)]
pub(crate) struct HttpRequest {
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
}

impl HttpRequest {
    /// The first value of a header, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn query(&self) -> &str {
        self.parts.uri.query().unwrap_or_default()
    }

    /// The access token of the `authorization` header.
    pub(crate) fn bearer(&self) -> Result<&str, ErrorResponse> {
        let value = self.header("authorization").ok_or_else(ErrorResponse::unauthorized)?;
        value.strip_prefix("Bearer ").ok_or_else(ErrorResponse::unauthorized)
    }
}

/// Serves one request.
pub(crate) async fn serve(
    state: Arc<State>,
    faults: Arc<ConnectionFaults>,
    request: Request<Incoming>,
) -> Response<Either<Body, Replay>> {
    let (parts, body) = request.into_parts();
    let endpoint = Endpoint::of(&parts.method, parts.uri.path(), &state.settings.bases);
    let Ok(body) = Limited::new(body, state.settings.max_body).collect().await else {
        let refusal = ErrorResponse::detail(413, "Request body is too large or broken");
        return refuse(&refusal).map(Either::Left);
    };
    let http = HttpRequest { parts, body: body.to_bytes() };
    let called = endpoint.filter(|endpoint| Endpoint::MODEL_CALLS.contains(endpoint));
    if let (Some(_), Some(fast)) = (called, &state.fast)
        && let Some(answer) = fast.answer(&http.body, &state.recorder)
    {
        return answer.map(Either::Right);
    }
    checked(&state, &faults, endpoint, http).await.map(Either::Left)
}

/// Records a request and answers it as the real backend would.
async fn checked(
    state: &State,
    faults: &Arc<ConnectionFaults>,
    endpoint: Option<Endpoint>,
    http: HttpRequest,
) -> Response<Body> {
    state.recorder.record(endpoint.map_or("other", Endpoint::name), recorded(&http, endpoint));
    let called = endpoint.filter(|endpoint| Endpoint::MODEL_CALLS.contains(endpoint));
    if let Some(backend) = called.and_then(Endpoint::backend) {
        return match responses::script(state, &http, backend) {
            Ok(script) => play(state, faults, script).await,
            Err(refusal) => refuse(&refusal),
        };
    }
    match endpoint {
        Some(endpoint) => match state.next_play(endpoint) {
            Some(Play::Script(script)) => play(state, faults, script).await,
            Some(Play::Mode(mode)) => play(state, faults, modes::for_empty_request(mode)).await,
            None => answer(state, endpoint, &http).await,
        },
        None => refuse(&not_found(state, &http)),
    }
}

async fn answer(state: &State, endpoint: Endpoint, http: &HttpRequest) -> Response<Body> {
    let answer = match endpoint {
        Endpoint::Responses | Endpoint::PlanResponses | Endpoint::ApiResponses => {
            Err(not_found(state, http))
        }
        Endpoint::Upgrade if http.header("upgrade").is_some() => {
            Err(ErrorResponse::detail(426, "Upgrade Required"))
        }
        Endpoint::Upgrade => Err(ErrorResponse::detail(405, "Method Not Allowed")),
        Endpoint::Models => account::models(state, http),
        Endpoint::PlanModels => account::plan_models(state, http),
        Endpoint::ApiModels => account::api_models(state, http),
        Endpoint::Usage => account::usage(state, http),
        Endpoint::AccountsCheck => account::accounts_check(state, http),
        Endpoint::Authorize => issuer::authorize(state, http),
        Endpoint::Continue => issuer::approve(state, http),
        Endpoint::Token => {
            tokio::time::sleep(state.settings.token_delay).await;
            issuer::token(state, http)
        }
        Endpoint::Revoke => issuer::revoke(state, http),
        Endpoint::PlanAuthorize => issuer::plan::authorize(state, http),
        Endpoint::PlanContinue => issuer::plan::approve(state, http),
        Endpoint::PlanToken => {
            tokio::time::sleep(state.settings.token_delay).await;
            issuer::plan::token(state, http)
        }
        Endpoint::PlanRevoke => issuer::plan::revoke(state, http),
        Endpoint::Discovery => issuer::plan::discovery(state),
        Endpoint::Keys => issuer::plan::keys(state),
        Endpoint::DeviceCode => issuer::device_code(state, http),
        Endpoint::DeviceToken => issuer::device_token(state, http),
        Endpoint::DevicePage => Ok(html("<p>This code is approved by itself.</p>")),
        Endpoint::Health => Ok(json(200, &object! {"status": "ok"})),
        Endpoint::Stats => Ok(json(200, &state.recorder.json())),
    };
    answer.unwrap_or_else(|refusal| refuse(&refusal))
}

/// The refusal of a path that no endpoint has, by the backend that it lies below.
pub(crate) fn not_found(state: &State, http: &HttpRequest) -> ErrorResponse {
    let path = http.parts.uri.path();
    let errors = state.settings.bases.above(path).unwrap_or(Backend::Codex).rules().errors;
    errors.not_found(&format!("{} {path}", http.parts.method))
}

/// Plays a script: its preface, the time before its head, its head, its steps.
async fn play(state: &State, faults: &Arc<ConnectionFaults>, script: Script) -> Response<Body> {
    let watch = script.is_stream().then(|| StreamWatch::open(state.recorder.clone()));
    if !script.hold.is_zero() {
        tokio::time::sleep(script.hold).await;
    }
    if !script.preface.is_empty() {
        faults.preface(script.preface);
    }
    let body = match (watch, script.steps.as_slice()) {
        (None, [Step::Raw(bytes)]) => Body::whole(bytes.clone()),
        (None, _) => Body::played(script.steps, faults.clone()),
        (Some(watch), _) => Body::played(script.steps, faults.clone()).watched(watch),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status(script.status);
    for (name, value) in &script.headers {
        add_header(response.headers_mut(), name, value);
    }
    response
}

/// An answer in JSON.
pub(crate) fn json(code: u16, body: &Json) -> Response<Body> {
    whole(code, "application/json", body.text())
}

/// An error answer.
pub(crate) fn refuse(refusal: &ErrorResponse) -> Response<Body> {
    json(refusal.status, &refusal.body)
}

/// A small page.
pub(crate) fn html(content: &str) -> Response<Body> {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Simulated sign-in</title>\
         <body>{content}</body></html>\n"
    );
    whole(200, "text/html; charset=utf-8", page)
}

/// An empty answer that sends the browser elsewhere.
pub(crate) fn redirect(place: &str) -> Response<Body> {
    let mut response = whole(302, "text/plain", String::new());
    add_header(response.headers_mut(), "location", place);
    response
}

/// Adds a header; one that HTTP cannot carry is left out.
pub(crate) fn add_header(headers: &mut HeaderMap, name: &str, value: &str) {
    let name = HeaderName::from_bytes(name.as_bytes());
    let value = HeaderValue::from_bytes(value.as_bytes());
    if let (Ok(name), Ok(value)) = (name, value) {
        // The map refuses beyond 32768 names, which no script needs.
        let _ = headers.try_append(name, value);
    }
}

fn whole(code: u16, media_type: &str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() = status(code);
    add_header(response.headers_mut(), "content-type", media_type);
    response
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn recorded(http: &HttpRequest, endpoint: Option<Endpoint>) -> Recorded {
    Recorded {
        endpoint,
        method: http.parts.method.to_string(),
        path: http.parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: header_list(&http.parts.headers),
        body: http.body.clone(),
        at: Instant::now(),
    }
}
