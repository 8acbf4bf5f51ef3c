//! Faults: the one table of what can be wrong with a sign-in or a running server, and what mends it.
//!
//! The doctor, a server's log, its health endpoints and its page all read this table, so that a fault has
//! the same code, the same words and the same remedy wherever a person meets it.

use std::time::Duration;

use serde::Serialize;

/// A smaller difference between the clocks of this machine and the sign-in service does no harm.
pub(crate) const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// The weight of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Requests are still answered, but perhaps not for long or not as well.
    Warning,
    /// Requests fail until it is mended.
    Failing,
}

/// One fault: a row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The kind that the row describes.
    pub kind: FaultKind,
    /// The word for programs, which never changes.
    pub code: &'static str,
    /// The weight.
    pub severity: Severity,
    /// The words for people.
    pub sentence: &'static str,
    /// The command or the setting that mends it.
    pub fix: &'static str,
    /// The time for which it must last before it is reported.
    pub after: Duration,
}

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Nobody is signed in, or the sign-in cannot be used.
    SignedOut,
    /// The sign-in cannot be renewed any more.
    RenewalRefused,
    /// The keyring with the sign-in is locked.
    KeyringLocked,
    /// This machine's clock is wrong.
    ClockOff,
    /// The backend cannot be reached.
    BackendUnreachable,
    /// The list of models is old.
    ModelsStale,
    /// Little of the account's allowance is left.
    LimitNear,
    /// The account's allowance is used up.
    LimitReached,
    /// The folder for state cannot be written.
    DiskFull,
    /// Lines of the log were lost.
    LogLost,
    /// Other machines can connect, and what they send is not encrypted.
    OpenWithoutTls,
    /// The engine that several servers share cannot be used.
    SharedUnreachable,
    /// A record in the shared engine cannot be opened.
    SharedSealed,
    /// The shared engine has lost records.
    SharedLost,
    /// The shared engine lacks records of this server.
    SharedBehind,
    /// Turns are no longer recorded.
    RecordingStopped,
}

/// A fault that is reported at once.
const AT_ONCE: Duration = Duration::ZERO;

/// A fault that a single failed call may look like.
const SOON: Duration = Duration::from_secs(10);

