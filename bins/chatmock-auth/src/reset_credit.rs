//! `reset-credit`: spends a credit that begins the windows of the limits anew, after a question.

use std::hash::{BuildHasher, RandomState};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::anyhow;
use chatmock_auth::TokenKeeper;
use chatmock_server::KeeperCredentials;
use chatmock_server::protocol::codex::reset_credits::{Redemption, ResetCredit, ResetCredits};
use chatmock_server::upstream::{Client, CredentialError, Error as UpstreamError};

use crate::CommandContext;
use crate::exit::CommandError;
use crate::screen::{Paint, shown};

/// Spends a credit, if there is one and the person wants that.
pub(crate) async fn run(context: &CommandContext, yes: bool) -> Result<ExitCode, CommandError> {
    let keeper = context.keeper(None)?;
    context.unless_stopped(&keeper, spend(context, &keeper, yes)).await??;
    Ok(ExitCode::SUCCESS)
}

async fn spend(
    context: &CommandContext,
    keeper: &TokenKeeper,
    yes: bool,
) -> Result<(), CommandError> {
    let upstream = context.config.upstream(&context.route());
    let source = Arc::new(KeeperCredentials::new(keeper.clone()));
    let client = Client::new(upstream, source).map_err(failed)?;
    let ResetCredits { available, credits } = client.reset_credits().await.map_err(failed)?;
    let Some(credit) = credits.first().filter(|_| available > 0) else {
        return Err(CommandError::Other(anyhow!("the account has no reset credit")));
    };
    let screen = context.screen;
    screen
        .line(format_args!("Reset credits: {available}. The next to expire is {}.", named(credit)));
    if !yes {
        ask(context).await?;
    }
    let attempt = attempt_name();
    let redemption = Redemption { credit_id: &credit.id, redeem_request_id: &attempt };
    match &*client.spend_reset_credit(&redemption).await.map_err(failed)? {
        "reset" | "already_redeemed" => {
            let left = available - 1;
            let done = screen.paint(Paint::Good, "Spent");
            screen.line(format_args!("{done} one; {left} left. The windows have restarted."));
            Ok(())
        }
        "nothing_to_reset" => {
            Err(CommandError::Other(anyhow!("nothing of the limits is used; no credit was spent")))
        }
        "no_credit" => Err(CommandError::Other(anyhow!("the credit is not there any more"))),
        other => Err(CommandError::Other(anyhow!(
            "the backend did not say whether the credit was spent: {}",
            shown(other)
        ))),
    }
}

/// Asks whether a credit is to be spent.
async fn ask(context: &CommandContext) -> Result<(), CommandError> {
    let (screen, keyboard) = (context.screen, &context.keyboard);
    if !keyboard.has_person() {
        return Err(CommandError::Declined(anyhow!(
            "no credit was spent: there is nobody to ask; --yes spends one without a question"
        )));
    }
    keyboard.forget().await;
    screen.prompt("Spend it now, and restart the windows? [y/N] ");
    match keyboard.yes().await {
        true => Ok(()),
        false => Err(CommandError::Declined(anyhow!("no credit was spent"))),
    }
}

fn named(credit: &ResetCredit) -> String {
    let title = shown(credit.title.as_deref().unwrap_or("without a name"));
    match &credit.expires_at {
        Some(at) => format!("\"{title}\" (until {})", shown(at)),
        None => format!("\"{title}\""),
    }
}

/// A random name of an attempt, in the form of a UUID of version 4.
fn attempt_name() -> String {
    let part = || RandomState::new().hash_one(());
    let (high, low) = (part(), part());
    let high = high & !0xf000 | 0x4000;
    let low = low & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{high:016x}{low:016x}");
    let parts =
        [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| hex.get(range).unwrap_or_default());
    parts.join("-")
}

fn failed(error: UpstreamError) -> CommandError {
    match error {
        UpstreamError::Credentials(CredentialError::Unavailable(why)) => {
            CommandError::Other(anyhow!(why))
        }
        UpstreamError::Credentials(error) => CommandError::SignedOut(error.into()),
        UpstreamError::Settings { .. } => CommandError::Settings(error.into()),
        error => CommandError::Other(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_have_names_of_their_own_in_the_form_of_a_uuid() {
        let names = [attempt_name(), attempt_name()];
        assert_ne!(names[0], names[1]);
        for name in names {
            let lengths: Vec<_> = name.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{name}");
            assert!(name[14..].starts_with('4') && "89ab".contains(&name[19..20]), "{name}");
        }
    }
}
