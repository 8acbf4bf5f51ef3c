//! Clients that are slow on purpose: gone when their time is over, and hardly felt by others.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use chatmock_testkit::client::Connection;
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use super::normal::{self, Normal};
use super::sockets;
use crate::BoxError;
use crate::dialect::Dialect;
use crate::harness::Harness;
use crate::report::{Line, percentile, shown};
use crate::suite::Options;

/// The program's limits on a head, on a body's progress and on a client that reads nothing. No flag
/// changes them, so that even a brief run takes as long as the longest.
const HEAD: Duration = Duration::from_secs(10);
const BODY: Duration = Duration::from_secs(30);
const READ: Duration = Duration::from_secs(60);
/// The longest that an attacker may stay beyond its limit.
const GRACE: Duration = Duration::from_secs(1);
/// Much longer than any limit, so that an attacker that is never sent away is seen.
const PATIENCE: Duration = Duration::from_secs(150);
/// The number of attackers of a kind that connect at a time: all three together stay below 128, the queue of
/// connections that a listener commonly has, or the time in that queue would be measured too.
const SIDE_BY_SIDE: usize = 16;
/// The interval at which an attacker sends something.
const DRIP: Duration = Duration::from_secs(1);
/// The receive buffer of a slow reader, in bytes.
const WINDOW: u32 = 4096;

pub(super) async fn check(options: &Options) -> Result<Vec<Line>, BoxError> {
    let count = options.number(500, 50);
    let quiet = Duration::from_secs(options.number(20, 5) as u64);
    let harness = Harness::start()?;
    let address = harness.program.address;
    let request = Dialect::Chat.request("hello", false);
    let before = normal::p99(address, &request, quiet).await?;
    let normal = Normal::start(address, &request);
    let head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n".to_vec();
    let body = [&head[..], b"content-type: application/json\r\ncontent-length: 99999\r\n\r\n"];
    let (heads, bodies, reads) = tokio::join!(
        drippers(address, count, head.clone(), b"x-more: 1\r\n"),
        drippers(address, count, body.concat(), b" "),
        readers(&harness, count),
    );
    let during = percentile(&mut normal.stop().await?, 99);
    // The attack takes a minute, in which other work on the machine may begin or end.
    let calm = before.max(normal::p99(address, &request, quiet).await?);
    let name = format!("a normal client's p99 among 3 × {count} attackers");
    let limit = format!("at most 2 × {}", shown(calm));
    Ok(vec![
        Line::within("slow heads gone", heads?, HEAD + GRACE),
        Line::within("slow bodies gone", bodies?, BODY + GRACE),
        Line::within("slow readers gone", reads?, READ + GRACE),
        Line::new(&name, shown(during), limit, during <= 2 * calm),
    ])
}

/// Attackers that send a beginning and then next to nothing; how long the last one stayed.
async fn drippers(
    address: SocketAddr,
    count: usize,
    beginning: Vec<u8>,
    more: &[u8],
) -> Result<Duration, BoxError> {
    let opening = stream::iter(0..count).map(|_| Connection::open(address));
    let connections: Vec<_> = opening.buffered(SIDE_BY_SIDE).try_collect().await?;
    let stays = try_join_all((0..).zip(connections).map(|(index, mut connection)| {
        let beginning = &beginning;
        async move {
            // They do not march in step, as tools for such attacks do not: a burst once a second would
            // measure how fast these clients are.
            tokio::time::sleep(DRIP * index / count as u32).await;
            let start = Instant::now();
            connection.write(beginning).await?;
            tokio::time::timeout(PATIENCE, connection.drip(more, DRIP)).await?;
            Ok::<_, BoxError>(start.elapsed())
        }
    }))
    .await?;
    longest("a sender", &stays)
}

/// Attackers that ask for a flood and read nothing; how long the last one stayed after the system
/// took the last byte for it. That the backend's calls end with them is waited for, too.
async fn readers(harness: &Harness, count: usize) -> Result<Duration, BoxError> {
    let address = harness.program.address;
    let request = Dialect::Chat.request("MODE:flood:20000:65536", true);
    let opening = stream::iter(0..count).map(|_| reader(address, &request));
    let open: Vec<_> = opening.buffered(SIDE_BY_SIDE).try_collect().await?;
    let ports: Result<Vec<u16>, _> =
        open.iter().map(|stream| stream.local_addr().map(|own| own.port())).collect();
    let stays = sockets::stays(address, &ports?, PATIENCE).await?;
    harness.wait_for(|stats| stats.cancelled_streams == count as u64).await?;
    longest("a reader", &stays)
}

async fn reader(address: SocketAddr, request: &[u8]) -> Result<TcpStream, BoxError> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(WINDOW)?;
    let mut stream = socket.connect(address).await?;
    stream.write_all(request).await?;
    Ok(stream)
}

/// The longest stay. An attacker that is sent away at once would not show that there is a limit.
fn longest(who: &str, stays: &[Duration]) -> Result<Duration, BoxError> {
    match stays.iter().min() {
        Some(stay) if *stay < HEAD - GRACE => {
            Err(format!("{who} was gone after {}", shown(*stay)).into())
        }
        _ => Ok(stays.iter().copied().max().unwrap_or_default()),
    }
}
