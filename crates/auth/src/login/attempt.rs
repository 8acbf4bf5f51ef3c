//! One sign-in, shared by the listener that the browser returns to and the prompt for pasting.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::callback::state_of;
use super::{CallbackRejection, Denial, Login, UnexpectedCallback};
use crate::code_exchange::CodeExchange;
use crate::secret::Secret;

/// A sign-in that several sources may answer; the first right callback is taken. Clones are the
/// same attempt.
#[derive(Clone)]
pub struct LoginAttempt {
    shared: Arc<Shared>,
}

struct Shared {
    state: Secret,
    login: Mutex<Option<Login>>,
    code: watch::Sender<Option<Result<CodeExchange, Denial>>>,
    outcome: watch::Sender<Option<LoginOutcome>>,
}

/// The result of offering a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackVerdict {
    /// The right one: [`LoginAttempt::code`] has it.
    Accepted,
    /// Not the answer to this sign-in, which continues.
    Unexpected(UnexpectedCallback),
    /// A right one, but not the first.
    Repeated,
}

/// The end of the sign-in, for the page in the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginOutcome {
    /// The tokens are saved.
    SignedIn,
    /// They are not; the terminal says why.
    NotSignedIn,
}

impl LoginAttempt {
    /// Waits for an answer to this sign-in.
    pub fn new(login: Login) -> Self {
        let shared = Shared {
            state: login.state.clone(),
            login: Mutex::new(Some(login)),
            code: watch::Sender::new(None),
            outcome: watch::Sender::new(None),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Offers a callback: a query, or a pasted address.
    pub fn offer(&self, text: &str) -> CallbackVerdict {
        let mut waiting = self.login();
        let Some(login) = waiting.take() else { return self.late(text) };
        let code = match login.redeem(text) {
            Ok(exchange) => Ok(exchange),
            Err(CallbackRejection::Denied(denial)) => Err(denial),
            Err(CallbackRejection::Unexpected { login, cause }) => {
                *waiting = Some(*login);
                return CallbackVerdict::Unexpected(cause);
            }
        };
        self.shared.code.send_replace(Some(code));
        CallbackVerdict::Accepted
    }

    /// Waits for the right answer: a code, or the issuer's refusal.
    pub async fn code(&self) -> Result<CodeExchange, Denial> {
        let mut code = self.shared.code.subscribe();
        loop {
            if let Some(code) = code.borrow_and_update().clone() {
                return code;
            }
            // The sender lives in `self`, so it cannot have gone.
            if code.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Reports how the sign-in ended, which the page in the browser waits for.
    pub fn settle(&self, outcome: LoginOutcome) {
        self.shared.outcome.send_replace(Some(outcome));
    }

    /// Waits for [`LoginAttempt::settle`].
    #[cfg_attr(not(feature = "loopback"), expect(dead_code, reason = "only a page waits for it"))]
    pub(crate) async fn outcome(&self) -> Option<LoginOutcome> {
        let mut outcome = self.shared.outcome.subscribe();
        outcome.wait_for(Option::is_some).await.ok().and_then(|outcome| *outcome)
    }

    fn late(&self, text: &str) -> CallbackVerdict {
        let given = state_of(text).unwrap_or_default();
        if self.shared.state.matches(&given) {
            CallbackVerdict::Repeated
        } else {
            CallbackVerdict::Unexpected(UnexpectedCallback::State)
        }
    }

    fn login(&self) -> MutexGuard<'_, Option<Login>> {
        self.shared.login.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LoginAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginAttempt").field("open", &self.login().is_some()).finish()
    }
}
