//! WebSockets: many streams over as many sockets, answers that break off, the end of the program, idle ones, and turns
//! over kept sockets to the backend.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chatmock_simulator::{Fast, Mode, Script, Step};
use chatmock_testkit::client::{Connection, Request, WebSocket, web_socket};
use chatmock_testkit::conversation::Conversation;
use futures::future::{join_all, try_join_all};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use crate::BoxError;
use crate::dialect::Dialect;
use crate::harness::Harness;
use crate::report::Line;
use crate::suite::Options;

const PATH: &str = "/v1/responses";

/// The memory of an idle socket beyond that of an idle connection, in bytes.
const MEMORY: u64 = 16 * 1024;

/// The number of sockets that are opened at a time.
const SIDE_BY_SIDE: usize = 64;

/// The deltas of each stream, and the milliseconds before each.
const DELTAS: u32 = 20;
const PAUSE: u32 = 50;

/// The longest that the program may live after the last answer.
const END: Duration = Duration::from_secs(2);

/// The close code of a server that goes away.
const AWAY: u16 = 1001;

pub(super) async fn check(options: &Options) -> Result<Vec<Line>, BoxError> {
    let mut lines = streams(options.number(1_000, 100)).await?;
    lines.extend(cuts(options.number(1_000, 60)).await?);
    lines.extend(drain(options.number(200, 50)).await?);
    lines.extend(idle(options).await?);
    lines.extend(kept(options.number(200, 40), options.number(20, 6)).await?);
    Ok(lines)
}

async fn open(address: SocketAddr) -> Result<WebSocket, BoxError> {
    match WebSocket::open(address, &web_socket::handshake(PATH)).await? {
        Ok(socket) => Ok(socket),
        Err(reply) => Err(format!("no socket: {} {}", reply.status, reply.text()).into()),
    }
}

async fn open_all(address: SocketAddr, count: usize) -> Result<Vec<WebSocket>, BoxError> {
    stream::iter(0..count).map(|_| open(address)).buffered(SIDE_BY_SIDE).try_collect().await
}

fn create(text: &str) -> Value {
    json!({"type": "response.create", "model": "gpt-5.5", "input": text, "store": false})
}

/// The text of an answer that is complete.
fn said(events: &[Value]) -> Option<String> {
    let last = events.last()?;
    let deltas = events.iter().filter(|event| event["type"] == "response.output_text.delta");
    let text = deltas.filter_map(|event| event["delta"].as_str()).collect();
    (last["type"] == "response.completed").then_some(text)
}

/// A stream on each of many sockets, all at the same time.
async fn streams(count: usize) -> Result<Vec<Line>, BoxError> {
    let harness = Harness::fast()?;
    let mut sockets = open_all(harness.program.address, count).await?;
    let fast = Fast::Paced(DELTAS, PAUSE);
    let (request, length) = (create(&fast.mark()), fast.text().len());
    let asking = sockets.iter_mut().map(|socket| {
        let request = &request;
        async move {
            let events = socket.ask(request).await.ok()?;
            said(&events).filter(|text| text.len() == length)
        }
    });
    let whole = join_all(asking).await.into_iter().flatten().count();
    Ok(vec![
        Line::exactly("streams over as many WebSockets, whole", whole, count),
        Line::memory("  peak memory", harness.program.peak()?, 128),
    ])
}

/// Answers that break off at any byte: none is complete, and the socket lives on.
async fn cuts(count: usize) -> Result<Vec<Line>, BoxError> {
    let harness = Harness::start()?;
    let mut recording = Vec::new();
    for step in Script::mode(Mode::Commentary).steps {
        let Step::Event(text) = step else { return Err("a step is no event".into()) };
        recording.extend(format!("data: {text}\n\n").into_bytes());
    }
    let recording = Bytes::from(recording);
    let mut socket = open(harness.program.address).await?;
    let (mut complete, mut wordless) = (0, 0);
    for number in 0..count {
        // The last two bytes end the terminal event and are no cut.
        let at = 1 + number * (recording.len() - 3) / count;
        let rest = recording.slice(at / 2..at);
        let last = if number % 2 == 0 { Step::Cut(rest) } else { Step::Raw(rest) };
        let steps = vec![Step::Raw(recording.slice(..at / 2)), Step::Flush, last];
        let before = harness.simulator().stats().responses();
        harness.simulator().enqueue(Script::stream(steps));
        let events = socket.ask(&create("hello")).await?;
        if harness.simulator().stats().responses() == before + 1 {
            complete += usize::from(said(&events).is_some());
            let last = events.last().map(|event| event.to_string()).unwrap_or_default();
            wordless += usize::from(!last.contains("\"message\":\""));
        }
    }
    let lives = said(&socket.ask(&create("hello")).await?).is_some();
    Ok(vec![
        Line::exactly(&format!("false completions in {count} cuts on a WebSocket"), complete, 0),
        Line::exactly("  cut answers without words of it", wordless, 0),
        Line::new("  an answer on the same socket after them", lives, "true", lives),
    ])
}

