//! `accounts` and `use`: which sign-ins are kept, and which of them is in use.

use std::process::ExitCode;

use anyhow::Context;
use chatmock_auth::Account;

use crate::Desk;
use crate::exit::Fault;
use crate::login::named;
use crate::logout::fault;
use crate::screen::{Paint, Screen, shown};

/// Lists the accounts; a star stands at the one in use.
pub(crate) fn list(desk: &Desk) -> Result<ExitCode, Fault> {
    let accounts = desk.means.home.accounts().context("the accounts cannot be listed")?;
    if accounts.is_empty() {
        desk.screen.line("No accounts. Sign in first: chatmock-auth login");
    }
    for account in &accounts {
        desk.screen.line(row(desk.screen, account));
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
pub(crate) async fn switch(desk: &Desk, word: &str) -> Result<ExitCode, Fault> {
    let account = desk.means.home.switch(word).await.map_err(fault)?;
    let who = shown(named(&account));
    desk.screen.line(format_args!("In use now: {who}. A running server takes it up by itself."));
    Ok(ExitCode::SUCCESS)
}
