//! `logout`: revokes the tokens at the issuer, and deletes them whatever it answers.

use std::process::ExitCode;

use chatmock_auth::{AccountError, Revocation, SignedOut, force_sign_out, sign_out};

use crate::exit::{CommandError, OTHER};
use crate::login::named;
use crate::screen::{Screen, shown};
use crate::settings::Logout;
use crate::{CommandContext, let_go};

/// Signs out.
pub(crate) async fn run(
    context: &CommandContext,
    logout: &Logout,
) -> Result<ExitCode, CommandError> {
    let endpoint = context.config.keeper.endpoint()?;
    let (home, account) = (&context.config.home, logout.account.as_deref());
    let left = match logout.force {
        true => force_sign_out(home, &endpoint, account).await,
        false => sign_out(home, &endpoint, account).await,
    };
    let Some(left) = left.map_err(command_error)? else {
        context.screen.line("Nobody is signed in.");
        return Ok(ExitCode::SUCCESS);
    };
    tell(context.screen, endpoint.issuer(), &left);
    let others = context.config.home.accounts().unwrap_or_default();
    if let Some(other) = others.first().filter(|other| !other.active) {
        let key = other.name.as_ref().or(other.email.as_ref()).unwrap_or(&other.key);
        context.screen.line(format_args!("Still set aside: chatmock-auth use {}", shown(key)));
    }
    Ok(if left.left_behind.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(OTHER) })
}

fn tell(screen: Screen, issuer: &str, left: &SignedOut) {
    let account = left.account.as_ref();
    let who = shown(account.map_or("the sign-in", named));
    match left.left_behind.is_empty() {
        true => {
            screen.line(format_args!("Signed out {who}. The tokens on this machine are deleted."))
        }
        false => screen.line(format_args!(
            "Signed out {who}, but not all tokens on this machine are deleted."
        )),
    }
    let profile = account.and_then(|account| account.route.profile());
    if profile.is_some_and(|profile| profile.registers) {
        screen.line("This installation stays registered for the next sign-in.");
    }
    match &left.revocation {
        Revocation::Nothing if left.unread.is_empty() => {
            screen.line("There was no token to revoke at the sign-in service.");
        }
        Revocation::Nothing => screen.line("There was no token to revoke that could be read."),
        Revocation::Done => screen.line(format_args!("{issuer} has ended the sign-in, too.")),
        revocation => let_go::tell_revocation(screen, issuer, revocation, "the tokens"),
    }
    let_go::tell_rest(&left.left_behind, &left.unread);
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
