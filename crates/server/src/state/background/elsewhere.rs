//! Answers without their clients, among servers that share what is kept: one makes them, any may be asked for them.
//!
//! Whoever makes an answer says so in the engine again and again. So another server that is asked for one that has not
//! come to its end knows whether anybody still makes it, and can ask for its end.

use std::time::Duration;

use chatmock_shared::{Name, Shared};

use super::{BackgroundAnswer, BackgroundAnswers};
use crate::state::responses::{StoreKey, parts};

/// The time for which a wish for an end is kept.
const WISH: Duration = Duration::from_secs(60);

const MADE: &str = "made";
const END: &str = "end";

impl BackgroundAnswers {
    /// The same, among servers that share what is kept.
    pub(crate) fn among(self, shared: Option<Shared>) -> Self {
        Self { shared, ..self }
    }

    /// Says that an answer is made here, which is believed for the time of a lease; returns whether another server was asked to end it.
    pub(crate) async fn beat(&self, key: &StoreKey) -> bool {
        let Some(shared) = &self.shared else { return false };
        let (owner, id) = parts(key);
        let name = |kind| Name { kind, account: &owner, id: &id };
        if let Err(error) = shared.put(&name(MADE), b"1", shared.lease_time()).await {
            tracing::debug!(%error, "other servers do not know that an answer is made here");
        }
        matches!(shared.get(&name(END)).await, Ok(Some(_)))
    }

    /// Waits until another server is asked to end an answer that is made here.
    pub(crate) async fn ended_elsewhere(&self, answer: &BackgroundAnswer) {
        let Some(shared) = &self.shared else { return std::future::pending().await };
        let pause = shared.lease_time() / 6;
        while !self.beat(&answer.key).await {
            tokio::time::sleep(pause).await;
        }
    }

    /// Says that an answer is made no longer.
    pub(crate) async fn forget_elsewhere(&self, key: &StoreKey) {
        let Some(shared) = &self.shared else { return };
        let (owner, id) = parts(key);
        let name = |kind| Name { kind, account: &owner, id: &id };
        // They end by themselves.
        let _ = shared.delete(&[name(MADE), name(END)]).await;
    }

    /// Returns whether another server makes an answer; `None` where nobody knows.
    pub(crate) async fn is_made_elsewhere(&self, key: &StoreKey) -> Option<bool> {
        let Some(shared) = &self.shared else { return Some(false) };
        let (owner, id) = parts(key);
        let made = shared.get(&Name { kind: MADE, account: &owner, id: &id }).await;
        made.ok().map(|made| made.is_some())
    }

    /// Asks the server that makes an answer to end it.
    pub(crate) async fn end_elsewhere(&self, key: &StoreKey) {
        let Some(shared) = &self.shared else { return };
        let (owner, id) = parts(key);
        if let Err(error) =
            shared.put(&Name { kind: END, account: &owner, id: &id }, b"1", WISH).await
        {
            tracing::warn!(%error, "another server cannot be asked to end an answer");
        }
    }
}
