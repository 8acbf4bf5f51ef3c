//! The script of one SDK, which runs once and reports every check.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use crate::demo::Demo;
use crate::environment::{Language, Problem};

/// The longest time for one check. A script that is silent for longer is killed.
const SILENCE: Duration = Duration::from_secs(90);

/// The outcome of one check.
#[derive(Clone)]
pub(crate) enum Outcome {
    /// The script reported `ok`.
    Passed,
    /// The script reported a failure, or nothing.
    Failed(String),
    /// The language is not installed; the text says which.
    Missing(&'static str),
}

impl From<&Problem> for Outcome {
    fn from(problem: &Problem) -> Self {
        match problem {
            Problem::Missing(what) => Self::Missing(what),
            Problem::Failed(why) => Self::Failed(why.clone()),
        }
    }
}

/// One SDK and its checks.
#[derive(Clone, Copy)]
pub(crate) struct Sdk {
    /// The name of its tests, such as `openai_python`.
    pub(crate) name: &'static str,
    /// The section of `checks.txt` with its checks.
    pub(crate) section: &'static str,
    /// The language it is written in.
    pub(crate) language: &'static Language,
    /// The script that runs its checks, or the word that selects them.
    pub(crate) script: &'static str,
}

/// The checks of one SDK, with their outcomes.
pub(crate) struct Suite {
    sdk: Sdk,
    demo: Arc<Demo>,
    results: OnceLock<Result<Results, Problem>>,
}

/// The outcomes of one finished run.
struct Results {
    checks: BTreeMap<String, Outcome>,
    /// How the script ended, for the checks that it did not reach.
    ended: String,
}

impl Suite {
    /// Returns a suite that has not run yet.
    pub(crate) fn new(sdk: Sdk, demo: Arc<Demo>) -> Self {
        Self { sdk, demo, results: OnceLock::new() }
    }

    /// Returns the SDK.
    pub(crate) fn sdk(&self) -> Sdk {
        self.sdk
    }

    /// Returns the name of the server: its route, or that it demands a key.
    pub(crate) fn server(&self) -> &'static str {
        self.demo.key.map_or(self.demo.route, |_| "keyed")
    }

    /// Returns the outcome of a check; the first call runs the script.
    pub(crate) fn outcome(&self, check: &str) -> Outcome {
        self.results().map_or_else(Outcome::from, |results| {
            results.checks.get(check).cloned().unwrap_or_else(|| {
                Outcome::Failed(format!("the script gave no result: {}", results.ended))
            })
        })
    }

    /// Fails if the script reported other checks than these.
    pub(crate) fn unlisted(&self, known: &[&str]) -> Outcome {
        self.results().map_or_else(Outcome::from, |results| {
            let mut others = results.checks.keys().filter(|name| !known.contains(&name.as_str()));
            others
                .next()
                .map_or(Outcome::Passed, |name| Outcome::Failed(format!("{name} is not listed")))
        })
    }

    fn results(&self) -> Result<&Results, &Problem> {
        self.results.get_or_init(|| self.run()).as_ref()
    }

    fn run(&self) -> Result<Results, Problem> {
        if let Some(what) = self.demo.lacks() {
            return Err(Problem::Missing(what));
        }
        let mut command = self.sdk.language.prepare(self.sdk.script)?;
        let url = self.demo.url().map_err(Problem::Failed)?;
        isolate(&mut command, &url);
        command.env("CHATMOCK_CHECKED_ROUTE", self.demo.route);
        command.envs(self.demo.key.map(|key| ("CHATMOCK_KEY", key)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (lines, printed) = mpsc::channel();
        let errors = read(&mut child, lines);
        let mut checks = BTreeMap::new();
        let silent = loop {
            match printed.recv_timeout(SILENCE) {
                Ok(line) => checks.extend(parse(&line)),
                Err(RecvTimeoutError::Disconnected) => break false,
                Err(RecvTimeoutError::Timeout) => break true,
            }
        };
        if silent {
            child.kill()?;
        }
        let status = child.wait()?;
        let errors = errors.join().unwrap_or_default();
        let why = if silent { "ended after a long silence" } else { "ended by itself" };
        Ok(Results { checks, ended: format!("it {why} ({status})\n{errors}") })
    }
}

/// Points the script at the server, and at nothing else.
fn isolate(command: &mut Command, url: &str) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["OPENAI_", "OLLAMA_", "ANTHROPIC_", "LANGCHAIN_", "LANGSMITH_"]
            .iter()
            .any(|start| text.starts_with(start))
        {
            command.env_remove(&name);
        }
    }
    command.env("CHATMOCK_URL", url).env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    command.env("PYTHONUTF8", "1");
}

/// Sends each line that the script prints; returns the thread that collects its errors.
fn read(child: &mut Child, lines: Sender<String>) -> thread::JoinHandle<String> {
    if let Some(stdout) = child.stdout.take() {
        thread::spawn(move || {
            BufReader::new(stdout)
                .lines()
                .map_while(Result::ok)
                .all(|line| lines.send(line).is_ok())
        });
    }
    let stderr = child.stderr.take();
    thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut stderr) = stderr {
            stderr.read_to_end(&mut text).ok();
        }
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// Parses `ok <name>` or `not ok <name>: <why>`; other lines are output of the script itself.
fn parse(line: &str) -> Option<(String, Outcome)> {
    if let Some(name) = line.strip_prefix("ok ") {
        return Some((name.to_owned(), Outcome::Passed));
    }
    let (name, why) = line.strip_prefix("not ok ")?.split_once(": ")?;
    Some((name.to_owned(), Outcome::Failed(why.replace("\\n", "\n"))))
}
