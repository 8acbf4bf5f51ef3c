//! Long loops of a tool over a distant backend, by HTTP and by a kept socket: time, bytes and cached input.

use std::time::{Duration, Instant};

use chatmock_testkit::client::{Connection, Request};
use chatmock_testkit::conversation::Conversation;

use super::rounds::informational;
use crate::BoxError;
use crate::dialect::Dialect;
use crate::harness::{Distant, Harness};
use crate::report::Line;
use crate::spread::Spread;
use crate::suite::Options;

/// The calls of the tool in one loop.
const CALLS: usize = 20;

/// The time that each byte is under way, in each direction.
const DELAY: Duration = Duration::from_millis(15);

/// The ways to the backend: the reference, the usual one, whose first turn goes over HTTP, and sockets alone.
const TRANSPORTS: [&str; 3] = ["http", "auto", "websocket"];

/// The share of the bytes of HTTP that a socket may send at most.
const MOST_BYTES: f64 = 0.5;

pub(super) async fn measure(options: &Options) -> Result<Vec<Line>, BoxError> {
    let rounds = options.number(5, 1);
    let mut lines = Vec::new();
    for dialect in [Dialect::Chat, Dialect::OllamaChat, Dialect::Messages, Dialect::Responses] {
        let mut figures = Vec::new();
        for transport in TRANSPORTS {
            figures.push(Figures::of(dialect, transport, rounds).await?);
        }
        let [http, auto, socket] = figures.as_slice() else { continue };
        lines.extend(http.lines([auto, socket], dialect));
    }
    Ok(lines)
}

/// What the loops of one way took.
#[derive(Debug, Default)]
struct Figures {
    /// Milliseconds for each turn of the backend.
    turn: Spread,
    /// Kilobytes sent in a loop.
    sent: Spread,
    /// The percent of the input that was cached.
    cached: Spread,
    /// What the tool was called with, and the last words.
    said: Vec<String>,
}

impl Figures {
    async fn of(
        dialect: Dialect,
        transport: &'static str,
        rounds: usize,
    ) -> Result<Self, BoxError> {
        let distant = Distant::start(transport, DELAY).await?;
        let mut figures = Self::default();
        // Connections and what the program learns at first are made before anything counts.
        run(&distant.harness, dialect, (rounds, 2)).await?;
        for round in 0..rounds {
            let before = (distant.relay.sent(), tokens(&distant.harness).await?);
            let begun = Instant::now();
            let said = run(&distant.harness, dialect, (round, CALLS)).await?;
            let took = begun.elapsed();
            let after = (distant.relay.sent(), tokens(&distant.harness).await?);
            figures.turn.push(took.as_secs_f64() * 1e3 / (CALLS + 1) as f64);
            figures.sent.push((after.0 - before.0) as f64 / 1e3);
            let (input, cached) = (after.1.0 - before.1.0, after.1.1 - before.1.1);
            figures.cached.push(100.0 * cached as f64 / input as f64);
            figures.said = said;
        }
        Ok(figures)
    }

    fn lines(&self, [auto, socket]: [&Self; 2], dialect: Dialect) -> Vec<Line> {
        let name = format!("a loop of {CALLS} calls, {}", dialect.path());
        let same = self.said == socket.said && self.said == auto.said;
        let verdict = if same { "equal" } else { "different" };
        let all = |of: fn(&Self) -> &Spread, unit: &str| {
            let [http, usual, by_socket] = [self, auto, socket].map(|one| of(one).median());
            format!("{http:.1} / {usual:.1} / {by_socket:.1} {unit}")
        };
        let bytes = auto.sent.median().max(socket.sent.median()) / self.sent.median();
        let most = format!("at most {MOST_BYTES} of it");
        vec![
            Line::new(&format!("{name}: answers"), verdict, "equal", same),
            informational("  a turn, HTTP / auto / WebSocket", all(|one| &one.turn, "ms")),
            Line::new(
                "  sent, HTTP / auto / WebSocket",
                all(|one| &one.sent, "KB"),
                most,
                bytes <= MOST_BYTES,
            ),
            informational("  cached input, HTTP / auto / WebSocket", all(|one| &one.cached, "%")),
        ]
    }
}

/// Runs a loop to its end, as the conversation of that number; returns what the tool was called with, and the last
/// words.
async fn run(
    harness: &Harness,
    dialect: Dialect,
    (number, calls): (usize, usize),
) -> Result<Vec<String>, BoxError> {
    let instructions = format!("{number}. {}", "You help with the weather. ".repeat(300));
    let mut conversation = Conversation::new(dialect.path(), &instructions);
    conversation.result = format!("12 C {}", "and the wind is from the west ".repeat(60));
    conversation.say(&format!("MODE:steps:{calls}"));
    let mut connection = Connection::open(harness.program.address).await?;
    loop {
        let request = Request::post(conversation.path(), conversation.request().to_string());
        let reply = connection.send(&request).await?;
        if reply.status != 200 {
            return Err(format!("status {}: {}", reply.status, reply.text()).into());
        }
        if !conversation.take(&reply.json()) {
            let last = dialect.said(&reply.text(), false);
            if conversation.called.len() != calls {
                return Err(format!("{} calls, then {last:?}", conversation.called.len()).into());
            }
            return Ok(conversation.called.into_iter().chain(last).collect());
        }
    }
}

/// The input that the program has counted so far, and how much of it was cached.
async fn tokens(harness: &Harness) -> Result<(u64, u64), BoxError> {
    let usage = harness.ask(&Request::get("/usage").bytes()).await?.json();
    let total = &usage["total"];
    let count = |name: &str| total[name].as_u64().ok_or_else(|| format!("no {name} in {usage}"));
    Ok((count("input_tokens")?, count("cached_tokens")?))
}