/// The table, in the order of [`FaultKind`].
const TABLE: [Fault; FaultKind::COUNT] = [
    Fault {
        kind: FaultKind::SignedOut,
        code: "signed_out",
        severity: Severity::Failing,
        sentence: "nobody is signed in, or the stored sign-in cannot be used",
        fix: "chatmock-auth login",
        after: AT_ONCE,
    },
    Fault {
        kind: FaultKind::RenewalRefused,
        code: "renewal_refused",
        severity: Severity::Failing,
        sentence: "the sign-in has ended and its renewal is refused",
        fix: "chatmock-auth login",
        after: AT_ONCE,
    },
    Fault {
        kind: FaultKind::KeyringLocked,
        code: "keyring_locked",
        severity: Severity::Failing,
        sentence: "the keyring that holds the sign-in is locked or does not answer",
        fix: "unlock it, or pass `--store file`",
        after: AT_ONCE,
    },
    Fault {
        kind: FaultKind::ClockOff,
        code: "clock_off",
        severity: Severity::Warning,
        sentence: "this machine's clock differs from the sign-in service's by more than a minute",
        fix: "set the clock; otherwise valid tokens look ended, or are renewed too late",
        after: AT_ONCE,
    },
    Fault {
        kind: FaultKind::BackendUnreachable,
        code: "backend_unreachable",
        severity: Severity::Failing,
        sentence: "the backend cannot be reached",
        fix: "check the network, the proxy and the address",
        after: SOON,
    },
    Fault {
        kind: FaultKind::ModelsStale,
        code: "models_stale",
        severity: Severity::Warning,
        sentence: "the list of models is old: it could not be fetched again",
        fix: "check the network and the sign-in; --model-list names models by hand",
        after: Duration::from_secs(60),
    },
    Fault {
        kind: FaultKind::LimitNear,
        code: "limit_near",
        severity: Severity::Warning,
        sentence: "a window of the account's allowance is used up by 80 % or more",
        fix: "chatmock-server usage shows who uses it; --guard and --budget save the rest",
        after: AT_ONCE,
    },
    Fault {
        kind: FaultKind::LimitReached,
        code: "limit_reached",
        severity: Severity::Failing,
        sentence: "a window of the account's allowance is used up",
        fix: "wait for its reset: chatmock-auth status shows when it is",
        after: AT_ONCE,
    },
    Fault {
        kind: FaultKind::DiskFull,
        code: "disk_full",
        severity: Severity::Warning,
        sentence: "the folder for state is full or cannot be written: what is new is in memory only",
        fix: "make room, or name another folder with --state-dir",
        after: AT_ONCE,
    },
    Fault {
        kind: FaultKind::LogLost,
        code: "log_lost",
        severity: Severity::Warning,
        sentence: "lines of the log were lost because nobody read them in time",
        fix: "read standard error faster, or log less: --verbose=false",
        after: AT_ONCE,
    },
    Fault {
        kind: FaultKind::OpenWithoutTls,
        code: "open_without_tls",
        severity: Severity::Warning,
        sentence: "other machines can connect, and neither keys nor texts are encrypted on the way",
        fix: "--host 127.0.0.1 behind a proxy that speaks TLS; see docs/security.md",
        after: AT_ONCE,
    },
    Fault {
        kind: FaultKind::SharedUnreachable,
        code: "shared_unreachable",
        severity: Severity::Warning,
        sentence: "the shared engine cannot be reached or written: this server goes on with what it has itself",
        fix: "start it, or check --shared; nobody is signed out by it",
        after: AT_ONCE,
    },
    Fault {
        kind: FaultKind::SharedSealed,
        code: "shared_sealed",
        severity: Severity::Warning,
        sentence: "a record in the shared engine is sealed with another key, or was changed or moved there",
        fix: "pass the key file of the other servers: --shared-key-file",
        after: AT_ONCE,
    },
    Fault {
        kind: FaultKind::SharedLost,
        code: "shared_lost",
        severity: Severity::Warning,
        sentence: "the shared engine has lost records: the sign-in and the budgets were restored from the copies of the servers",
        fix: "let the engine save what it holds; see docs/scale.md",
        after: AT_ONCE,
    },
    Fault {
        kind: FaultKind::SharedBehind,
        code: "shared_behind",
        severity: Severity::Warning,
        sentence: "the shared engine did not take what this server keeps: no other server can go on from it",
        fix: "see why the engine takes nothing: its memory, its disk, and what the user of --shared may write",
        after: AT_ONCE,
    },
    Fault {
        kind: FaultKind::RecordingStopped,
        code: "recording_stopped",
        severity: Severity::Warning,
        sentence: "turns are no longer recorded: the folder has reached --record-max, or cannot be written",
        fix: "make room, or raise --record-max, and restart the server",
        after: AT_ONCE,
    },
];

impl FaultKind {
    /// The number of kinds.
    pub const COUNT: usize = 16;

    /// Every kind, in the order of the table.
    pub const ALL: [Self; Self::COUNT] = [
        Self::SignedOut,
        Self::RenewalRefused,
        Self::KeyringLocked,
        Self::ClockOff,
        Self::BackendUnreachable,
        Self::ModelsStale,
        Self::LimitNear,
        Self::LimitReached,
        Self::DiskFull,
        Self::LogLost,
        Self::OpenWithoutTls,
        Self::SharedUnreachable,
        Self::SharedSealed,
        Self::SharedLost,
        Self::SharedBehind,
        Self::RecordingStopped,
    ];

    /// Returns the kind's row.
    #[must_use]
    pub const fn fault(self) -> &'static Fault {
        const ROWS: &[Fault; FaultKind::COUNT] = &TABLE;
        &ROWS[self as usize]
    }

    /// Returns the words for a fault that was told and is over, where there are better ones than that it is gone.
    #[must_use]
    pub const fn words_when_over(self) -> Option<&'static str> {
        match self {
            Self::SignedOut | Self::RenewalRefused => Some("signed in again"),
            Self::KeyringLocked => Some("the keyring answers again"),
            Self::BackendUnreachable => Some("the backend answers again"),
            Self::ModelsStale => Some("the list of models was fetched again"),
            Self::LimitReached => Some("the account may be used again"),
            Self::SharedUnreachable => Some("the shared engine answers again"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_kind_has_its_own_row_code_and_remedy() {
        for (place, kind) in FaultKind::ALL.into_iter().enumerate() {
            assert_eq!((kind as usize, kind.fault().kind), (place, kind));
            assert!(!kind.fault().sentence.ends_with('.') && !kind.fault().fix.is_empty());
        }
        let codes: HashSet<&str> = FaultKind::ALL.map(|kind| kind.fault().code).into();
        assert_eq!(codes.len(), FaultKind::COUNT);
    }
}
