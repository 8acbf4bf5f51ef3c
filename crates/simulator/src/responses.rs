//! `POST /responses`: who asks, whether the request is good, and which script answers.

use bytes::Bytes;
use serde_json::Value;

use crate::admission::{self, Caller};
use crate::answer;
use crate::asked::Asked;
use crate::backend::{Backend, Rules};
use crate::catalog::Model;
use crate::check::{self, Scope};
use crate::coding::unzstd;
use crate::endpoint::Endpoint;
use crate::events::Stamp;
use crate::modes::{self, Mode, Scene};
use crate::ordered::object;
use crate::record::{header_list, lock};
use crate::refusal::Refusal;
use crate::script::{Play, Script};
use crate::seals::Seals;
use crate::service::Call;
use crate::simulator::State;
use crate::standing::Answering;
use crate::tokens::unix_now;
use crate::whole;

/// The script that answers a call of a backend.
pub(crate) fn script(state: &State, call: &Call, backend: Backend) -> Result<Script, Refusal> {
    let rules = backend.rules();
    let caller = admission::caller(state, call, backend)?;
    let body = read(state, call, rules)?;
    let mut asked =
        serde_json::from_slice(&body).map(Asked::new).map_err(|_| rules.voice.unreadable())?;
    check::front(&asked, rules, state.settings.require_instructions)?;
    check::persisted(&asked, |id| lock(&state.stored).item(id, &caller.owner).is_some())?;
    let model = model(state, call, (&asked, rules))?;
    if rules.keeps {
        go_on(state, &caller, &mut asked)?;
    }
    let seals = Seals::of((&state.origin, &caller.owner), state.settings.verify_reasoning);
    check::engine(&asked, &Scope { rules, model: &model, seals: &seals })?;
    let turn = Turn { state, call, body: &body, backend, caller: &caller, asked: &asked };
    let stamp = turn.stamp(&seals);
    let mut script = turn.answer(&stamp);
    if script.standing_headers {
        let answering = Answering { backend, caller: &caller, model: &model.slug, stamp: &stamp };
        answering.add_to(state, &mut script);
    }
    Ok(script)
}

/// The body of a call, decoded.
fn read(state: &State, call: &Call, rules: &Rules) -> Result<Bytes, Refusal> {
    let kind = call.header("content-type").and_then(|kind| kind.split(';').next());
    let json = kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    match call.header("content-encoding").unwrap_or("identity") {
        "identity" if json => Ok(call.body.clone()),
        "zstd" if json && rules.zstd => {
            unzstd(&call.body, state.settings.max_body).ok_or_else(|| rules.voice.unreadable())
        }
        _ => Err(rules.voice.media_type()),
    }
}

fn model(state: &State, call: &Call, of: (&Asked, &Rules)) -> Result<Model, Refusal> {
    let (asked, rules) = of;
    let slug = asked.get("model").as_str().unwrap_or_default();
    let version = state.gated(call.header("version")).filter(|_| rules.codex);
    let found = lock(&state.catalog).find(slug, version).cloned();
    found.ok_or_else(|| rules.voice.model(slug))
}

/// Fills in what the public API takes for granted, and the responses before this one.
fn go_on(state: &State, caller: &Caller, asked: &mut Asked) -> Result<(), Refusal> {
    asked.take_for_granted();
    asked.resolve(|id| lock(&state.stored).item(id, &caller.owner).cloned());
    let Some(id) = asked.get("previous_response_id").as_str() else { return Ok(()) };
    let before = lock(&state.stored).items(id, &caller.owner).map(<[Value]>::to_vec);
    let Some(before) = before else {
        let message = format!("Previous response with id '{id}' not found.");
        return Err(Refusal::engine(
            message,
            "previous_response_not_found",
            "previous_response_id",
        ));
    };
    asked.come_after(before);
    Ok(())
}

/// A good request on its way to an answer.
struct Turn<'a> {
    state: &'a State,
    call: &'a Call,
    body: &'a [u8],
    backend: Backend,
    caller: &'a Caller,
    asked: &'a Asked,
}

