//! The program and its simulator, and the run in which the program opens the browser itself.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use chatmock_simulator::{Settings, Simulator};
use chatmock_testkit::chromium;
use chatmock_testkit::process::{Program, Reading};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::Fault;

/// A simulator and folders for the program and the browser.
pub(crate) struct Harness {
    pub(crate) simulator: Simulator,
    pub(crate) place: TempDir,
    _runtime: Runtime,
}

impl Harness {
    /// A harness whose sign-in page asks for a click, or goes on by itself.
    pub(crate) fn new(approve: bool) -> Result<Self, Fault> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let settings = Settings { approve_sign_in: approve, ..Settings::default() };
        let simulator = runtime.block_on(Simulator::start(settings))?;
        Ok(Self { simulator, place: TempDir::new()?, _runtime: runtime })
    }

    /// The file of the sign-in.
    pub(crate) fn file(&self) -> PathBuf {
        self.place.path().join("home").join("auth.json")
    }

    /// `chatmock-auth login`, with more arguments.
    pub(crate) fn login(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatmock-auth"));
        command.arg("login").args(arguments).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command
            .env("HOME", self.place.path())
            .env("TMPDIR", self.place.path())
            .env("CHATGPT_LOCAL_HOME", self.place.path().join("home"))
            .env("CHATGPT_LOCAL_ISSUER", self.simulator.issuer())
            .env("CHATMOCK_STORE", "file")
            .env("CHATMOCK_CALLBACK_PORT", "0");
        command
    }

    /// Looks whether the sign-in is what it should be.
    pub(crate) fn check(&self, route: &str) -> Result<(), Fault> {
        let text = std::fs::read_to_string(self.file())?;
        let file: serde_json::Value = serde_json::from_str(&text)?;
        if file["tokens"]["refresh_token"].is_string() && file["route"] == route {
            return Ok(());
        }
        Err("the sign-in that was saved is not whole".into())
    }
}

/// A program whose standard output is read line by line; ended when dropped.
pub(crate) struct Running(Program);

impl Running {
    /// Starts a program.
    pub(crate) fn start(command: &mut Command) -> Result<Self, Fault> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(Self(Program::start(command, Reading::Eager)?))
    }

    /// Waits for a line with a text in it.
    pub(crate) fn until(&mut self, text: &str) -> Result<String, Fault> {
        Ok(self.0.out.find(text)?)
    }

    /// Waits for a good end.
    pub(crate) fn end(mut self) -> Result<(), Fault> {
        let (out, err) = (self.0.out.rest(), self.0.err.rest());
        let status = self.0.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("{status} after:\n{out}{err}").into()) }
    }
}

/// The program opens Chromium by `BROWSER`, which goes through the sign-in by itself.
pub(crate) fn opened_by_the_program() -> Result<(), Fault> {
    let harness = Harness::new(true)?;
    let (script, page) = (harness.place.path().join("browser"), harness.place.path().join("page"));
    let flags = chromium::FLAGS.join(" ");
    let text = format!(
        "exec chromium {flags} --user-data-dir=\"$HOME/profile\" --dump-dom \"$1\" > \"$PAGE\"\n"
    );
    std::fs::write(&script, text)?;
    if !Command::new("mkfifo").arg(&page).status()?.success() {
        return Err("no pipe could be made".into());
    }
    let mut command = harness.login(&[]);
    command.env("BROWSER", format!("sh {}", script.display())).env("PAGE", &page);
    let mut login = Running::start(&mut command)?;
    login.until("Your browser opens this address")?;
    // A pipe: reading it waits for the end of Chromium.
    let shown = std::fs::read_to_string(&page)?;
    if !shown.contains("ChatMock is signed in. You may close this page.") {
        return Err(format!("the last page says: {shown}").into());
    }
    login.until("Signed in as demo@example.invalid")?;
    login.end()?;
    harness.check("codex")
}
