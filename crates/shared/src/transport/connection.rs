//! The connection: Redis, or what speaks its protocol.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ErrorKind, RedisError, Script, ServerErrorKind, Value};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::{Answer, Command, SharedError, SharedSettings};
use crate::command::What;

/// The time for which nobody asks an engine that was found away.
const AWAY: Duration = Duration::from_millis(500);

/// The connection, and the runtime that it lives on.
pub(crate) struct Transport {
    handle: Handle,
    manager: ConnectionManager,
    state: Arc<State>,
    patience: Duration,
    /// Ends the thread when it is dropped.
    _end: oneshot::Sender<()>,
}

#[derive(Default)]
struct State {
    /// The last fault, and the moment until which it is the answer to every call.
    away: Mutex<Option<(Instant, SharedError)>>,
    calls: AtomicU64,
}

impl Transport {
    /// Starts the thread; nothing is connected yet.
    pub(crate) fn open(settings: &SharedSettings) -> Result<Self, SharedError> {
        // Another part of the program may have installed a provider already, which works as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::open(settings.address.expose()).map_err(|_| {
            // The error of the library may repeat the address, which may hold a password.
            SharedError::Address(format!("{} is not an address of an engine", settings.address))
        })?;
        let failed = |error: std::io::Error| SharedError::Failed(error.to_string());
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("shared".to_owned());
        let spawned = thread.spawn(move || {
            runtime.block_on(async {
                // The sender is never used: that it is gone is the sign.
                let _ = ended.await;
            });
            runtime.shutdown_background();
        });
        spawned.map_err(failed)?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(settings.patience))
            .set_response_timeout(Some(settings.patience));
        let guard = handle.enter();
        let manager = ConnectionManager::new_lazy_with_config(client, config).map_err(fault)?;
        drop(guard);
        let (state, patience) = (Arc::default(), settings.patience);
        Ok(Self { handle, manager, state, patience, _end: end })
    }

    /// Makes a call. It goes on when the caller goes away.
    pub(crate) async fn call(&self, command: Command) -> Result<Answer, SharedError> {
        if let Some(error) = self.state.is_away() {
            return Err(error);
        }
        let (manager, state) = (self.manager.clone(), Arc::clone(&self.state));
        let soon = self.patience / 4;
        let (reply, answer) = oneshot::channel();
        self.handle.spawn(async move {
            let begun = Instant::now();
            let mut answer = call(manager.clone(), command.clone()).await.map_err(fault);
            // The manager tries once to connect when a connection breaks, and gives the first call after it that error
            // however long ago it was. Every command may be given twice.
            if matches!(answer, Err(SharedError::Unreachable(_))) && begun.elapsed() < soon {
                answer = call(manager, command).await.map_err(fault);
            }
            state.learn(&answer);
            // A caller that has gone away needs no answer.
            let _ = reply.send(answer);
        });
        let stopped = |_| SharedError::Unreachable("this program is ending".to_owned());
        answer.await.map_err(stopped)?
    }

    /// Starts a task that goes on by itself.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(task);
    }

    /// The number of calls so far.
    pub(crate) fn calls(&self) -> u64 {
        self.state.calls.load(Ordering::Relaxed)
    }
}

impl State {
    fn is_away(&self) -> Option<SharedError> {
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.as_ref().filter(|(until, _)| Instant::now() < *until).map(|(_, error)| error.clone())
    }

    fn learn(&self, answer: &Result<Answer, SharedError>) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let away = match answer {
            Err(error @ SharedError::Unreachable(_)) => {
                Some((Instant::now() + AWAY, error.clone()))
            }
            _ => None,
        };
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = away;
    }
}

async fn call(mut manager: ConnectionManager, command: Command) -> Result<Answer, RedisError> {
    let Command { what, keys, arguments } = command;
    let value: Value = match what {
        What::Word(word) => {
            let mut made = redis::cmd(word);
            made.arg(&keys).arg(&arguments);
            made.query_async(&mut manager).await?
        }
        What::Script(text) => {
            let script = Script::new(text);
            let mut made = script.prepare_invoke();
            made.key(&keys).arg(&arguments);
            made.invoke_async(&mut manager).await?
        }
    };
    Ok(answer(value))
}

fn answer(value: Value) -> Answer {
    match value {
        Value::Int(number) => Answer::Number(number),
        Value::BulkString(bytes) => Answer::Bytes(bytes),
        Value::SimpleString(text) => Answer::Bytes(text.into_bytes()),
        Value::Okay => Answer::Bytes(b"OK".to_vec()),
        Value::Array(list) | Value::Set(list) => {
            Answer::List(list.into_iter().map(answer).collect())
        }
        Value::Map(pairs) => {
            let pairs = pairs.into_iter().flat_map(|(name, value)| [answer(name), answer(value)]);
            Answer::List(pairs.collect())
        }
        _ => Answer::Nothing,
    }
}

/// Sorts an error by what follows from it.
#[expect(clippy::needless_pass_by_value, reason = "it is the end of the error")]
fn fault(error: RedisError) -> SharedError {
    let text = words(&error);
    match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _) => SharedError::Refused(text),
        (ErrorKind::Server(ServerErrorKind::NoPerm), _) => SharedError::Refused(text),
        (ErrorKind::Server(ServerErrorKind::ReadOnly), _) => SharedError::ReadOnly(text),
        (ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown), _) => {
            SharedError::Unreachable(text)
        }
        (_, Some("NOAUTH" | "WRONGPASS")) => SharedError::Refused(text),
        (_, Some("MISCONF" | "OOM" | "NOREPLICAS")) => SharedError::ReadOnly(text),
        (ErrorKind::Io, _) => SharedError::Unreachable(text),
        _ if error.is_io_error() || error.is_connection_dropped() => SharedError::Unreachable(text),
        _ => SharedError::Failed(text),
    }
}

/// The words of an error, without what it may repeat of a script or a value.
fn words(error: &RedisError) -> String {
    if error.is_timeout() {
        return "it does not answer in time".to_owned();
    }
    if error.is_connection_refusal() {
        return "the connection is refused".to_owned();
    }
    match error.code() {
        Some(code) => format!("{} ({code})", error.category()),
        None => error.category().to_owned(),
    }
}
