//! The service of `POST /responses`: it authenticates, validates, and chooses the script of the
//! answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

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
use crate::http::HttpRequest;
use crate::json::object;
use crate::model_request::ModelRequest;
use crate::modes::{self, Mode, ModeContext, QueuedReply};
use crate::non_streaming;
use crate::prompt_cache::PromptCache;
use crate::record::header_list;
use crate::script::Script;
use crate::state::SharedState;
use crate::stored_responses::StoredResponses;
use crate::sync::lock;
use crate::timestamps::unix_now;
use crate::turn_states::TurnTracker;
use crate::validation::{self, ValidationContext};

/// The number of texts, rejected once by a mode, that are remembered.
const MAX_REFUSED_TEXTS: usize = 1024;

/// The service that answers model calls, with what it remembers between them.
#[derive(Debug)]
pub(crate) struct ModelCalls {
    shared: Arc<SharedState>,
    prompt_cache: Mutex<PromptCache>,
    stored: Mutex<StoredResponses>,
    turns: Mutex<TurnTracker>,
    refused_texts: Mutex<HashMap<String, u64>>,
    next_serial: AtomicU64,
}

impl ModelCalls {
    pub(crate) fn new(shared: Arc<SharedState>) -> Self {
        Self {
            shared,
            prompt_cache: Mutex::default(),
            stored: Mutex::default(),
            turns: Mutex::default(),
            refused_texts: Mutex::default(),
            next_serial: AtomicU64::new(1),
        }
    }

    /// Returns the script that answers a call of a backend.
    pub(crate) fn script(
        &self,
        http: &HttpRequest,
        backend: Backend,
    ) -> Result<Script, ErrorResponse> {
        let (state, rules) = (&*self.shared, backend.rules());
        let caller = authentication::caller(state, http, backend)?;
        let body = self.decoded_body(http, rules)?;
        let request = serde_json::from_slice(&body).map(ModelRequest::new);
        let mut request = request.map_err(|_| rules.errors.invalid_json())?;
        validation::gateway(&request, rules, state.settings.require_instructions)?;
        validation::references(&request, |id| {
            lock(&self.stored).item(id, &caller.owner).is_some()
        })?;
        let model = self.model(http, &request, rules)?;
        if rules.stores {
            self.continue_from_stored(&caller, &mut request)?;
        }
        let sealer =
            ReasoningSealer::new(&state.origin, &caller.owner, state.settings.verify_reasoning);
        let context = ValidationContext { rules, model: &model, sealer: &sealer };
        validation::engine(&request, &context)?;
        let turn =
            Turn { calls: self, http, body: &body, backend, caller: &caller, request: &request };
        let meta = turn.meta(&sealer);
        let mut script = turn.answer(&meta);
        if script.default_headers {
            let context =
                HeaderContext { backend, caller: &caller, model: &model.slug, meta: &meta };
            context.add_to(state, &mut script);
        }
        Ok(script)
    }

    /// Decodes the body of a call.
    fn decoded_body(&self, http: &HttpRequest, rules: &Rules) -> Result<Bytes, ErrorResponse> {
        let kind = http.header("content-type").and_then(|kind| kind.split(';').next());
        let json = kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
        match http.header("content-encoding").unwrap_or("identity") {
            "identity" if json => Ok(http.body.clone()),
            "zstd" if json && rules.zstd => {
                let decoded = decode_zstd(&http.body, self.shared.settings.max_body);
                decoded.ok_or_else(|| rules.errors.invalid_json())
            }
            _ => Err(rules.errors.unsupported_media_type()),
        }
    }

    fn model(
        &self,
        http: &HttpRequest,
        request: &ModelRequest,
        rules: &Rules,
    ) -> Result<Model, ErrorResponse> {
        let slug = request.get("model").as_str().unwrap_or_default();
        let version = self.shared.gated(http.header("version")).filter(|_| rules.codex);
        let found = lock(&self.shared.catalog).find(slug, version).cloned();
        found.ok_or_else(|| rules.errors.unknown_model(slug))
    }

    /// Fills in the defaults of the public API, and the items of the responses before this one.
    fn continue_from_stored(
        &self,
        caller: &Caller,
        request: &mut ModelRequest,
    ) -> Result<(), ErrorResponse> {
        request.apply_defaults();
        request.resolve_references(|id| lock(&self.stored).item(id, &caller.owner).cloned());
        let Some(id) = request.get("previous_response_id").as_str() else { return Ok(()) };
        let before = lock(&self.stored).items(id, &caller.owner).map(<[Value]>::to_vec);
        let Some(before) = before else {
            let message = format!("Previous response with id '{id}' not found.");
            let (code, param) = ("previous_response_not_found", "previous_response_id");
            return Err(ErrorResponse::engine(message, code, param));
        };
        request.prepend_input(before);
        Ok(())
    }

    /// Returns whether a text has been refused so often; the counting then begins anew.
    fn was_refused(&self, text: &str, times: u64) -> bool {
        let mut refused = lock(&self.refused_texts);
        let before = refused.remove(text).unwrap_or(0);
        if before >= times {
            return true;
        }
        if refused.len() == MAX_REFUSED_TEXTS {
            refused.clear();
        }
        refused.insert(text.to_owned(), before + 1);
        false
    }
}

