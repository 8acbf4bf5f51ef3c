//! `explain`: prints what the server would send for a request, and sends nothing.

mod curl;

use std::io::{IsTerminal, Read, stdin};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail, ensure};
use chatmock_server::{Explainer, Refused, Settings, turn_endpoints};

use crate::commands::ExplainArgs;
use crate::env::OpenAiVariables;
use crate::exit::ExitError;
use crate::logging::Log;
use crate::tool_context::{ToolContext, print};
use crate::{runtime, settings};

/// The dialect of a body that comes without an address.
const USUAL: &str = "chat";

/// A request that is to be explained.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Explains a request.
pub(crate) fn run(args: &ExplainArgs, context: ToolContext<'_>) -> Result<ExitCode, ExitError> {
    let resolved =
        settings::resolve(context.cli, context.folders, &OpenAiVariables::read(), Vec::new());
    let resolved = resolved.map_err(ExitError::Settings)?;
    let _log = Log::start(context.writer, resolved.log, resolved.verbose);
    let most = resolved.server.http.sizes.max_body;
    let asked = asked(args, most).map_err(ExitError::Settings)?;
    let runtime = runtime().context("cannot start the runtime")?;
    let explained = runtime.block_on(explain(resolved.server, asked));
    runtime.shutdown_background();
    match explained.map_err(ExitError::Settings)? {
        Ok(explanation) if args.json => print(format!("{}\n", explanation.json()).as_bytes()),
        Ok(explanation) => print(explanation.text().as_bytes()),
        Err(refused) => {
            if args.json {
                print(&[&*refused.body, b"\n"].concat())?;
            }
            let Refused { status, message, .. } = refused;
            Err(ExitError::Other(anyhow!("refused with status {status}: {message}")))
        }
    }
}

async fn explain(
    settings: Settings,
    asked: Asked,
) -> anyhow::Result<Result<chatmock_server::Explanation, Refused>> {
    let explainer = Explainer::new(settings).await.map_err(|error| anyhow!("{error}"))?;
    Ok(explainer.explain(&asked.path, &asked.headers, asked.body.into()).await)
}

/// Returns the request that the flags and the standard input give.
fn asked(args: &ExplainArgs, most: usize) -> anyhow::Result<Asked> {
    let path = args.dialect.as_deref().map(path_of).transpose()?;
    if let Some(line) = &args.curl {
        let asked = curl::read(line, most).context("--curl")?;
        return Ok(Asked { path: path.unwrap_or(asked.path), ..asked });
    }
    ensure!(
        !stdin().is_terminal(),
        "explain reads the body of a request: chatmock-server explain < body.json, or --curl 'curl …'"
    );
    let mut body = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    stdin().lock().take(limit).read_to_end(&mut body).context("cannot read the body")?;
    ensure!(body.len() <= most, "the body is larger than --max-body, which is {most} bytes");
    let path = path.map_or_else(|| path_of(USUAL), Ok)?;
    Ok(Asked { path, headers: Vec::new(), body })
}

/// Returns the path of a dialect.
fn path_of(dialect: &str) -> anyhow::Result<String> {
    let known = turn_endpoints().find(|(name, _)| name.eq_ignore_ascii_case(dialect));
    let Some((_, path)) = known else {
        let names: Vec<&str> = turn_endpoints().map(|(name, _)| name).collect();
        bail!("--dialect {dialect}: there is no such dialect; use one of {}", names.join(", "));
    };
    Ok(path.to_owned())
}
