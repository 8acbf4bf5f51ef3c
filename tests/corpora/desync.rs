//! Requests of `http_desync_guardian`, each with a tier of how unsafe it is to take.

use std::fs;

use serde_json::Value;

use crate::fetch::{self, Problem, crate_source};
use crate::harness::{CHAT, Harness, chat};
use crate::raw::{self, Case, Tried};
use crate::{Outcome, verdict, wait};

/// One case of the YAML files.
#[derive(Default)]
struct Guarded {
    name: String,
    uri: String,
    method: String,
    version: String,
    headers: Vec<(String, String)>,
    tier: String,
}

/// Sends each as it is, and aimed at the chat API with a body that it would take and a second request after.
pub(crate) fn tiers() -> Outcome {
    wait(async {
        let guarded = guarded()?;
        let harness = raw::harness().await;
        let bare = raw::exchange(&harness, guarded.iter().map(bare).collect()).await;
        let mut faults = raw::faults(&bare);
        faults.extend((harness.calls() > 0).then(|| format!("{} backend calls", harness.calls())));
        let aimed = guarded.iter().enumerate().map(|(n, guarded)| aimed(n, guarded)).collect();
        let aimed = raw::exchange(&harness, aimed).await;
        faults.extend(raw::faults(&aimed));
        let heard = heard(&harness);
        faults.extend(heard.is_empty().then(|| "the backend heard of no case".to_owned()));
        for (n, guarded) in guarded.iter().enumerate() {
            let tried = aimed.iter().find(|tried| tried.case.name == name(n, guarded)).unwrap();
            faults.extend(unsafe_in(n, guarded, tried, &heard).map(|what| tried.fault(what)));
        }
        faults.extend(raw::alive(&harness).await);
        let severe = guarded.iter().filter(|guarded| guarded.tier == "Severe").count();
        let (count, bare, aimed) = (guarded.len(), raw::count(&bare), raw::count(&aimed));
        verdict(format!("{count} cases, {severe} severe: {bare}; aimed: {aimed}"), &faults)
    })
}

/// Returns the reason why the answer to a case is unsafe.
fn unsafe_in(n: usize, guarded: &Guarded, tried: &Tried, heard: &[String]) -> Option<&'static str> {
    let answers = tried.answers.as_deref().unwrap_or_default();
    let called = heard.contains(&first(n));
    let two_lengths = guarded.has("content-length") && guarded.has("transfer-encoding");
    if guarded.tier == "Severe" && (tried.is_done() || called) {
        Some("a severe case is done")
    } else if called && !tried.is_done() {
        Some("a refused case is heard by the backend")
    } else if two_lengths && (answers.len() > 1 || heard.contains(&second(n))) {
        Some("a request hidden behind one of two lengths is answered")
    } else {
        None
    }
}

/// The questions that the backend heard.
fn heard(harness: &Harness) -> Vec<String> {
    let calls = harness.simulator.model_calls();
    let last = |body: &Value| {
        body["input"].as_array()?.last()?["content"][0]["text"].as_str().map(str::to_owned)
    };
    calls.iter().map(|call| last(&call.json()).unwrap()).collect()
}

fn first(n: usize) -> String {
    format!("question {n}")
}

fn second(n: usize) -> String {
    format!("hidden question {n}")
}

fn name(n: usize, guarded: &Guarded) -> String {
    format!("{n} {} ({})", guarded.name, guarded.tier)
}

/// A case as it is: its head alone.
fn bare(guarded: &Guarded) -> Case {
    Case { name: guarded.name.clone(), bytes: guarded.head(&guarded.method, &guarded.uri, "") }
}

