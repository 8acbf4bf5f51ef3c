//! The explanation of a turn: its plan in words, and the requests that it would send.

mod changes;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chatmock_protocol::json::RawValue;
use chatmock_translate::{Dialect, Failure, Notice};
use chatmock_upstream::{Credentials, Outgoing, SessionOrigin};
use serde::Serialize;

use super::TurnServices;
use super::pipeline::TurnRequest;
use super::plan::{ExplainFacts, Purpose, TurnPlan, plan_turn};

use crate::state::credentials::UpstreamAuth;
use changes::Change;

/// The origin of a session id where nothing names the conversation.
const DERIVED: &str =
    "a hash of the account, the model, the instructions and the first message of the user";

/// The explanation of a request: what would be sent for it, and why that differs from what the client wrote.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    dialect: &'static str,
    /// True if the client gets a stream.
    stream: bool,
    /// True if the account in it is a stand-in, since nobody is signed in.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    signed_out: bool,
    /// Why nothing is sent, where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_sent: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<ExplainedSession>,
    notices: Vec<ExplainedNotice>,
    changes: Vec<Change>,
    requests: Vec<ExplainedRequest>,
}

/// The conversation that a request belongs to.
#[derive(Clone, Debug, Serialize)]
struct ExplainedSession {
    id: String,
    /// The header or member that it came from.
    from: &'static str,
}

/// A member of the client's request that is not simply honoured.
#[derive(Clone, Debug, Serialize)]
struct ExplainedNotice {
    field: String,
    kind: &'static str,
    why: String,
}

/// A request as it would be sent, so many times.
#[derive(Clone, Debug, Serialize)]
struct ExplainedRequest {
    method: String,
    url: String,
    headers: BTreeMap<String, String>,
    /// The number of times that it is sent: once for each choice.
    times: u32,
    /// True if the same body may go over a WebSocket instead.
    websocket: bool,
    body: Box<RawValue>,
}

/// Explains a turn of dialect `D`: plans it as any other, and sends nothing.
///
/// # Errors
/// The failure with which the turn would be refused before anything is sent.
pub(crate) async fn explain<D: Dialect>(
    services: &Arc<TurnServices>,
    mut request: TurnRequest,
) -> Result<Explanation, Failure> {
    let credentials = services.state.auth.stored().await;
    let body = request.body.clone();
    let plan = plan_turn::<D>(services, &mut request, &credentials, Purpose::Explain).await?;
    Explained { services, credentials: &credentials, body, dialect: D::NAME }.words(&plan)
}

/// The surroundings of a plan that is explained.
struct Explained<'e> {
    services: &'e TurnServices,
    credentials: &'e Credentials,
    /// The client's request.
    body: Bytes,
    dialect: &'static str,
}

impl Explained<'_> {
    fn words<O>(&self, plan: &TurnPlan<O>) -> Result<Explanation, Failure> {
        let state = &self.services.state;
        let called = plan.immediate_finish.is_none() && plan.warm_up.is_none();
        let prepared = plan.prepared.iter().filter(|_| called);
        let requests = prepared.map(|prepared| {
            request(state.client.outgoing(prepared, self.credentials), plan.choices)
        });
        let notices = plan.notices.iter().map(notice).collect();
        Ok(Explanation {
            dialect: self.dialect,
            stream: plan.stream,
            signed_out: UpstreamAuth::is_stand_in(self.credentials),
            not_sent: (!called)
                .then_some("the request asks for no answer, so the backend is not called"),
            session: session(plan),
            notices,
            changes: changes::of(&self.body, plan),
            requests: requests.collect::<Result<_, _>>()?,
        })
    }
}

fn session<O>(plan: &TurnPlan<O>) -> Option<ExplainedSession> {
    let prepared = plan.prepared.first()?;
    let from = match prepared.session_origin() {
        SessionOrigin::CacheKey => "prompt_cache_key",
        SessionOrigin::Named => named_by(plan.explain_facts.as_deref()),
        SessionOrigin::Derived => DERIVED,
    };
    Some(ExplainedSession { id: prepared.session().to_string(), from })
}

fn named_by(facts: Option<&ExplainFacts>) -> &'static str {
    facts.and_then(|facts| facts.named_by).unwrap_or_default()
}

fn notice(notice: &Notice) -> ExplainedNotice {
    ExplainedNotice {
        field: notice.field.to_string(),
        kind: notice.kind.as_str(),
        why: notice.detail.to_string(),
    }
}

fn request(outgoing: Outgoing, times: u32) -> Result<ExplainedRequest, Failure> {
    Ok(ExplainedRequest {
        method: outgoing.method,
        url: outgoing.url,
        headers: outgoing.headers.into_iter().collect(),
        times,
        websocket: outgoing.has_socket,
        body: serde_json::from_slice(&outgoing.body)?,
    })
}
