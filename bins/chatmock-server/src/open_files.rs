//! The limit of open files: raised as far as the system lets a program, since each connection
//! takes one and often one more towards the backend.

/// What is needed beside connections: logs, the sign-in, kept responses.
#[cfg(unix)]
const RESERVED: u64 = 256;

/// Makes room for this many connections, or for as many as may be.
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

/// Does nothing: there is no such limit here.
#[cfg(not(unix))]
pub(crate) fn raise_limit(_: usize) {}
