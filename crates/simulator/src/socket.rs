//! The socket of a backend: requests as messages, answers as one message an event.
//!
//! It checks what the POST of the same backend checks, and what only a socket can get wrong: an id that is not the
//! latest answer of this connection, a lane, a message of 16 MiB.

use std::sync::Arc;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Either};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use ring::digest;
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::authentication;
use crate::backend::Backend;
use crate::body::{Body, StreamWatch};
use crate::endpoint::Endpoint;
use crate::error_response::ErrorResponse;
use crate::fast::Replay;
use crate::faulty_stream::ConnectionFaults;
use crate::http::{self, HttpRequest, add_header};
use crate::rate_limits;
use crate::record::{RecordedRequest, header_list};
use crate::script::Script;
use crate::service::Services;

/// The largest message, in bytes.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// The header of a turn's state, which is in an event and in the request here.
const TURN_STATE: &str = "x-codex-turn-state";

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Returns the backend whose socket a request asks for.
pub(crate) fn asked_for(services: &Services, request: &Request<Incoming>) -> Option<Backend> {
    let settings = &services.shared.settings;
    let asks = request.headers().contains_key("sec-websocket-key");
    if !(asks && settings.sockets && request.method() == Method::GET) {
        return None;
    }
    match Endpoint::of(request.method(), request.uri().path(), &settings.bases)? {
        Endpoint::Upgrade => Some(Backend::Codex),
        Endpoint::PlanUpgrade => Some(Backend::Plan),
        _ => None,
    }
}

/// Answers a handshake, and serves the socket.
pub(crate) fn accept(
    services: &Arc<Services>,
    faults: Arc<ConnectionFaults>,
    request: Request<Incoming>,
    backend: Backend,
) -> Response<Either<Body, Replay>> {
    let (mut parts, _) = request.into_parts();
    let upgrade = parts.extensions.remove::<OnUpgrade>();
    let handshake = HttpRequest { parts, body: Bytes::new() };
    let endpoint = match backend {
        Backend::Codex => Endpoint::Upgrade,
        Backend::Plan | Backend::Api => Endpoint::PlanUpgrade,
    };
    services.record(&handshake, Some(endpoint));
    let key = handshake.header("sec-websocket-key").unwrap_or_default();
    let proof = [key.as_bytes(), GUID].concat();
    let proof = STANDARD.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &proof));
    if let Err(error) = authentication::caller(&services.shared, &handshake, backend) {
        return http::error(&error).map(Either::Left);
    }
    let announced =
        handshake.header("openai-beta").is_some_and(|beta| beta.contains("responses_websockets="));
    if backend == Backend::Codex && !announced {
        let error = ErrorResponse::detail(426, "Upgrade Required");
        return http::error(&error).map(Either::Left);
    }
    let mut response = Response::new(Either::Left(Body::whole(Bytes::new())));
    *response.status_mut() = hyper::StatusCode::SWITCHING_PROTOCOLS;
    for (name, value) in
        [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-accept", &proof)]
    {
        add_header(response.headers_mut(), name, value);
    }
    if let Some(upgrade) = upgrade {
        let services = Arc::clone(services);
        let connection =
            Connection { services, faults, backend, head: handshake.parts, last: None };
        tokio::spawn(async move {
            if let Ok(upgraded) = upgrade.await {
                connection.serve(upgraded).await;
            }
        });
    }
    response
}

/// A socket and what the backend remembers of it.
struct Connection {
    services: Arc<Services>,
    faults: Arc<ConnectionFaults>,
    backend: Backend,
    head: Parts,
    /// The latest answer: its id, and its whole conversation.
    last: Option<(String, Vec<Value>)>,
}

impl Connection {
    async fn serve(mut self, upgraded: Upgraded) {
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let io = TokioIo::new(upgraded);
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        while let Some(Ok(message)) = socket.next().await {
            let Message::Text(text) = message else { continue };
            if self.answer(&mut socket, text.as_bytes()).await.is_none() {
                return;
            }
        }
    }

    /// Answers one request; `None` where the connection is over.
    async fn answer(&mut self, socket: &mut Socket, text: &[u8]) -> Option<()> {
        self.record(text);
        let (request, items) = match self.request(text) {
            Ok(request) => request,
            Err(error) => return send(socket, &error).await,
        };
        let script = match self.services.model_calls.script(&request, self.backend) {
            Ok(script) => script,
            Err(error) => {
                let body = serde_json::from_str(&error.body.text()).unwrap_or_default();
                return send(socket, &error_event(error.status, &body, &[])).await;
            }
        };
        if script.is_stream() {
            return self.play(socket, script, items).await;
        }
        let (status, headers) = (script.status, script.headers.clone());
        let body =
            Body::played(script.steps, Arc::clone(&self.faults)).collect().await.ok()?.to_bytes();
        let body: Value = serde_json::from_slice(&body).ok()?;
        send(socket, &error_event(status, &body, &headers)).await
    }

