//! What an upgraded connection goes on with, once its last reply of HTTP has been sent.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Context;

use futures::future::BoxFuture;

use super::ConnectionPhase;

/// What follows an upgrade, until the connection's own task takes it.
///
/// A task apart would be neither counted among the connections nor waited for when the server stops.
#[derive(Default)]
pub(super) struct Continuation(Mutex<Option<BoxFuture<'static, ()>>>);

impl Continuation {
    pub(super) fn put(&self, next: BoxFuture<'static, ()>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(next);
    }

    pub(super) fn take(&self) -> Option<BoxFuture<'static, ()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Continuation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Continuation").finish()
    }
}

/// The place where the service of a connection leaves what follows an upgrade.
#[derive(Clone, Debug)]
pub(crate) struct UpgradeSlot(Arc<ConnectionPhase>);

impl UpgradeSlot {
    /// The place of a connection.
    pub(crate) fn of(phase: &Arc<ConnectionPhase>) -> Self {
        Self(Arc::clone(phase))
    }

    /// Notes whether anything is under way on the socket; returns whether an idle one is to give its place to another
    /// connection, for which the task is woken.
    pub(crate) fn gives_way(&self, is_busy: bool, cx: &Context<'_>) -> bool {
        self.0.note_socket(is_busy);
        !is_busy && self.0.is_to_close(cx.waker())
    }

    /// Leaves what is to follow.
    pub(crate) fn put(&self, next: BoxFuture<'static, ()>) {
        self.0.upgrade(next);
    }
}
