//! The limit of open files, raised as far as the system allows: each connection needs one file, and
//! often one more for the backend.

/// Files that are needed in addition to connections: log, sign-in, stored responses.
#[cfg(unix)]
const RESERVED: u64 = 256;

/// Raises the limit for this many connections, or as far as the system allows.
#[cfg(unix)]
pub(crate) fn raise_limit(connections: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = (connections as u64).saturating_mul(2).saturating_add(RESERVED);
    let allowed = limit.maximum.map_or(wanted, |maximum| wanted.min(maximum));
    if limit.current.is_some_and(|current| current < allowed) {
        let raised = Rlimit { current: Some(allowed), maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::debug!("the limit of open files cannot be raised: {error}");
        }
    }
}

/// Does nothing, because this system has no such limit.
#[cfg(not(unix))]
pub(crate) fn raise_limit(_: usize) {}
