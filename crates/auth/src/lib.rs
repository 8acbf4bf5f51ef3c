//! Sign-ins: signing in and out, storing the tokens, reading their claims and renewing them.
//!
//! A [`TokenKeeper`] over a [`TokenStore`] hands out a usable [`Session`]. It makes one renewal at
//! a time, in this program and across programs, because a refresh token can be used once: a
//! second use of it, or a new one that is not saved, ends the sign-in.
//!
//! Nothing here reads flags or the environment, prints, or asks: a program brings the paths and
//! addresses, shows the results and asks the questions. No token reaches a log line, an
//! error message or a `Debug` text.
//!
//! # Signing in
//!
//! ```no_run
//! # #[cfg(feature = "loopback")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use chatmock_auth::{
//!     LoginAttempt, CLIENT_ID, Endpoint, EndpointSettings, LoginOutcome, Home, ISSUER, Login, LoginSettings,
//!     Loopback, LoopbackSettings, SignInRoute, SignIn, StoreChoice,
//! };
//!
//! let home = Home::new("/home/me/.chatgpt-local", StoreChoice::Auto);
//! let endpoint = Endpoint::new(EndpointSettings {
//!     issuer: ISSUER, client_id: CLIENT_ID, originator: "chatmock", user_agent: "chatmock/0.1",
//! })?;
//! let loopback = Loopback::bind(&LoopbackSettings::default()).await?;
//! let (login, address) = Login::begin(LoginSettings {
//!     route: &SignInRoute::CODEX, issuer: endpoint.issuer(), client_id: endpoint.client_id(),
//!     registration: None, originator: "chatmock", redirect: loopback.redirect(), workspaces: &[],
//! })?;
//! let attempt = LoginAttempt::new(login);
//! let listening = loopback.serve(&attempt);
//! println!("open {address}, or paste here where it led you");
//! // Meanwhile, each pasted line goes to `attempt.offer(line)`.
//! let exchange = attempt.code().await?;
//! let sign_in = SignIn {
//!     home: &home, endpoint: &endpoint, workspaces: &[], name: None, shared_with: None,
//! };
//! let obtained = sign_in.obtain(&exchange).await?;
//! println!("{:?}", obtained.account());
//! let saved = obtained.save(async |other| { println!("replace {other:?}?"); true }).await;
//! attempt.settle(if saved.is_ok() { LoginOutcome::SignedIn } else { LoginOutcome::NotSignedIn });
//! listening.close().await;
//! println!("saved in {}", saved?.place);
//! # Ok(())
//! # }
//! ```
//!
//! For the plan route: [`SignInRoute::PLAN`], the [`Registration`] of the home, a loopback with the
//! `callback_ports` of its [`AuthProfile`], and the same.
//!
//! Without a browser: [`Endpoint::device_code`], [`Device::new`], [`SignIn::await_device`], then
//! the same. Afterwards [`TokenKeeper`] over [`Home::store`] hands out tokens, [`sign_out`] ends
//! the sign-in, and [`doctor`] says what is wrong.

mod accounts;
mod auth_profile;
mod blocking;
mod claims;
mod code_exchange;
mod device;
pub mod doctor;
mod endpoint;
mod fault;
mod fault_injection;
mod form;
mod hardening;
mod home;
mod id_token;
pub mod import;
mod issuer;
mod keeper;
mod lock;
mod login;
#[cfg(feature = "loopback")]
mod loopback;
mod private;
mod provenance;
mod refresh_refusal;
mod registration;
mod relinquish;
mod secret;
mod secret_object;
mod shared_source;
mod sign_in;
mod sign_in_route;
mod sign_out;
mod store;
mod tokens;

pub use accounts::{Account, AccountError};
pub use auth_profile::{AuthProfile, CALLBACK_PORTS};
pub use blocking::LostTask;
pub use claims::Claims;
pub use code_exchange::CodeExchange;
pub use device::{DEVICE_CODE_LIFE, Device, DeviceCode, DeviceRefusal, DeviceReply, DeviceStep};
pub use endpoint::{CodeRefusal, Endpoint, EndpointError, EndpointSettings, ServiceWords};
pub use fault::{Fault, FaultKind, Severity};
pub use hardening::harden_process;
pub use home::Home;
pub use id_token::BadIdToken;
pub use issuer::{CLIENT_ID, ISSUER, InvalidIssuer};
pub use keeper::{KeeperError, KeeperSettings, Session, TokenKeeper};
pub use lock::{HomeLock, LockError};
pub use login::{
    CallbackRejection, CallbackVerdict, Denial, Login, LoginAttempt, LoginOutcome, LoginSettings,
    Redirect, RedirectHost, UnexpectedCallback,
};
#[cfg(feature = "loopback")]
pub use loopback::{Listening, Loopback, LoopbackError, LoopbackSettings};
pub use private::{
    PrivateFileError, open_private, read_private, read_private_up_to, write_private,
};
pub use provenance::Provenance;
pub use refresh_refusal::RefreshRefusal;
pub use registration::{Registration, RegistrationError};
pub use relinquish::{LeftBehind, Relinquished, Revocation};
pub use secret::Secret;
pub use shared_source::{SharedSource, SharedSourceError};
pub use sign_in::{Obtained, SignIn, SignInError, SignedIn};
pub use sign_in_route::SignInRoute;
pub use sign_out::{SignedOut, force_sign_out, sign_out};
pub use store::{
    BorrowedStore, Keyring, KeyringError, MemoryStore, Ownership, Rescued, Reservation, SharedCopy,
    SharedSignIn, Stamp, StoreChoice, StoreError, TokenStore, UnknownStore, VaultError,
};
pub use tokens::{AuthFile, Freshness, Grant, Lifetime, Malformed, Tokens};

pub use chatmock_shared as shared;
