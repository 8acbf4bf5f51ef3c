//! The requests of a plan: one for each prompt, in the form that the backend accepts.

use std::borrow::Cow;

use chatmock_protocol::json::RawValue;
use chatmock_protocol::responses::Request;
use chatmock_translate::{Failure, Notice};
use chatmock_upstream::Prepared;

use super::PlanInput;
use crate::failure;
use crate::turn::TurnServices;

/// Brings the requests of a turn into the form that the backend accepts.
pub(super) fn prepared(
    services: &TurnServices,
    input: &PlanInput,
    requests: Vec<Request<'_>>,
    session: Option<&str>,
) -> Result<Vec<Prepared>, Failure> {
    let client = &services.state.client;
    let prepare = |request| {
        let prepared = client.prepare(request, &input.credentials, session);
        let prepared = prepared.map_err(failure::from_upstream)?;
        Ok(prepared.with_via(&input.headers).with_holder(input.caller.label()))
    };
    requests.into_iter().map(prepare).collect()
}

/// Returns a request for each prompt, but for the first where that is answered already.
pub(super) fn requests(
    request: Request<'_>,
    more: Vec<Box<RawValue>>,
    is_answered: bool,
) -> Vec<Request<'_>> {
    let mut requests: Vec<_> = more.iter().map(|_| request.clone()).collect();
    for (request, input) in requests.iter_mut().zip(more) {
        request.put("input", Cow::Owned(input));
    }
    if !is_answered {
        requests.insert(0, request);
    }
    requests
}

/// Returns whether a request keeps nothing large of the body that it was read from.
pub(super) fn is_written_anew(request: &Request<'_>) -> bool {
    request.as_read("input").is_none()
}

/// Names the members that the backend would have refused.
pub(super) fn removed(prepared: &Prepared) -> impl Iterator<Item = Notice> {
    const WHY: &str = "the backend does not accept it";
    prepared.removed().iter().map(|name| Notice::ignored(name.clone(), WHY))
}
