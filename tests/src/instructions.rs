//! Instructions: the cost of a turn in a figure that other work on the machine does not change.
//!
//! The program runs under callgrind, which counts every instruction of every thread. The figures of one profile and
//! one toolchain are kept in a file, and a change that makes one of them grow has to write it anew and say why.

mod budget;

use chatmock_simulator::Fast;
use chatmock_testkit::client::Connection;
use chatmock_testkit::client::web_socket::{WebSocket, handshake};
use serde_json::json;

use self::budget::Budget;
use crate::BoxError;
use crate::dialect::{Dialect, Way};
use crate::harness::Harness;
use crate::load::{History, Question, Target};
use crate::report::Line;
use crate::suite::Options;

/// The name of every figure.
pub(crate) const NAMES: [&str; 8] = [
    "short-answer",
    "paced-delta",
    "flood-delta",
    "burst-delta",
    "conversation",
    "picture",
    "messages-turn",
    "socket-turn",
];

/// An answer of the same size as the one that `bench` calls short.
const SHORT: Fast = Fast::Burst(20);

/// The numbers of deltas in the two answers whose difference gives the cost of one delta.
const FEW: u32 = 100;
const MANY: u32 = 300;

/// Counts one figure and compares it with the kept one.
pub(crate) async fn run(name: &'static str, options: Options) -> Result<Vec<Line>, BoxError> {
    let counted = match name {
        "short-answer" => turn(SHORT, History::Nothing, options.number(100, 20)).await,
        // The pause is long enough for the program to go to sleep between two deltas, even under callgrind.
        "paced-delta" => delta(|count| Fast::Paced(count, 10), options.number(3, 1)).await,
        "flood-delta" => delta(Fast::Flood, options.number(20, 5)).await,
        "burst-delta" => delta(Fast::Burst, options.number(20, 5)).await,
        "conversation" => turn(SHORT, History::Conversation, options.number(20, 5)).await,
        "picture" => turn(SHORT, History::Picture, options.number(10, 3)).await,
        "messages-turn" => messages(options.number(100, 20)).await,
        "socket-turn" => socket(options.number(100, 20)).await,
        _ => Err("there is no such figure".into()),
    }?;
    Ok(vec![Budget::read()?.judge(name, counted)?])
}

/// The instructions of one chat turn.
async fn turn(fast: Fast, history: History, times: usize) -> Result<u64, BoxError> {
    let mut harness = Harness::counted()?;
    let question = Question::new(&harness, Target::Program, fast, history)?;
    repeated(&mut harness, &question, times).await
}

/// The instructions of one delta: what an answer of many costs more than one of few, for each that it has more.
async fn delta(fast: impl Fn(u32) -> Fast, times: usize) -> Result<u64, BoxError> {
    let many = turn(fast(MANY), History::Nothing, times).await?;
    let few = turn(fast(FEW), History::Nothing, times).await?;
    Ok(many.saturating_sub(few) / u64::from(MANY - FEW))
}

async fn messages(times: usize) -> Result<u64, BoxError> {
    let mut harness = Harness::counted()?;
    let way = Way { dialect: Dialect::Messages, stream: true };
    let question = Question::worded(&harness, way, SHORT)?;
    repeated(&mut harness, &question, times).await
}

/// The instructions of one turn over a WebSocket that is kept.
async fn socket(times: usize) -> Result<u64, BoxError> {
    let mut harness = Harness::counted()?;
    let opened = WebSocket::open(harness.program.address, &handshake("/v1/responses")).await?;
    let mut socket = opened.map_err(|reply| format!("status {}", reply.status))?;
    let create = json!({"type": "response.create", "model": "gpt-5.5", "store": false, "input": SHORT.mark()});
    for _ in 0..WARM {
        socket.ask(&create).await?;
    }
    harness.program.instructions()?;
    for _ in 0..times {
        socket.ask(&create).await?;
    }
    Ok(harness.program.instructions()? / times as u64)
}

/// The number of turns before the counted ones: connections are open and buffers have their size after them.
const WARM: usize = 5;

async fn repeated(
    harness: &mut Harness,
    question: &Question,
    times: usize,
) -> Result<u64, BoxError> {
    let mut connection = Connection::open(harness.program.address).await?;
    for _ in 0..WARM {
        question.ask(&mut connection).await?;
    }
    harness.program.instructions()?;
    for _ in 0..times {
        question.ask(&mut connection).await?;
    }
    Ok(harness.program.instructions()? / times as u64)
}
