//! The service under launchd, as an agent of this person on macOS. Not run on a Mac.
#![cfg_attr(not(target_os = "macos"), allow(dead_code, reason = "only macOS has launchd"))]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use super::{InstallPlan, Manager, agree, call, print_line, say, say_plain, show};
use crate::connect::{diff, target::Target};
use crate::env::Folders;
use crate::exit::ExitError;

/// The agent of the documents.
const PLIST: &str = include_str!("../../../../docs/service/org.chatmock.server.plist");

/// The name of the agent.
const LABEL: &str = "org.chatmock.server";

/// The tool of the service manager.
const CONTROL: &str = "launchctl";

/// The service manager of this person.
#[derive(Debug)]
pub(super) struct Launchd {
    home: PathBuf,
}

impl Launchd {
    pub(super) fn new(folders: &Folders) -> Result<Self, ExitError> {
        Ok(Self { home: folders.home.clone().context("your home folder is unknown")? })
    }

    fn path(&self) -> PathBuf {
        self.home.join(format!("Library/LaunchAgents/{LABEL}.plist"))
    }

    fn log(&self) -> PathBuf {
        self.home.join("Library/Logs/chatmock-server.log")
    }

    /// The domain of this person's session.
    fn domain() -> anyhow::Result<String> {
        Ok(format!("gui/{}", call("id", &["-u"])?.trim()))
    }
}

impl Manager for Launchd {
    fn install(&self, plan: &InstallPlan<'_>) -> Result<(), ExitError> {
        let target = Target::read(&self.path(), &self.home)?;
        let text =
            plist(&self.home.to_string_lossy(), &plan.program.to_string_lossy(), &plan.flags);
        if target.text() == text {
            say(&format!("{} is installed already.", self.path().display()));
        } else {
            say_plain(&diff::lines(target.text(), &text));
            agree(
                if target.exists() { "Replace this agent?" } else { "Install this agent?" },
                plan.yes,
            )?;
            target.replace(&text)?;
        }
        if plan.starts {
            let domain = Self::domain()?;
            // An agent that is not loaded cannot be unloaded.
            drop(call(CONTROL, &["bootout", &format!("{domain}/{LABEL}")]));
            call(CONTROL, &["bootstrap", &domain, &self.path().to_string_lossy()])?;
        }
        Ok(())
    }

    fn uninstall(&self, yes: bool) -> Result<(), ExitError> {
        let target = Target::read(&self.path(), &self.home)?;
        if !target.exists() {
            say("There is no such service.");
            return Ok(());
        }
        agree(&format!("Stop the service and remove {}?", self.path().display()), yes)?;
        drop(call(CONTROL, &["bootout", &format!("{}/{LABEL}", Self::domain()?)]));
        Ok(target.delete()?)
    }

    fn status(&self) -> Result<bool, ExitError> {
        let path = self.path();
        let installed = if path.exists() { path.display().to_string() } else { "no".to_owned() };
        print_line("Installed", &installed);
        let shown = call(CONTROL, &["print", &format!("{}/{LABEL}", Self::domain()?)]);
        let state = shown.ok().and_then(|shown| {
            let mut lines = shown.lines().filter_map(|line| line.trim().split_once(" = "));
            lines.find(|(name, _)| *name == "state").map(|(_, state)| state.to_owned())
        });
        let state = state.unwrap_or_else(|| "not loaded".to_owned());
        print_line("State", &state);
        Ok(state == "running")
    }

    fn logs(&self, follow: bool) -> Result<ExitCode, ExitError> {
        let log = self.log();
        let log = log.to_string_lossy();
        if follow {
            show("tail", &["-n", "100", "-F", &log])
        } else {
            show("tail", &["-n", "100", &log])
        }
    }

    fn restart(&self) -> Result<(), ExitError> {
        call(CONTROL, &["kickstart", "-k", &format!("{}/{LABEL}", Self::domain()?)])?;
        Ok(())
    }
}

/// Makes the agent: that of the documents, with the program and the flags of this installation.
fn plist(home: &str, program: &str, flags: &[String]) -> String {
    let element = |word: &str| format!("    <string>{}</string>\n", escaped(word));
    let (head, rest) = PLIST.split_once("  <array>\n").unwrap_or((PLIST, ""));
    let (_, tail) = rest.split_once("  </array>\n").unwrap_or(("", rest));
    let words: String =
        std::iter::once(program).chain(flags.iter().map(String::as_str)).map(element).collect();
    let text = format!("{head}  <array>\n{words}  </array>\n{tail}");
    text.replace("<string>HOME/", &format!("<string>{}/", escaped(home)))
        .replace(" Put your home folder in place of HOME.", "")
}

fn escaped(word: &str) -> String {
    word.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_runs_this_program_with_the_flags_that_were_typed() {
        let text =
            plist("/Users/ann", "/opt/a&b/chatmock-server", &["--port".into(), "9000".into()]);
        assert!(
            text.contains(
                "<string>/opt/a&amp;b/chatmock-server</string>\n    <string>--port</string>"
            ),
            "{text}"
        );
        assert!(
            text.contains("<string>/Users/ann/Library/Logs/chatmock-server.log</string>"),
            "{text}"
        );
        assert!(!text.contains("HOME") && !text.contains("--log-format"), "{text}");
    }
}
