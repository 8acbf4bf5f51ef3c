//! `POST /responses`: who asks, whether the request is good, and which script answers.

use serde_json::Value;

use crate::asked::Asked;
use crate::check;
use crate::endpoint::Endpoint;
use crate::events::Stamp;
use crate::modes::{self, Scene};
use crate::ordered::object;
use crate::record::{header_list, lock};
use crate::refusal::Refusal;
use crate::script::{Play, Script};
use crate::service::Call;
use crate::simulator::State;
use crate::tokens::{Claims, unix_now};
use crate::{account, answer};

/// The script that answers a call.
pub(crate) fn script(state: &State, call: &Call) -> Result<Script, Refusal> {
    let claims = admit(state, call)?;
    media_type(call)?;
    let body: Value = serde_json::from_slice(&call.body)
        .map_err(|_| Refusal::detail(400, "Request body is not valid JSON"))?;
    let asked = Asked::new(body);
    check::gateway(&asked, state.settings.require_instructions)?;
    let model = {
        let catalog = lock(&state.catalog);
        let version = state.gated(call.header("version"));
        catalog.find(asked.get("model").as_str().unwrap_or_default(), version)?.clone()
    };
    check::engine(&asked, &model)?;
    let stamp = stamp(state, call, &asked);
    let mut script = chosen(state, call, &asked, &stamp);
    if script.standing_headers {
        add_standing_headers(state, &claims, &model.slug, (&stamp, &mut script));
    }
    Ok(script)
}

/// Whose call it is.
fn admit(state: &State, call: &Call) -> Result<Claims, Refusal> {
    let claims = state.admit(call)?;
    match call.header("chatgpt-account-id") {
        None => Err(Refusal::detail(400, "Missing chatgpt-account-id header")),
        Some(account) if account != claims.account_id => Err(Refusal::unauthorized()),
        Some(_) => Ok(claims),
    }
}

fn media_type(call: &Call) -> Result<(), Refusal> {
    let coded = call.header("content-encoding").is_some_and(|coding| coding != "identity");
    let kind = call.header("content-type").and_then(|kind| kind.split(';').next());
    let json = kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if coded || !json {
        return Err(Refusal::detail(415, "Unsupported Media Type"));
    }
    Ok(())
}

fn stamp(state: &State, call: &Call, asked: &Asked) -> Stamp {
    let session = call.header("session-id");
    let (input_tokens, cached_tokens) = lock(&state.cache).count(session, asked);
    Stamp {
        serial: state.next_serial(),
        created_at: unix_now(),
        pace: state.settings.pace,
        fill_output: state.settings.fill_output,
        input_tokens,
        cached_tokens,
    }
}

fn chosen(state: &State, call: &Call, asked: &Asked, stamp: &Stamp) -> Script {
    let request = || request_text(call);
    let scene = Scene { asked, stamp, request: &request };
    match state.next_play(Endpoint::Responses) {
        Some(Play::Script(script)) => return script,
        Some(Play::Mode(mode)) => return modes::script(mode, &scene, &[]),
        None => {}
    }
    let Some((mode, numbers)) = modes::asked_for(asked) else {
        return answer::answer(asked, stamp);
    };
    if mode == modes::Mode::UnauthorizedOnce && !state.first_time(&asked.last_user_text()) {
        return answer::answer(asked, stamp);
    }
    modes::script(mode, &scene, &numbers)
}

/// The request as JSON text, with its body as it came.
fn request_text(call: &Call) -> String {
    let headers = header_list(&call.parts.headers).into_iter();
    let shown = headers.map(|(name, value)| {
        let secret = name == "authorization";
        (name, Value::from(if secret { "Bearer …".to_owned() } else { value }))
    });
    let head = object! {
        "method": call.parts.method.as_str(),
        "path": call.parts.uri.path(),
        "headers": Value::Object(shown.collect()),
    };
    let head = head.text();
    let body = String::from_utf8_lossy(&call.body);
    format!("{},\"body\":{body}}}", head.strip_suffix('}').unwrap_or(&head))
}

/// The headers that the backend sends with every answer, where the script does not name them.
fn add_standing_headers(
    state: &State,
    claims: &Claims,
    model: &str,
    (stamp, script): (&Stamp, &mut Script),
) {
    let mut headers = account::limit_headers(&claims.plan, unix_now());
    let id = stamp.serial;
    headers.extend([
        ("openai-model", model.to_owned()),
        ("x-models-etag", lock(&state.catalog).etag()),
        ("x-request-id", format!("req_{id:08x}")),
        ("x-codex-turn-state", format!("turn-{id:08x}")),
        ("x-reasoning-included", "true".to_owned()),
        ("cache-control", "no-cache".to_owned()),
        ("server", "cloudflare".to_owned()),
        ("cf-ray", format!("{id:016x}-SIM")),
        ("set-cookie", format!("__cf_bm=simulated{id}; Path=/; HttpOnly")),
    ]);
    for (name, value) in headers {
        if script.header(name).is_none() {
            script.headers.push((name.to_owned(), value));
        }
    }
}
