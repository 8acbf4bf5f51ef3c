//! The copy of the active sign-in that several servers share, and its fence.
//!
//! Whoever renews or signs in gets a number above all earlier ones, the fence, which is stored with the sign-in on both
//! sides. So it is always known which of two copies is the newer one: the engine refuses an older one, and what it has
//! lost is restored from the newest copy that a server holds.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use chatmock_shared::{Fenced, Lease, Name, Shared, SharedError, Write};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::{Reservation, StoreError};
use crate::private::{read_private, write_private};
use crate::tokens::{AuthFile, SharedMark};

/// The record of the sign-in.
const NAME: Name<'static> = Name { kind: "sign-in", account: "", id: "active" };
/// The file with the name of this home.
const FILE: &str = "replica";
/// The text of a record that says that somebody signed out.
const SIGNED_OUT: &[u8] = b"{\"signed_out\":true}";

/// The active sign-in in the engine that several servers share.
pub struct SharedSignIn {
    engine: Shared,
    file: PathBuf,
    by: OnceLock<String>,
    /// The newest fence that the engine has shown.
    seen: AtomicU64,
    /// The fence of the copy here.
    here: AtomicU64,
    /// The name of the engine's content when it was last used.
    identity: Mutex<Option<String>>,
    /// The engine had lost the sign-in, and got it back from here.
    restored: AtomicBool,
}

/// What the engine and this home have of the sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedCopy {
    /// The fence of the copy in the engine, if there is one.
    pub engine: Option<u64>,
    /// The fence of the copy here, if it has one.
    pub here: Option<u64>,
}

/// A record of the engine.
pub(super) struct SharedRecord {
    pub(super) fence: u64,
    /// `None` where somebody signed out.
    pub(super) file: Option<AuthFile>,
}

impl SharedSignIn {
    pub(crate) fn new(engine: Shared, home: &Path) -> Self {
        Self {
            engine,
            file: home.join(FILE),
            by: OnceLock::new(),
            seen: AtomicU64::new(0),
            here: AtomicU64::new(0),
            identity: Mutex::default(),
            restored: AtomicBool::new(false),
        }
    }

    /// The engine.
    pub fn engine(&self) -> &Shared {
        &self.engine
    }

    /// Returns whether the engine had lost the sign-in since the start, and got it back from the copy here.
    pub fn was_restored(&self) -> bool {
        self.restored.load(Ordering::Relaxed)
    }

    /// Compares the copies: that in the engine, and a file of this home. May block for the patience of the engine.
    ///
    /// # Errors
    /// When the engine cannot be asked.
    pub fn compare(&self, here: Option<&AuthFile>) -> Result<SharedCopy, SharedError> {
        let engine = self.engine.wait(self.engine.fence(&NAME))?;
        Ok(SharedCopy { engine, here: here.and_then(AuthFile::shared).map(|mark| mark.fence) })
    }

