//! The sign-in with a browser: here, or elsewhere with the address pasted back.

use chatmock_auth::{
    Attempt, CodeExchange, Denial, Ending, Login, LoginSettings, Loopback, LoopbackError, SignedIn,
    Stray, Verdict,
};

use super::opening::Opening;
use super::{Attendant, Failure, stopped};
use crate::env::Surroundings;
use crate::exit::Fault;
use crate::screen::{self, Paint};

impl Attendant<'_> {
    /// Shows the address, opens it where there is a browser, waits for the answer, and signs in.
    pub(super) async fn by_page(&self, open: Option<&Surroundings>) -> Result<SignedIn, Failure> {
        let loopback = self.bind().await?;
        let (login, address) = Login::begin(LoginSettings {
            route: &self.route,
            registration: self.registration.as_ref(),
            issuer: self.endpoint.issuer(),
            client_id: self.endpoint.client_id(),
            originator: &self.desk.means.keeper.originator,
            redirect: loopback.redirect(),
            workspaces: &self.login.workspaces,
        })?;
        let place = loopback.redirect().to_string();
        let attempt = Attempt::new(login);
        let listening = loopback.serve(&attempt);
        self.tell_address(address.as_str(), &place, open.is_some());
        let opening = open.map(|around| Opening::start(around, address.as_str()));
        let signed_in = match self.answer(&attempt, opening).await {
            Ok(exchange) => self.complete(&exchange).await,
            Err(failure) => Err(failure),
        };
        attempt.settle(if signed_in.is_ok() { Ending::SignedIn } else { Ending::NotSignedIn });
        listening.close().await;
        signed_in
    }

    async fn bind(&self) -> Result<Loopback, Fault> {
        let settings = self.login.loopback(self.practice);
        if let Some(address) = settings.bind.filter(|address| !address.is_loopback()) {
            screen::warn(format_args!(
                "waiting for the browser on {address}, which other machines may reach; only \
                 requests that name this machine are answered"
            ));
        }
        Loopback::bind(&settings).await.map_err(|error| match error {
            LoopbackError::Taken(_) => Fault::Other(error.into()),
            error => Fault::Other(
                anyhow::Error::new(error).context("sign in with --device, or wait elsewhere"),
            ),
        })
    }

    fn tell_address(&self, address: &str, place: &str, opened: bool) {
        let screen = self.desk.screen;
        let label = self.practice.label.map(|label| format!("{label}. ")).unwrap_or_default();
        let opened = match opened {
            true => "Your browser opens this address. If it does not, open it yourself:",
            false => "Open this address in a browser:",
        };
        screen.line(format_args!("{label}{opened}"));
        screen.line(format_args!("\n  {}\n", screen.paint(Paint::Strong, address)));
        screen.line(format_args!("At the end it goes to {place} by itself."));
        screen
            .line("If the browser is on another machine, it cannot show that last page: copy the");
        screen.line("whole address of it, paste it here and press Enter. Waiting; Ctrl-C stops.");
    }

    /// Waits for the browser or for a pasted address, whichever is right first.
    async fn answer(
        &self,
        attempt: &Attempt,
        mut opening: Option<Opening>,
    ) -> Result<CodeExchange, Failure> {
        let (keyboard, stop) = (&self.desk.keyboard, &self.desk.stop);
        loop {
            tokio::select! {
                outcome = attempt.outcome() => {
                    return outcome.map_err(|denial| denied(denial).into());
                }
                line = keyboard.line_or_never() => self.offer(attempt, &line),
                () = Opening::failed(&mut opening) => self.desk.screen.line(
                    "The browser could not be opened: open the address above yourself.",
                ),
                code = stop.asked() => return Err(stopped(code)),
            }
        }
    }

    fn offer(&self, attempt: &Attempt, line: &str) {
        if line.is_empty() {
            return;
        }
        if let Verdict::Stray(stray) = attempt.offer(line) {
            let hint = match stray {
                Stray::State | Stray::NoCode => "paste the address of the last page, all of it",
                _ => "copy the address once more",
            };
            self.desk.screen.line(format_args!("That does not fit: {stray}; {hint}."));
        }
    }
}

fn denied(denial: Denial) -> Fault {
    Fault::Declined(anyhow::Error::new(denial).context("nothing was changed"))
}
