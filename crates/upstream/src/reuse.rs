//! The connection of a call: whether it was made for it, or kept from an earlier one.
//!
//! A server may close a kept connection at any moment, also at the one in which a request is written to it. Such
//! a request was never read by anyone, so that it may be sent again, which is not so for a request
//! whose connection was made for it. The HTTP client does not say which was used. But a connection that
//! is made for a call is made while that call is polled, and one that is made for the pool is not, so the
//! connector leaves a mark in the task that polls it.

use std::cell::Cell;
use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;
use tower::util::MapResponseLayer;

/// The time in which a server that has closed a kept connection shows it.
///
/// A close that comes later may be the end of work on the request, which must not be begun again.
const PROMPT: Duration = Duration::from_secs(1);

tokio::task_local! {
    /// Whether a connection was made for the call that is being polled.
    static CONNECTED: Cell<bool>;
}

/// The layer that marks the calls for which connections are made.
pub(crate) fn layer<C>() -> MapResponseLayer<fn(C) -> C> {
    MapResponseLayer::new(|connection| {
        // Outside a call there is nothing to mark: the connection goes to the pool.
        let _ = CONNECTED.try_with(|connected| connected.set(true));
        connection
    })
}

/// Waits for a call; also returns whether a failure of it would be that of a kept connection.
pub(crate) async fn watch<T>(call: impl Future<Output = T>) -> (T, bool) {
    let sent = Instant::now();
    let watched = async {
        let result = call.await;
        (result, CONNECTED.with(Cell::get))
    };
    let (result, connected) = CONNECTED.scope(Cell::new(false), watched).await;
    (result, !connected && sent.elapsed() < PROMPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connects() {
        CONNECTED.with(|connected| connected.set(true));
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_prompt_failure_without_a_new_connection_is_that_of_a_kept_one() {
        assert!(watch(async {}).await.1);
        assert!(!watch(async { connects() }).await.1);
        assert!(!watch(tokio::time::sleep(PROMPT)).await.1);
        // A connection that is made outside of the call is another one's.
        let call = async {
            let _ = tokio::spawn(async { CONNECTED.try_with(|_| ()).unwrap_err() }).await;
        };
        assert!(watch(call).await.1);
    }
}
