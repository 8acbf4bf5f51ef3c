//! The account: the sign-in's keeper, seen by the upstream as a source of credentials.

use std::sync::{Arc, Mutex, PoisonError};

use chatmock_auth::doctor::{Check, files_at_start};
use chatmock_auth::{
    BorrowedStore, EndpointError, Home, KeeperError, Secret, Session, SharedSignIn, StoreChoice,
    TokenKeeper, TokenStore,
};
use chatmock_shared::{Shared, SharedError};
use chatmock_translate::{Failure, FailureKind};
use chatmock_upstream::{CredentialError, CredentialSource, Credentials, FixedCredentials};
use futures::future::{BoxFuture, FutureExt};

use crate::error::ServerError;
use crate::http::sanitize;
use crate::remedies;
use crate::settings::{Access, SignInSettings};
use crate::state::faults::Faults;

/// The signed-in account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The e-mail address, where the sign-in has one.
    pub email: Option<String>,
    /// The plan, such as `plus`, where the sign-in names one.
    pub plan: Option<String>,
    /// When the access token ends, in seconds of the Unix epoch; it is renewed before.
    pub until: Option<i64>,
}

/// The readers of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// The holder of a key.
    KeyHolder,
    /// Everyone who can connect.
    Anyone,
}

/// The person of a sign-in, as that names them. Each member is empty where it is not known.
#[derive(Clone, Default)]
pub(crate) struct StoredIdentity {
    pub(crate) token: String,
    pub(crate) account: String,
    pub(crate) email: String,
}

/// The credentials with which this server calls the backend.
pub(crate) enum UpstreamAuth {
    /// A person's sign-in.
    SignIn(KeeperCredentials),
    /// A key, or nothing.
    Key(Arc<FixedCredentials>),
}

impl UpstreamAuth {
    /// `remedy` says what a person can do when the backend refuses a key; `faults` learns what reading the
    /// sign-in shows.
    pub(crate) fn new(
        access: Access,
        remedy: String,
        (faults, shared): (&Arc<Faults>, &Option<Shared>),
    ) -> Result<Self, ServerError> {
        match access {
            Access::SignIn(settings) => {
                let keeper = keeper(settings, shared.clone())?;
                let faults = Some(Arc::clone(faults));
                Ok(Self::SignIn(KeeperCredentials { faults, ..KeeperCredentials::new(keeper) }))
            }
            Access::Key(settings) => {
                let key = settings.key.as_ref().map(Secret::expose);
                let fixed =
                    FixedCredentials::new(key, remedy).map_err(chatmock_upstream::Error::from)?;
                Ok(Self::Key(Arc::new(fixed)))
            }
        }
    }

    /// Returns the source that the backend's client asks for credentials.
    pub(crate) fn credentials(&self) -> Arc<dyn CredentialSource> {
        match self {
            Self::SignIn(keeper) => Arc::new(keeper.clone()),
            Self::Key(fixed) => Arc::<FixedCredentials>::clone(fixed),
        }
    }

    /// Returns the credentials as they are stored, without renewing them or asking anybody; stand-ins where nobody
    /// is signed in.
    pub(crate) async fn stored(&self) -> Arc<Credentials> {
        let known = match self {
            Self::SignIn(keeper) => keeper.keeper.stored().await.and_then(|session| {
                let (token, account) = (session.access_token.expose(), &session.account_id);
                Credentials::new(token, account.as_deref(), session.fedramp).map(Arc::new).ok()
            }),
            Self::Key(fixed) => fixed.current().await.ok(),
        };
        known.unwrap_or_else(|| Arc::new(stand_ins()))
    }

    /// Returns what the stored sign-in says of its person, for whoever has to keep it out.
    pub(crate) async fn stored_identity(&self) -> Option<StoredIdentity> {
        let Self::SignIn(keeper) = self else { return None };
        let session = keeper.keeper.stored().await?;
        Some(StoredIdentity {
            token: session.access_token.expose().to_owned(),
            account: session.account_id.clone().unwrap_or_default(),
            email: session.email.clone().unwrap_or_default(),
        })
    }

    /// Returns whether these are stand-ins.
    pub(crate) fn is_stand_in(credentials: &Credentials) -> bool {
        credentials.token() == NOBODY
    }

