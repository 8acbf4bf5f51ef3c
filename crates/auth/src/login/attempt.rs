//! One sign-in, shared by the listener that the browser comes back to and the prompt for pasting.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::answer::state_of;
use super::{CodeExchange, Denial, Login, Rejected, Stray};
use crate::secret::Secret;

/// A sign-in that may be answered from several sides; the first right answer counts. Clones are
/// the same attempt.
#[derive(Clone)]
pub struct Attempt {
    shared: Arc<Shared>,
}

struct Shared {
    state: Secret,
    login: Mutex<Option<Login>>,
    outcome: watch::Sender<Option<Result<CodeExchange, Denial>>>,
    ending: watch::Sender<Option<Ending>>,
}

/// What an answer came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The right one: [`Attempt::outcome`] has it.
    Taken,
    /// Not the answer to this sign-in, which goes on.
    Stray(Stray),
    /// A right one, but there was one before.
    Again,
}

/// How the sign-in ended, for the page in the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The tokens are saved.
    SignedIn,
    /// They are not; the terminal says why.
    NotSignedIn,
}

impl Attempt {
    /// Waits for an answer to this sign-in.
    pub fn new(login: Login) -> Self {
        let shared = Shared {
            state: login.state.clone(),
            login: Mutex::new(Some(login)),
            outcome: watch::Sender::new(None),
            ending: watch::Sender::new(None),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Offers what came back: a query, or a pasted address.
    pub fn offer(&self, text: &str) -> Verdict {
        let mut waiting = self.login();
        let Some(login) = waiting.take() else { return self.late(text) };
        let outcome = match login.redeem(text) {
            Ok(exchange) => Ok(exchange),
            Err(Rejected::Ended(denial)) => Err(denial),
            Err(Rejected::Stray { login, stray }) => {
                *waiting = Some(*login);
                return Verdict::Stray(stray);
            }
        };
        self.shared.outcome.send_replace(Some(outcome));
        Verdict::Taken
    }

    /// Waits for the right answer: a code, or the issuer's refusal.
    pub async fn outcome(&self) -> Result<CodeExchange, Denial> {
        let mut outcome = self.shared.outcome.subscribe();
        loop {
            if let Some(outcome) = outcome.borrow_and_update().clone() {
                return outcome;
            }
            // The sender lives in `self`, so it cannot have gone.
            if outcome.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Says how it ended, which the page in the browser waits for.
    pub fn settle(&self, ending: Ending) {
        self.shared.ending.send_replace(Some(ending));
    }

    /// Waits for [`Attempt::settle`].
    #[cfg_attr(not(feature = "loopback"), expect(dead_code, reason = "only a page waits for it"))]
    pub(crate) async fn ending(&self) -> Option<Ending> {
        let mut ending = self.shared.ending.subscribe();
        ending.wait_for(Option::is_some).await.ok().and_then(|ending| *ending)
    }

    fn late(&self, text: &str) -> Verdict {
        let given = state_of(text).unwrap_or_default();
        if self.shared.state.matches(&given) {
            Verdict::Again
        } else {
            Verdict::Stray(Stray::State)
        }
    }

    fn login(&self) -> MutexGuard<'_, Option<Login>> {
        self.shared.login.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("open", &self.login().is_some()).finish()
    }
}