/// SIGTERM with answers on half of the sockets: those come to their end, and every socket is closed in order.
async fn drain(count: usize) -> Result<Vec<Line>, BoxError> {
    let mut harness = Harness::start()?;
    let idle = open_all(harness.program.address, count).await?;
    let mut busy = open_all(harness.program.address, count).await?;
    let request = create("MODE:slow:30:50");
    for socket in &mut busy {
        socket.send(&request).await?;
    }
    let begun = busy.iter_mut().map(|socket| async move {
        while socket.event().await?["type"] != "response.output_text.delta" {}
        Ok::<_, BoxError>(())
    });
    try_join_all(begun).await?;
    harness.program.terminate();
    let ends = busy.into_iter().map(|mut socket| async move {
        let events = socket.answer().await.unwrap_or_default();
        (said(&events).is_some(), socket.closed().await == Some(AWAY))
    });
    let closing = join_all(
        idle.into_iter().map(|mut socket| async move { socket.closed().await == Some(AWAY) }),
    );
    let (ends, closed) = tokio::join!(join_all(ends), closing);
    let last = Instant::now();
    let code = harness.program.ended(Duration::from_secs(30)).await?;
    let whole = ends.iter().filter(|(whole, _)| *whole).count();
    let away = ends.iter().filter(|(_, away)| *away).count();
    let away = away + closed.into_iter().filter(|away| *away).count();
    Ok(vec![
        Line::exactly("answers on WebSockets at SIGTERM, whole", whole, count),
        Line::exactly("  sockets closed with 1001", away, 2 * count),
        Line::within("  end after the last", last.elapsed(), END),
        Line::new("  exit code", format!("{code:?}"), "Some(0)", code == Some(0)),
    ])
}

/// Idle sockets, compared with idle connections that have asked once.
async fn idle(options: &Options) -> Result<Vec<Line>, BoxError> {
    let wanted = options.number(10_000, 2_000);
    // Each is a file of this process and one of the program.
    let possible = usize::try_from(options.files.saturating_sub(500)).unwrap_or(usize::MAX);
    let count = wanted.min(possible);
    let plain = {
        let harness = Harness::start()?;
        let before = harness.program.memory()?;
        let address = harness.program.address;
        let opening = stream::iter(0..count).map(|_| async move {
            let mut connection = Connection::open(address).await?;
            connection.send(&Request::get("/health")).await?;
            Ok::<_, BoxError>(connection)
        });
        let open: Vec<_> = opening.buffered(SIDE_BY_SIDE).try_collect().await?;
        let used = harness.program.memory()?.saturating_sub(before);
        drop(open);
        used
    };
    let harness = Harness::start()?;
    let before = harness.program.memory()?;
    let mut sockets = open_all(harness.program.address, count).await?;
    let used = harness.program.memory()?.saturating_sub(before);
    let each = used.saturating_sub(plain) / (count as u64).max(1);
    let mut served = 0;
    for socket in sockets.iter_mut().step_by((count / 50).max(1)) {
        served += usize::from(said(&socket.ask(&create("hello")).await?).is_some());
    }
    let asked = sockets.len().div_ceil((count / 50).max(1));
    let name = match count < wanted {
        true => format!("idle WebSockets ({wanted} wanted, {} files allowed)", options.files),
        false => "idle WebSockets".to_owned(),
    };
    let limit = format!("at most {} KiB", MEMORY / 1024);
    let shown = format!("{:.1} KiB beyond {:.1}", kib(each), kib(plain / (count as u64).max(1)));
    Ok(vec![
        Line::exactly(&name, sockets.len(), count),
        Line::new("  memory of each beyond a connection's", shown, limit, each <= MEMORY),
        Line::exactly("  some of them served", served, asked),
    ])
}

fn kib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}

/// Conversations side by side whose turns go over kept sockets to the backend.
async fn kept(conversations: usize, turns: usize) -> Result<Vec<Line>, BoxError> {
    let harness = Harness::by_sockets()?;
    let address = harness.program.address;
    let talking = stream::iter(0..conversations).map(|number| talk(address, number, turns));
    let done: Vec<Result<(), BoxError>> = talking.buffer_unordered(SIDE_BY_SIDE).collect().await;
    let why = done.iter().find_map(|one| one.as_ref().err().map(ToString::to_string));
    let whole = done.iter().filter(|one| one.is_ok()).count();
    let stats = harness.simulator().stats();
    let sockets = stats.count("GET /backend-api/codex/responses");
    let figure = format!("{whole}{}", why.map(|why| format!(": {why}")).unwrap_or_default());
    Ok(vec![
        Line::new(
            &format!("conversations of {turns} turns over kept sockets"),
            figure,
            conversations,
            whole == conversations,
        ),
        Line::new("  sockets to the backend", sockets, "at least 32", sockets >= 32),
    ])
}

/// One conversation; every answer has to be to its own question.
async fn talk(address: SocketAddr, number: usize, turns: usize) -> Result<(), BoxError> {
    let system = format!("Conversation {number}.");
    let mut conversation = Conversation::new(Dialect::Chat.path(), &system);
    let mut connection = Connection::open(address).await?;
    for turn in 0..turns {
        let text = format!("turn {turn} of {number}");
        conversation.say(&text);
        let request = conversation.request().to_string();
        let reply = connection.send(&Request::post(Dialect::Chat.path(), request)).await?;
        let said = reply.json()["choices"][0]["message"]["content"].clone();
        if said != format!("You said: {text}") {
            return Err(format!("{text}: {} {}", reply.status, reply.text()).into());
        }
        conversation.take(&reply.json());
    }
    Ok(())
}