/// A case with the target, the host and the body of a question, and one more request behind it.
fn aimed(n: usize, guarded: &Guarded) -> Case {
    let host = if guarded.has("host") { "" } else { "Host: localhost\r\n" };
    let uri =
        if guarded.uri == "/foo/bar" || guarded.uri == "/test.html" { CHAT } else { &guarded.uri };
    // No path takes a PUT, and what is refused for that shows nothing of its head.
    let method = if guarded.method == "PUT" { "POST" } else { &guarded.method };
    let mut bytes = guarded.head(method, uri, host);
    let question = chat(&first(n), false).to_string();
    let codings =
        |(name, _): &(String, String)| name.to_ascii_lowercase().contains("transfer-encoding");
    if guarded.headers.iter().any(codings) {
        bytes.extend(format!("{:x}\r\n{question}\r\n0\r\n\r\n", question.len()).bytes());
    } else {
        // Spaces fill it up to the length that the head announces.
        let spaces = guarded.length().saturating_sub(question.len());
        bytes.extend(format!("{question}{}", " ".repeat(spaces)).bytes());
    }
    let hidden = chat(&second(n), false).to_string();
    let head =
        format!("POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}", hidden.len());
    bytes.extend(format!("{head}\r\nContent-Type: application/json\r\n\r\n{hidden}").bytes());
    Case { name: name(n, guarded), bytes }
}

impl Guarded {
    fn has(&self, wanted: &str) -> bool {
        self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted))
    }

    /// The number that the first `Content-Length` begins with; nothing where it has none.
    fn length(&self) -> usize {
        let of =
            |(name, _): &&(String, String)| name.to_ascii_lowercase().contains("content-length");
        let value = self.headers.iter().find(of).map_or("", |(_, value)| value.trim_start());
        let digits = value.find(|char: char| !char.is_ascii_digit()).unwrap_or(value.len());
        value[..digits].parse().unwrap_or(0).min(65_536)
    }

    /// The head; characters are Latin-1 for the bytes that the files mean by them.
    fn head(&self, method: &str, uri: &str, host: &str) -> Vec<u8> {
        let mut head = format!("{method} {uri} {}", self.version).trim_end_matches(' ').to_owned();
        if self.version.ends_with(' ') {
            head.push(' ');
        }
        head.push_str("\r\n");
        head.push_str(host);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}:{value}\r\n"));
        }
        head.push_str("\r\n");
        head.chars().map(|char| char as u8).collect()
    }
}

/// The cases that have a tier.
fn guarded() -> Result<Vec<Guarded>, Problem> {
    let mut all = Vec::new();
    for path in fetch::files(&crate_source("http_desync_guardian")?.join("tests"), "yaml")? {
        all.extend(read(&fs::read_to_string(path)?));
    }
    all.retain(|guarded| !guarded.tier.is_empty());
    let severe = all.iter().filter(|guarded| guarded.tier == "Severe").count();
    if (all.len(), severe) == (159, 58) {
        Ok(all)
    } else {
        Err(format!("{} cases, {severe} severe, are not those pinned", all.len()).into())
    }
}

/// Reads a file: of YAML, the little that these files use, where the indent tells a case's from a header's.
fn read(text: &str) -> Vec<Guarded> {
    let mut cases: Vec<Guarded> = Vec::new();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let value = scalar(value.trim());
        if key == "- name" {
            cases.push(Guarded { name: value, ..Guarded::default() });
            continue;
        }
        let Some(case) = cases.last_mut() else {
            continue;
        };
        match key {
            "  uri" => case.uri = value,
            "  method" => case.method = value,
            "  version" => case.version = value,
            "    tier" => case.tier = value,
            "    - name" => case.headers.push((value, String::new())),
            "      value" => case.headers.last_mut().unwrap().1 = value,
            _ => {}
        }
    }
    cases
}

/// A scalar of YAML: plain, or in quotes, of which the double ones have escapes.
fn scalar(text: &str) -> String {
    let within = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    let Some(quoted) = within('"') else {
        return within('\'').unwrap_or(text).to_owned();
    };
    let (mut meant, mut chars) = (String::new(), quoted.chars());
    while let Some(char) = chars.next() {
        meant.push(match (char, if char == '\\' { chars.next() } else { None }) {
            (_, Some('0')) => '\0',
            (_, Some('n')) => '\n',
            (_, Some('r')) => '\r',
            (_, Some('t')) => '\t',
            (_, Some('x')) => {
                let digits: String = chars.by_ref().take(2).collect();
                char::from(u8::from_str_radix(&digits, 16).unwrap())
            }
            (_, Some(itself)) => itself,
            (char, None) => char,
        });
    }
    meant
}
