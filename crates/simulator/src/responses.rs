//! `POST /responses`: who asks, whether the request is good, and which script answers.

use bytes::Bytes;
use serde_json::Value;

use crate::authentication::{self, Caller};
use crate::backend::{Backend, Rules};
use crate::catalog::Model;
use crate::composer::ResponseMeta;
use crate::content_encoding::decode_zstd;
use crate::default_answer;
use crate::default_headers::HeaderContext;
use crate::encrypted_reasoning::ReasoningSealer;
use crate::endpoint::Endpoint;
use crate::error_response::ErrorResponse;
use crate::json::object;
use crate::model_request::ModelRequest;
use crate::modes::{self, Mode, ModeContext};
use crate::non_streaming;
use crate::record::{header_list, lock};
use crate::script::{Play, Script};
use crate::service::HttpRequest;
use crate::simulator::State;
use crate::tokens::unix_now;
use crate::validation::{self, ValidationContext};

/// The script that answers a call of a backend.
pub(crate) fn script(
    state: &State,
    http: &HttpRequest,
    backend: Backend,
) -> Result<Script, ErrorResponse> {
    let rules = backend.rules();
    let caller = authentication::caller(state, http, backend)?;
    let body = read(state, http, rules)?;
    let mut request = serde_json::from_slice(&body)
        .map(ModelRequest::new)
        .map_err(|_| rules.errors.invalid_json())?;
    validation::gateway(&request, rules, state.settings.require_instructions)?;
    validation::references(&request, |id| lock(&state.stored).item(id, &caller.owner).is_some())?;
    let model = model(state, http, (&request, rules))?;
    if rules.stores {
        continue_from_stored(state, &caller, &mut request)?;
    }
    let sealer =
        ReasoningSealer::new((&state.origin, &caller.owner), state.settings.verify_reasoning);
    validation::engine(&request, &ValidationContext { rules, model: &model, sealer: &sealer })?;
    let turn = Turn { state, http, body: &body, backend, caller: &caller, request: &request };
    let meta = turn.meta(&sealer);
    let mut script = turn.answer(&meta);
    if script.standing_headers {
        let context = HeaderContext { backend, caller: &caller, model: &model.slug, meta: &meta };
        context.add_to(state, &mut script);
    }
    Ok(script)
}

/// The body of a call, decoded.
fn read(state: &State, http: &HttpRequest, rules: &Rules) -> Result<Bytes, ErrorResponse> {
    let kind = http.header("content-type").and_then(|kind| kind.split(';').next());
    let json = kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    match http.header("content-encoding").unwrap_or("identity") {
        "identity" if json => Ok(http.body.clone()),
        "zstd" if json && rules.zstd => decode_zstd(&http.body, state.settings.max_body)
            .ok_or_else(|| rules.errors.invalid_json()),
        _ => Err(rules.errors.unsupported_media_type()),
    }
}

fn model(
    state: &State,
    http: &HttpRequest,
    of: (&ModelRequest, &Rules),
) -> Result<Model, ErrorResponse> {
    let (request, rules) = of;
    let slug = request.get("model").as_str().unwrap_or_default();
    let version = state.gated(http.header("version")).filter(|_| rules.codex);
    let found = lock(&state.catalog).find(slug, version).cloned();
    found.ok_or_else(|| rules.errors.unknown_model(slug))
}

/// Fills in what the public API takes for granted, and the responses before this one.
fn continue_from_stored(
    state: &State,
    caller: &Caller,
    request: &mut ModelRequest,
) -> Result<(), ErrorResponse> {
    request.apply_defaults();
    request.resolve_references(|id| lock(&state.stored).item(id, &caller.owner).cloned());
    let Some(id) = request.get("previous_response_id").as_str() else { return Ok(()) };
    let before = lock(&state.stored).items(id, &caller.owner).map(<[Value]>::to_vec);
    let Some(before) = before else {
        let message = format!("Previous response with id '{id}' not found.");
        return Err(ErrorResponse::engine(
            message,
            "previous_response_not_found",
            "previous_response_id",
        ));
    };
    request.prepend_input(before);
    Ok(())
}

/// A good request on its way to an answer.
struct Turn<'a> {
    state: &'a State,
    http: &'a HttpRequest,
    body: &'a [u8],
    backend: Backend,
    caller: &'a Caller,
    request: &'a ModelRequest,
}

