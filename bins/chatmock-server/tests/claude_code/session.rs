//! Sessions of Claude Code in scratch folders, and what each test looks for in them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::background::BackgroundProgram;
use crate::environment::Problem;
use crate::program::CLAUDE;

/// The longest time until the server announces its address.
const START: Duration = Duration::from_secs(30);

/// The seconds after which a session is ended.
const PATIENCE: &str = "90";

/// The tools that may be used without a question.
const TOOLS: [&str; 7] = ["Bash(*)", "Read", "Edit", "Write", "WebSearch", "Agent", "ToolSearch"];

/// A picture of one pixel.
const PIXEL: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde\0\0\0\x0cIDATx\x9cc\xf8\xcf\xc0\0\0\x03\x01\x01\0\xc9\xfe\x92\xef\0\0\0\0IEND\xaeB`\x82";

/// A server and a home, for sessions one after the other.
pub(crate) struct Session {
    server: BackgroundProgram,
    folder: TempDir,
}

/// What a session printed: one JSON object a line.
struct Printed(Vec<Value>);

impl Session {
    /// Starts the server, and makes a project with a file.
    pub(crate) fn start() -> Result<Self, Problem> {
        let folder = TempDir::new()?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatmock-server"));
        command.args(["--demo", "--strict", "--host", "127.0.0.1", "--port", "0"]);
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("CHATGPT_LOCAL_HOME", folder.path().join("server"));
        command.env("CHATMOCK_CONFIG", "none");
        let server = BackgroundProgram::start(&mut command, "listening on ", START);
        let server = server.map_err(Problem::Failed)?;
        let session = Self { server, folder };
        std::fs::create_dir_all(session.project())?;
        std::fs::create_dir_all(session.folder.path().join("home"))?;
        std::fs::write(session.file("notes.txt"), "alpha\nbeta\n")?;
        std::fs::write(session.file("pixel.png"), PIXEL)?;
        Command::new("git").args(["init", "-q"]).current_dir(session.project()).status()?;
        Ok(session)
    }

    /// What the server wrote, which is stopped for it.
    pub(crate) fn log(&self) -> String {
        self.server.stop()
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.project().join(name)
    }

    /// Asks for one answer, with more flags and variables.
    fn ask(&self, text: &str, flags: &[&str], variables: &[(&str, &str)]) -> Printed {
        let mut command = self.program(flags, variables);
        command.args(["--", text]).stdin(Stdio::null());
        Printed::of(&command.output().unwrap())
    }

    /// Says several things in one session, as programs that embed it do.
    fn converse(&self, texts: &[&str]) -> Printed {
        let mut command = self.program(&["--input-format", "stream-json"], &[]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        for text in texts {
            let message = json!({"role": "user", "content": text});
            writeln!(input, "{}", json!({"type": "user", "message": message})).unwrap();
        }
        drop(input);
        Printed::of(&child.wait_with_output().unwrap())
    }

    /// The program, with its folder and its server.
    fn program(&self, flags: &[&str], variables: &[(&str, &str)]) -> Command {
        let Ok(program) = CLAUDE.prepare("") else { panic!("it was installed before") };
        let mut command = Command::new("timeout");
        command.arg(PATIENCE).arg(program.get_program());
        command.args(["-p", "--output-format", "stream-json", "--verbose"]).args(flags);
        command.arg("--allowedTools").args(TOOLS);
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("HOME", self.folder.path().join("home"));
        command.env("ANTHROPIC_BASE_URL", &self.server.url).env("ANTHROPIC_AUTH_TOKEN", "unused");
        command.env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
        command.env("DISABLE_AUTOUPDATER", "1").env("CLAUDE_CODE_MAX_RETRIES", "1");
        command.envs(variables.iter().copied()).current_dir(self.project());
        command
    }
}

impl Printed {
    /// Reads what was printed.
    fn of(output: &Output) -> Self {
        let text = String::from_utf8_lossy(&output.stdout);
        let printed: Vec<Value> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        assert!(!printed.is_empty(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        Self(printed)
    }

    /// The models that answered, in order.
    fn models(&self) -> Vec<&str> {
        let answers = self.0.iter().filter(|line| line["type"] == "assistant");
        let models = answers.filter_map(|line| line["message"]["model"].as_str());
        models.filter(|model| *model != "<synthetic>").collect()
    }

    /// The answer, and whether it is an error.
    fn result(&self) -> (&str, bool) {
        let result = self.0.iter().find(|line| line["type"] == "result");
        let result = result.unwrap_or_else(|| panic!("no result: {:?}", self.0.last()));
        (result["result"].as_str().unwrap_or_default(), result["is_error"] == true)
    }

    /// The answer, which is no error.
    fn answer(&self) -> &str {
        let (answer, is_error) = self.result();
        assert!(!is_error, "{answer}");
        answer
    }

    /// Returns whether the conversation was compacted, and by whom: `manual` or `auto`.
    fn compacted(&self) -> Option<&str> {
        let boundary = self.0.iter().find(|line| line["subtype"] == "compact_boundary")?;
        boundary["compact_metadata"]["trigger"].as_str()
    }

    /// The names of the tools that were called.
    fn called(&self) -> Vec<&str> {
        let blocks = |line: &'_ Value| line["message"]["content"].as_array().cloned();
        let names = self.0.iter().filter(|line| line["type"] == "assistant").filter_map(blocks);
        let names = names.flatten().filter(|block| block["type"] == "tool_use");
        names.map(|block| known(block["name"].as_str().unwrap_or_default())).collect()
    }
}

/// A tool's name, of those that the tests know.
fn known(name: &str) -> &'static str {
    let names =
        ["Bash", "Read", "Edit", "WebSearch", "Agent", "ToolSearch", "ExitPlanMode", "Write"];
    names.into_iter().find(|known| *known == name).unwrap_or("another")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

pub(crate) fn prints(session: &Session) {
    let printed = session.ask("hello there", &[], &[]);
    assert!(printed.answer().starts_with("You said: "), "{}", printed.answer());
}

pub(crate) fn runs_a_command(session: &Session) {
    let printed = session.ask("Use the tool Bash with command=ls", &[], &[]);
    assert_eq!(printed.called(), ["Bash"]);
    assert!(printed.answer().contains("notes.txt"), "{}", printed.answer());
}

pub(crate) fn edits(session: &Session) {
    let (id, file) = ("00000000-0000-4000-8000-000000000001", session.file("notes.txt"));
    let read = format!("Use the tool Read with file_path={}", text(&file));
    let printed = session.ask(&read, &["--session-id", id], &[]);
    assert!(printed.answer().contains("beta"), "{}", printed.answer());
    let edit = format!(
        "Use the tool Edit with file_path={} old_string=beta new_string=gamma",
        text(&file)
    );
    let printed = session.ask(&edit, &["--resume", id], &[]);
    assert_eq!(printed.called(), ["Edit"], "{}", printed.answer());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "alpha\ngamma\n", "{}", printed.answer());
}

pub(crate) fn calls_in_parallel(session: &Session) {
    let file = text(&session.file("notes.txt"));
    let asked = format!("Use Bash and Read with command=ls file_path={file}");
    let printed = session.ask(&asked, &[], &[]);
    assert_eq!(printed.called(), ["Bash", "Read"]);
    let answer = printed.answer();
    assert!(answer.contains("alpha") && answer.contains("notes.txt"), "{answer}");
}

pub(crate) fn reads_a_picture(session: &Session) {
    let asked = format!("Use the tool Read with file_path={}", text(&session.file("pixel.png")));
    let printed = session.ask(&asked, &[], &[]);
    assert_eq!(printed.called(), ["Read"]);
    printed.answer();
}

pub(crate) fn loads_a_tool(session: &Session) {
    let printed = session.ask("Use ToolSearch with query=select:WebSearch", &[], &[]);
    assert_eq!(printed.called(), ["ToolSearch"]);
    printed.answer();
}

pub(crate) fn searches_the_web(session: &Session) {
    let at_once = [("ENABLE_TOOL_SEARCH", "false")];
    let printed = session.ask("Use WebSearch with query=oslo", &[], &at_once);
    assert_eq!(printed.called(), ["WebSearch"]);
    let answer = printed.answer();
    assert!(answer.contains(r#""url":"https://example.org/"#), "{answer}");
}

pub(crate) fn sends_an_agent(session: &Session) {
    let asked = "Use Agent with description=look prompt=hello subagent_type=general-purpose";
    let printed = session.ask(asked, &["--max-turns", "2"], &[]);
    assert_eq!(printed.called().first(), Some(&"Agent"));
}

pub(crate) fn asks_by_name(session: &Session) {
    for name in ["opus", "sonnet", "haiku", "claude-opus-4-8", "gpt-6-sol", "claude-gpt-6-sol"] {
        let printed = session.ask("hello", &["--model", name], &[]);
        assert!(printed.answer().starts_with("You said: "), "{name}");
    }
}

pub(crate) fn plans(session: &Session) {
    let file = session.file("planned.txt");
    let asked = format!("Use the tool Write with file_path={} content=x", text(&file));
    let printed = session.ask(&asked, &["--permission-mode", "plan"], &[]);
    assert_eq!(printed.called().first(), Some(&"Write"));
    assert!(printed.answer().contains("while in plan mode"), "{}", printed.answer());
    assert!(!file.exists());
    let printed = session.ask("hello", &["--permission-mode", "plan"], &[]);
    assert!(printed.answer().starts_with("You said: "), "{}", printed.answer());
}

pub(crate) fn compacts(session: &Session) {
    let id = "00000000-0000-4000-8000-000000000002";
    session.ask("hello there", &["--session-id", id], &[]).answer();
    let printed = session.ask("/compact", &["--resume", id], &[]);
    assert_eq!(printed.compacted(), Some("manual"), "{:?}", printed.0);
    let printed = session.ask("and now", &["--resume", id], &[]);
    assert!(printed.answer().starts_with("You said: "), "{}", printed.answer());
}

pub(crate) fn meets_an_overload_in_the_middle(session: &Session) {
    for (mode, words) in [("fail-after", "failed half way"), ("overloaded-after", "overloaded")] {
        let printed = session.ask(&format!("MODE:{mode}"), &[], &[]);
        let (told, is_error) = printed.result();
        assert!(is_error && told.contains(words), "{mode}: {told}");
    }
}

pub(crate) fn meets_an_overload(session: &Session) {
    let printed = session.ask("MODE:overloaded", &[], &[]);
    let (told, is_error) = printed.result();
    assert!(is_error && told.contains("529"), "{told}");
}

/// The server itself asks twice for a turn that is overloaded at once.
pub(crate) fn outlives_an_overload(session: &Session) {
    let printed = session.ask("MODE:overloaded:2", &[], &[]);
    assert!(printed.answer().starts_with("You said: "), "{}", printed.answer());
}

pub(crate) fn outlives_an_overload_in_the_middle(session: &Session) {
    let printed = session.ask("MODE:overloaded-after:1", &[], &[]);
    assert!(printed.answer().starts_with("You said: "), "{}", printed.answer());
}

pub(crate) fn changes_the_model(session: &Session) {
    let printed = session.converse(&["/model haiku", "hello there"]);
    printed.answer();
    let models = printed.models();
    assert!(!models.is_empty() && models.iter().all(|model| model.contains("haiku")), "{models:?}");
    let printed = session.converse(&["/model gpt-6-sol", "hello there"]);
    assert!(printed.models().iter().all(|model| *model == "gpt-6-sol"), "{:?}", printed.models());
}

pub(crate) fn meets_a_limit(session: &Session) {
    let printed = session.ask("MODE:429", &[], &[]);
    let (told, is_error) = printed.result();
    assert!(is_error && told.contains(" free at ") && told.contains(" (in "), "{told}");
}
