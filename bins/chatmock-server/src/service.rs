//! `service`: the server as a service of this person, installed, looked at and removed.

mod launchd;
mod systemd;
mod task;
mod unit;

use std::io::{BufRead, IsTerminal, Write as _, stderr, stdin};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use chatmock_server::wrap;

use crate::commands::{ServiceCommand, ServiceInstall};
use crate::exit::ExitError;
use crate::tool_context::ToolContext;
use crate::{env, port_owner, terminal};

/// The longest wait for a service that was started to answer.
const START: Duration = Duration::from_secs(10);

/// The pause between two looks at it.
const LOOK: Duration = Duration::from_millis(200);

/// The exit code of `status` for a service that does not run.
pub(crate) const NOT_RUNNING: u8 = 3;

/// What a service manager does for this program.
trait Manager {
    /// Writes what describes the service, and starts it.
    fn install(&self, plan: &InstallPlan<'_>) -> Result<(), ExitError>;
    /// Stops the service and removes what describes it.
    fn uninstall(&self, yes: bool) -> Result<(), ExitError>;
    /// Says what the manager knows; returns whether the service runs.
    fn status(&self) -> Result<bool, ExitError>;
    /// Shows the log, from now on where `follow`.
    fn logs(&self, follow: bool) -> Result<ExitCode, ExitError>;
    /// Stops the service and starts it again.
    fn restart(&self) -> Result<(), ExitError>;
}

/// An installation: what is to run, and what it has to reach.
pub(crate) struct InstallPlan<'a> {
    pub(crate) context: &'a ToolContext<'a>,
    /// The program.
    pub(crate) program: PathBuf,
    /// Its flags, as they were typed.
    pub(crate) flags: Vec<String>,
    pub(crate) yes: bool,
    /// True to start it.
    pub(crate) starts: bool,
}

/// Does what the command says.
pub(crate) fn run(
    command: &ServiceCommand,
    context: &ToolContext<'_>,
) -> Result<ExitCode, ExitError> {
    let manager = manager(context)?;
    match command {
        ServiceCommand::Install(args) if args.system => {
            crate::tool_context::print(unit::SYSTEM.as_bytes())
        }
        ServiceCommand::Install(args) => install(&*manager, args, context),
        ServiceCommand::Uninstall { yes } => {
            manager.uninstall(*yes)?;
            say("The service is removed. The sign-in and the settings stay.");
            Ok(ExitCode::SUCCESS)
        }
        ServiceCommand::Status => status(&*manager, context),
        ServiceCommand::Logs { follow } => manager.logs(*follow),
        ServiceCommand::Restart => {
            manager.restart()?;
            answered(context)
        }
    }
}

#[cfg(target_os = "macos")]
fn manager(context: &ToolContext<'_>) -> Result<Box<dyn Manager>, ExitError> {
    Ok(Box::new(launchd::Launchd::new(context.folders)?))
}

#[cfg(windows)]
fn manager(_: &ToolContext<'_>) -> Result<Box<dyn Manager>, ExitError> {
    Ok(Box::new(task::ScheduledTask))
}

#[cfg(not(any(target_os = "macos", windows)))]
fn manager(context: &ToolContext<'_>) -> Result<Box<dyn Manager>, ExitError> {
    Ok(Box::new(systemd::Systemd::new(context.folders)?))
}

fn install(
    manager: &dyn Manager,
    args: &ServiceInstall,
    context: &ToolContext<'_>,
) -> Result<ExitCode, ExitError> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let flags =
        typed_flags(std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()));
    for secret in ["--api-key", "--api-key="] {
        let shown = flags
            .iter()
            .any(|flag| flag == "--api-key" || flag.starts_with(secret) && secret.ends_with('='));
        if shown {
            return Err(ExitError::Settings(anyhow!(
                "a key would be written into the service, where it can be read\nhint: put it into a file, and pass --api-key-file FILE"
            )));
        }
    }
    warn_of_variables();
    let plan = InstallPlan { context, program, flags, yes: args.yes, starts: !args.no_start };
    manager.install(&plan)?;
    if args.no_start { Ok(ExitCode::SUCCESS) } else { answered(context) }
}

/// Returns the words that are flags of the server: all but the command's own.
fn typed_flags(words: impl Iterator<Item = String>) -> Vec<String> {
    const OWN: [&str; 6] = ["service", "install", "--yes", "-y", "--no-start", "--system"];
    words.filter(|word| !OWN.contains(&word.as_str())).collect()
}

/// Names the variables that apply to this shell and not to the service.
fn warn_of_variables() {
    let names = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok().filter(|name| name != env::CONFIG)?;
        let ours =
            name.starts_with("CHATMOCK_") || name.starts_with("CHATGPT_LOCAL_") || name == "PORT";
        (ours && !value.is_empty()).then_some(name)
    });
    let names: Vec<String> = names.collect();
    if !names.is_empty() {
        say(&format!(
            "Note: {} is set here and does not reach the service. Write it into chatmock.toml, or into the file environment next to it.",
            names.join(", ")
        ));
    }
}

/// Waits until the server answers.
fn answered(context: &ToolContext<'_>) -> Result<ExitCode, ExitError> {
    let address = port_owner::loopback(context.cli.listen.port);
    let start = Instant::now();
    while start.elapsed() < START {
        if port_owner::get(address, "/health").is_some() {
            say(&format!("It runs and answers: http://{address}/v1"));
            say("Next: chatmock-server connect");
            return Ok(ExitCode::SUCCESS);
        }
        pause();
    }
    Err(ExitError::Other(anyhow!(
        "the service does not answer at http://{address}\nhint: chatmock-server service logs"
    )))
}

