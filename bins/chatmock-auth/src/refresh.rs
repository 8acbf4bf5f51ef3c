//! `refresh`: a renewal now, and the keeper with which other tasks renew.

use std::process::ExitCode;

use chatmock_auth::{BorrowedStore, EndpointError, KeeperSettings, SignInRoute, TokenKeeper};
use std::path::Path;
use std::sync::Arc;

use crate::exit::CommandError;
use crate::screen::{Paint, shown};
use crate::{CommandContext, dates};

/// What a renewal that was stopped leaves behind: it had to come to its end.
const FINISHED: &str = "a renewal that was under way came to its end first";

impl CommandContext {
    /// The keeper of the active sign-in, or of another program's file while there is none.
    pub(crate) fn keeper(&self, borrowed: Option<&Path>) -> Result<TokenKeeper, EndpointError> {
        let store = self.config.home.store();
        let settings = KeeperSettings { route: self.route(), ..self.config.keeper.clone() };
        let borrowed = borrowed.map(|path| Arc::new(BorrowedStore::new(path)) as Arc<_>);
        TokenKeeper::new(settings, store, borrowed)
    }

    /// What the active sign-in is for. One that cannot be read is told of by whoever uses it.
    pub(crate) fn route(&self) -> SignInRoute {
        let file = self.config.home.load().ok().flatten();
        file.map_or(SignInRoute::CODEX, |file| file.provenance().route)
    }

    /// Does something with a keeper, unless the person stops it. A renewal is never cut off: its
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
        keeper.finish().await;
        done
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
