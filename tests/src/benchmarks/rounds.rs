//! Rounds: the program and the backend itself in turn, several times, each figure with its spread.

use std::fmt::Display;
use std::time::Duration;

use chatmock_simulator::Fast;

use crate::BoxError;
use crate::harness::Harness;
use crate::load::{History, Load, Question, Run, Target};
use crate::report::{Line, percentile};
use crate::spread::{Spread, milliseconds};
use crate::suite::Options;

/// A workload: the question, the number of clients, and the time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Workload {
    pub(super) fast: Fast,
    pub(super) history: History,
    pub(super) clients: usize,
    /// In milliseconds; a fast answer with pauses goes on to its end.
    pub(super) time: u64,
}

impl Workload {
    /// The number of deltas in each answer.
    pub(super) fn deltas(self) -> f64 {
        match self.fast {
            Fast::Paced(count, _) | Fast::Flood(count) | Fast::Burst(count) => count.into(),
            _ => 1.0,
        }
    }

    /// So long that paced streams do not all go in step.
    pub(super) fn beginning(self) -> Duration {
        match self.fast {
            Fast::Paced(_, pause) => Duration::from_millis(pause.into()),
            _ => Duration::ZERO,
        }
    }

    pub(super) fn load(self) -> Load {
        let time = Duration::from_millis(self.time);
        Load { clients: self.clients, time, beginning: self.beginning() }
    }

    /// Asks once to warm up, then in rounds.
    pub(super) async fn rounds(
        self,
        harness: &Harness,
        options: &Options,
    ) -> Result<Figures, BoxError> {
        let ask = |target| Question::new(harness, target, self.fast, self.history);
        let (program, backend) = (ask(Target::Program)?, ask(Target::Backend)?);
        let mut figures = Figures::default();
        let warm = self.load().once();
        let workload = if options.brief { Self { time: self.time / 2, ..self } } else { self };
        for question in [&program, &backend] {
            figures.judge(&warm.run(harness, question).await?);
        }
        for round in 0..options.number(5, 3) {
            // Neither is always the one that comes first.
            let (through, direct) = if round % 2 == 0 {
                let through = workload.load().run(harness, &program).await?;
                (through, workload.load().run(harness, &backend).await?)
            } else {
                let direct = workload.load().run(harness, &backend).await?;
                (workload.load().run(harness, &program).await?, direct)
            };
            figures.take(workload, through, direct);
        }
        Ok(figures)
    }
}

/// The figures of a workload.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    wrong: Wrong,
    /// Milliseconds to the first text and to the end, more than from the backend itself, and those.
    pub(super) added_first: Spread,
    pub(super) first: Spread,
    pub(super) added_whole: Spread,
    pub(super) whole: Spread,
    /// Milliseconds of a delta's way, the half and all but a hundredth, and both from the backend.
    pub(super) age: [Spread; 2],
    pub(super) age_direct: [Spread; 2],
    /// Milliseconds of processor time for an answer.
    pub(super) processor: Spread,
    /// Seconds of processor time for a million deltas.
    pub(super) million: Spread,
    /// Sleeps of a thread for each delta.
    pub(super) sleeps: Spread,
    /// Deltas in a second.
    pub(super) rate: Spread,
}

impl Figures {
    fn judge(&mut self, run: &Run) {
        self.wrong.take(run);
    }

    fn take(&mut self, workload: Workload, through: Run, direct: Run) {
        self.judge(&through);
        self.judge(&direct);
        let middle = |run: &Run, time: fn(&crate::load::Answer) -> Duration| {
            let mut times: Vec<_> = run.answers.iter().map(time).collect();
            milliseconds(percentile(&mut times, 50))
        };
        let first = [&through, &direct].map(|run| middle(run, |answer| answer.first));
        let whole = [&through, &direct].map(|run| middle(run, |answer| answer.whole));
        self.first.push(first[1]);
        self.added_first.push(first[0] - first[1]);
        self.whole.push(whole[1]);
        self.added_whole.push(whole[0] - whole[1]);
        let answers = through.answers.len() as f64;
        let deltas = answers * workload.deltas();
        self.processor.push(milliseconds(through.processor) / answers);
        self.million.push(through.processor.as_secs_f64() * 1e6 / deltas);
        self.sleeps.push(through.sleeps as f64 / deltas);
        self.rate.push(deltas / through.took.as_secs_f64());
        for (run, spreads) in [(through, &mut self.age), (direct, &mut self.age_direct)] {
            let ages = run.answers.into_iter().flat_map(|answer| answer.ages);
            let mut ages: Vec<_> = ages.collect();
            spreads[0].push(milliseconds(percentile(&mut ages, 50)));
            spreads[1].push(milliseconds(percentile(&mut ages, 99)));
        }
    }

    /// The line that says that nothing was wrong.
    pub(super) fn right(&self, name: &str) -> Line {
        self.wrong.line(name)
    }
}

/// Wrong answers: how many, and what was wrong with one.
#[derive(Clone, Debug, Default)]
pub(super) struct Wrong {
    count: usize,
    why: Option<String>,
}

impl Wrong {
    pub(super) fn take(&mut self, run: &Run) {
        self.count += run.wrong;
        self.why = self.why.take().or_else(|| run.why.clone());
    }

    pub(super) fn line(&self, name: &str) -> Line {
        let why = self.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let figure = format!("{}{why}", self.count);
        Line::new(&format!("{name}: wrong answers"), figure, 0, self.count == 0)
    }
}

/// A figure without a limit.
pub(super) fn informational(name: &str, figure: impl Display) -> Line {
    Line::new(name, figure, "-", true)
}

/// A line for a figure that may be so large at most.
pub(super) fn at_most(name: &str, spread: &Spread, unit: &str, limit: f64) -> Line {
    let digits = if spread.median().abs() < 10.0 { 3 } else { 1 };
    let figure = format!("{spread:.digits$} {unit}");
    Line::new(name, figure, format!("at most {limit} {unit}"), spread.median() <= limit)
}

/// A line for a time, compared with the backend's own.
pub(super) fn compared(name: &str, spread: &Spread, direct: &Spread, limit: f64) -> Line {
    let figure = format!("{spread:.3} ms, directly {:.3}", direct.median());
    Line::new(name, figure, format!("at most {limit} ms"), spread.median() <= limit)
}
