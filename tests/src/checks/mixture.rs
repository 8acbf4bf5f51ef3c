//! Good and bad requests in a long row: memory and open files stay where they are.

use std::net::SocketAddr;

use chatmock_testkit::client::{Connection, Request};
use futures::future::join_all;

use crate::BoxError;
use crate::dialect::Dialect;
use crate::harness::Harness;
use crate::report::{Line, MIB};
use crate::suite::Options;

/// Clients side by side.
const CLIENTS: usize = 4;
/// Parts into which the row is divided; memory is read after each.
const PARTS: usize = 10;
/// The fewest requests: one of each client in each part.
pub(crate) const FEWEST: usize = PARTS * CLIENTS;
/// The largest growth of memory after the first parts, in bytes.
const GROWTH: u64 = 2 * MIB;
/// The turns that the ledger holds in memory, and the bytes of each: a run that has not filled it when memory is first
/// compared grows by the rest.
const LEDGER: usize = 10_000;
const ENTRY: u64 = 512;
/// The number of parts before memory is compared, while pools and caches fill.
const WARM: usize = 3;

pub(super) async fn check(options: &Options) -> Result<Vec<Line>, BoxError> {
    let count = options.requests.unwrap_or_else(|| options.number(100_000, 6_000));
    // What is said is what is sent.
    let count = count / FEWEST * FEWEST;
    let harness = Harness::start()?;
    let (mut wrong, mut memory, mut files) = (0, Vec::new(), Vec::new());
    for _ in 0..PARTS {
        let each = (0..CLIENTS).map(|_| row(harness.program.address, count / PARTS / CLIENTS));
        wrong += join_all(each).await.into_iter().sum::<usize>();
        harness.wait_for(|stats| stats.open_streams == 0).await?;
        memory.push(harness.program.memory()?);
        files.push(harness.program.files()?);
    }
    let warm = memory[..WARM].iter().copied().max().unwrap_or_default();
    let last = memory[PARTS - 2..].iter().copied().max().unwrap_or_default();
    let (filled, all) = ((count * WARM / PARTS).min(LEDGER), count.min(LEDGER));
    let limit = GROWTH.max(warm / 20) + (all - filled) as u64 * ENTRY;
    let grown = last.saturating_sub(warm);
    let (most, open) = (files[..WARM].iter().max().copied(), files[PARTS - 1]);
    let most = most.unwrap_or_default() + CLIENTS;
    Ok(vec![
        Line::exactly(&format!("wrong answers to {count} mixed requests"), wrong, 0),
        Line::new(
            "  memory grown",
            format!("{:.2} MiB on {:.1}", mebibytes(grown), mebibytes(warm)),
            format!("at most {:.2} MiB", mebibytes(limit)),
            grown <= limit,
        ),
        Line::new("  open files", open, format!("at most {most}"), open <= most),
    ])
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / MIB as f64
}

/// Sends so many requests in a row; gives how many got another status than theirs.
async fn row(address: SocketAddr, count: usize) -> usize {
    let kinds = kinds();
    let (mut connection, mut wrong) = (None, 0);
    for (request, status) in kinds.iter().cycle().take(count) {
        let answered = one(address, &mut connection, request).await;
        wrong += usize::from(answered.ok() != Some(*status));
    }
    wrong
}

/// Sends one request over a connection that is kept as long as it goes.
async fn one(
    address: SocketAddr,
    kept: &mut Option<Connection>,
    request: &[u8],
) -> Result<u16, BoxError> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => Connection::open(address).await?,
    };
    let reply = connection.exchange(request).await?;
    if !reply.closes() {
        *kept = Some(connection);
    }
    Ok(reply.status)
}

/// Requests, and the status of each.
fn kinds() -> Vec<(Vec<u8>, u16)> {
    let chat = "/v1/chat/completions";
    let mut kinds = vec![
        (Request::post(chat, "{\"model\": \"gpt-5.5\", \"messages\": [").bytes(), 400),
        (Request::post(chat, "{\"model\": \"gpt-5.5\", \"messages\": 7}").bytes(), 400),
        (Request::post(chat, "{}").with("origin", "https://evil.test").bytes(), 403),
        (Request::post("/no/such/path", "{}").bytes(), 404),
        (Dialect::Chat.request("MODE:429", true), 429),
        (Dialect::Responses.request("MODE:cut", false), 502),
        (Dialect::OllamaChat.request("MODE:cut-hard", true), 200),
        (Dialect::Chat.request("MODE:fail-after", true), 200),
        (Dialect::Chat.request("MODE:parallel-calls", true), 200),
    ];
    for dialect in Dialect::all() {
        kinds.extend([true, false].map(|stream| (dialect.request("hello", stream), 200)));
    }
    kinds
}
