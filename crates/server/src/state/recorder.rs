//! The recorder: turns with the backend, written as cassettes into a folder.
//!
//! A turn is handed over once its answer is over, and written by one task, so that no answer waits for the disk. When the
//! folder is full or cannot be written, recording stops with a fault, and the server goes on.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chatmock_auth::{FaultKind, PrivateFileError, open_private, write_private};
use chatmock_protocol::cassette::{Cassette, Hiding, TapedAnswer, TapedRequest, TextForm, pieces};
use chatmock_protocol::responses::{Event, Phase};
use chatmock_protocol::sse::Decoder;
use chatmock_upstream::{Exchange, ExchangeEnd, Recorder};
use tokio::sync::{mpsc, oneshot};

use super::credentials::StoredIdentity;
use super::faults::Faults;
use crate::clock::unix_milliseconds;
use crate::error::StoreError;
use crate::settings::RecordSettings;

/// The file by which a folder of cassettes is known, and which its recorder holds.
const LOCK: &str = ".recording";

/// The list of models.
const MODELS: &str = "models.json";

/// The most turns that wait to be written.
const WAITING: usize = 256;

/// The largest event that is looked at, in bytes.
const MAX_EVENT: usize = 64 * 1024 * 1024;

/// Headers of an answer that clients read; all others stay out.
const KEPT: [&str; 6] = [
    "content-type",
    "openai-model",
    "openai-version",
    "retry-after",
    "x-models-etag",
    "x-reasoning-included",
];

/// The beginnings of names of headers about limits.
const LIMITS: [&str; 2] = ["x-codex-", "x-ratelimit-"];

/// Headers that name a call or a turn, and so differ from one to the next.
const PASSING: [&str; 4] = ["via", "x-codex-turn-state", "content-length", "content-encoding"];

/// An order to the task that writes.
enum Order {
    Turn(Box<Exchange>),
    Models(Vec<u8>),
    /// Answered once everything before it was written.
    Flush(oneshot::Sender<()>),
}

/// The recorder of a server.
pub(crate) struct CassetteRecorder {
    orders: mpsc::Sender<Order>,
    stopped: AtomicBool,
    faults: Arc<Faults>,
    /// Taken by the task that writes.
    waiting: Mutex<Option<(mpsc::Receiver<Order>, Folder)>>,
}

/// The folder, as its one writer has it.
struct Folder {
    settings: RecordSettings,
    /// Held for as long as the folder is written to.
    _lock: File,
    size: u64,
    number: u32,
}

impl CassetteRecorder {
    /// Opens a folder, and makes it where there is none.
    ///
    /// # Errors
    /// When it is not this person's alone, or another process records there.
    pub(crate) fn open(
        settings: RecordSettings,
        faults: &Arc<Faults>,
    ) -> Result<Arc<Self>, StoreError> {
        let folder = Folder::open(settings)?;
        let (orders, receiver) = mpsc::channel(WAITING);
        Ok(Arc::new(Self {
            orders,
            stopped: AtomicBool::new(false),
            faults: Arc::clone(faults),
            waiting: Mutex::new(Some((receiver, folder))),
        }))
    }

    /// Writes what is handed over, until nobody can hand over more.
    pub(crate) async fn run(self: Arc<Self>, secrets: impl AsyncFn() -> Option<StoredIdentity>) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((mut orders, mut folder)) = waiting else { return };
        while let Some(order) = orders.recv().await {
            let write = match order {
                Order::Flush(done) => {
                    let _ = done.send(());
                    continue;
                }
                Order::Turn(exchange) => Write::Turn(exchange, secrets().await),
                Order::Models(list) => Write::Models(list),
            };
            if self.stopped.load(Ordering::Relaxed) {
                continue;
            }
            let written = tokio::task::spawn_blocking(move || {
                let written = folder.write(write);
                (folder, written)
            });
            // Only a panic ends it, and the folder with it.
            let Ok((back, written)) = written.await else { return self.stop("it failed") };
            folder = back;
            if let Err(why) = written {
                self.stop(&why);
            }
        }
    }

    /// Waits until everything that was handed over is written.
    pub(crate) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.orders.send(Order::Flush(done)).await.is_ok() {
            let _ = flushed.await;
        }
    }

    fn order(&self, order: Order) {
        if !self.stopped.load(Ordering::Relaxed) && self.orders.try_send(order).is_err() {
            self.stop("the disk is slower than the answers");
        }
    }

    fn stop(&self, why: &str) {
        if !self.stopped.swap(true, Ordering::Relaxed) {
            tracing::warn!("recording stopped: {why}");
            self.faults.set(FaultKind::RecordingStopped, true);
        }
    }
}

