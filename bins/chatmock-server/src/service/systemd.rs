//! The service under systemd, as a unit of this person.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};

use super::unit::{self, Kept, MARK, Paths};
use super::{InstallPlan, Manager, agree, asked, call, print_line, say, say_plain, show};
use crate::connect::{diff, target::Target};
use crate::env::Folders;
use crate::exit::ExitError;

/// The unit, and the one that listens for it where somebody installed that.
const SERVICE: &str = "chatmock-server.service";
const SOCKET: &str = "chatmock-server.socket";

/// The tool of the service manager.
const CONTROL: &str = "systemctl";

/// The properties of the unit that are shown.
const PROPERTIES: [&str; 7] = [
    "FragmentPath",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "Result",
    "MainPID",
    "ExecMainStatus",
];

/// The service manager of this person.
#[derive(Debug)]
pub(super) struct Systemd {
    /// The folder of the units.
    units: PathBuf,
    home: PathBuf,
}

impl Systemd {
    pub(super) fn new(folders: &Folders) -> Result<Self, ExitError> {
        let home = folders.home.clone().context("your home folder is unknown")?;
        let config = folders.xdg.clone().context("your home folder is unknown")?;
        Ok(Self { units: config.join("systemd/user"), home })
    }

    fn path(&self) -> PathBuf {
        self.units.join(SERVICE)
    }

    /// Returns the unit to start: the socket where there is one, since it starts the service on demand.
    fn started(&self) -> &'static str {
        if self.units.join(SOCKET).exists() { SOCKET } else { SERVICE }
    }

    /// Says which unit is in force: this program's, one by hand, or that of a package.
    fn installed(&self, in_force: &str) -> String {
        let path = self.path();
        match fs::read_to_string(&path) {
            Ok(unit) if unit.contains(MARK) => path.display().to_string(),
            Ok(_) => format!("{} (by hand)", path.display()),
            Err(_) if in_force.starts_with('/') => format!("{in_force} (not by this command)"),
            Err(_) => "no".to_owned(),
        }
    }

    fn control(arguments: &[&str]) -> anyhow::Result<String> {
        call(CONTROL, &[&["--user"], arguments].concat())
    }
}

impl Manager for Systemd {
    fn install(&self, plan: &InstallPlan<'_>) -> Result<(), ExitError> {
        let target = Target::read(&self.path(), &self.home)?;
        let by_hand = target.exists() && !target.text().contains(MARK);
        let kept = if target.exists() { Kept::of(target.text()) } else { Kept::default() };
        let text = unit::text(plan, &paths(plan)?, &kept);
        let unchanged = target.text() == text;
        if unchanged {
            say(&format!("{} is installed already.", self.path().display()));
        } else {
            say(&self.path().display().to_string());
            say_plain(&diff::lines(target.text(), &text));
            if by_hand {
                say(
                    "A unit that was installed by hand is there; its flags, variables and folders are kept.",
                );
            }
            let question =
                if target.exists() { "Replace this unit?" } else { "Install this unit?" };
            agree(question, plan.yes)?;
            target.replace(&text)?;
        }
        if !plan.starts {
            return Ok(());
        }
        let started = self.started();
        // What runs already with this unit goes on.
        let how = if unchanged { "start" } else { "restart" };
        let done = Self::control(&["daemon-reload"])
            .and_then(|_| Self::control(&["enable", started]))
            .and_then(|_| Self::control(&[how, started]));
        done.map_err(|error| {
            ExitError::Other(anyhow!(
                "the unit is written, and systemd could not start it: {error:#}\nhint: in your own session, run: systemctl --user daemon-reload && systemctl --user enable --now {started}"
            ))
        })?;
        linger(plan.yes);
        Ok(())
    }

    fn uninstall(&self, yes: bool) -> Result<(), ExitError> {
        let target = Target::read(&self.path(), &self.home)?;
        if !target.exists() {
            say("There is no such service of yours.");
            return Ok(());
        }
        if !target.text().contains(MARK) {
            say("This unit was installed by hand:");
        }
        agree(&format!("Stop the service and remove {}?", self.path().display()), yes)?;
        for unit in [SOCKET, SERVICE] {
            if let Err(error) = Self::control(&["disable", "--now", unit]) {
                // Without the manager nothing of it runs, and the file can go.
                if unit == SERVICE {
                    say(&format!("Note: {error:#}"));
                }
            }
        }
        target.delete()?;
        drop(Self::control(&["daemon-reload"]));
        if self.units.join(SOCKET).exists() {
            say(&format!("{} was installed by hand and stays.", self.units.join(SOCKET).display()));
        }
        Ok(())
    }

