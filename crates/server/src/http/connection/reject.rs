//! The answer to a connection for which there is no place.
//!
//! It is written as prepared bytes, without HTTP's own code: serving the connection in full would take the
//! memory and the tasks that the limit is there to bound.

use std::time::Duration;

use bytes::Bytes;
use chatmock_translate::{Failure, FailureKind, Family, OpenAi};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::stream::Stream;

/// The time that a client has to read it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Writes the answer once. Which API was asked is not known: the request is not read.
pub(super) fn response() -> Bytes {
    let kind = FailureKind::Unavailable { retry_after: Some(1) };
    let message = "too many connections (--max-connections); try again in a second";
    let failure = Failure::new(kind, message).with_code("too_many_connections");
    let body = serde_json::to_string(&OpenAi::error(&failure)).unwrap_or_default();
    let response = format!(
        "HTTP/1.1 503 Service Unavailable\r\n\
         content-type: application/json\r\n\
         content-length: {}\r\n\
         cache-control: no-store\r\n\
         x-content-type-options: nosniff\r\n\
         cross-origin-resource-policy: same-origin\r\n\
         retry-after: 1\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    );
    response.into()
}

/// Sends the answer, and reads for a moment so that it arrives.
pub(super) async fn send(mut stream: Stream, response: Bytes) {
    let sent = async {
        stream.write_all(&response).await?;
        stream.shutdown().await?;
        let mut unread = [0; 1024];
        while stream.read(&mut unread).await? > 0 {}
        std::io::Result::Ok(())
    };
    // The connection is over even if the answer did not arrive.
    let _ = tokio::time::timeout(PATIENCE, sent).await;
}

/// Sends what goes out at once: so many come that there is no time for any.
pub(super) fn send_at_once(stream: Stream, response: &[u8]) {
    // A client that is not there any more needs no answer.
    let _ = stream.write_once(response);
}
