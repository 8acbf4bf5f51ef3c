//! Records on their way into the engine that several servers share.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

/// Records on their way into the engine. None where nothing is shared: then there is nothing to wait for.
///
/// Each is over once the engine has the record, or did not take it within the patience of its settings.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    waiting: Vec<oneshot::Receiver<bool>>,
    /// The engine did not take one.
    missed: bool,
}

impl Arrivals {
    pub(super) fn of(arrival: oneshot::Receiver<bool>) -> Self {
        Self { waiting: vec![arrival], missed: false }
    }

    /// Adds others.
    pub(crate) fn add(&mut self, more: Self) {
        self.waiting.extend(more.waiting);
        self.missed |= more.missed;
    }

    /// Returns whether there is nothing to wait for.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Ready once all are over.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(last) = self.waiting.last_mut() {
            match Pin::new(last).poll(cx) {
                Poll::Pending => return Poll::Pending,
                // An engine that is being closed takes nothing.
                Poll::Ready(taken) => self.missed |= !taken.unwrap_or(false),
            }
            self.waiting.pop();
        }
        Poll::Ready(())
    }

    /// Waits until all are over; returns whether the engine has taken them.
    pub(crate) async fn all(mut self) -> bool {
        std::future::poll_fn(|cx| self.poll(cx)).await;
        !self.missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_records_have_to_arrive_and_none_are_there_at_once() {
        assert!(Arrivals::default().all().await);
        let ((one, first), (two, second)) = (oneshot::channel(), oneshot::channel());
        let mut arrivals = Arrivals::of(first);
        arrivals.add(Arrivals::of(second));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        two.send(true).unwrap();
        assert!(arrivals.poll(&mut cx).is_pending() && !arrivals.is_empty());
        drop(one);
        assert!(arrivals.poll(&mut cx).is_ready() && arrivals.is_empty());
        assert!(!arrivals.all().await, "one has not arrived");
    }
}
