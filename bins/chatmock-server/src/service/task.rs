//! The service as a scheduled task of this person on Windows. Not run on Windows.
#![cfg_attr(not(windows), allow(dead_code, reason = "only Windows has such tasks"))]

use std::process::ExitCode;

use anyhow::anyhow;

use super::{InstallPlan, Manager, agree, call, print_line, say};
use crate::exit::ExitError;

/// The tool of the task scheduler.
const CONTROL: &str = "schtasks";

/// The name of the task.
const NAME: &str = "ChatMock";

/// The task scheduler.
#[derive(Debug)]
pub(super) struct ScheduledTask;

impl Manager for ScheduledTask {
    fn install(&self, plan: &InstallPlan<'_>) -> Result<(), ExitError> {
        let command = command_line(&plan.program.to_string_lossy(), &plan.flags);
        say(&format!("Task {NAME}, at log-on: {command}"));
        agree("Install this task?", plan.yes)?;
        // It replaces a task of this name.
        call(
            CONTROL,
            &["/Create", "/F", "/TN", NAME, "/SC", "ONLOGON", "/RL", "LIMITED", "/TR", &command],
        )?;
        if plan.starts {
            call(CONTROL, &["/Run", "/TN", NAME])?;
        }
        Ok(())
    }

    fn uninstall(&self, yes: bool) -> Result<(), ExitError> {
        if call(CONTROL, &["/Query", "/TN", NAME]).is_err() {
            say("There is no such service.");
            return Ok(());
        }
        agree(&format!("Stop and remove the task {NAME}?"), yes)?;
        // A task that does not run cannot be ended.
        drop(call(CONTROL, &["/End", "/TN", NAME]));
        call(CONTROL, &["/Delete", "/F", "/TN", NAME])?;
        Ok(())
    }

    fn status(&self) -> Result<bool, ExitError> {
        let shown = call(CONTROL, &["/Query", "/TN", NAME, "/FO", "CSV", "/NH"]);
        let state = shown.ok().and_then(|line| {
            line.trim().rsplit(',').next().map(|state| state.trim_matches('"').to_owned())
        });
        print_line("Task", NAME);
        print_line("State", state.as_deref().unwrap_or("not installed"));
        Ok(state.as_deref() == Some("Running"))
    }

    fn logs(&self, _: bool) -> Result<ExitCode, ExitError> {
        Err(ExitError::Other(anyhow!(
            "a task keeps no log\nhint: stop it, and run chatmock-server in a terminal"
        )))
    }

    fn restart(&self) -> Result<(), ExitError> {
        drop(call(CONTROL, &["/End", "/TN", NAME]));
        call(CONTROL, &["/Run", "/TN", NAME])?;
        Ok(())
    }
}

/// Writes a command line as Windows splits it.
fn command_line(program: &str, flags: &[String]) -> String {
    let words = std::iter::once(program).chain(flags.iter().map(String::as_str));
    let words = words.map(|word| match word.contains([' ', '"']) {
        true => format!("\"{}\"", word.replace('"', "\\\"")),
        false => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_blanks_are_quoted() {
        let line = command_line(r"C:\Program Files\chatmock-server.exe", &["--port=9000".into()]);
        assert_eq!(line, r#""C:\Program Files\chatmock-server.exe" --port=9000"#);
    }
}
