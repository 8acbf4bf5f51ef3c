//! The last rate-limit snapshot that the backend gave, in memory and in a file for later.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chatmock_auth::{AuthFile, Claims, PrivateFileError, Secret, read_private};
use chatmock_protocol::codex::limits::{Snapshot, read_event};
use chatmock_protocol::sse::Frame;
use chatmock_shared::{Name, Shared};
use chatmock_upstream::Credentials;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use super::cache_file;

/// The file next to `auth.json`.
const FILE: &str = "limits.json";

/// The time for which other servers may use a snapshot: the longest window of the allowance.
const LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// The least time between two writes of the file while the server runs.
const PAUSE: Duration = Duration::from_secs(60);

/// Limits that the backend reported to a server some time ago.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoredLimits {
    /// The time when it reported them, in seconds of the Unix epoch.
    pub as_of: u64,
    /// The limits that it reported.
    pub limits: Snapshot,
}

/// Reads the limits that a server left in its home folder for a sign-in.
///
/// `None` when there are none, when they are another account's, or when they cannot be read. May
/// block.
#[must_use]
pub fn stored_limits(home: &Path, sign_in: &AuthFile) -> Option<StoredLimits> {
    let tokens = sign_in.tokens()?;
    let workspace = tokens.account_id().or_else(|| tokens.claims().account_id);
    let account = account(&tokens.access_token()?, workspace.as_deref())?;
    let stored = read(&home.join(FILE)).filter(|stored| stored.account == account)?;
    Some(StoredLimits { as_of: stored.as_of, limits: stored.limits })
}

/// The file: a snapshot, when it was taken, and whose it is.
#[derive(Debug, Deserialize, Serialize)]
struct LimitsFile {
    as_of: u64,
    account: String,
    limits: Snapshot,
}

/// A snapshot in memory.
#[derive(Debug)]
struct Latest {
    as_of: u64,
    whose: SnapshotOwner,
    limits: Snapshot,
}

/// Whose a snapshot is. Reading that from a token takes longer than a turn has for it.
#[derive(Debug)]
enum SnapshotOwner {
    Holder(Arc<Credentials>),
    Account(Option<String>),
}

impl SnapshotOwner {
    fn account(&self) -> Option<String> {
        match self {
            Self::Holder(credentials) => account_of(credentials),
            Self::Account(account) => account.clone(),
        }
    }

    fn is(&self, holder: &Arc<Credentials>) -> bool {
        match self {
            Self::Holder(own) if Arc::ptr_eq(own, holder) => true,
            _ => self.account() == account_of(holder),
        }
    }
}

#[derive(Debug, Default)]
struct LimitsState {
    held: Option<Latest>,
    /// The file lacks it.
    unwritten: bool,
}

/// Keeps the newest snapshot.
#[derive(Debug)]
pub(crate) struct LastLimits {
    /// `None` without a folder to keep it in.
    file: Option<PathBuf>,
    state: Mutex<LimitsState>,
    changed: Notify,
    /// Held while the file is written, so that an older snapshot never comes last.
    writing: tokio::sync::Mutex<()>,
}

impl LastLimits {
    /// Begins with what an earlier server left in the home folder.
    pub(crate) fn open(home: Option<&Path>) -> Self {
        let file = home.map(|home| home.join(FILE));
        let held = file.as_deref().and_then(read).map(|stored| Latest {
            as_of: stored.as_of,
            whose: SnapshotOwner::Account(Some(stored.account)),
            limits: stored.limits,
        });
        let state = LimitsState { held, unwritten: false };
        Self {
            file,
            state: Mutex::new(state),
            changed: Notify::new(),
            writing: tokio::sync::Mutex::default(),
        }
    }

    /// Keeps a snapshot of the holder's account; `now` is in seconds of the Unix epoch.
    pub(crate) fn record(&self, limits: Snapshot, holder: &Arc<Credentials>, now: u64) {
        let mut held =
            Latest { as_of: now, whose: SnapshotOwner::Holder(Arc::clone(holder)), limits };
        let mut state = self.state();
        let before = state.held.as_ref().filter(|_| held.limits.reset_credits.is_none());
        if let Some(before) = before.filter(|before| before.limits.reset_credits.is_some())
            && before.whose.is(holder)
        {
            // The answers to turns do not have it, and say nothing against it.
            held.limits.reset_credits = before.limits.reset_credits;
        }
        *state = LimitsState { held: Some(held), unwritten: true };
        drop(state);
        self.changed.notify_one();
    }

    /// Keeps the snapshot in a `codex.rate_limits` event.
    pub(crate) fn record_event(&self, frame: &Frame, holder: &Arc<Credentials>, now: u64) {
        let Some(mut snapshot) = read_event(frame.text(), now) else { return };
        let state = self.state();
        let before = state.held.as_ref().filter(|held| held.whose.is(holder));
        if let Some(before) = before.map(|held| &held.limits) {
            snapshot = of_event(snapshot, before);
        }
        drop(state);
        self.record(snapshot, holder, now);
    }