    /// Says who is signed in, or in words for a person why no one is; `None` where no one need be.
    pub(crate) async fn account(&self) -> Result<Option<Account>, String> {
        let Self::SignIn(keeper) = self else { return Ok(None) };
        match keeper.session().await {
            Ok(session) => {
                let (email, plan) = (session.email.clone(), session.plan.clone());
                Ok(Some(Account { email, plan, until: session.expires }))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Names the account in a failure that only a new sign-in fixes: by its e-mail address to the holder of a key,
    /// to everyone else by its plan and route, since other users of the machine can ask too.
    pub(crate) async fn name_account(
        &self,
        mut failure: Failure,
        audience: Audience,
        route: &str,
    ) -> Failure {
        if failure.kind != FailureKind::SignedOut {
            return failure;
        }
        let Ok(Some(Account { email, plan, .. })) = self.account().await else { return failure };
        if audience == Audience::Anyone
            && let Some(email) = &email
        {
            failure.message = failure.message.replace(email, "the account");
        }
        let name = match (email, plan) {
            (Some(email), _) if audience == Audience::KeyHolder => format!("of {email}"),
            (_, Some(plan)) => format!("with the plan {plan}, on the route {route}"),
            _ => return failure,
        };
        if !failure.message.contains(&name) {
            failure.message = format!("{} (the sign-in {name})", failure.message);
        }
        failure
    }

    /// Returns whether requests can be answered as far as the sign-in is concerned: a word that says why not.
    pub(crate) fn is_ready(&self, faults: &Faults) -> Result<(), &'static str> {
        match self {
            Self::Key(_) => Ok(()),
            Self::SignIn(_) if !faults.has_read_sign_in() => Err("starting"),
            Self::SignIn(_) => faults.of_sign_in().map_or(Ok(()), Err),
        }
    }

    /// Returns whether this machine's clock is known to be wrong.
    pub(crate) fn is_clock_off(&self) -> bool {
        matches!(self, Self::SignIn(keeper) if keeper.keeper.is_clock_off())
    }

    /// Returns the number of renewals so far that brought a token, and of those that did not.
    pub(crate) fn renewals(&self) -> (u64, u64) {
        match self {
            Self::Key(_) => (0, 0),
            Self::SignIn(keeper) => keeper.keeper.renewals(),
        }
    }

    /// Takes over what another server has done with a sign-in that several share.
    pub(crate) async fn follow_shared(&self) {
        if let Self::SignIn(keeper) = self {
            keeper.keeper.follow_shared().await;
        }
    }

    /// Checks that what several servers share of the sign-in can be opened here.
    pub(crate) async fn check_shared(&self, shared: &Shared) -> Result<(), SharedError> {
        match self {
            Self::SignIn(keeper) => keeper.keeper.check_shared().await,
            Self::Key(_) => shared.identity().await.map(drop),
        }
    }

    /// Returns whether the shared engine had lost the sign-in, and got it back from here.
    pub(crate) fn was_restored(&self) -> bool {
        self.shared_sign_in().is_some_and(|shared| shared.was_restored())
    }

    /// The copy of the sign-in that several servers share.
    pub(crate) fn shared_sign_in(&self) -> Option<Arc<SharedSignIn>> {
        let Self::SignIn(keeper) = self else { return None };
        keeper.keeper.shared()
    }

    /// Has the next renewal panic.
    #[cfg(feature = "fault-injection")]
    pub(crate) fn fault_in_next_renewal(&self) {
        if let Self::SignIn(keeper) = self {
            keeper.keeper.fault_in_next_renewal();
        }
    }

    /// Waits for a renewal under way: cut off, it would have spent its token for nothing. Returns
    /// `false` when renewed tokens could not be saved anywhere.
    pub(crate) async fn finish(&self) -> bool {
        match self {
            Self::SignIn(keeper) => keeper.keeper.finish().await,
            Self::Key(_) => true,
        }
    }
}

/// The token and the account of stand-ins, which no issuer gives out.
const NOBODY: &str = "not-signed-in";

/// Placeholder credentials, for requests that are shown and not sent.
fn stand_ins() -> Credentials {
    Credentials::new(NOBODY, Some(NOBODY), false).unwrap_or_else(|_| Credentials::none())
}

fn keeper(settings: SignInSettings, shared: Option<Shared>) -> Result<TokenKeeper, EndpointError> {
    // A sign-in is renewed where it is kept; only a new one has a choice.
    let home = Home::new(settings.home, StoreChoice::Auto);
    let home = home.with_runtime_folder(settings.keeper.runtime_folder.clone());
    let home = match shared {
        Some(shared) => home.with_shared(shared),
        None => home,
    };
    for Check { detail, fix, .. } in files_at_start(&home) {
        tracing::warn!(fix, "{detail}");
    }
    let store = home.store();
    let borrowed = settings.borrow_codex.map(|home| -> Arc<dyn TokenStore> {
        Arc::new(BorrowedStore::new(home.join("auth.json")))
    });
    TokenKeeper::new(&settings.keeper, store, borrowed)
}

/// A keeper of tokens as a source of credentials for the backend: the one place where the two meet.
#[derive(Clone)]
pub struct KeeperCredentials {
    keeper: TokenKeeper,
    /// Learns what reading and renewing the sign-in show.
    faults: Option<Arc<Faults>>,
    /// The account of the last session.
    last: Arc<Mutex<Option<AccountName>>>,
}

/// What tells one account from another in the log.
struct AccountName {
    id: Option<String>,
    email: Option<String>,
}

impl KeeperCredentials {
    /// Takes the keeper; a clone of it stays usable next to this.
    pub fn new(keeper: TokenKeeper) -> Self {
        Self { keeper, faults: None, last: Arc::default() }
    }

    async fn session(&self) -> Result<Arc<Session>, KeeperError> {
        let session = self.note(self.keeper.current().await)?;
        self.report_change(&session);
        Ok(session)
    }

    /// Reports in the log that another account is signed in than before.
    fn report_change(&self, session: &Session) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (id, email) = (&session.account_id, &session.email);
        if last.as_ref().is_some_and(|last| last.id == *id && last.email == *email) {
            return;
        }
        let before = last.replace(AccountName { id: id.clone(), email: email.clone() });
        drop(last);
        if before.is_some() {
            let email = email.as_deref().map_or_else(|| "another account".into(), sanitize::text);
            let plan = session.plan.as_deref().map(|plan| format!(" ({})", sanitize::text(plan)));
            tracing::info!("signed in as {email}{}", plan.unwrap_or_default());
        }
    }

    fn note<T>(&self, outcome: Result<T, KeeperError>) -> Result<T, KeeperError> {
        if let Some(faults) = &self.faults {
            faults.set_sign_in(&outcome);
        }
        outcome
    }
}

impl std::fmt::Debug for KeeperCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeeperCredentials").finish_non_exhaustive()
    }
}

