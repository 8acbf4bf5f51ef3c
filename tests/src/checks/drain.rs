//! SIGTERM while many streams are open: all of them whole, then the end.

use std::time::{Duration, Instant};

use chatmock_testkit::client::Connection;
use futures::future::{join_all, try_join_all};

use crate::BoxError;
use crate::dialect::Dialect;
use crate::harness::Harness;
use crate::report::Line;
use crate::suite::Options;

/// The longest that the program may live after the last stream.
const LIMIT: Duration = Duration::from_secs(1);

pub(super) async fn check(options: &Options) -> Result<Vec<Line>, BoxError> {
    let count = options.number(200, 100);
    let mut harness = Harness::start()?;
    let request = Dialect::Chat.request("MODE:slow:50:60", true);
    let address = harness.program.address;
    let open = try_join_all((0..count).map(|_| begin(address, &request))).await?;
    harness.program.terminate();
    let still_open = harness.simulator().stats().open_streams as usize;
    let whole = join_all(open.into_iter().map(whole)).await;
    let whole = whole.into_iter().filter(|whole| *whole).count();
    let last = Instant::now();
    let code = harness.program.ended(Duration::from_secs(30)).await?;
    Ok(vec![
        Line::exactly("streams open at SIGTERM", still_open, count),
        Line::exactly("  whole", whole, count),
        Line::within("  end after the last", last.elapsed(), LIMIT),
        Line::new("  exit code", format!("{code:?}"), "Some(0)", code == Some(0)),
    ])
}

/// Begins a stream and reads its first words.
async fn begin(address: std::net::SocketAddr, request: &[u8]) -> Result<Connection, BoxError> {
    let mut connection = Connection::begin(address, request).await?;
    connection.head().await?;
    connection.chunks_until("\"content\":\"1 ").await?;
    Ok(connection)
}

/// Reads the rest of a stream; whether it ends well.
async fn whole(mut connection: Connection) -> bool {
    let mut text = String::new();
    while let Ok(Some(piece)) = connection.chunk().await {
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    text.contains("\"content\":\"50 ") && text.ends_with("data: [DONE]\n\n")
}
