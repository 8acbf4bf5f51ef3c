//! `login`: the sign-in, from the choice of a method to the saved tokens.

mod browser;
mod browser_launch;
mod device;
mod method;
mod redirect_file;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use chatmock_auth::{
    Account, AuthProfile, CLIENT_ID, CodeExchange, Endpoint, EndpointError, Obtained, Registration,
    SignIn, SignInError, SignInRoute, SignedIn, StoreChoice,
};

use crate::env::Environment;
use crate::exit::CommandError;
use crate::screen::{self, Paint, shown};
use crate::settings::Login;
use crate::{CommandContext, dates, let_go};
use method::{LoginMethod, choose};

/// The message of a sign-in that was stopped.
const NOTHING_CHANGED: &str = "nothing was changed";

/// The message where tokens may have been issued and were not ended.
const NOT_ENDED: &str = "nothing was changed here, but the sign-in service may have issued tokens \
                         that could not be ended; they are not stored anywhere";
/// The longest wait for tokens that are to be ended.
const LAST_TOKENS: Duration = Duration::from_secs(10);

/// A sign-in under way.
pub(crate) struct LoginFlow<'a> {
    context: &'a CommandContext,
    login: &'a Login,
    endpoint: Endpoint,
    route: SignInRoute,
    profile: &'static AuthProfile,
    /// This installation, where each registers.
    registration: Option<Registration>,
}

/// Signs in.
pub(crate) async fn run(context: &CommandContext, login: &Login) -> Result<ExitCode, CommandError> {
    let flow = LoginFlow::new(context, login).await?;
    let environment = Environment::read();
    flow.preface();
    let signed_in = match flow.method(&environment) {
        LoginMethod::Device { chosen: true } => flow.by_device().await,
        // A person who did not ask for a code gets the browser where there are no codes.
        LoginMethod::Device { chosen: false } => match flow.by_device().await {
            Err(MethodError::NoCodes(error)) => {
                context.screen.line(format_args!("No device code: {}.", shown(&error.to_string())));
                context.screen.line("Signing in with the address instead:\n");
                flow.by_browser(None).await
            }
            outcome => outcome,
        },
        LoginMethod::Address => flow.by_browser(None).await,
        LoginMethod::Browser => flow.by_browser(Some(&environment)).await,
    };
    let signed_in = signed_in.map_err(|failure| match failure {
        MethodError::NoCodes(error) => CommandError::from(error),
        MethodError::Fatal(fault) => fault,
    })?;
    flow.farewell(&signed_in);
    Ok(ExitCode::SUCCESS)
}

/// Why one method to sign in failed.
#[derive(Debug)]
enum MethodError {
    /// The issuer gives no device codes, or not to this person.
    NoCodes(EndpointError),
    /// No other method helps.
    Fatal(CommandError),
}

impl<T: Into<CommandError>> From<T> for MethodError {
    fn from(fault: T) -> Self {
        Self::Fatal(fault.into())
    }
}

impl<'a> LoginFlow<'a> {
    /// Chooses the route, and refuses flags that cannot be used on it.
    async fn new(context: &'a CommandContext, login: &'a Login) -> Result<Self, CommandError> {
        let endpoint = context.config.keeper.endpoint()?;
        context.config.home.check()?;
        // A question that a newcomer cannot answer is none: the other route is a flag.
        let route = login.route.clone().unwrap_or(SignInRoute::CODEX);
        let profile = route.profile().ok_or(EndpointError::UnknownRoute)?;
        login.check(profile).map_err(CommandError::Settings)?;
        if profile.registers && endpoint.client_id() != CLIENT_ID {
            let why = "--client-id cannot be used on the plan route, which issues a client to each installation";
            return Err(CommandError::Settings(anyhow!(why)));
        }
        let registration = if profile.registers {
            Some(Registration::of(&context.config.home).await?)
        } else {
            None
        };
        Ok(Self { context, login, endpoint, route, profile, registration })
    }

    fn method(&self, environment: &Environment) -> LoginMethod {
        // Without codes, the address is the only way to sign in without a browser here.
        let reachable = self.login.bind.is_some() || !self.profile.device_codes;
        choose(self.login.requested, reachable, environment)
    }

    /// Prints what is going to happen.
    fn preface(&self) {
        let (screen, home) = (self.context.screen, self.context.config.home.path());
        let file = home.join("auth.json");
        let place = match self.context.config.store {
            StoreChoice::Auto => format!("in the keyring, else in {}", file.display()),
            StoreChoice::Keyring => "in the keyring".to_owned(),
            StoreChoice::File => format!("in {}", file.display()),
        };
        screen.line("Signing in with your ChatGPT account, for chatmock-server on this machine.");
        let route = match self.login.route {
            Some(_) => self.profile.name.to_owned(),
            None => {
                format!("{} (the other one: chatmock-auth login --route plan)", self.profile.name)
            }
        };
        screen.field("Route", &route);
        screen.field("Service", self.endpoint.issuer());
        screen.field("Store", &place);
        if let Some(name) = &self.login.name {
            screen.field("Account", name);
        }
        screen.line("");
    }