impl CredentialSource for KeeperCredentials {
    fn current(&self) -> BoxFuture<'_, Result<Arc<Credentials>, CredentialError>> {
        async { credentials(self.session().await) }.boxed()
    }

    fn renew(
        &self,
        stale: &Arc<Credentials>,
    ) -> BoxFuture<'_, Result<Arc<Credentials>, CredentialError>> {
        let stale = Secret::new(stale.token());
        async move { credentials(self.note(self.keeper.renew(&stale).await)) }.boxed()
    }

    fn accepted(&self, credentials: &Arc<Credentials>) {
        self.keeper.accepted(credentials.token());
    }
}

fn credentials(
    session: Result<Arc<Session>, KeeperError>,
) -> Result<Arc<Credentials>, CredentialError> {
    let session = session.map_err(|error| match nameless(error) {
        ref error @ KeeperError::Unavailable(ref cause) => {
            CredentialError::Unavailable(format!("{error} ({cause})"))
        }
        error @ KeeperError::StillRefused => CredentialError::StillRefused(error.to_string()),
        error @ (KeeperError::Store(_) | KeeperError::AccountChanged) => {
            CredentialError::Unavailable(error.to_string())
        }
        error => CredentialError::SignedOut(error.to_string()),
    })?;
    let token = session.access_token.expose();
    let credentials = Credentials::new(token, session.account_id.as_deref(), session.fedramp);
    credentials.map(Arc::new).map_err(|error| match error {
        CredentialError::Unusable(what) => {
            CredentialError::Unusable(format!("{what}; {}", remedies::SIGN_IN))
        }
        other => other,
    })
}

/// Leaves the account's e-mail address out: these words reach everyone who can connect.
fn nameless(error: KeeperError) -> KeeperError {
    match error {
        KeeperError::SignInExpired { refusal, route, .. } => {
            KeeperError::SignInExpired { refusal, account: None, route }
        }
        KeeperError::NotAllowed { route, .. } => KeeperError::NotAllowed { account: None, route },
        error => error,
    }
}
