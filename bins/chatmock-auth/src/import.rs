//! `import`: finds another program's sign-in and makes a separate one for the same account.

use std::process::ExitCode;

use anyhow::{Context, anyhow};
use chatmock_auth::import::{Advice, Found, Writer, examine};

use crate::exit::CommandError;
use crate::login::{self, named};
use crate::logout::command_error;
use crate::screen::shown;
use crate::settings::{Import, Login};
use crate::{CommandContext, let_go};

/// Examines the first file that exists, and does what is safe.
pub(crate) async fn run(
    context: &CommandContext,
    import: Import,
) -> Result<ExitCode, CommandError> {
    let Import { files, take_over, login } = import;
    let found = look(context, &files)?;
    tell(context, &found);
    match found.advice {
        Advice::UseAsIs => {
            context.screen.line("This sign-in is already in use here; nothing to do.");
            Ok(ExitCode::SUCCESS)
        }
        Advice::SignInAnew if take_over => self::take_over(context, found).await,
        Advice::SignInAnew | Advice::SharedAlready => sign_in_anew(context, &found, login).await,
        Advice::OnlyApiKey => Err(CommandError::SignedOut(anyhow!(
            "it holds an API key and no sign-in: sign in with chatmock-auth login"
        ))),
        _ => Err(CommandError::SignedOut(anyhow!(
            "it holds no sign-in: sign in with chatmock-auth login"
        ))),
    }
}

fn look(context: &CommandContext, files: &[std::path::PathBuf]) -> Result<Found, CommandError> {
    for file in files {
        let looked = examine(file, &context.config.home);
        let found = looked.with_context(|| format!("cannot look at {}", file.display()))?;
        if let Some(found) = found {
            return Ok(found);
        }
    }
    let places: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    Err(CommandError::SignedOut(anyhow!(
        "there is no {}: sign in with chatmock-auth login, or pass the path of the file",
        places.join(" and no ")
    )))
}

fn tell(context: &CommandContext, found: &Found) {
    let screen = context.screen;
    screen.line(format_args!("Found {}.", shown(&found.path.display().to_string())));
    screen.field("Written by", writer(found.writer));
    if let Some(account) = &found.account {
        screen.field("E-mail", named(account));
        screen.field("Plan", account.plan.as_deref().unwrap_or("unknown"));
        screen.field("Workspace", account.workspace.as_deref().unwrap_or("unknown"));
    }
    screen.line("");
}

fn writer(writer: Writer) -> &'static str {
    match writer {
        Writer::ChatMock => "ChatMock",
        Writer::CodexCli => "the Codex CLI",
        Writer::PythonChatMock => "the Python ChatMock",
        _ => "another program",
    }
}

async fn take_over(context: &CommandContext, found: Found) -> Result<ExitCode, CommandError> {
    let writer = writer(found.writer);
    let endpoint = context.config.keeper.endpoint()?;
    let taken = found.take_over(&context.config.home, &endpoint).await;
    let (account, replaced) = taken.map_err(command_error)?;
    let who = shown(named(&account));
    context
        .screen
        .line(format_args!("Taken over: {who}. Do not use {writer} with this sign-in any more."));
    let_go::tell_replaced(context.screen, endpoint.issuer(), &replaced);
    Ok(ExitCode::SUCCESS)
}

/// Signs in again for the same account: a refresh token is good once, so it must not have two owners.
async fn sign_in_anew(
    context: &CommandContext,
    found: &Found,
    login: Login,
) -> Result<ExitCode, CommandError> {
    let (screen, writer) = (context.screen, writer(found.writer));
    screen.line(
        "Its tokens are not copied: two programs that renew the same sign-in end it for both.",
    );
    screen.line("Sign in again with the same account, so that each program has its own.");
    match found.writer {
        Writer::CodexCli => screen.line(
            "(Or let chatmock-server read this file with --borrow-codex, as long as codex renews it.)",
        ),
        _ => screen.line(format_args!(
            "(If you no longer use {writer}, --take-over moves the tokens here instead.)"
        )),
    }
    screen.line("");
    let workspace = found.account.as_ref().and_then(|account| account.workspace.clone());
    let workspaces = match login.workspaces.is_empty() {
        true => workspace.into_iter().collect(),
        false => login.workspaces,
    };
    let route = found.account.as_ref().map(|account| account.route.clone());
    // If both hold the same token, the other program goes on using it.
    let shared_with = Some(found.path.clone());
    login::run(context, &Login { workspaces, route, shared_with, ..login }).await
}
