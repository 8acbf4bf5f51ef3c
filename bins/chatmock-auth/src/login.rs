//! `login`: the sign-in, from the question how to the saved tokens.

mod code;
mod opening;
mod page;
mod route;
mod way;

use std::process::ExitCode;

use anyhow::anyhow;
use chatmock_auth::{
    Account, CLIENT_ID, CodeExchange, Endpoint, EndpointError, Obtained, Practice, Registration,
    Route, SignIn, SignInError, SignedIn, StoreChoice, StoreError,
};

use crate::env::Surroundings;
use crate::exit::Fault;
use crate::screen::{self, Paint, shown};
use crate::settings::Login;
use crate::{Desk, dates};
use way::{Way, way};

/// What a stopped sign-in leaves behind.
const NOTHING_CHANGED: &str = "nothing was changed";

/// A sign-in under way.
pub(crate) struct Attendant<'a> {
    desk: &'a Desk,
    login: &'a Login,
    endpoint: Endpoint,
    route: Route,
    practice: &'static Practice,
    /// This installation, where each registers.
    registration: Option<Registration>,
}

/// Signs in.
pub(crate) async fn run(desk: &Desk, login: &Login) -> Result<ExitCode, Fault> {
    let attendant = Attendant::new(desk, login).await?;
    let surroundings = Surroundings::read();
    attendant.preface();
    let signed_in = match attendant.way(&surroundings) {
        Way::Device { chosen: true } => attendant.by_code().await,
        // Who did not ask for a code is not sent away for want of one.
        Way::Device { chosen: false } => match attendant.by_code().await {
            Err(Failure::NoCodes) => {
                desk.screen.line("Sign-in by code is not offered here, so by browser:\n");
                attendant.by_page(None).await
            }
            outcome => outcome,
        },
        Way::Address => attendant.by_page(None).await,
        Way::Browser => attendant.by_page(Some(&surroundings)).await,
    };
    let signed_in = signed_in.map_err(|failure| match failure {
        Failure::NoCodes => Fault::from(EndpointError::NoDeviceSignIn),
        Failure::Fault(fault) => fault,
    })?;
    attendant.farewell(&signed_in);
    Ok(ExitCode::SUCCESS)
}

/// Why one way to sign in did not lead to the end.
#[derive(Debug)]
enum Failure {
    /// The issuer gives no device codes.
    NoCodes,
    /// It is over.
    Fault(Fault),
}

impl<T: Into<Fault>> From<T> for Failure {
    fn from(fault: T) -> Self {
        Self::Fault(fault.into())
    }
}

impl<'a> Attendant<'a> {
    /// Settles what the sign-in is for, and refuses what cannot be had there.
    async fn new(desk: &'a Desk, login: &'a Login) -> Result<Self, Fault> {
        let endpoint = desk.means.endpoint()?;
        let route = route::chosen(desk, login).await?;
        let practice = route.practice().ok_or(EndpointError::Route)?;
        login.check(practice).map_err(Fault::Settings)?;
        if practice.registers && endpoint.client_id() != CLIENT_ID {
            let why = "--client-id does not count on the plan route: its client is issued";
            return Err(Fault::Settings(anyhow!(why)));
        }
        let registration = if practice.registers {
            Some(Registration::of(&desk.means.home).await.map_err(unregistered)?)
        } else {
            None
        };
        Ok(Self { desk, login, endpoint, route, practice, registration })
    }

    fn way(&self, around: &Surroundings) -> Way {
        // Where there are no codes, the address is the way without a browser.
        let reachable = self.login.bind.is_some() || !self.practice.device_codes;
        way(self.login.wanted, reachable, around)
    }

    /// Says what is going to happen.
    fn preface(&self) {
        let (screen, home) = (self.desk.screen, self.desk.means.home.path());
        let file = home.join("auth.json");
        let place = match self.desk.means.store {
            StoreChoice::Auto => format!("in the keyring, else in {}", file.display()),
            StoreChoice::Keyring => "in the keyring".to_owned(),
            StoreChoice::File => format!("in {}", file.display()),
        };
        screen.line("Signing in with your ChatGPT account, for chatmock-server on this machine.");
        screen.field("Route", self.practice.name);
        screen.field("Service", self.endpoint.issuer());
        screen.field("To be kept", &place);
        if let Some(name) = &self.login.name {
            screen.field("Account", name);
        }
        screen.line("");
    }