    /// The newest snapshot with its time; one of another account does not count.
    pub(crate) fn last(&self, asker: &Credentials) -> Option<(u64, Snapshot)> {
        let asker = account_of(asker);
        let state = self.state();
        let held = state.held.as_ref().filter(|held| held.whose.account() == asker)?;
        Some((held.as_of, held.limits.clone()))
    }

    /// The newest snapshot with its time, whosever it is.
    pub(crate) fn newest(&self) -> Option<(u64, Snapshot)> {
        self.state().held.as_ref().map(|held| (held.as_of, held.limits.clone()))
    }

    /// Gives the newest snapshot to the other servers, or takes theirs where that is newer.
    pub(crate) async fn exchange(&self, shared: &Shared) {
        let name = Name { kind: "limits", account: "", id: "last" };
        let Ok(there) = shared.get(&name).await else { return };
        let there: Option<LimitsFile> = there.and_then(|text| serde_json::from_slice(&text).ok());
        let taken = there.as_ref().map_or(0, |there| there.as_of);
        let Some(ours) = self.newer_than(taken) else {
            if let Some(LimitsFile { as_of, account, limits }) = there
                && self.newest().is_none_or(|(ours, _)| ours < as_of)
            {
                let whose = SnapshotOwner::Account(Some(account));
                let held = Some(Latest { as_of, whose, limits });
                *self.state() = LimitsState { held, unwritten: true };
                self.changed.notify_one();
            }
            return;
        };
        let text = serde_json::to_vec(&ours).unwrap_or_default();
        if let Err(error) = shared.put(&name, &text, LIFE).await {
            tracing::debug!(%error, "the limits are not shared");
        }
    }

    /// The newest snapshot, if it is newer than another one and one knows whose it is.
    fn newer_than(&self, as_of: u64) -> Option<LimitsFile> {
        let state = self.state();
        let held = state.held.as_ref().filter(|held| held.as_of > as_of)?;
        let account = held.whose.account()?;
        Some(LimitsFile { as_of: held.as_of, account, limits: held.limits.clone() })
    }

    /// Writes the file after each change, once a minute at most.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            self.changed.notified().await;
            self.write().await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Writes the file, when it lacks the newest snapshot.
    pub(crate) async fn write(&self) {
        let _turn = self.writing.lock().await;
        let Some(file) = self.file.clone() else { return };
        let Some(stored) = self.unwritten() else { return };
        match tokio::task::spawn_blocking(move || write(&file, &stored)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("the limits were not saved: {error}"),
            Err(error) => tracing::debug!("the limits were not saved: {error}"),
        }
    }

    fn unwritten(&self) -> Option<LimitsFile> {
        let mut state = self.state();
        if !std::mem::take(&mut state.unwritten) {
            return None;
        }
        let held = state.held.as_mut()?;
        let account = held.whose.account();
        // The token is not held for longer than it takes to know.
        held.whose = SnapshotOwner::Account(account.clone());
        Some(LimitsFile { as_of: held.as_of, account: account?, limits: held.limits.clone() })
    }

    fn state(&self) -> MutexGuard<'_, LimitsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn account_of(credentials: &Credentials) -> Option<String> {
    account(&Secret::new(credentials.token()), credentials.account_id())
}

