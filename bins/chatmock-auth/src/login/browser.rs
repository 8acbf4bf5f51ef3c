//! The sign-in with a browser: here, or elsewhere with the address pasted back.

use anyhow::anyhow;
use chatmock_auth::{
    CallbackVerdict, CodeExchange, Denial, Login, LoginAttempt, LoginOutcome, LoginSettings,
    Loopback, LoopbackError, SignedIn, UnexpectedCallback,
};

use super::browser_launch::BrowserLaunch;
use super::redirect_file::RedirectFile;
use super::{LoginFlow, MethodError, stopped};
use crate::env::Environment;
use crate::exit::CommandError;
use crate::screen::{self, Paint};

/// The message where the browser cannot come back and nobody can paste its address.
const NOBODY_PASTES: &str = "this system lets no program listen on the ports that the browser \
    returns to, and there is no terminal to paste its address: sign in with chatmock-auth login --device";

impl LoginFlow<'_> {
    /// Shows the address, opens it where there is a browser, waits for the answer, and signs in.
    pub(super) async fn by_browser(
        &self,
        open: Option<&Environment>,
    ) -> Result<SignedIn, MethodError> {
        let loopback = self.bind().await?;
        let (login, address) = Login::begin(LoginSettings {
            route: &self.route,
            registration: self.registration.as_ref(),
            issuer: self.endpoint.issuer(),
            client_id: self.endpoint.client_id(),
            originator: &self.context.config.keeper.originator,
            redirect: loopback.redirect(),
            workspaces: &self.login.workspaces,
        })?;
        let place = loopback.listens().then(|| loopback.redirect().to_string());
        let attempt = LoginAttempt::new(login);
        let listening = loopback.serve(&attempt);
        self.tell_address(address.as_str(), place.as_deref(), open.is_some());
        let redirect = open.and_then(|_| self.redirect_file(address.as_str()));
        let launch = match (open, &redirect) {
            (Some(environment), Some(file)) => Some(BrowserLaunch::start(environment, &file.url())),
            _ => None,
        };
        let signed_in = match self.answer(&attempt, launch, place.is_some()).await {
            Ok(exchange) => self.complete(&exchange).await,
            Err(failure) => Err(failure),
        };
        attempt.settle(if signed_in.is_ok() {
            LoginOutcome::SignedIn
        } else {
            LoginOutcome::NotSignedIn
        });
        listening.close().await;
        signed_in
    }

    /// Writes the file that the browser is started with, in the runtime folder or else the home.
    fn redirect_file(&self, address: &str) -> Option<RedirectFile> {
        let config = &self.context.config;
        let runtime = config.folders.runtime.as_ref().map(|folder| folder.join("chatmock"));
        let folders = runtime.as_deref().into_iter().chain([config.home.path()]);
        match RedirectFile::write(folders, address) {
            Ok(file) => Some(file),
            Err(error) => {
                screen::warn(format_args!(
                    "no browser is opened, since the file for it could not be written ({error:#}): \
                     open the address yourself"
                ));
                None
            }
        }
    }

    async fn bind(&self) -> Result<Loopback, CommandError> {
        let settings = self.login.loopback(self.profile);
        if let Some(address) = settings.bind.filter(|address| !address.is_loopback()) {
            screen::warn(format_args!(
                "waiting for the browser on {address}, which other machines may reach; only \
                 requests that name this machine are answered"
            ));
        }
        Loopback::bind(&settings).await.map_err(|error| match error {
            LoopbackError::Taken(_) => CommandError::Other(error.into()),
            error => CommandError::Other(
                anyhow::Error::new(error)
                    .context("sign in with --device, or choose another --bind address"),
            ),
        })
    }

    /// Shows the address, and how the browser's answer comes back: to a place here, or by hand.
    fn tell_address(&self, address: &str, place: Option<&str>, opened: bool) {
        let screen = self.context.screen;
        let label = self.profile.label.map(|label| format!("{label}. ")).unwrap_or_default();
        let opened = match opened {
            true => "Your browser opens this address. If it does not, open it yourself:",
            false => "Open this address in a browser:",
        };
        screen.line(format_args!("{label}{opened}"));
        screen.line(format_args!("\n  {}\n", screen.paint(Paint::Strong, address)));
        if let Some(place) = place {
            screen
                .line(format_args!("When you are done, the browser returns to {place} by itself."));
            screen.line(
                "If the browser is on another machine, it cannot show that last page: copy its",
            );
        } else {
            screen.line(
                "This system lets no program listen on the ports that the browser returns to, so",
            );
            screen.line("the browser cannot show the last page when you are done: copy its");
        }
        screen.line("whole address, paste it here and press Enter. Waiting; Ctrl-C stops.");
    }

    /// Waits for the browser, where it can come back, or for a pasted address, whichever is right first.
    async fn answer(
        &self,
        attempt: &LoginAttempt,
        mut launch: Option<BrowserLaunch>,
        returns: bool,
    ) -> Result<CodeExchange, MethodError> {
        let (keyboard, stop) = (&self.context.keyboard, &self.context.stop);
        let pasted = async || match returns {
            true => Some(keyboard.line_or_never().await),
            false => keyboard.line().await,
        };
        loop {
            tokio::select! {
                outcome = attempt.code() => {
                    return outcome.map_err(|denial| denied(denial).into());
                }
                line = pasted() => match line {
                    Some(line) => self.offer(attempt, &line),
                    None => return Err(CommandError::Other(anyhow!(NOBODY_PASTES)).into()),
                },
                () = BrowserLaunch::failed(&mut launch) => self.context.screen.line(
                    "The browser could not be opened: open the address above yourself.",
                ),
                code = stop.asked() => return Err(stopped(code)),
            }
        }
    }

    fn offer(&self, attempt: &LoginAttempt, line: &str) {
        if line.is_empty() {
            return;
        }
        if let CallbackVerdict::Unexpected(cause) = attempt.offer(line) {
            let hint = match cause {
                UnexpectedCallback::State | UnexpectedCallback::NoCode => {
                    "paste the whole address of the last page"
                }
                _ => "copy the address once more",
            };
            self.context
                .screen
                .line(format_args!("That is not the right address: {cause}; {hint}."));
        }
    }
}

fn denied(denial: Denial) -> CommandError {
    CommandError::Declined(anyhow::Error::new(denial).context("nothing was changed"))
}