    /// Makes the POST of a message, with the conversation that it goes on from.
    fn request(&self, text: &[u8]) -> Result<(HttpRequest, Vec<Value>), Value> {
        let invalid = |code: &str, param: &str, message: &str| {
            let error = json!({"type": "invalid_request_error", "code": code, "message": message, "param": param});
            json!({"type": "error", "status": 400, "error": error})
        };
        let mut request: Value = serde_json::from_slice(text).unwrap_or_default();
        let Some(members) = request.as_object_mut() else {
            return Err(invalid("invalid_json", "", "The message is no JSON object."));
        };
        if members.remove("type") != Some(json!("response.create")) {
            return Err(invalid("invalid_type", "type", "Only response.create is served."));
        }
        if members.contains_key("stream_id") {
            return Err(invalid(
                "unsupported_parameter",
                "stream_id",
                "Unsupported parameter: stream_id",
            ));
        }
        let mut items = members.get("input").and_then(Value::as_array).cloned().unwrap_or_default();
        if let Some(id) = members.remove("previous_response_id") {
            let Some((_, before)) = self.last.as_ref().filter(|(last, _)| id == **last) else {
                let message = format!("Previous response with id {id} not found.");
                return Err(invalid(
                    "previous_response_not_found",
                    "previous_response_id",
                    &message,
                ));
            };
            items = before.iter().cloned().chain(items).collect();
            members.insert("input".to_owned(), Value::Array(items.clone()));
        }
        let mut parts = self.head.clone();
        // The handshake is of whichever turn opened the socket.
        parts.headers.remove(TURN_STATE);
        parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        parts.method = Method::POST;
        Ok((HttpRequest { parts, body: request.to_string().into() }, items))
    }

    /// Plays a script as messages, and notices when the client leaves.
    async fn play(
        &mut self,
        socket: &mut Socket,
        script: Script,
        mut items: Vec<Value>,
    ) -> Option<()> {
        // On a kept socket there is no head that could report them.
        if let Some(event) = rate_limits::event(&script.headers) {
            socket.feed(Message::text(event.to_string())).await.ok()?;
        }
        let state = script.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(TURN_STATE));
        if let Some((name, state)) = state {
            let headers = json!({name: state});
            let event = json!({"type": "codex.response.metadata", "headers": headers});
            socket.feed(Message::text(event.to_string())).await.ok()?;
        }
        let watch = StreamWatch::open(Arc::clone(&self.services.shared.recorder));
        // Even a sleep of no time lasts until the timer's next tick.
        if !script.delay.is_zero() {
            socket.flush().await.ok()?;
            tokio::time::sleep(script.delay).await;
        }
        let mut body = Body::played(script.steps, Arc::clone(&self.faults)).watched(watch);
        let mut read = Vec::new();
        let mut ended = false;
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                next = socket.next() => match next {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    _ => return None,
                },
            };
            let Some(Ok(frame)) = frame else { break };
            read.extend(frame.into_data().ok()?);
            while let Some(end) = read.windows(2).position(|window| window == b"\n\n") {
                let event: Vec<u8> = read.drain(..end + 2).collect();
                let Some(event) = data(&event) else { continue };
                if event["type"] == "response.output_item.done" {
                    items.push(event["item"].clone());
                }
                if event["type"] == "response.completed" {
                    let id = event["response"]["id"].as_str().unwrap_or_default().to_owned();
                    self.last = Some((id, std::mem::take(&mut items)));
                }
                ended |= matches!(
                    event["type"].as_str(),
                    Some(
                        "response.completed" | "response.failed" | "response.incomplete" | "error"
                    )
                );
                socket.feed(Message::text(event.to_string())).await.ok()?;
            }
            // What arrives together leaves together, as over HTTP.
            socket.flush().await.ok()?;
        }
        // A stream without its end is a connection that broke.
        ended.then_some(())
    }

    fn record(&self, body: &[u8]) {
        let endpoint = Endpoint::calls_of(self.backend);
        let recorded = RecordedRequest {
            endpoint: Some(endpoint),
            method: "MESSAGE".to_owned(),
            path: self.head.uri.path().to_owned(),
            headers: header_list(&self.head.headers),
            body: Bytes::copy_from_slice(body),
            at: Instant::now(),
        };
        self.services.shared.recorder.record(endpoint.name(), recorded);
    }
}

/// The data of a server-sent event, where it is JSON.
fn data(event: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(event).ok()?;
    let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    serde_json::from_str(&lines.join("\n")).ok()
}

fn error_event(status: u16, body: &Value, headers: &[(String, String)]) -> Value {
    let error = match body.get("error") {
        Some(error) => error.clone(),
        None => json!({"type": "invalid_request_error", "message": body["detail"]}),
    };
    let headers: Value = headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({"type": "error", "status": status, "error": error, "headers": headers})
}

async fn send(socket: &mut Socket, event: &Value) -> Option<()> {
    socket.send(Message::text(event.to_string())).await.ok()
}