    /// Buys the tokens, shows whose they are, and saves them.
    async fn complete(&self, exchange: &CodeExchange) -> Result<SignedIn, Failure> {
        self.desk.screen.line("Approved. Fetching the tokens ...");
        let obtained = tokio::select! {
            obtained = self.sign_in().obtain(exchange) => obtained.map_err(fault)?,
            code = self.desk.stop.asked() => return Err(stopped(code)),
        };
        self.show(obtained.account());
        Ok(self.save(obtained).await?)
    }

    async fn save(&self, obtained: Obtained<'_>) -> Result<SignedIn, Fault> {
        let saved = obtained.save(async |other: &Account| self.may_replace(other).await).await;
        match (saved, self.desk.stop.was_asked()) {
            (Err(SignInError::Kept), Some(code)) => Err(Fault::Stopped(NOTHING_CHANGED, code)),
            (saved, _) => saved.map_err(fault),
        }
    }

    fn sign_in(&self) -> SignIn<'_> {
        SignIn {
            home: &self.desk.means.home,
            endpoint: &self.endpoint,
            workspaces: &self.login.workspaces,
            name: self.login.name.as_deref(),
        }
    }

    fn show(&self, account: &Account) {
        let screen = self.desk.screen;
        screen.line("");
        for (name, value) in
            [("E-mail", &account.email), ("Plan", &account.plan), ("Workspace", &account.workspace)]
        {
            screen.field(name, value.as_deref().unwrap_or("not told"));
        }
        screen.line("");
    }

    /// Asks whether another account may be replaced.
    async fn may_replace(&self, other: &Account) -> bool {
        if self.login.replace {
            return true;
        }
        let Desk { screen, keyboard, stop, .. } = self.desk;
        let mut who = shown(named(other));
        if other.route != self.route {
            who = format!("{who} (route {})", shown(other.route.as_str()));
        }
        screen.line(format_args!("Another account is signed in here: {who}"));
        if !keyboard.has_person() {
            return false;
        }
        screen.line("--account NAME would have kept both, each under its name.");
        keyboard.forget().await;
        screen.prompt(format_args!("Replace {who}? [y/N] "));
        tokio::select! {
            yes = keyboard.yes() => yes,
            _ = stop.asked() => {
                screen.line("");
                false
            }
        }
    }

    fn farewell(&self, signed_in: &SignedIn) {
        let screen = self.desk.screen;
        let who = screen.paint(Paint::Strong, &shown(named(&signed_in.account)));
        screen.line(format_args!("{} as {who}.", screen.paint(Paint::Good, "Signed in")));
        screen.field("Saved in", &signed_in.place);
        if let Some(end) = signed_in.expires {
            let end = dates::from_now(end, dates::unix_now());
            screen.field("Ends", &format!("{end}; renewed by itself before"));
        }
        if let Some(aside) = &signed_in.put_aside {
            let key = aside.name.as_deref().or(aside.email.as_deref()).unwrap_or(&aside.key);
            screen.field("Kept aside", &format!("{key}: chatmock-auth use {key}"));
        }
        if self.route != Route::CODEX {
            screen.field("Used by", &format!("chatmock-server --route {}", self.route));
        }
        if !signed_in.usable {
            screen::warn(format_args!("{PLAN_USE_OFF}{}", self.route.login_command()));
        }
    }
}

/// What a sign-in is that may not use the plan; the command follows.
pub(crate) const PLAN_USE_OFF: &str =
    "signed in, but use of the plan is off, since it was not allowed: sign in again and allow it: ";

/// The account's e-mail address, or else what is known of it.
pub(crate) fn named(account: &Account) -> &str {
    account.email.as_deref().or(account.name.as_deref()).unwrap_or(&account.key)
}

fn stopped(code: u8) -> Failure {
    Failure::Fault(Fault::Stopped(NOTHING_CHANGED, code))
}

fn unregistered(error: SignInError) -> Fault {
    match error {
        SignInError::Store(error @ StoreError::Corrupt { .. }) => Fault::Other(
            anyhow!(error).context("remove this file, and this installation is registered anew"),
        ),
        error => fault(error),
    }
}

fn fault(error: SignInError) -> Fault {
    match error {
        SignInError::Kept => Fault::Declined(anyhow!(
            "another account is signed in, and was kept: say --yes to replace it, or \
             --account NAME to have both"
        )),
        SignInError::Endpoint(error) => error.into(),
        SignInError::Lock(error) => error.into(),
        SignInError::Store(error) => error.into(),
        error => Fault::Other(error.into()),
    }
}
