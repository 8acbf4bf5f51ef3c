//! Calls that are retried, and those that are not.

use super::{error_response, send};
use crate::Error;
use crate::client::testing::{Answer, Backend, CountingSource, answer, stream};

#[tokio::test(start_paused = true)]
async fn an_error_of_the_backend_itself_is_retried_twice() {
    let failing = || answer("503 Unavailable", &[], "{}");
    for (failures, expected) in [(0, Ok(())), (2, Ok(())), (3, Err(503))] {
        let script = (0..failures).map(|_| failing()).chain([stream(&[], "")]);
        let backend = Backend::start(script).await;
        let sent = send(&backend.retrying_client(&CountingSource::new())).await;
        let outcome = sent.map(drop).map_err(|error| error_response(error).status);
        assert_eq!(outcome, expected, "{failures} failures");
        assert_eq!(backend.requests().len(), 3.min(failures + 1), "{failures} failures");
    }
}

#[tokio::test]
async fn a_long_wait_is_passed_on_to_the_client() {
    let backend = Backend::start([answer("503 Unavailable", &["retry-after: 60"], "{}")]).await;
    let sent = send(&backend.retrying_client(&CountingSource::new())).await;
    assert_eq!(error_response(sent.unwrap_err()).retry_after, Some(60));
    assert_eq!(backend.requests().len(), 1);
}

#[tokio::test]
async fn a_request_that_may_have_been_worked_on_is_not_sent_again() {
    let backend = Backend::start([Answer::Close(Vec::new()), stream(&[], "")]).await;
    let sent = send(&backend.retrying_client(&CountingSource::new())).await;
    assert!(matches!(sent.unwrap_err(), Error::Broken(_)));
    assert_eq!(backend.requests().len(), 1);
}

#[tokio::test]
async fn a_connection_that_the_backend_closed_while_idle_costs_nothing() {
    const CALLS: usize = 1000;
    let kept = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 0\r\n\r\n";
    // Each connection serves one call and is then closed without a `connection: close`.
    let script = (0..CALLS).map(|_| Answer::Close(kept.into()));
    let backend = Backend::start(script).await;
    let client = backend.client(&CountingSource::new());
    for call in 0..CALLS {
        let opened = send(&client).await.unwrap_or_else(|error| panic!("call {call}: {error}"));
        let mut events = opened.events;
        while events.next().await.is_some() {}
    }
    assert_eq!(backend.requests().len(), CALLS, "none is sent twice");
}
