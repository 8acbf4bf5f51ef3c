//! The same over TLS and HTTP/2, compared with a bare client of the same library.

mod bare;

use self::bare::Bare;
use super::rounds::{Workload, Wrong, at_most, compared, informational};
use super::workloads::{BURST, FLOOD, PACED, SHORT};
use crate::BoxError;
use crate::harness::Harness;
use crate::load::{Answer, Question, Run, Target};
use crate::report::{Line, percentile};
use crate::spread::{Spread, milliseconds};
use crate::suite::Options;

/// The workloads, each with the processor time that a million deltas of it may take, in seconds.
const WORKLOADS: [(&str, Workload, f64); 4] = [
    ("short", SHORT, 20.0),
    ("paced", PACED, 120.0),
    ("flood", FLOOD, 20.0),
    ("burst", BURST, 5.0),
];

/// The most connections to the backend for 8 clients: one carries them all.
const CONNECTIONS: u64 = 2;

pub(super) async fn measure(options: &Options) -> Result<Vec<Line>, BoxError> {
    let harness = Harness::secure()?;
    let bare = Bare::new(&harness)?;
    let before = harness.simulator().stats().connections;
    let mut lines = Vec::new();
    for (name, workload, limit) in WORKLOADS {
        let figures = Figures::of(workload, &harness, &bare, options).await?;
        lines.extend(figures.lines(name, limit));
    }
    // The other one is the bare client's.
    let made = harness.simulator().stats().connections - before;
    let limit = CONNECTIONS + 1;
    lines.push(Line::new(
        "TLS: connections to the backend",
        made,
        format!("at most {limit}"),
        made <= limit,
    ));
    Ok(lines)
}

/// The figures of the program, and those of the bare client.
#[derive(Debug, Default)]
struct Figures {
    wrong: Wrong,
    first: [Spread; 2],
    whole: [Spread; 2],
    age: [Spread; 2],
    late: [Spread; 2],
    /// Milliseconds of processor time for an answer.
    processor: [Spread; 2],
    /// Seconds of processor time for a million deltas.
    million: [Spread; 2],
}

impl Figures {
    async fn of(
        workload: Workload,
        harness: &Harness,
        bare: &Bare,
        options: &Options,
    ) -> Result<Self, BoxError> {
        let question = Question::new(harness, Target::Program, workload.fast, workload.history)?;
        let workload =
            if options.brief { Workload { time: workload.time / 2, ..workload } } else { workload };
        let mut figures = Self::default();
        // Connections are made before anything counts.
        workload.load().once().run(harness, &question).await?;
        bare.run(workload.load().once(), workload).await?;
        for round in 0..options.number(5, 3) {
            for place in [round % 2, (round + 1) % 2] {
                let run = match place {
                    0 => workload.load().run(harness, &question).await?,
                    _ => bare.run(workload.load(), workload).await?,
                };
                figures.take(workload, place, run);
            }
        }
        Ok(figures)
    }

    fn take(&mut self, workload: Workload, place: usize, run: Run) {
        self.wrong.take(&run);
        let answers = run.answers.len() as f64;
        let time = run.processor.as_secs_f64();
        self.processor[place].push(time * 1e3 / answers);
        self.million[place].push(time * 1e6 / (answers * workload.deltas()));
        let middle = |time: fn(&Answer) -> _| {
            milliseconds(percentile(&mut run.answers.iter().map(time).collect::<Vec<_>>(), 50))
        };
        self.first[place].push(middle(|answer| answer.first));
        self.whole[place].push(middle(|answer| answer.whole));
        let mut ages: Vec<_> = run.answers.into_iter().flat_map(|answer| answer.ages).collect();
        self.age[place].push(milliseconds(percentile(&mut ages, 50)));
        self.late[place].push(milliseconds(percentile(&mut ages, 99)));
    }

    fn lines(&self, name: &str, limit: f64) -> Vec<Line> {
        let mut lines = vec![self.wrong.line(&format!("TLS, {name}"))];
        let [program, bare] = &self.million;
        match name {
            "short" => {
                lines.push(compared("  first text, p50", &self.first[0], &self.first[1], 2.0));
                lines.push(compared("  whole, p50", &self.whole[0], &self.whole[1], 5.0));
                lines.push(at_most("  processor an answer", &self.processor[0], "ms", 0.8));
                lines.push(informational(
                    "  … a bare client's",
                    format!("{:.3} ms", self.processor[1]),
                ));
                return lines;
            }
            "paced" => {
                lines.push(compared("  a delta's way, p50", &self.age[0], &self.age[1], 1.5));
                lines.push(compared("  a delta's way, p99", &self.late[0], &self.late[1], 8.0));
            }
            _ => {}
        }
        let name = "  processor for a million deltas";
        lines.push(at_most(name, program, "s", limit));
        lines.push(informational("  … a bare client's", format!("{bare:.2} s")));
        lines
    }
}