    /// Returns whether the copy here is that of the engine; also while the engine is away.
    pub(crate) async fn is_current(&self) -> bool {
        if self.identity.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            self.has_changed().await;
        }
        match self.engine.fence(&NAME).await {
            Ok(fence) => fence.unwrap_or(0) == self.here.load(Ordering::Relaxed),
            Err(_) => true,
        }
    }

    /// Checks that a sign-in could be put into the engine. May block.
    pub(crate) fn check(&self) -> Result<(), SharedError> {
        self.engine.wait(self.engine.identity()).map(drop)?;
        self.read().map(drop)
    }

    /// Checks that the record can be opened, if there is one.
    pub(crate) async fn opens(&self) -> Result<(), SharedError> {
        self.engine.fenced(&NAME).await.map(drop)
    }

    /// Takes the lease under which the sign-in is renewed; `None` while another server holds it. The record can be read
    /// then: with another key, nothing may be spent that could not be put back.
    pub(crate) async fn lease(&self) -> Result<Option<Lease>, SharedError> {
        self.opens().await?;
        self.engine.lease(&NAME, self.newest()).await
    }

    /// Returns whether the engine's content is another than when it was last used: it may have lost what was written
    /// last, which another server still has.
    pub(crate) async fn has_changed(&self) -> bool {
        let Ok(now) = self.engine.identity().await else { return false };
        let mut known = self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = known.as_ref().is_some_and(|known| *known != now);
        *known = Some(now);
        changed
    }

    /// Returns the mark for a sign-in that is renewed while the engine is away; `None` where that is for another home to
    /// do: the copy here is not the newest, or another home made it, which renews it too.
    pub(crate) fn alone(&self, file: &AuthFile) -> Option<SharedMark> {
        let mark = file.shared()?;
        let newest = mark.fence >= self.newest() && mark.by == self.by();
        newest.then(|| self.mark(mark.fence + 1))
    }

    /// Makes the mark of a sign-in that this home makes.
    pub(crate) fn mark(&self, fence: u64) -> SharedMark {
        SharedMark { fence, by: self.by().to_owned() }
    }

    /// Reads the record. May block.
    pub(super) fn read(&self) -> Result<Option<SharedRecord>, SharedError> {
        let Some(Fenced { fence, text }) = self.engine.wait(self.engine.fenced(&NAME))? else {
            return Ok(None);
        };
        self.seen.fetch_max(fence, Ordering::Relaxed);
        if text.as_slice() == SIGNED_OUT {
            return Ok(Some(SharedRecord { fence, file: None }));
        }
        let not_genuine = || SharedError::NotGenuine { kind: NAME.kind.to_owned() };
        let file = AuthFile::parse(&text).map_err(|_| not_genuine())?;
        // The fence is sealed, too: an old record under a newer number is not taken.
        if file.shared().is_none_or(|mark| mark.fence != fence) {
            return Err(not_genuine());
        }
        Ok(Some(SharedRecord { fence, file: Some(file) }))
    }

    /// Writes a sign-in with its mark. Returns `false` where a newer one is there. May block.
    pub(super) fn write(&self, file: &AuthFile) -> Result<bool, SharedError> {
        let fence = file.shared().map_or(0, |mark| mark.fence);
        self.put(fence, Zeroizing::new(file.render().as_bytes().to_vec()))
    }

    /// Writes that somebody signed out. May block.
    pub(super) fn write_signed_out(&self) -> Result<bool, SharedError> {
        let fence = self.next_fence()?;
        self.put(fence, Zeroizing::new(SIGNED_OUT.to_vec()))
    }

    fn put(&self, fence: u64, text: Zeroizing<Vec<u8>>) -> Result<bool, SharedError> {
        let written = self.engine.wait(self.engine.put_fenced(&NAME, &Fenced { fence, text }))?;
        let there = match written {
            Write::Done => fence,
            Write::Older(there) => there,
        };
        self.seen.fetch_max(there, Ordering::Relaxed);
        // The same fence is the same writer's: the answer to an earlier try was lost.
        Ok(there == fence)
    }

    /// Gives a fence for a new sign-in. May block.
    pub(super) fn next_fence(&self) -> Result<u64, SharedError> {
        self.engine.wait(self.engine.next_fence(&NAME, self.newest()))
    }

    /// The newest fence that is known here.
    pub(super) fn newest(&self) -> u64 {
        self.seen.load(Ordering::Relaxed).max(self.here.load(Ordering::Relaxed))
    }

    /// Notes the fence of the copy here.
    pub(super) fn note_here(&self, file: Option<&AuthFile>) {
        let fence = file.and_then(AuthFile::shared).map_or(0, |mark| mark.fence);
        self.here.store(fence, Ordering::Relaxed);
    }

    /// Notes the fence of a record after which nothing is here.
    pub(super) fn note_signed_out(&self, fence: u64) {
        self.here.store(fence, Ordering::Relaxed);
    }

    pub(super) fn note_restored(&self) {
        self.restored.store(true, Ordering::Relaxed);
    }

    /// The name of this home among those that share the sign-in, made once. May read a file.
    pub fn name(&self) -> &str {
        self.by()
    }

    fn by(&self) -> &str {
        self.by.get_or_init(|| {
            let known = read_private(&self.file).ok().flatten();
            let known = known.and_then(|text| String::from_utf8(text.to_vec()).ok());
            known.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(
                || {
                    let mut bytes = [0_u8; 8];
                    // Without random numbers no TLS would be possible either; a name twice does little harm.
                    let _ = SystemRandom::new().fill(&mut bytes);
                    let name: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                    if let Err(error) = write_private(&self.file, format!("{name}\n").as_bytes()) {
                        tracing::debug!(%error, "the name of this home is not kept");
                    }
                    name
                },
            )
        })
    }
}

impl std::fmt::Debug for SharedSignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedSignIn").field("engine", &self.engine).finish_non_exhaustive()
    }
}

/// Room for a renewal here, which is written through to the engine.
pub(super) struct SharedReservation {
    pub(super) room: Box<dyn Reservation>,
    pub(super) shared: std::sync::Arc<SharedSignIn>,
}

impl Reservation for SharedReservation {
    /// Saves here first, which is quick and cannot be lost with the engine, then in the engine.
    fn commit(self: Box<Self>, expected: &AuthFile, next: &AuthFile) -> Result<(), StoreError> {
        let Self { room, shared } = *self;
        let here = room.commit(expected, next);
        if let Err(error @ StoreError::Changed { .. }) = here {
            return Err(error);
        }
        if here.is_ok() {
            shared.note_here(Some(next));
        }
        match (shared.write(next), here) {
            (Ok(true), Ok(())) => Ok(()),
            (Ok(true), Err(error)) => {
                tracing::error!(%error, "renewed tokens are in the shared engine only");
                Ok(())
            }
            (Ok(false), _) => {
                Err(StoreError::Changed { place: "the sign-in in the shared engine".to_owned() })
            }
            (Err(error), here) => {
                tracing::warn!(%error, "renewed tokens are kept here until the shared engine takes them");
                here
            }
        }
    }
}