/// Waits a moment: another process starts, whose end of starting no event tells here.
#[expect(clippy::disallowed_methods, reason = "the manager's process cannot be waited for")]
fn pause() {
    std::thread::sleep(LOOK);
}

/// Joins what the manager knows with what the server says of itself.
fn status(manager: &dyn Manager, context: &ToolContext<'_>) -> Result<ExitCode, ExitError> {
    let runs = manager.status()?;
    let address = port_owner::loopback(context.cli.listen.port);
    let Some(answer) = port_owner::get(address, "/ready") else {
        print_line("Answers", &format!("nothing at http://{address}"));
        return Ok(ExitCode::from(NOT_RUNNING));
    };
    let ready = answer.status == 200;
    print_line("Answers", &format!("at http://{address}/v1"));
    let word = member(&answer.body, "status").filter(|_| !ready);
    let no = word
        .map(|word| format!("no: {}", chatmock_server::sanitize::text(&word.replace('_', " "))));
    print_line("Ready", if ready { "yes" } else { no.as_deref().unwrap_or("no") });
    // What is wrong is said to those who have a key, where keys are set; one word is said to everybody.
    let report = port_owner::get(address, "/health?verbose").filter(|report| report.status != 401);
    for fault in faults(&report.map_or(answer.body, |report| report.body)) {
        print_line("Fault", &fault);
    }
    Ok(match (runs, ready) {
        (true, true) => ExitCode::SUCCESS,
        (true, false) => ExitCode::FAILURE,
        (false, _) => {
            print_line("Note", "the server that answers was not started by this service");
            ExitCode::from(NOT_RUNNING)
        }
    })
}

/// Returns the faults of a report, each with what fixes it.
fn faults(body: &str) -> Vec<String> {
    use chatmock_server::protocol::json::{RawObject, items};
    let object = |text: &str, member: &str| {
        let read: RawObject<'_> = chatmock_server::protocol::json::read_text(text).ok()?;
        read.get(member).map(|value| value.get().to_owned())
    };
    let Some(list) = ["faults", "reasons"].iter().find_map(|name| object(body, name)) else {
        let one = member(body, "reason").or_else(|| member(body, "message"));
        return one.into_iter().collect();
    };
    let told = items(&list).map(|item| {
        let message = member(item, "message").unwrap_or_else(|| item.trim_matches('"').to_owned());
        let fix = member(item, "fix").map(|fix| format!(" -> {fix}")).unwrap_or_default();
        chatmock_server::sanitize::text(&format!("{message}{fix}"))
    });
    told.collect()
}

/// Returns a member of an object, if it is a text.
fn member(object: &str, name: &str) -> Option<String> {
    let read: chatmock_server::protocol::json::RawObject<'_> =
        chatmock_server::protocol::json::read_text(object).ok()?;
    read.text(name).map(std::borrow::Cow::into_owned)
}

/// Runs a program of the system and returns what it printed.
fn call(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {program}"))?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {}: {}", arguments.join(" "), error.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program of the system at this terminal.
fn show(program: &str, arguments: &[&str]) -> Result<ExitCode, ExitError> {
    let status = Command::new(program).args(arguments).status();
    let status = status.with_context(|| format!("cannot run {program}"))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Asks a question; `None` where there is nobody to ask.
fn asked(question: &str) -> Option<bool> {
    if !stdin().is_terminal() {
        return None;
    }
    let _ = write!(stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer).ok()?;
    Some(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Fails unless a person agrees, or did so with a flag.
fn agree(question: &str, yes: bool) -> Result<(), ExitError> {
    match if yes { Some(true) } else { asked(question) } {
        Some(true) => Ok(()),
        Some(false) => Err(ExitError::Declined(anyhow!("nothing was changed"))),
        None => Err(ExitError::Declined(anyhow!(
            "nothing was changed, since there is nobody to ask\nhint: pass --yes"
        ))),
    }
}

fn print_line(label: &str, value: &str) {
    let value = wrap::hanging(value, (12, 12), terminal::width_of_stdout());
    // A reader that has gone is no failure.
    drop(crate::tool_context::print(format!("{label:<11} {value}\n").as_bytes()));
}

fn say(text: &str) {
    say_plain(&format!("{}\n", wrap::hanging(text, (0, 0), terminal::width_of_stderr())));
}

fn say_plain(text: &str) {
    // A person who has gone reads nothing.
    let _ = stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_for_the_server_goes_into_the_service() {
        let words = ["--port", "9000", "service", "install", "--strict", "-y"].map(str::to_owned);
        assert_eq!(typed_flags(words.into_iter()), ["--port", "9000", "--strict"]);
    }

    #[test]
    fn faults_are_listed_with_what_fixes_them() {
        let body = r#"{"ready":false,"faults":[{"code":"signed_out","message":"nobody is signed in","fix":"chatmock-auth login"}]}"#;
        assert_eq!(faults(body), ["nobody is signed in -> chatmock-auth login"]);
        assert_eq!(
            faults(r#"{"status":"not ready","reason":"nobody is signed in"}"#),
            ["nobody is signed in"]
        );
        assert!(faults("{}").is_empty() && faults("x").is_empty());
    }
}
