//! `status`: who is signed in, where the tokens are, and how much of the limits is used.

mod limits;
mod report;
pub(crate) mod usage;

use std::path::Path;
use std::process::ExitCode;

use anyhow::anyhow;
use chatmock_auth::{
    Account, AuthFile, BorrowedStore, KeeperError, Provenance, SharedCopy, StoreError, TokenStore,
};

use crate::CommandContext;
use crate::exit::{CommandError, SIGNED_OUT};
use crate::json::Json;
use usage::{StoredUsage, Usage, UsageError};

/// A sign-in without its tokens.
#[derive(Debug)]
struct Status {
    account: Account,
    provenance: Provenance,
    /// The place of the tokens.
    place: String,
    /// The copies of a sign-in that several servers share, or why they are not known.
    shared: Option<Result<SharedCopy, String>>,
    /// True if another program owns them.
    borrowed: bool,
    /// True if the person allowed the use of the plan, on routes where that is asked.
    allowed: Option<bool>,
    /// The end of the access token, in seconds since 1970.
    expires: Option<i64>,
    /// The last renewal, in seconds since 1970.
    renewed: Option<i64>,
    usage: Result<Usage, UsageError>,
    /// The limits that a server received earlier, when they cannot be read now.
    stored: Option<StoredUsage>,
}

/// Prints the status.
pub(crate) async fn run(
    context: &CommandContext,
    json: bool,
    borrowed: Option<&Path>,
) -> Result<ExitCode, CommandError> {
    if load(context, borrowed)?.is_none() {
        let nobody = Json::Object(vec![("signed_in", false.into())]);
        context.screen.line(if json { nobody.to_string() } else { NOBODY.to_owned() });
        return Ok(ExitCode::from(SIGNED_OUT));
    }
    let keeper = context.keeper(borrowed)?;
    let usage = context.unless_stopped(&keeper, usage::read(context, &keeper)).await?;
    if let Err(UsageError::Settings(error)) = usage {
        return Err(CommandError::Settings(error));
    }
    // The tokens may have been renewed for this.
    let Some((file, place)) = load(context, borrowed)? else { return Err(gone(usage)) };
    let allowed = file.is_allowed();
    let stored = match &usage {
        Err(UsageError::Unavailable(_)) if allowed.is_none() => {
            usage::stored(context.config.home.path(), &file)
        }
        _ => None,
    };
    let status = Status {
        account: Account::of(&file),
        provenance: file.provenance(),
        borrowed: borrowed.is_some_and(|path| place == BorrowedStore::new(path).description()),
        place,
        shared: context
            .config
            .home
            .shared()
            .map(|shared| shared.compare(Some(&file)).map_err(|error| error.to_string())),
        expires: file.lifetime().expires(),
        allowed,
        renewed: file.last_refresh().map(|time| time.unix_timestamp()),
        usage,
        stored,
    };
    if json {
        context.screen.line(status.json());
    } else {
        status.tell(context.screen);
    }
    Ok(match status.usage {
        Err(UsageError::SignedOut(_)) => ExitCode::from(SIGNED_OUT),
        _ => ExitCode::SUCCESS,
    })
}

const NOBODY: &str = "Nobody is signed in. Sign in with: chatmock-auth login";

/// Makes the error for a sign-in that disappeared: it ended just now, or somebody signed out.
fn gone(usage: Result<Usage, UsageError>) -> CommandError {
    CommandError::SignedOut(match usage {
        Err(UsageError::SignedOut(why)) => anyhow!(why),
        _ => anyhow!("somebody signed out meanwhile; sign in again: chatmock-auth login"),
    })
}

/// Loads the sign-in in use and says where it is: our own, else the borrowed one.
fn load(
    context: &CommandContext,
    borrowed: Option<&Path>,
) -> Result<Option<(AuthFile, String)>, CommandError> {
    let signed_in = |loaded: Result<Option<AuthFile>, StoreError>, place: String| {
        let file = loaded.map_err(KeeperError::from)?;
        Ok::<_, KeeperError>(file.filter(|file| file.tokens().is_some()).map(|file| (file, place)))
    };
    let store = context.config.home.store();
    if let Some(own) = signed_in(store.load(), store.description())? {
        return Ok(Some(own));
    }
    let Some(path) = borrowed else { return Ok(None) };
    let store = BorrowedStore::new(path);
    Ok(signed_in(store.load(), store.description())?)
}
