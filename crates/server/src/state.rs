//! State that outlives a request: credentials, models, limits and stored responses.

mod cache_file;
pub(crate) mod credentials;
pub(crate) mod limits;
pub(crate) mod models;
pub(crate) mod responses;

use std::sync::Arc;

use chatmock_upstream::Client;

use self::credentials::UpstreamAuth;
use self::limits::LastLimits;
use self::models::Models;
use self::responses::ResponseStore;

/// The parts that turns and endpoints share.
pub(crate) struct SharedState {
    pub(crate) client: Client,
    pub(crate) auth: UpstreamAuth,
    pub(crate) models: Arc<Models>,
    pub(crate) limits: Arc<LastLimits>,
    pub(crate) responses: Arc<ResponseStore>,
}
