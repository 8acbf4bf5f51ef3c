//! The end of the time that an answer has when the server stops.

use std::task::{Context, Waker};

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::tasks::becomes_true;
use crate::turn::TurnServices;

/// Wakes an answer that the server has no more time for.
pub(super) struct ShutdownWatch {
    aborted: BoxFuture<'static, ()>,
    /// Whom it wakes: an answer is polled for each piece of it, so it is only asked anew for another.
    waker: Option<Waker>,
}

impl ShutdownWatch {
    pub(super) fn of(services: &TurnServices) -> Self {
        Self { aborted: becomes_true(&services.abort), waker: None }
    }

    /// Returns whether the time is over; the task is woken when it will be.
    pub(super) fn is_over(&mut self, services: &TurnServices, cx: &mut Context<'_>) -> bool {
        if self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return *services.abort.borrow();
        }
        self.waker = Some(cx.waker().clone());
        self.aborted.poll_unpin(cx).is_ready()
    }
}
