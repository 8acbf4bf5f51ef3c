//! `refresh`: renews now; and the keeper with which other tasks renew.

use std::process::ExitCode;

use anyhow::anyhow;
use chatmock_auth::{BorrowedStore, EndpointError, KeeperSettings, SignInRoute, TokenKeeper};
use std::path::Path;
use std::sync::Arc;

use crate::exit::CommandError;
use crate::screen::{Paint, shown};
use crate::{CommandContext, dates};

/// The message when a signal came during a renewal, which is always completed.
const FINISHED: &str = "a renewal under way was completed first";

impl CommandContext {
    /// Makes the keeper of the active sign-in, or of another program's file while no one is signed in.
    pub(crate) fn keeper(&self, borrowed: Option<&Path>) -> Result<TokenKeeper, EndpointError> {
        let store = self.config.home.store();
        let settings = KeeperSettings { route: self.route(), ..self.config.keeper.clone() };
        let borrowed = borrowed.map(|path| Arc::new(BorrowedStore::new(path)) as Arc<_>);
        TokenKeeper::new(&settings, store, borrowed)
    }

    /// Returns the route of the active sign-in. One that cannot be read is reported by its user.
    pub(crate) fn route(&self) -> SignInRoute {
        let file = self.config.home.load().ok().flatten();
        file.map_or(SignInRoute::CODEX, |file| file.provenance().route)
    }

    /// Works with a keeper until the person stops it. A renewal is never cut off: its
    /// token would be spent for nothing.
    pub(crate) async fn unless_stopped<T>(
        &self,
        keeper: &TokenKeeper,
        work: impl Future<Output = T>,
    ) -> Result<T, CommandError> {
        let done = tokio::select! {
            done = work => Ok(done),
            code = self.stop.asked() => Err(CommandError::Stopped(FINISHED, code)),
        };
        match keeper.finish().await {
            true => done,
            false => Err(CommandError::Other(anyhow!(
                "renewed tokens could not be saved anywhere: sign in again: chatmock-auth login"
            ))),
        }
    }
}

/// Renews the active sign-in.
pub(crate) async fn run(context: &CommandContext) -> Result<ExitCode, CommandError> {
    let keeper = context.keeper(None)?;
    let session = context.unless_stopped(&keeper, keeper.refresh()).await??;
    let screen = context.screen;
    let who = shown(session.email.as_deref().unwrap_or("the sign-in"));
    screen.line(format_args!("{} {who}.", screen.paint(Paint::Good, "Renewed")));
    let file = context.config.home.load().ok().flatten();
    if let Some(end) = file.and_then(|file| file.lifetime().expires()) {
        screen.field("Ends", &dates::from_now(end, dates::unix_now()));
    }
    Ok(ExitCode::SUCCESS)
}
