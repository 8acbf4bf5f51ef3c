//! Clients that send large bodies one after the other: what another client feels of them.

use std::net::SocketAddr;
use std::time::Duration;

use chatmock_simulator::Fast;
use chatmock_testkit::client::{Connection, Request};
use futures::future::try_join_all;
use tokio::sync::watch;

use super::normal::Normal;
use crate::BoxError;
use crate::dialect::Dialect;
use crate::harness::Harness;
use crate::report::{Line, percentile, shown};
use crate::suite::Options;

/// The number of clients with large bodies.
const CLIENTS: usize = 8;
/// The size of a body, just below a mebibyte.
const SIZE: usize = (1 << 20) - 1024;
/// How often another client may take as long as alone.
const FACTOR: u32 = 3;
/// One part of the costly kind of body: as many items as there can be.
const PART: &str = r#"{"type":"text","text":"a"},"#;
/// A question that the backend takes some 12 ms for.
const QUESTION: &str = "MODE:slow:2:6";

/// The rounds at most. Other work on the machine makes a client wait longer and never shorter, so that one round
/// within the limit says that the program is.
const ROUNDS: usize = 3;

pub(super) async fn check(options: &Options) -> Result<Vec<Line>, BoxError> {
    let time = Duration::from_secs(options.number(20, 5) as u64);
    let mut lines = Vec::new();
    for (name, body) in [("text", one_text()), ("many parts", many_parts())] {
        let request = Request::post(Dialect::Chat.path(), body).bytes();
        let (mut round, mut rounds) = (Round::measure(&request, time).await?, 1);
        while rounds < ROUNDS && !round.holds() {
            (round, rounds) = (Round::measure(&request, time).await?, rounds + 1);
        }
        let limit = format!("at most {FACTOR} × {}", shown(round.before));
        lines.extend([
            Line::new(
                &format!("a normal client's p95 among {CLIENTS} with 1 MiB: {name}"),
                format!("{}, round {rounds}", shown(round.during)),
                limit,
                round.holds(),
            ),
            Line::new(
                "  of which were answered",
                round.answered,
                "at least 8",
                round.answered >= CLIENTS,
            ),
        ]);
    }
    Ok(lines)
}

/// A normal client's p95, alone and next to the senders.
struct Round {
    before: Duration,
    during: Duration,
    /// The large bodies that were answered.
    answered: usize,
}

impl Round {
    async fn measure(request: &[u8], time: Duration) -> Result<Self, BoxError> {
        let harness = Harness::fast()?;
        let address = harness.program.address;
        let question = Dialect::Chat.request(QUESTION, false);
        let normal = Normal::start(address, &question);
        tokio::time::sleep(time).await;
        let before = percentile(&mut normal.stop().await?, 95);
        let (stop, stopped) = watch::channel(false);
        let normal = Normal::start(address, &question);
        let senders = (0..CLIENTS).map(|_| sender(address, request, stopped.clone()));
        let senders = async { try_join_all(senders).await.map(|each| each.iter().sum::<usize>()) };
        let stopping = async {
            tokio::time::sleep(time).await;
            stop.send_replace(true);
        };
        let (answered, ()) = tokio::join!(senders, stopping);
        let during = percentile(&mut normal.stop().await?, 95);
        Ok(Self { before, during, answered: answered? })
    }

    fn holds(&self) -> bool {
        self.during <= self.before * FACTOR
    }
}

fn one_text() -> String {
    let text = "word ".repeat(SIZE / 5);
    with_parts(&format!(r#"{{"type":"text","text":"{text}"}},"#))
}

fn many_parts() -> String {
    with_parts(&PART.repeat(SIZE / PART.len()))
}

fn with_parts(parts: &str) -> String {
    let mark = Fast::Burst(4).mark();
    format!(
        r#"{{"model":"gpt-5.5","stream":true,"messages":[{{"role":"user","content":[{parts}{{"type":"text","text":"{mark}"}}]}}]}}"#
    )
}

/// Sends the request again and again; returns how often it was answered.
async fn sender(
    address: SocketAddr,
    request: &[u8],
    stopped: watch::Receiver<bool>,
) -> Result<usize, BoxError> {
    let (mut connection, mut answered) = (Connection::open(address).await?, 0);
    while !*stopped.borrow() {
        let reply = connection.exchange(request).await?;
        if reply.status != 200 {
            return Err(format!("a large body was answered with {}", reply.status).into());
        }
        answered += 1;
    }
    Ok(answered)
}