impl Turn<'_> {
    fn stamp(&self, seals: &Seals) -> Stamp {
        let rules = self.backend.rules();
        let serial = self.state.next_serial();
        let bucket = self.cache_bucket();
        let (input_tokens, cached_tokens) =
            lock(&self.state.cache).count(bucket.as_deref(), self.asked);
        self.state.ledger.change(|stats| {
            stats.input_tokens += input_tokens;
            stats.cached_tokens += cached_tokens;
        });
        Stamp {
            serial,
            created_at: unix_now(),
            pace: self.state.settings.pace,
            fill_output: rules.keeps || self.state.settings.fill_output,
            input_tokens,
            cached_tokens,
            seal: (rules.codex || self.asked.wants_seals()).then(|| seals.make(serial)),
            turn_state: self.turn_state(serial),
        }
    }

    /// What this prompt shares its cache with; nothing where the Codex backend is not told the
    /// session twice.
    fn cache_bucket(&self) -> Option<String> {
        let key = self.asked.get("prompt_cache_key").as_str();
        if self.backend == Backend::Codex {
            let session = self.call.header("session-id");
            return session.filter(|session| key == Some(session)).map(str::to_owned);
        }
        Some(format!("{:?} {} {}", self.backend, self.caller.owner, key.unwrap_or_default()))
    }

    /// The state of this turn, where the backend gives one; it counts how the client treats it.
    fn turn_state(&self, serial: u64) -> String {
        if !self.backend.rules().codex {
            return String::new();
        }
        let inside = self.asked.at("/client_metadata/x-codex-turn-state").as_str();
        let carried = self.call.header("x-codex-turn-state").or(inside);
        let (state, seen) = lock(&self.state.turns).state(self.asked, carried, serial);
        self.state.ledger.change(|stats| stats.turn_states.add(&seen));
        state
    }

    fn answer(&self, stamp: &Stamp) -> Script {
        let (mode, numbers) = match self.state.next_play(Endpoint::calls_of(self.backend)) {
            Some(Play::Script(script)) => return script,
            Some(Play::Mode(mode)) => (Some(mode), Vec::new()),
            None => self.asked_for(),
        };
        if mode == Some(Mode::CatalogChanged) {
            lock(&self.state.catalog).touch();
        }
        let keeps = self.backend.rules().keeps;
        let whole = keeps && self.asked.get("stream") == false;
        let request = || request_text(self.call, self.body);
        let scene = Scene { asked: self.asked, stamp, backend: self.backend, request: &request };
        let script = match mode.filter(|mode| !(whole && mode.is_framing())) {
            Some(mode) => modes::script(mode, &scene, &numbers),
            None => answer::answer(self.asked, stamp),
        };
        if keeps && self.asked.get("store") == true {
            self.store(stamp, &script);
        }
        if whole { whole::whole(script) } else { script }
    }

    /// The mode that the request names.
    fn asked_for(&self) -> (Option<Mode>, Vec<u64>) {
        let Some((mode, numbers)) = modes::asked_for(self.asked) else { return (None, Vec::new()) };
        match mode {
            mode if mode.is_once() && !self.state.first_time(&self.asked.last_user_text()) => {
                (None, Vec::new())
            }
            _ => (Some(mode), numbers),
        }
    }

    /// Stores the response of a script that ends well.
    fn store(&self, stamp: &Stamp, script: &Script) {
        let Some(response) = whole::ending(script) else { return };
        let response: Value = serde_json::from_str(&response).unwrap_or_default();
        let output = response["output"].as_array().into_iter().flatten().cloned();
        let items = self.asked.input().iter().cloned().chain(output).collect();
        let id = stamp.response_id();
        lock(&self.state.stored).keep(id, &self.caller.owner, items);
    }
}

/// The request as JSON text, with the text of its body as it came.
fn request_text(call: &Call, body: &[u8]) -> String {
    let headers = header_list(&call.parts.headers).into_iter();
    let shown = headers.map(|(name, value)| {
        let shown = match name.as_str() {
            "authorization" => "Bearer …".to_owned(),
            "api-key" => "…".to_owned(),
            _ => value,
        };
        (name, Value::from(shown))
    });
    let head = object! {
        "method": call.parts.method.as_str(),
        "path": call.parts.uri.path(),
        "headers": Value::Object(shown.collect()),
    };
    let head = head.text();
    let body = String::from_utf8_lossy(body);
    format!("{},\"body\":{body}}}", head.strip_suffix('}').unwrap_or(&head))
}
