//! Responses that another server makes without their clients, as far as this one can speak for it.

use std::time::Duration;

use chatmock_translate::{Failure, FailureKind};
use tokio::time::Instant;

use crate::clock::unix_now;
use crate::state::SharedState;
use crate::state::responses::{Owner, StoredResponse};

/// The time for which the other server is given to end an answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// The time between two looks whether it has.
const LOOK: Duration = Duration::from_millis(100);

/// Gives a response an end where it has none and nobody makes it any more: its server is gone.
pub(super) async fn close(state: &SharedState, owner: &Owner, id: &str) {
    if !is_open(state, owner, id) {
        return;
    }
    let key = owner.key(id);
    if state.background.is_made_elsewhere(&key).await != Some(false) {
        return;
    }
    // It may have come to its end just before.
    state.responses.recall(owner, id).await;
    let now = unix_now();
    if let Some(stored) = state.responses.get(owner, id, now).filter(|stored| stored.is_open()) {
        let StoredResponse { created_at, input, response, .. } = &*stored;
        let closed = StoredResponse::new(*created_at, input.clone(), response.clone()).closed();
        state.responses.insert(key, closed, now).all().await;
    }
}

/// Has the server that makes a response end it, and waits until it has.
///
/// # Errors
/// 503 where it does not in time.
pub(super) async fn end(state: &SharedState, owner: &Owner, id: &str) -> Result<(), Failure> {
    if !is_open(state, owner, id) || state.background.find(&owner.key(id)).is_some() {
        return Ok(());
    }
    state.background.end_elsewhere(&owner.key(id)).await;
    let begun = Instant::now();
    while is_open(state, owner, id) {
        if begun.elapsed() > PATIENCE {
            let message = "another server makes the response and did not end it in time";
            let kind = FailureKind::Unavailable { retry_after: Some(1) };
            return Err(Failure::new(kind, message).with_code("made_elsewhere"));
        }
        tokio::time::sleep(LOOK).await;
        state.responses.recall(owner, id).await;
        close(state, owner, id).await;
    }
    Ok(())
}

/// The failure of a request for the events of a response that another server makes.
pub(super) fn no_events() -> Failure {
    let message = "another server makes the response, and its events are there alone: ask for the response without \
                   stream until its status is final";
    Failure::new(FailureKind::BadRequest, message).with_code("made_elsewhere")
}

fn is_open(state: &SharedState, owner: &Owner, id: &str) -> bool {
    state.responses.get(owner, id, unix_now()).is_some_and(|stored| stored.is_open())
}
