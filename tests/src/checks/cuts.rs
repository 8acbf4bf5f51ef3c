//! Answers that break off anywhere: no dialect calls one of them complete.

use bytes::Bytes;
use chatmock_simulator::{Mode, Script, Step};
use serde_json::Value;

use crate::BoxError;
use crate::dialect::{Dialect, Way};
use crate::harness::Harness;
use crate::report::Line;
use crate::suite::Options;

/// The results of the cuts.
#[derive(Default)]
struct Tally {
    cuts: usize,
    /// Called complete though they were not.
    false_completions: usize,
    /// Neither complete nor a failure in words.
    wordless: usize,
    /// Called again, since nobody had seen anything; the second call decides.
    repeated: usize,
    /// Uncut answers that were called complete.
    complete: usize,
}

pub(super) async fn check(options: &Options) -> Result<Vec<Line>, BoxError> {
    let places = options.number(1000, 15);
    let harness = Harness::start()?;
    let (mut tally, mut random) = (Tally::default(), Random(0x2545_F491_4F6C_DD1D));
    for dialect in Dialect::all() {
        let bytes = recording(dialect)?;
        for stream in [true, false] {
            let way = Way { dialect, stream };
            uncut(&harness, way, &bytes, &mut tally).await?;
            for hard in [false, true] {
                for _ in 0..places {
                    let script = cut(&bytes, random.below(bytes.len()), hard);
                    one(&harness, way, script, &mut tally).await?;
                }
            }
        }
    }
    let Tally { cuts, false_completions, wordless, repeated, complete } = tally;
    let name = format!("false completions in {cuts} cuts");
    Ok(vec![
        Line::exactly(&name, false_completions, 0),
        Line::exactly("  cut answers without words of it", wordless, 0),
        Line::new("  called twice", repeated, "fewer than half", 2 * repeated < cuts),
        Line::exactly("  uncut answers complete", complete, 2 * Dialect::all().len()),
    ])
}

/// Asks once and gets an answer that breaks off.
async fn one(
    harness: &Harness,
    Way { dialect, stream }: Way,
    script: Script,
    tally: &mut Tally,
) -> Result<(), BoxError> {
    let before = harness.simulator().stats().responses();
    harness.simulator().enqueue(script);
    let reply = harness.ask(&dialect.request("hello", stream)).await?;
    tally.cuts += 1;
    if harness.simulator().stats().responses() != before + 1 {
        tally.repeated += 1;
        return Ok(());
    }
    tally.false_completions += usize::from(dialect.is_complete(&reply, stream));
    tally.wordless += usize::from(!Dialect::reports_failure(&reply));
    Ok(())
}

/// Asks once and gets the whole recording, which shows that completeness is seen.
async fn uncut(
    harness: &Harness,
    Way { dialect, stream }: Way,
    bytes: &Bytes,
    tally: &mut Tally,
) -> Result<(), BoxError> {
    harness.simulator().enqueue(Script::stream(vec![Step::Raw(bytes.clone())]));
    let reply = harness.ask(&dialect.request("hello", stream)).await?;
    let complete = dialect.is_complete(&reply, stream) && reply.status == 200;
    tally.complete += usize::from(complete && !Dialect::reports_failure(&reply));
    Ok(())
}

/// A recording up to its terminal event: with a call, where the dialect has calls.
fn recording(dialect: Dialect) -> Result<Bytes, BoxError> {
    let calls = !matches!(dialect, Dialect::Completions | Dialect::OllamaGenerate);
    let mode = if calls { Mode::Commentary } else { Mode::Reasoning };
    let mut bytes = Vec::new();
    for step in Script::mode(mode).steps {
        let Step::Event(text) = step else { return Err("a step is no event".into()) };
        let event: Value = serde_json::from_str(&text)?;
        let kind = event["type"].as_str().ok_or("an event has no type")?;
        bytes.extend(format!("event: {kind}\ndata: {text}\n\n").into_bytes());
    }
    Ok(bytes.into())
}

/// A stream that ends before a byte: in good order, or inside a chunk.
fn cut(bytes: &Bytes, at: usize, hard: bool) -> Script {
    let half = at / 2;
    let last = bytes.slice(half..at);
    let last = if hard { Step::Cut(last) } else { Step::Raw(last) };
    Script::stream(vec![Step::Raw(bytes.slice(..half)), Step::Flush, last])
}

/// Numbers that look random and are the same in each run.
struct Random(u64);

impl Random {
    /// From one up to, and without, a bound. The last two bytes end the terminal event and are no cut.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        1 + self.0 as usize % (bound - 2)
    }
}
