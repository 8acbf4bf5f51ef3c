//! Fast answers for measurements: composed and encoded once, then replayed without any check.
//!
//! A load test measures the server, so the backend behind it must cost as little as possible. The price
//! is that nothing in such a request is checked.

mod recording;
mod replay;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Response, header};

use self::recording::Recording;
pub(crate) use self::replay::Replay;
use crate::body::StreamWatch;
use crate::http::add_header;
use crate::rate_limits;
use crate::record::Recorder;
use crate::sync::lock;
use crate::timestamps::unix_now;

/// The text before the name of a fast answer, anywhere in the body of a request.
const MARK: &str = "FAST:";

/// The delimiter of a send time in a delta; no answer contains it otherwise.
const STAMP: char = '@';

/// A kind of answer and its size. A request selects it with [`Fast::mark`], anywhere in its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fast {
    /// A number of deltas with a number of milliseconds before each. Each is written separately and
    /// holds a stamp of the [`Clock`].
    Paced(u32, u32),
    /// A number of deltas without pauses, each written separately.
    Flood(u32),
    /// A number of deltas without pauses, in writes of 16 KiB.
    Burst(u32),
    /// A number of deltas in writes of a number of bytes, cut anywhere.
    Split(u32, u32),
    /// A number of deltas in which every character beyond ASCII is escaped.
    Escaped(u32),
    /// A number of parallel tool calls, with their arguments in deltas.
    Calls(u32),
    /// One delta of at least a number of bytes.
    Large(u32),
}

impl Fast {
    /// Returns the words that select it, such as `FAST:paced:100:10`.
    #[must_use]
    pub fn mark(self) -> String {
        let (name, first, second) = self.words();
        format!("{MARK}{name}:{first}:{second}")
    }

    /// Returns the text of the complete answer, or the arguments of all its calls in order. Stamps
    /// have no time in it.
    #[must_use]
    pub fn text(self) -> String {
        recording::text(self)
    }

    fn words(self) -> (&'static str, u32, u32) {
        match self {
            Self::Paced(count, pause) => ("paced", count, pause),
            Self::Flood(count) => ("flood", count, 0),
            Self::Burst(count) => ("burst", count, 0),
            Self::Split(count, bytes) => ("split", count, bytes),
            Self::Escaped(count) => ("escaped", count, 0),
            Self::Calls(count) => ("calls", count, 0),
            Self::Large(bytes) => ("large", bytes, 0),
        }
    }

    /// Finds the answer that a body selects.
    fn find(body: &[u8]) -> Option<Self> {
        let at = memchr::memmem::find(body, MARK.as_bytes())? + MARK.len();
        let words = &body[at..body.len().min(at + 64)];
        let fits = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b':';
        let end = words.iter().position(|byte| !fits(byte)).unwrap_or(words.len());
        let mut words = std::str::from_utf8(&words[..end]).ok()?.split(':');
        let name = words.next()?;
        let mut number = || words.next().and_then(|word| word.parse::<u32>().ok());
        let (first, second) = (number()?, number().unwrap_or_default());
        Some(match name {
            "paced" => Self::Paced(first, second),
            "flood" => Self::Flood(first),
            "burst" => Self::Burst(first),
            "split" => Self::Split(first, second.max(1)),
            "escaped" => Self::Escaped(first),
            "calls" => Self::Calls(first),
            "large" => Self::Large(first),
            _ => return None,
        })
    }
}

/// The time since the start, which both ends of a stream can read if they are in one process.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// Writes the time into a blank stamp.
    fn stamp(self, stamp: &mut [u8]) {
        let text = format!("{STAMP}{:016}{STAMP}", self.0.elapsed().as_nanos());
        if let Some(stamp) = stamp.get_mut(..text.len()) {
            stamp.copy_from_slice(text.as_bytes());
        }
    }

    /// Returns the ages of the stamps in a text, without blank ones, which are in events that
    /// repeat a text.
    pub fn ages(self, text: &str) -> impl Iterator<Item = Duration> {
        let now = self.0.elapsed();
        let stamps = text.split(STAMP).skip(1).step_by(2);
        let stamps = stamps.filter_map(|stamp| stamp.parse().ok()).filter(|time| *time > 0);
        let stamps = stamps.map(Duration::from_nanos);
        stamps.map(move |sent| now.saturating_sub(sent))
    }
}

/// The fast answers that were requested so far, encoded.
#[derive(Debug)]
pub(crate) struct FastAnswers {
    clock: Clock,
    headers: HeaderMap,
    recordings: Mutex<HashMap<Fast, Arc<Recording>>>,
}

impl FastAnswers {
    pub(crate) fn new() -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in rate_limits::headers("plus", unix_now()) {
            add_header(&mut headers, name, &value);
        }
        let media_type = HeaderValue::from_static("text/event-stream; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, media_type);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert("x-request-id", HeaderValue::from_static("req_fast"));
        Self { clock: Clock(Instant::now()), headers, recordings: Mutex::default() }
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// Returns the answer that a body selects, if it selects one.
    pub(crate) fn answer(&self, body: &[u8], recorder: &Arc<Recorder>) -> Option<Response<Replay>> {
        let fast = Fast::find(body)?;
        let recording = {
            let mut recordings = lock(&self.recordings);
            let recording = recordings.entry(fast);
            Arc::clone(recording.or_insert_with(|| Arc::new(Recording::of(fast))))
        };
        let watch = StreamWatch::open(Arc::clone(recorder));
        let mut response = Response::new(Replay::new(recording, self.clock, watch));
        *response.headers_mut() = self.headers.clone();
        Some(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_again_wherever_it_stands() {
        for fast in [
            Fast::Paced(3, 10),
            Fast::Flood(4),
            Fast::Burst(5),
            Fast::Split(6, 37),
            Fast::Escaped(7),
            Fast::Calls(2),
            Fast::Large(400_000),
        ] {
            let body = format!("{{\"content\":\"please {} now\"}}", fast.mark());
            assert_eq!(Fast::find(body.as_bytes()), Some(fast), "{body}");
        }
        assert_eq!(Fast::find(b"FAST:none:3"), None);
        assert_eq!(Fast::find(b"FAST:"), None);
        assert_eq!(Fast::find(b"nothing"), None);
    }

    #[test]
    fn a_stamp_is_found_again_wherever_it_stands() {
        let clock = Clock(Instant::now());
        let mut stamp = recording::BLANK.as_bytes().to_vec();
        clock.stamp(&mut stamp);
        let stamp = String::from_utf8(stamp).unwrap();
        let text = format!("{{\"delta\":\"{stamp}\"}} {{\"delta\":\"{stamp}\"}}");
        let ages: Vec<_> = clock.ages(&text).collect();
        assert_eq!(ages.len(), 2);
        assert!(ages.iter().all(|age| *age <= clock.0.elapsed()));
        assert_eq!(clock.ages("nothing").count(), 0);
    }
}