/// The name of an account in the file: a hash of the person and the workspace, since members of a
/// team share the workspace and not its limits. `None` when neither is known.
fn account(access_token: &Secret, workspace: Option<&str>) -> Option<String> {
    let person = Claims::read(access_token).user_id;
    if person.is_none() && workspace.is_none() {
        return None;
    }
    let mut hash = Sha256::new();
    for part in [person.as_deref(), workspace] {
        // Length and presence go in too, so that no two accounts give the same bytes.
        hash.update([u8::from(part.is_some())]);
        hash.update((part.unwrap_or_default().len() as u64).to_le_bytes());
        hash.update(part.unwrap_or_default());
    }
    Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Reads the file; skips a damaged one, since the next answer replaces it.
fn read(file: &Path) -> Option<LimitsFile> {
    match read_private(file) {
        Ok(text) => serde_json::from_slice(&text?).ok(),
        Err(error) => {
            tracing::debug!("the saved limits could not be read: {error}");
            None
        }
    }
}

fn write(file: &Path, stored: &LimitsFile) -> Result<(), PrivateFileError> {
    // A snapshot is names and numbers, which always can be written.
    serde_json::to_vec(stored).map_or(Ok(()), |text| cache_file::replace(file, &text))
}

/// Adds to what an event reports what is known besides: it has fewer facts than an answer's headers, and one about an
/// additional limit has nothing of the account's own windows. On a kept socket there are no headers.
fn of_event(mut event: Snapshot, before: &Snapshot) -> Snapshot {
    for known in &before.further {
        if !event.further.iter().any(|limit| limit.id == known.id) {
            event.further.push(known.clone());
        }
    }
    if event.primary.is_none() && event.secondary.is_none() {
        return Snapshot { further: event.further, ..before.clone() };
    }
    event.active_limit = event.active_limit.or_else(|| before.active_limit.clone());
    event.limit_name = event.limit_name.or_else(|| before.limit_name.clone());
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(plan: &str) -> Snapshot {
        Snapshot { plan: Some(plan.to_owned()), ..Snapshot::default() }
    }

    fn holder(workspace: Option<&str>) -> Arc<Credentials> {
        Arc::new(Credentials::new("opaque", workspace, false).unwrap())
    }

    fn stored(home: &Path, workspace: &str) -> Option<String> {
        let file = format!(r#"{{"tokens":{{"access_token":"t","account_id":"{workspace}"}}}}"#);
        let file = AuthFile::parse(file.as_bytes()).unwrap();
        stored_limits(home, &file).and_then(|stored| stored.limits.plan)
    }

    #[test]
    fn reset_credits_stay_known_for_their_account_until_they_are_told_anew() {
        let limits = LastLimits::open(None);
        let (ann, bob) = (holder(Some("ann")), holder(Some("bob")));
        let with = |count| Snapshot { reset_credits: count, ..of("plus") };
        let known = |holder: &Credentials| limits.last(holder).unwrap().1.reset_credits;
        limits.record(with(Some(2)), &ann, 1);
        limits.record(with(None), &ann, 2);
        assert_eq!(known(&ann), Some(2));
        limits.record(with(None), &holder(Some("ann")), 3);
        assert_eq!(known(&ann), Some(2));
        limits.record(with(Some(0)), &ann, 4);
        assert_eq!(known(&ann), Some(0));
        limits.record(with(None), &bob, 5);
        assert_eq!(known(&bob), None);
    }

    #[test]
    fn an_event_takes_nothing_away_that_it_does_not_report() {
        let limits = LastLimits::open(None);
        let ann = holder(Some("ann"));
        let event = |text: &str| {
            let frame = Frame::new(bytes::Bytes::copy_from_slice(text.as_bytes()));
            limits.record_event(&frame, &ann, 1);
            limits.last(&ann).unwrap().1
        };
        let own = r#"{"type":"codex.rate_limits","plan_type":"plus","rate_limits":{"primary":
            {"used_percent":12,"window_minutes":300,"reset_at":9}}}"#;
        let spark = r#"{"type":"codex.rate_limits","metered_limit_name":"spark","rate_limits":
            {"primary":{"used_percent":100,"window_minutes":300,"reset_at":9}}}"#;
        event(own);
        let both = event(spark);
        assert_eq!(both.primary.unwrap().used_percent, 12.0);
        assert_eq!((both.further.len(), both.plan.as_deref()), (1, Some("plus")));
        let later = event(&own.replace("12", "13"));
        assert_eq!((later.primary.unwrap().used_percent, later.further.len()), (13.0, 1));
        assert_eq!(event(spark).further.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_file_is_written_at_once_and_then_once_a_minute() {
        let home = tempfile::tempdir().unwrap();
        let limits = Arc::new(LastLimits::open(Some(home.path())));
        let writer = tokio::spawn(Arc::clone(&limits).run());
        for (plan, written_at) in [("plus", 0), ("pro", 60)] {
            let begin = tokio::time::Instant::now();
            limits.record(of("older"), &holder(Some("ws")), 1);
            limits.record(of(plan), &holder(Some("ws")), 2);
            while stored(home.path(), "ws").as_deref() != Some(plan) {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            let took = begin.elapsed().as_secs();
            assert!((written_at..written_at + 5).contains(&(took + 2)), "{plan} after {took} s");
        }
        writer.abort();
    }

    #[tokio::test]
    async fn the_end_writes_what_is_newer_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let limits = LastLimits::open(Some(home.path()));
        limits.write().await;
        limits.record(of("plus"), &holder(None), 1);
        limits.write().await;
        assert!(!home.path().join(FILE).exists(), "nobody could tell whose it is");
        limits.record(of("plus"), &holder(Some("ws")), 2);
        limits.write().await;
        assert_eq!(stored(home.path(), "ws").as_deref(), Some("plus"));
        assert_eq!(stored(home.path(), "other"), None);
        std::fs::remove_file(home.path().join(FILE)).unwrap();
        limits.write().await;
        assert!(!home.path().join(FILE).exists());
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_not_made() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("none");
        let limits = LastLimits::open(Some(&folder));
        limits.record(of("plus"), &holder(Some("ws")), 1);
        limits.write().await;
        assert!(!folder.exists());
    }

    #[test]
    fn a_damaged_file_counts_as_none() {
        let home = tempfile::tempdir().unwrap();
        for text in ["", "{", "[]", r#"{"as_of":-1}"#, r#"{"as_of":1,"limits":{"primary":7}}"#] {
            std::fs::write(home.path().join(FILE), text).unwrap();
            assert!(LastLimits::open(Some(home.path())).state().held.is_none(), "{text:?}");
        }
    }
}