impl Recorder for CassetteRecorder {
    fn keep(&self, exchange: Exchange) {
        self.order(Order::Turn(Box::new(exchange)));
    }

    fn models(&self, list: &[u8]) {
        self.order(Order::Models(list.to_vec()));
    }
}

impl std::fmt::Debug for CassetteRecorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CassetteRecorder").finish_non_exhaustive()
    }
}

/// The file that is written next.
enum Write {
    Turn(Box<Exchange>, Option<StoredIdentity>),
    Models(Vec<u8>),
}

impl Folder {
    fn open(settings: RecordSettings) -> Result<Self, StoreError> {
        let path = settings.folder.join(LOCK);
        let lock = open_private(&path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { path }),
            Err(TryLockError::Error(source)) => return Err(StoreError::Io { path, source }),
        }
        let size = size_of(&settings.folder);
        let size =
            size.map_err(|source| StoreError::Io { path: settings.folder.clone(), source })?;
        Ok(Self { settings, _lock: lock, size, number: 0 })
    }

    /// Writes one file; may block.
    ///
    /// # Errors
    /// Why nothing more can be written.
    fn write(&mut self, write: Write) -> Result<(), String> {
        let (name, text) = match write {
            Write::Models(list) => (MODELS.to_owned(), list),
            Write::Turn(exchange, identity) => {
                if !is_whole(&exchange) {
                    return Ok(());
                }
                self.number += 1;
                let name = format!("{:014}-{:06}.json", unix_milliseconds(), self.number);
                (name, self.cassette(*exchange, identity).write())
            }
        };
        self.size += text.len() as u64;
        if self.size > self.settings.most {
            return Err("the folder has reached --record-max".to_owned());
        }
        let written = write_private(&self.settings.folder.join(name), &text);
        written.map_err(|error: PrivateFileError| error.to_string())
    }

    fn cassette(&self, exchange: Exchange, identity: Option<StoredIdentity>) -> Cassette {
        let form = if self.settings.hash_texts { TextForm::Hashed } else { TextForm::Plain };
        let identity = identity.unwrap_or_default();
        let session = exchange.session.to_string();
        let credentials = &exchange.credentials;
        let hiding = Hiding::new(form)
            .secret(credentials.token(), "<token>")
            .secret(credentials.account_id().unwrap_or_default(), "<account>")
            .secret(&session, "<session>")
            .secret(&identity.token, "<token>")
            .secret(&identity.account, "<account>")
            .secret(&identity.email, "<email>");
        let (request, body) = (exchange.request, exchange.chunks);
        let body = body.iter().map(|(at, bytes): &(_, Bytes)| (milliseconds(*at), &**bytes));
        let answer = TapedAnswer {
            status: exchange.status,
            headers: exchange.headers.into_iter().filter(|(name, _)| is_kept(name)).collect(),
            cut: exchange.end == ExchangeEnd::Cut,
            pieces: pieces(body),
        };
        let passes = |(name, _): &(String, String)| PASSING.contains(&name.as_str());
        let request = TapedRequest {
            method: request.method,
            path: path(&request.url),
            headers: request.headers.into_iter().filter(|header| !passes(header)).collect(),
            body: serde_json::from_slice(&request.body).unwrap_or_default(),
        };
        Cassette::new(&hiding, request, answer)
    }
}

/// Returns the bytes in a folder.
fn size_of(folder: &Path) -> std::io::Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(folder)? {
        size += entry?.metadata()?.len();
    }
    Ok(size)
}

/// Returns whether an answer can be played again. One that was left has to have its last event: its reader may have had
/// enough, as where an answer is cut here.
fn is_whole(exchange: &Exchange) -> bool {
    if exchange.end != ExchangeEnd::Left {
        return true;
    }
    let mut decoder = Decoder::new(MAX_EVENT);
    for (_, bytes) in &exchange.chunks {
        decoder.push(bytes.clone());
        while let Ok(Some(frame)) = decoder.next_frame() {
            if Event::parse(&frame).is_ok_and(|event| event.phase() == Phase::End) {
                return true;
            }
        }
    }
    false
}

fn is_kept(name: &str) -> bool {
    let is_passing = PASSING.contains(&name);
    KEPT.contains(&name) || (!is_passing && LIMITS.iter().any(|start| name.starts_with(start)))
}

fn path(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or_else(String::new, |at| rest[at..].to_owned())
}

fn milliseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
