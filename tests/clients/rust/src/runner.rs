//! Runs named checks and prints one line for each: `ok NAME`, or `not ok NAME: WHY`.

use std::error::Error;
use std::fmt::Debug;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::time::Duration;

use tokio_stream::{Stream, StreamExt};

/// How long one check may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Why a check did not pass.
pub(crate) type Fault = Box<dyn Error + Send + Sync>;

/// What a check comes to.
pub(crate) type Outcome = Result<(), Fault>;

/// A check and its name.
pub(crate) type Check = (&'static str, Pin<Box<dyn Future<Output = Outcome> + Send>>);

/// Lists checks by the functions' names.
macro_rules! checks {
    ($($name:ident),* $(,)?) => {
        pub(crate) fn checks() -> Vec<$crate::runner::Check> {
            vec![$((stringify!($name), Box::pin($name()))),*]
        }
    };
}
pub(crate) use checks;

/// The address of the server under test.
pub(crate) fn base_url() -> String {
    std::env::var("CHATMOCK_URL").unwrap_or_default()
}

/// The route by which the server under test answers: `codex`, `plan` or `api`.
pub(crate) fn route() -> String {
    std::env::var("CHATMOCK_CHECKED_ROUTE").unwrap_or_default()
}

/// Fails unless both are equal, and says what was found.
#[track_caller]
pub(crate) fn same<F: Debug + PartialEq<W>, W: Debug>(found: F, wanted: W, what: &str) -> Outcome {
    holds(found == wanted, || format!("{what} is {found:?}, not {wanted:?}"))
}

/// Fails with `what` unless the condition is true.
#[track_caller]
pub(crate) fn holds(condition: bool, what: impl FnOnce() -> String) -> Outcome {
    if condition {
        return Ok(());
    }
    Err(format!("line {}: {}", Location::caller().line(), what()).into())
}

/// What must be there.
#[track_caller]
pub(crate) fn some<T>(value: Option<T>, what: &str) -> Result<T, Fault> {
    value.ok_or_else(|| format!("line {}: no {what}", Location::caller().line()).into())
}

/// The error of what must not succeed.
#[track_caller]
pub(crate) fn refused<T: Debug, E>(outcome: Result<T, E>) -> Result<E, Fault> {
    let line = Location::caller().line();
    outcome.map_or_else(Ok, |value| Err(format!("line {line}: no error, but {value:?}").into()))
}

/// Everything a stream yields, or its first error.
pub(crate) async fn all<T, E>(
    stream: impl Stream<Item = Result<T, E>> + Unpin,
) -> Result<Vec<T>, E> {
    stream.collect().await
}

/// Runs every check in order.
pub(crate) fn run(checks: Vec<Check>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        for (name, check) in checks {
            // A task of its own, so that a client that panics ends only its check.
            let ended = tokio::time::timeout(LIMIT, tokio::spawn(check)).await;
            let outcome = match ended {
                Ok(joined) => joined.unwrap_or_else(|error| Err(error.into())),
                Err(_) => Err(format!("not done after {} s", LIMIT.as_secs()).into()),
            };
            match outcome {
                Ok(()) => println!("ok {name}"),
                Err(why) => println!("not ok {name}: {}", why.to_string().replace('\n', "\\n")),
            }
        }
    });
    Ok(())
}
