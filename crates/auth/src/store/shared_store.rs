//! The store of a sign-in that several servers share: the engine's copy, and the one here as a lifeboat.

use std::sync::Arc;

use super::file::before_shared;
use super::shared_sign_in::{SharedRecord, SharedReservation};
use super::{AccountStore, Reservation, SharedSignIn, StoreError};
use crate::private::write_private;
use crate::tokens::AuthFile;

/// The most tries to put a new sign-in above those that others make at the same time.
const MOST_TRIES: usize = 4;

impl SharedSignIn {
    pub(super) fn reservation(
        self: &Arc<Self>,
        room: Box<dyn Reservation>,
    ) -> Box<dyn Reservation> {
        Box::new(SharedReservation { room, shared: Arc::clone(self) })
    }
}

impl AccountStore {
    /// Loads the newer one of both copies, and brings the other one up to date. While the engine is away, the copy here is
    /// used.
    pub(super) fn load_shared(
        &self,
        shared: &SharedSignIn,
    ) -> Result<Option<AuthFile>, StoreError> {
        let here = self.load_here();
        let record = match (shared.read(), &here) {
            (Ok(record), _) => record,
            (Err(error), Ok(Some(file))) if file.tokens().is_some() => {
                tracing::debug!(%error, "using the copy of the sign-in on this machine");
                shared.note_here(Some(file));
                return here;
            }
            (Err(error), _) => return Err(error.into()),
        };
        let here = match (here, &record) {
            // What is damaged here is replaced by what the engine has.
            (Err(StoreError::Corrupt { .. }), Some(_)) => None,
            (here, _) => here?,
        };
        let settled = self.settle(shared, here, record)?;
        if settled.is_some() {
            shared.note_here(settled.as_ref());
        }
        Ok(settled)
    }

    fn settle(
        &self,
        shared: &SharedSignIn,
        here: Option<AuthFile>,
        record: Option<SharedRecord>,
    ) -> Result<Option<AuthFile>, StoreError> {
        let here = here.filter(|file| file.tokens().is_some());
        let fence = here.as_ref().and_then(AuthFile::shared).map(|mark| mark.fence);
        match (here, fence, record) {
            (None, _, None) => Ok(None),
            (Some(file), Some(fence), None) => {
                tracing::warn!(
                    fence,
                    "the shared engine had no sign-in: restored from the copy here"
                );
                shared.note_restored();
                self.push(shared, file)
            }
            (Some(file), Some(fence), Some(there)) if fence > there.fence => {
                tracing::warn!(
                    here = fence,
                    engine = there.fence,
                    "the copy of the sign-in here is newer: written to the shared engine"
                );
                self.push(shared, file)
            }
            // A sign-in that was never shared: the first one of all servers becomes the shared one.
            (Some(file), None, None) => self.adopt(shared, &file, 1),
            (Some(file), None, Some(SharedRecord { fence, file: None })) => {
                self.adopt(shared, &file, fence + 1)
            }
            (here, _, Some(SharedRecord { fence, file: None })) => {
                if here.is_some() {
                    tracing::info!(fence, "signed out by another server: the copy here is removed");
                    self.remove_here()?;
                }
                shared.note_signed_out(fence);
                Ok(None)
            }
            (here, _, Some(SharedRecord { file: Some(file), .. })) => self.pull(here, file),
        }
    }

    /// Writes the copy here to the engine; where that has a newer one by now, takes that.
    fn push(&self, shared: &SharedSignIn, file: AuthFile) -> Result<Option<AuthFile>, StoreError> {
        match shared.write(&file) {
            Ok(true) => Ok(Some(file)),
            Ok(false) => match shared.read()? {
                Some(SharedRecord { file: Some(newer), .. }) => self.pull(Some(file), newer),
                _ => Ok(Some(file)),
            },
            Err(error) => {
                tracing::warn!(%error, "the copy of the sign-in here is newer than the shared one");
                Ok(Some(file))
            }
        }
    }

    /// Makes a sign-in of this machine the shared one, unless another server was first.
    fn adopt(
        &self,
        shared: &SharedSignIn,
        file: &AuthFile,
        fence: u64,
    ) -> Result<Option<AuthFile>, StoreError> {
        let marked = file.clone().with_shared(&shared.mark(fence));
        match shared.write(&marked) {
            Ok(true) => match shared.read()? {
                // Two servers that adopt at the same time give the same fence, and one of them was first.
                Some(SharedRecord { file: Some(there), .. }) => {
                    tracing::info!(fence, "the sign-in of this machine is shared from now on");
                    self.pull(Some(file.clone()), there)
                }
                _ => Ok(Some(file.clone())),
            },
            Ok(false) => match shared.read()? {
                Some(SharedRecord { file: Some(there), .. }) => {
                    self.pull(Some(file.clone()), there)
                }
                _ => Ok(Some(file.clone())),
            },
            Err(error) => {
                tracing::warn!(%error, "the sign-in of this machine is not shared yet");
                Ok(Some(file.clone()))
            }
        }
    }

    /// Takes the engine's copy. One of this machine that was never shared, and is another, is put aside.
    fn pull(
        &self,
        here: Option<AuthFile>,
        there: AuthFile,
    ) -> Result<Option<AuthFile>, StoreError> {
        if here.as_ref().map(AuthFile::render) == Some(there.render()) {
            return Ok(here);
        }
        if let Some(own) = here.as_ref().filter(|own| own.shared().is_none())
            && own.key_token() != there.key_token()
        {
            let aside = before_shared(self.location_file());
            tracing::warn!(
                place = %aside.display(),
                "another sign-in was on this machine; it is put aside and the shared one used"
            );
            write_private(&aside, own.render().as_bytes())?;
        }
        match self.write_here(here.as_ref(), &there) {
            Ok(()) => self.load_here(),
            Err(error) => {
                tracing::warn!(%error, "the shared sign-in has no copy on this machine");
                Ok(Some(there))
            }
        }
    }

    /// Replaces the copy here, unless it changed meanwhile.
    fn write_here(&self, expected: Option<&AuthFile>, next: &AuthFile) -> Result<(), StoreError> {
        match expected {
            Some(expected) => self.reserve_here(next.render().len())?.commit(expected, next),
            None => self.save_here(next),
        }
    }

    /// Saves a new sign-in on both sides, with a fence above all others.
    pub(super) fn save_shared(
        &self,
        shared: &SharedSignIn,
        file: &AuthFile,
    ) -> Result<(), StoreError> {
        for _ in 0..MOST_TRIES {
            let marked = file.clone().with_shared(&shared.mark(shared.next_fence()?));
            if shared.write(&marked)? {
                self.save_here(&marked)?;
                shared.note_here(Some(&marked));
                return Ok(());
            }
        }
        Err(StoreError::Changed { place: "the sign-in in the shared engine".to_owned() })
    }

    /// Removes the sign-in on both sides. The engine keeps a note that somebody signed out, or the copies of other
    /// servers would bring it back.
    pub(super) fn remove_shared(&self, shared: &SharedSignIn) -> Result<(), StoreError> {
        let there = shared.write_signed_out();
        self.remove_here()?;
        there?;
        shared.note_signed_out(shared.newest());
        Ok(())
    }
}
