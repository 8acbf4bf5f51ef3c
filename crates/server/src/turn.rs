//! One turn, for every dialect: planned, sent, and answered as a stream or whole.

mod attempt;
mod background;
mod body;
mod choice;
mod explain;
mod facts;
mod fate;
mod model_member;
mod once;
mod pipeline;
mod places;
mod plan;
mod record;
mod socket;
mod store_on_complete;
mod withheld;

use std::sync::Arc;
use std::time::Duration;

use chatmock_translate::Policy;
use tokio::sync::watch;

pub(crate) use self::background::{attached, snapshot};
pub use self::explain::Explanation;
pub(crate) use self::explain::explain;
pub(crate) use self::model_member::with_model;
pub(crate) use self::once::{RETRY_COUNT, once};
pub(crate) use self::pipeline::{TurnRequest, turn};
pub(crate) use self::places::TurnPlaces;
pub(crate) use self::plan::{LARGE, Planners, SESSION_HEADERS, seal, without_lone_surrogates};
pub(crate) use self::socket::{SocketClient, SocketServices, serve as serve_socket};
use crate::clock::LazyElapsed;
use crate::http::log_limiter::LogLimiter;
use crate::panics::PanicCounter;
use crate::state::SharedState;
use crate::tasks::Tasks;

/// The parts of a server that every turn uses.
#[derive(Clone)]
pub(crate) struct TurnServices {
    pub(crate) state: Arc<SharedState>,
    pub(crate) policy: Policy,
    pub(crate) places: TurnPlaces,
    pub(crate) planners: Planners,
    /// The time for which a stream's head waits for the first output.
    pub(crate) hold: Duration,
    /// The silence after which a stream says that it is alive.
    pub(crate) heartbeat: Duration,
    /// The time for which an answer goes on without a client; with zero, retries are requests like others.
    pub(crate) rejoin: Duration,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) log_limiter: Arc<LogLimiter>,
    pub(crate) panics: Arc<PanicCounter>,
    /// Becomes true when the server finishes its open answers and takes no more connections.
    pub(crate) draining: watch::Sender<bool>,
    /// True when connections without an open answer are closed.
    pub(crate) closing: watch::Sender<bool>,
    /// Becomes true when the server has no more time for open answers.
    pub(crate) abort: watch::Sender<bool>,
}

/// The surroundings of one poll of a turn.
struct TurnContext<'t> {
    services: &'t TurnServices,
    elapsed: LazyElapsed,
}
