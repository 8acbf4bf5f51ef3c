//! Cassettes: recorded answers in place of simulated ones.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use chatmock_protocol::cassette::{Cassette, first_difference};
use serde_json::Value;

use crate::content_encoding::decode_zstd;
use crate::http::HttpRequest;
use crate::json::object;
use crate::script::{Script, Step};
use crate::sync::lock;

/// The file of a folder that has the list of models.
const MODELS: &str = "models.json";

/// The largest body of a request, once it is decoded.
const MAX_BODY: usize = 256 << 20;

/// A folder of cassettes, and the way in which they are played.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cassettes {
    /// The folder with the files.
    pub folder: PathBuf,
    /// The answer to a request that was not recorded.
    pub order: ReplayOrder,
    /// True to take the time that the recorded answer took.
    pub paced: bool,
}

/// The answer to a request that was not recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplayOrder {
    /// Nothing: the answer is 404 `cassette_miss`.
    #[default]
    Match,
    /// The next recording that was not played, in the order in which they were made.
    Sequence,
}

impl Cassettes {
    /// Names a folder whose cassettes are played at once, for the same requests.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), order: ReplayOrder::Match, paced: false }
    }

    /// Sets what answers a request that was not recorded.
    #[must_use]
    pub fn in_order(self, order: ReplayOrder) -> Self {
        Self { order, ..self }
    }

    /// Sets whether answers take the time that they took.
    #[must_use]
    pub fn paced(self, paced: bool) -> Self {
        Self { paced, ..self }
    }
}

/// The cassettes of a folder, and which of them were played.
#[derive(Debug)]
pub(crate) struct Shelf {
    recorded: Vec<Recorded>,
    played: Mutex<Vec<bool>>,
    models: Option<Bytes>,
    order: ReplayOrder,
    paced: bool,
}

#[derive(Debug)]
struct Recorded {
    name: String,
    cassette: Cassette,
}

impl Shelf {
    /// Reads a folder; other files in it than JSON are passed over.
    pub(crate) fn read(cassettes: &Cassettes) -> io::Result<Self> {
        let of_folder = |error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", cassettes.folder.display()))
        };
        let mut names = Vec::new();
        for entry in fs::read_dir(&cassettes.folder).map_err(of_folder)? {
            names.push(entry.map_err(of_folder)?.file_name().to_string_lossy().into_owned());
        }
        names.retain(|name| name.ends_with(".json") && !name.starts_with('.') && name != MODELS);
        names.sort();
        let mut recorded = Vec::with_capacity(names.len());
        for name in names {
            let of_file =
                |why: String| io::Error::new(io::ErrorKind::InvalidData, format!("{name}: {why}"));
            let file = fs::read(cassettes.folder.join(&name))
                .map_err(|error| of_file(error.to_string()))?;
            let cassette = Cassette::read(&file).map_err(|error| of_file(error.to_string()))?;
            recorded.push(Recorded { name, cassette });
        }
        Ok(Self {
            played: Mutex::new(vec![false; recorded.len()]),
            recorded,
            models: fs::read(cassettes.folder.join(MODELS)).ok().map(Bytes::from),
            order: cassettes.order,
            paced: cassettes.paced,
        })
    }

    /// Returns the list of models that was recorded.
    pub(crate) fn models(&self) -> Script {
        match &self.models {
            Some(list) => Script::body(200, "application/json", list.clone()),
            None => refusal("no list of models was recorded", "not_found"),
        }
        .without_default_headers()
    }

    /// Returns the answer to a model call.
    pub(crate) fn answer(&self, http: &HttpRequest) -> Script {
        let decoded = match http.header("content-encoding") {
            Some("zstd") => decode_zstd(&http.body, MAX_BODY),
            _ => None,
        };
        let body = decoded.as_ref().unwrap_or(&http.body);
        let found = self.find(body);
        found.map_or_else(|| self.miss(body), |at| self.script(&self.recorded[at].cassette))
    }

    /// Finds the cassette that answers a body: of those with the same request, the first that was not played, else the last.
    fn find(&self, body: &[u8]) -> Option<usize> {
        let is_same = |recorded: &Recorded| {
            let canonical = recorded.cassette.canonical(body);
            canonical.as_ref() == Some(&recorded.cassette.request.body)
        };
        let matching: Vec<usize> =
            (0..self.recorded.len()).filter(|at| is_same(&self.recorded[*at])).collect();
        let mut played = lock(&self.played);
        let fresh = matching.iter().copied().find(|at| !played[*at]);
        let next = || match self.order {
            ReplayOrder::Match => None,
            ReplayOrder::Sequence => played.iter().position(|played| !played),
        };
        let found = fresh.or_else(|| matching.last().copied()).or_else(next)?;
        played[found] = true;
        Some(found)
    }

    fn script(&self, cassette: &Cassette) -> Script {
        let answer = &cassette.answer;
        let mut steps = Vec::with_capacity(answer.pieces.len());
        let mut at = 0;
        for piece in &answer.pieces {
            if self.paced && piece.ms > at {
                steps.push(Step::Wait(Duration::from_millis(piece.ms - at)));
                at = piece.ms;
            }
            steps.push(Step::Raw(Bytes::copy_from_slice(piece.data.as_bytes())));
        }
        if answer.cut {
            // The connection breaks inside of the last piece's chunk; where there is none, a comment is one.
            let last = match steps.pop() {
                Some(Step::Raw(last)) => last,
                _ => Bytes::from_static(b":"),
            };
            steps.push(Step::Cut(last));
        }
        let mut script = Script::stream(steps).without_default_headers();
        script.status = answer.status;
        script.headers.clone_from(&answer.headers);
        script
    }

    /// The answer where nothing was recorded: it names the nearest cassette and where that differs.
    fn miss(&self, body: &[u8]) -> Script {
        let difference = |recorded: &Recorded| {
            let asked = recorded.cassette.canonical(body)?;
            let (path, count) = first_difference(&recorded.cassette.request.body, &asked)?;
            Some((count, path, recorded.name.clone()))
        };
        let nearest = self.recorded.iter().filter_map(difference).min_by_key(|(count, ..)| *count);
        let message = match nearest {
            Some((_, path, name)) => {
                format!(
                    "no cassette has this request: the nearest is {name}, which differs first at {path}"
                )
            }
            None => "no cassette has this request: there is none in the folder".to_owned(),
        };
        refusal(&message, "cassette_miss")
    }
}

fn refusal(message: &str, code: &str) -> Script {
    let error = object! {"error": object! {
        "message": message, "type": "invalid_request_error", "code": code, "param": Value::Null
    }};
    Script::body(404, "application/json", error.text()).without_default_headers()
}