    fn status(&self) -> Result<bool, ExitError> {
        let shown = Self::control(&["show", SERVICE, "--property", &PROPERTIES.join(",")]);
        let property = |name: &str| {
            let shown = shown.as_deref().unwrap_or_default();
            let mut lines = shown.lines().filter_map(|line| line.split_once('='));
            lines.find(|(known, _)| *known == name).map_or("unknown", |(_, value)| value)
        };
        print_line("Installed", &self.installed(property("FragmentPath")));
        if let Err(error) = &shown {
            print_line("State", &format!("unknown: {error:#}"));
            return Ok(false);
        }
        let state = property("ActiveState");
        let process = match property("MainPID") {
            "0" | "unknown" => String::new(),
            id => format!(", process {id}"),
        };
        print_line("State", &format!("{state} ({}){process}", property("SubState")));
        print_line("At start", property("UnitFileState"));
        if !matches!(property("Result"), "success" | "unknown") {
            print_line(
                "Failed",
                &format!("{}, exit code {}", property("Result"), property("ExecMainStatus")),
            );
        }
        print_line(
            "Lingers",
            if lingers() == Some(true) { "yes" } else { "no: it ends when you log out" },
        );
        // Behind a socket that listens, the service runs from the first connection on.
        let listens = || self.started() == SOCKET && Self::control(&["is-active", SOCKET]).is_ok();
        Ok(state == "active" || state == "reloading" || listens())
    }

    fn logs(&self, follow: bool) -> Result<ExitCode, ExitError> {
        let mut arguments = vec!["--user", "-u", "chatmock-server", "-o", "cat", "-n", "100"];
        if follow {
            arguments.push("-f");
        }
        show("journalctl", &arguments)
    }

    fn restart(&self) -> Result<(), ExitError> {
        Self::control(&["restart", SERVICE]).map(drop).map_err(ExitError::Other)
    }
}

/// Returns what the sandbox has to let through, by the settings in force.
fn paths(plan: &InstallPlan<'_>) -> Result<Paths, ExitError> {
    let (cli, folders) = (&plan.context.cli, plan.context.folders);
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let home = cli.sign_in.home.clone();
    let home = home.or_else(|| Some(folders.home.as_ref()?.join(".chatgpt-local")));
    let home = absolute(&home.context("your home folder is unknown")?);
    // What is mounted at the start has to be there: a first sign-in would not be seen otherwise.
    create_private(&home)?;
    let mut writable = vec![home];
    for folder in [&cli.listen.state_dir, &cli.record.record].into_iter().flatten() {
        create_private(&absolute(folder))?;
        writable.push(absolute(folder));
    }
    if let Some(socket) = &cli.listen.listen {
        writable.extend(absolute(&socket.0).parent().map(Path::to_owned));
    }
    let files = [&cli.access.api_key_file, &cli.backend.upstream_key_file, &cli.program.config];
    let files = files.into_iter().flatten().chain(Some(&cli.replies.instructions));
    let readable = files.map(|file| absolute(file)).filter(|file| file.is_file());
    let settings = folders.config.as_ref().map(|config| config.join("chatmock"));
    let is_seen =
        |path: &PathBuf| settings.as_ref().is_some_and(|settings| path.starts_with(settings));
    let readable = readable.filter(|path| !is_seen(path));
    let escape = |path: PathBuf| unit::escaped(&path);
    Ok(Paths {
        writable: writable.into_iter().map(escape).collect(),
        readable: readable.map(escape).collect(),
    })
}

fn create_private(folder: &Path) -> Result<(), ExitError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let made = builder.create(folder);
    made.with_context(|| format!("cannot make {}", folder.display())).map_err(ExitError::Other)
}

/// Returns whether the services of this person run without a session; `None` where that is not known.
fn lingers() -> Option<bool> {
    // Without a name, loginctl shows the user whose command it is; it knows only users who are logged in or linger.
    let shown = call("loginctl", &["show-user", "--property", "Linger"]);
    let named = || {
        let user = std::env::var("USER").ok().filter(|user| !user.is_empty())?;
        call("loginctl", &["show-user", &user, "--property", "Linger"]).ok()
    };
    let shown = shown.ok().filter(|shown| shown.contains("Linger=")).or_else(named)?;
    Some(shown.trim() == "Linger=yes")
}

/// Asks whether the service is to run also without a session.
fn linger(yes: bool) {
    if lingers() == Some(true) {
        return;
    }
    let question = "Keep it running after you log out, and from the start of the machine (loginctl enable-linger)?";
    match if yes { None } else { asked(question) } {
        Some(true) => {
            if let Err(error) = call("loginctl", &["enable-linger"]) {
                say(&format!("Note: {error:#}"));
            }
        }
        _ => say(
            "It runs while you are logged in. To have it run from the start of the machine: loginctl enable-linger",
        ),
    }
}
