//! What calls and records have shown to be wrong.

use crate::error::SharedError;
use crate::name::Name;

/// What is known to be wrong.
#[derive(Default)]
pub(super) struct Faults {
    /// What the last calls have shown.
    pub(super) call: Option<SharedError>,
    /// The last record that could not be opened, until another one of its kind could.
    pub(super) sealed: Option<(&'static str, SharedError)>,
}

impl Faults {
    /// Notes how a call ended.
    pub(super) fn note_call<T>(&mut self, answer: &Result<T, SharedError>, writes: bool) {
        match answer {
            Err(error) => self.call = Some(error.clone()),
            // What can be read only still shows no fault to those who read.
            Ok(_) if !writes && matches!(self.call, Some(SharedError::ReadOnly(_))) => {}
            Ok(_) => self.call = None,
        }
    }

    /// Notes whether a record could be opened.
    pub(super) fn note_record<T>(&mut self, opened: &Result<T, SharedError>, name: &Name<'_>) {
        match opened {
            Err(error) => {
                tracing::warn!("{error}");
                self.sealed = Some((name.kind, error.clone()));
            }
            Ok(_) if self.sealed.as_ref().is_some_and(|(kind, _)| *kind == name.kind) => {
                self.sealed = None;
            }
            Ok(_) => {}
        }
    }
}
