//! What several servers share, and the times that must fit to each other.

use std::time::Duration;

use chatmock_server::HttpSettings;

/// The time for which a request waits for another server's renewal.
const WAITS: Duration = Duration::from_secs(45);

/// The least that a call of the sign-in service should have.
const LEAST_CALL: Duration = Duration::from_secs(5);

/// The least drain with which a rolling restart cuts off few answers.
const LEAST_DRAIN: Duration = Duration::from_secs(120);

/// Names the settings that contradict each other.
pub(super) fn warnings(http: &HttpSettings) -> Vec<String> {
    let Some(shared) = &http.shared else { return Vec::new() };
    let (lease, drain) = (shared.lease_time(), http.timeouts.drain);
    let call = lease * 3 / 4;
    let mut warnings = Vec::new();
    if lease * 2 > WAITS * 4 / 3 {
        warnings.push(format!(
            "--shared-lease {}: requests wait {} s for another server's renewal, and one that was killed delays it by a lease; \
             30 s are the most that fit",
            lease.as_secs(),
            WAITS.as_secs()
        ));
    }
    if call < LEAST_CALL {
        warnings.push(format!(
            "--shared-lease {}: the sign-in service has {:.1} s to answer, and a token may be spent without one",
            lease.as_secs(),
            call.as_secs_f64()
        ));
    }
    if drain < call {
        warnings.push(format!(
            "--drain {}: a renewal may take {} s, and a stop ends it before",
            drain.as_secs(),
            call.as_secs()
        ));
    }
    if drain < LEAST_DRAIN {
        warnings.push(format!(
            "--drain {}: longer answers are cut off whenever a server is replaced; give it the time of the longest, and the \
             supervisor more than that (docs/deploy/README.md)",
            drain.as_secs()
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use chatmock_server::auth::shared::{SealKeys, Shared, SharedError, SharedSettings};

    use super::*;

    fn said(lease: u64, drain: u64) -> String {
        let keys = SealKeys::parse(&"0f".repeat(32)).unwrap();
        let settings = SharedSettings::new("redis://127.0.0.1:1", keys).unwrap();
        let lease = Duration::from_secs(lease);
        let shared = match Shared::open(SharedSettings { lease, ..settings }) {
            Ok(shared) => Some(shared),
            // A program without the engine has nothing to warn of.
            Err(SharedError::NotBuilt) => return "not built".to_owned(),
            Err(error) => panic!("{error}"),
        };
        let mut http = HttpSettings { shared, ..HttpSettings::default() };
        http.timeouts.drain = Duration::from_secs(drain);
        warnings(&http).join("\n")
    }

    #[test]
    fn times_that_do_not_fit_are_named() {
        assert_eq!(warnings(&HttpSettings::default()), Vec::<String>::new());
        for (lease, drain, flags) in [
            (20, 600, &[][..]),
            (30, 600, &[]),
            (31, 600, &["--shared-lease 31"]),
            (4, 600, &["--shared-lease 4"]),
            (20, 30, &["--drain 30"]),
            (60, 30, &["--shared-lease 60", "ends it before", "--drain 30"]),
        ] {
            let said = said(lease, drain);
            if said == "not built" {
                return;
            }
            assert_eq!(said.is_empty(), flags.is_empty(), "{lease} {drain}: {said}");
            assert!(flags.iter().all(|words| said.contains(words)), "{lease} {drain}: {said}");
        }
    }
}