impl Turn<'_> {
    fn meta(&self, sealer: &ReasoningSealer) -> ResponseMeta {
        let rules = self.backend.rules();
        let serial = self.state.next_serial();
        let bucket = self.cache_bucket();
        let (input_tokens, cached_tokens) =
            lock(&self.state.cache).count(bucket.as_deref(), self.request);
        self.state.recorder.update(|stats| {
            stats.input_tokens += input_tokens;
            stats.cached_tokens += cached_tokens;
        });
        ResponseMeta {
            serial,
            created_at: unix_now(),
            pace: self.state.settings.pace,
            fill_output: rules.stores || self.state.settings.fill_output,
            input_tokens,
            cached_tokens,
            encrypted_content: (rules.codex || self.request.wants_encrypted_reasoning())
                .then(|| sealer.seal(serial)),
            turn_state: self.turn_state(serial),
        }
    }

    /// What this prompt shares its cache with; nothing where the Codex backend is not told the
    /// session twice.
    fn cache_bucket(&self) -> Option<String> {
        let key = self.request.get("prompt_cache_key").as_str();
        if self.backend == Backend::Codex {
            let session = self.http.header("session-id");
            return session.filter(|session| key == Some(session)).map(str::to_owned);
        }
        Some(format!("{:?} {} {}", self.backend, self.caller.owner, key.unwrap_or_default()))
    }

    /// The state of this turn, where the backend gives one; it counts how the client treats it.
    fn turn_state(&self, serial: u64) -> String {
        if !self.backend.rules().codex {
            return String::new();
        }
        let inside = self.request.at("/client_metadata/x-codex-turn-state").as_str();
        let carried = self.http.header("x-codex-turn-state").or(inside);
        let (state, seen) = lock(&self.state.turns).state(self.request, carried, serial);
        self.state.recorder.update(|stats| stats.turn_states.add(&seen));
        state
    }

    fn answer(&self, meta: &ResponseMeta) -> Script {
        let (mode, numbers) = match self.state.next_play(Endpoint::calls_of(self.backend)) {
            Some(Play::Script(script)) => return script,
            Some(Play::Mode(mode)) => (Some(mode), Vec::new()),
            None => self.requested_mode(),
        };
        if mode == Some(Mode::CatalogChanged) {
            lock(&self.state.catalog).touch();
        }
        let stores = self.backend.rules().stores;
        let whole = stores && self.request.get("stream") == false;
        let request_json = || request_text(self.http, self.body);
        let context = ModeContext {
            request: self.request,
            meta,
            backend: self.backend,
            request_json: &request_json,
        };
        let script = match mode.filter(|mode| !(whole && mode.is_framing())) {
            Some(mode) => modes::script(mode, &context, &numbers),
            None => default_answer::answer(self.request, meta),
        };
        if stores && self.request.get("store") == true {
            self.store(meta, &script);
        }
        if whole { non_streaming::collapse(script) } else { script }
    }

    /// The mode that the request names.
    fn requested_mode(&self) -> (Option<Mode>, Vec<u64>) {
        let Some((mode, numbers)) = modes::requested_mode(self.request) else {
            return (None, Vec::new());
        };
        match mode {
            mode if mode.is_once() && !self.state.first_time(&self.request.last_user_text()) => {
                (None, Vec::new())
            }
            _ => (Some(mode), numbers),
        }
    }

    /// Stores the response of a script that ends well.
    fn store(&self, meta: &ResponseMeta, script: &Script) {
        let Some(response) = non_streaming::terminal_response(script) else { return };
        let response: Value = serde_json::from_str(&response).unwrap_or_default();
        let output = response["output"].as_array().into_iter().flatten().cloned();
        let items = self.request.input().iter().cloned().chain(output).collect();
        let id = meta.response_id();
        lock(&self.state.stored).insert(id, &self.caller.owner, items);
    }
}

/// The request as JSON text, with the text of its body as it came.
fn request_text(http: &HttpRequest, body: &[u8]) -> String {
    let headers = header_list(&http.parts.headers).into_iter();
    let shown = headers.map(|(name, value)| {
        let shown = match name.as_str() {
            "authorization" => "Bearer …".to_owned(),
            "api-key" => "…".to_owned(),
            _ => value,
        };
        (name, Value::from(shown))
    });
    let head = object! {
        "method": http.parts.method.as_str(),
        "path": http.parts.uri.path(),
        "headers": Value::Object(shown.collect()),
    };
    let head = head.text();
    let body = String::from_utf8_lossy(body);
    format!("{},\"body\":{body}}}", head.strip_suffix('}').unwrap_or(&head))
}
