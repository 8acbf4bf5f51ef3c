//! `logout`: revokes the tokens at the issuer, and deletes them whatever it answers.

use std::process::ExitCode;

use chatmock_auth::{AccountError, Revocation, SignedOut, sign_out};

use crate::CommandContext;
use crate::exit::CommandError;
use crate::login::named;
use crate::screen::{self, Screen, shown};

/// The way to revoke a sign-in by hand.
const BY_HAND: &str =
    "to revoke them now, use \"Log out of all devices\" in ChatGPT's settings, under Security";

/// Signs out.
pub(crate) async fn run(
    context: &CommandContext,
    account: Option<&str>,
) -> Result<ExitCode, CommandError> {
    let endpoint = context.config.keeper.endpoint()?;
    let Some(left) =
        sign_out(&context.config.home, &endpoint, account).await.map_err(command_error)?
    else {
        context.screen.line("Nobody is signed in.");
        return Ok(ExitCode::SUCCESS);
    };
    tell(context.screen, endpoint.issuer(), left);
    let others = context.config.home.accounts().unwrap_or_default();
    if let Some(other) = others.first().filter(|other| !other.active) {
        let key = other.name.as_ref().or(other.email.as_ref()).unwrap_or(&other.key);
        context.screen.line(format_args!("Still set aside: chatmock-auth use {}", shown(key)));
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(screen: Screen, issuer: &str, left: SignedOut) {
    let SignedOut { account, revocation, .. } = left;
    let who = account.as_ref().map_or("the sign-in", named);
    screen.line(format_args!("Signed out {}. The tokens on this machine are deleted.", shown(who)));
    let profile = account.as_ref().and_then(|account| account.route.profile());
    if profile.is_some_and(|profile| profile.registers) {
        screen.line("This installation stays registered for the next sign-in.");
    }
    match revocation {
        Revocation::Done => {
            screen.line(format_args!("{issuer} has ended the sign-in, too."));
        }
        Revocation::Nothing => screen.line("There was no token to revoke at the sign-in service."),
        Revocation::OtherIssuer => screen::warn(format_args!(
            "the tokens came from another sign-in service than {issuer} and were not revoked there; {BY_HAND}"
        )),
        Revocation::Failed(error) => screen::warn(format_args!(
            "{error}, so the tokens stay valid there until they end; {BY_HAND}"
        )),
        _ => screen::warn(format_args!(
            "the tokens were not revoked at the sign-in service; {BY_HAND}"
        )),
    }
}

/// Sorts an error; an account that does not exist is a mistake on the command line.
pub(crate) fn command_error(error: AccountError) -> CommandError {
    match error {
        AccountError::Unknown(_) | AccountError::Ambiguous(_) => {
            CommandError::Settings(error.into())
        }
        AccountError::Lock(error) => error.into(),
        AccountError::Store(error) => error.into(),
        error => CommandError::Other(error.into()),
    }
}