/// A valid request that is being answered.
struct Turn<'a> {
    calls: &'a ModelCalls,
    http: &'a HttpRequest,
    body: &'a [u8],
    backend: Backend,
    caller: &'a Caller,
    request: &'a ModelRequest,
}

impl Turn<'_> {
    fn meta(&self, sealer: &ReasoningSealer) -> ResponseMeta {
        let (state, rules) = (&*self.calls.shared, self.backend.rules());
        let serial = self.calls.next_serial.fetch_add(1, Ordering::Relaxed);
        let bucket = self.cache_bucket();
        let (input_tokens, cached_tokens) =
            lock(&self.calls.prompt_cache).count(bucket.as_deref(), self.request);
        state.recorder.update(|stats| {
            stats.input_tokens += input_tokens;
            stats.cached_tokens += cached_tokens;
        });
        let encrypts = rules.codex || self.request.wants_encrypted_reasoning();
        ResponseMeta {
            serial,
            created_at: unix_now(),
            pace: state.settings.pace,
            fill_output: rules.stores || state.settings.fill_output,
            input_tokens,
            cached_tokens,
            encrypted_content: encrypts.then(|| sealer.seal(serial)),
            turn_state: self.turn_state(serial),
        }
    }

    /// Returns the bucket of the prompt cache that this prompt belongs to.
    ///
    /// The Codex backend caches only if the session is in both places, header and body.
    fn cache_bucket(&self) -> Option<String> {
        let key = self.request.get("prompt_cache_key").as_str();
        if self.backend == Backend::Codex {
            let session = self.http.header("session-id");
            return session.filter(|session| key == Some(session)).map(str::to_owned);
        }
        Some(format!("{:?} {} {}", self.backend, self.caller.owner, key.unwrap_or_default()))
    }

    /// Returns the state of this turn, if the backend issues one, and counts how the client treats
    /// it.
    fn turn_state(&self, serial: u64) -> String {
        if !self.backend.rules().codex {
            return String::new();
        }
        let inside = self.request.at("/client_metadata/x-codex-turn-state").as_str();
        let carried = self.http.header("x-codex-turn-state").or(inside);
        let (state, seen) = lock(&self.calls.turns).state(self.request, carried, serial);
        self.calls.shared.recorder.update(|stats| stats.turn_states.add(&seen));
        state
    }

    fn answer(&self, meta: &ResponseMeta) -> Script {
        let state = &*self.calls.shared;
        let (mode, numbers) = match state.next_reply(Endpoint::calls_of(self.backend)) {
            Some(QueuedReply::Script(script)) => return script,
            Some(QueuedReply::Mode(mode)) => (Some(mode), Vec::new()),
            None => self.requested_mode(),
        };
        if mode == Some(Mode::CatalogChanged) {
            lock(&state.catalog).touch();
        }
        let stores = self.backend.rules().stores;
        let streams = !stores || self.request.get("stream") != false;
        let request_json = || request_text(self.http, self.body);
        let context = ModeContext {
            request: self.request,
            meta,
            backend: self.backend,
            request_json: &request_json,
        };
        let script = match mode.filter(|mode| streams || !mode.is_framing()) {
            Some(mode) => modes::script(mode, &context, &numbers),
            None => default_answer::answer(self.request, meta),
        };
        if stores && self.request.get("store") == true {
            self.store(meta, &script);
        }
        if streams { script } else { non_streaming::collapse(script) }
    }

    /// Returns the mode that the request names, and its numbers.
    fn requested_mode(&self) -> (Option<Mode>, Vec<u64>) {
        match modes::requested_mode(self.request) {
            Some((mode, numbers)) if !self.is_over(mode, &numbers) => (Some(mode), numbers),
            _ => (None, Vec::new()),
        }
    }

    /// Returns whether a mode has refused the request as often as it does.
    fn is_over(&self, mode: Mode, numbers: &[u64]) -> bool {
        let times = mode.times(numbers);
        times.is_some_and(|times| self.calls.was_refused(&self.request.last_user_text(), times))
    }

    /// Stores the response of a script that ends successfully.
    fn store(&self, meta: &ResponseMeta, script: &Script) {
        let Some(response) = non_streaming::terminal_response(script) else { return };
        let response: Value = serde_json::from_str(&response).unwrap_or_default();
        let output = response["output"].as_array().into_iter().flatten().cloned();
        let items = self.request.input().iter().cloned().chain(output).collect();
        lock(&self.calls.stored).insert(meta.response_id(), &self.caller.owner, items);
    }
}

/// Returns the request as JSON text, with its body as it came and without its secrets.
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
        "path": http.path(),
        "headers": Value::Object(shown.collect()),
    };
    let head = head.text();
    let body = String::from_utf8_lossy(body);
    format!("{},\"body\":{body}}}", head.strip_suffix('}').unwrap_or(&head))
}
