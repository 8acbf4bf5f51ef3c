//! `accounts` and `use`: the accounts of a home, and the one in use.

use std::process::ExitCode;

use anyhow::Context;
use chatmock_auth::Account;

use crate::exit::CommandError;
use crate::login::named;
use crate::logout::command_error;
use crate::screen::{Paint, Screen, shown};
use crate::{CommandContext, let_go};

/// Lists the accounts, with a star at the one in use.
pub(crate) fn list(context: &CommandContext) -> Result<ExitCode, CommandError> {
    let accounts = context.config.home.accounts().context("the accounts cannot be listed")?;
    if accounts.is_empty() {
        context.screen.line("No accounts. Sign in first: chatmock-auth login");
    }
    for account in &accounts {
        context.screen.line(row(context.screen, account));
    }
    Ok(ExitCode::SUCCESS)
}

fn row(screen: Screen, account: &Account) -> String {
    let part = |part: &Option<String>| shown(part.as_deref().unwrap_or("-"));
    let star = if account.active { screen.paint(Paint::Good, "*") } else { " ".to_owned() };
    format!(
        "{star} {:<10} {:<28} {:<8} {:<6} {}",
        part(&account.name),
        part(&account.email),
        part(&account.plan),
        shown(account.route.as_str()),
        screen.paint(Paint::Faint, &shown(&account.key)),
    )
}

/// Makes another account the one in use.
pub(crate) async fn switch(context: &CommandContext, word: &str) -> Result<ExitCode, CommandError> {
    let endpoint = context.config.keeper.endpoint()?;
    let switched = context.config.home.switch(&endpoint, word).await;
    let (account, let_go) = switched.map_err(command_error)?;
    let who = shown(named(&account));
    context.screen.line(format_args!("Now in use: {who}. A running server switches by itself."));
    let_go::tell_replaced(context.screen, endpoint.issuer(), &let_go);
    Ok(ExitCode::SUCCESS)
}