    /// Fetches the tokens, shows whose they are, and saves them.
    async fn complete(&self, exchange: &CodeExchange) -> Result<SignedIn, MethodError> {
        self.context.screen.line("Approved. Fetching the tokens ...");
        let mut obtaining = std::pin::pin!(self.sign_in().obtain(exchange));
        let obtained = tokio::select! {
            obtained = &mut obtaining => obtained.map_err(command_error)?,
            code = self.context.stop.asked() => return Err(abandoned(obtaining, code).await),
        };
        self.show(obtained.account());
        Ok(self.save(obtained).await?)
    }

    async fn save(&self, obtained: Obtained<'_>) -> Result<SignedIn, CommandError> {
        let saved = obtained.save(async |other: &Account| self.may_replace(other).await).await;
        match (saved, self.context.stop.was_asked()) {
            (Err(SignInError::Kept), Some(code)) => {
                Err(CommandError::Stopped(NOTHING_CHANGED, code))
            }
            (saved, _) => saved.map_err(command_error),
        }
    }

    fn sign_in(&self) -> SignIn<'_> {
        SignIn {
            home: &self.context.config.home,
            endpoint: &self.endpoint,
            workspaces: &self.login.workspaces,
            name: self.login.name.as_deref(),
            shared_with: self.login.shared_with.as_deref(),
        }
    }

    fn show(&self, account: &Account) {
        let screen = self.context.screen;
        screen.line("");
        for (name, value) in
            [("E-mail", &account.email), ("Plan", &account.plan), ("Workspace", &account.workspace)]
        {
            screen.field(name, value.as_deref().unwrap_or("unknown"));
        }
        screen.line("");
    }

    /// Asks whether another account may be replaced.
    async fn may_replace(&self, other: &Account) -> bool {
        if self.login.replace {
            return true;
        }
        let CommandContext { screen, keyboard, stop, .. } = self.context;
        let mut who = shown(named(other));
        if other.route != self.route {
            who = format!("{who} (route {})", shown(other.route.as_str()));
        }
        screen.line(format_args!("Another account is signed in here: {who}"));
        if !keyboard.has_person() {
            return false;
        }
        screen.line("To keep both accounts, answer no and sign in with --account NAME.");
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
        let screen = self.context.screen;
        let who = screen.paint(Paint::Strong, &shown(named(&signed_in.account)));
        screen.line(format_args!("{} as {who}.", screen.paint(Paint::Good, "Signed in")));
        screen.field("Saved in", &signed_in.place);
        if let Some(end) = signed_in.expires {
            let end = dates::from_now(end, dates::unix_now());
            screen.field("Ends", &format!("{end}; renewed automatically"));
        }
        if let Some(aside) = &signed_in.put_aside {
            let key = aside.name.as_deref().or(aside.email.as_deref()).unwrap_or(&aside.key);
            screen.field("Set aside", &format!("{key}: chatmock-auth use {key}"));
        }
        let_go::tell_replaced(screen, self.endpoint.issuer(), &signed_in.replaced);
        let server = match self.route == SignInRoute::CODEX {
            true => "chatmock-server".to_owned(),
            false => format!("chatmock-server --route {}", self.route),
        };
        screen.field(
            "Next",
            &format!("{server}, then clients use {OPENAI} (OpenAI) or {OLLAMA} (Ollama)"),
        );
        screen.field("Set up", "chatmock-server connect");
        if !signed_in.usable {
            screen::warn(format_args!("{PLAN_USE_OFF}{}", self.route.login_command()));
        }
    }
}

/// The address for clients of OpenAI, unless the server is told another.
const OPENAI: &str = "http://127.0.0.1:8000/v1";

/// The address for clients of Ollama.
const OLLAMA: &str = "http://127.0.0.1:8000";

/// The message of a sign-in that may not use the plan; the command follows.
pub(crate) const PLAN_USE_OFF: &str = "signed in, but use of the plan is off because you did not allow it; sign in again and allow it: ";

/// Returns the account's e-mail address, else its name or key.
pub(crate) fn named(account: &Account) -> &str {
    account.email.as_deref().or(account.name.as_deref()).unwrap_or(&account.key)
}

/// Waits for tokens that were asked for, and ends them: a call that is cut off may have made some.
async fn abandoned<'a>(
    obtaining: impl Future<Output = Result<Obtained<'a>, SignInError>>,
    code: u8,
) -> MethodError {
    let obtained = match tokio::time::timeout(LAST_TOKENS, obtaining).await {
        Ok(Ok(obtained)) => obtained,
        Ok(Err(_)) => return stopped(code),
        Err(_) => return MethodError::Fatal(CommandError::Stopped(NOT_ENDED, code)),
    };
    match obtained.give_up().await.is_complete() {
        true => stopped(code),
        false => MethodError::Fatal(CommandError::Stopped(NOT_ENDED, code)),
    }
}

fn stopped(code: u8) -> MethodError {
    MethodError::Fatal(CommandError::Stopped(NOTHING_CHANGED, code))
}

fn command_error(error: SignInError) -> CommandError {
    match error {
        SignInError::Kept => CommandError::Declined(anyhow!(
            "another account is signed in and was kept: use --yes to replace it, or \
             --account NAME to keep both"
        )),
        SignInError::Endpoint(error) => error.into(),
        SignInError::Registration(error) => error.into(),
        SignInError::Lock(error) => error.into(),
        SignInError::Store(error) => error.into(),
        error => CommandError::Other(error.into()),
    }
}
