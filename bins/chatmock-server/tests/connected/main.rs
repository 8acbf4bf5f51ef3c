//! Tests of `connect` and `launch` with the clients that the registries hold: installed, set up, asked, and put back.
//!
//! They install hundreds of megabytes and run the programs of other makers, so they run only under
//! `CHATMOCK_TEST_CONNECT=1` and are reported as ignored otherwise, as they are where npm or Python is missing. Each
//! client has a home folder of its own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by stopping")]

#[allow(dead_code, reason = "the tests of the program as a process use the rest")]
#[path = "../cli/process.rs"]
mod process;
mod sockets;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use serde_json::Value;
use tempfile::TempDir;

use process::{Running, demo, program};

/// The variable that enables these tests.
const ASKED: &str = "CHATMOCK_TEST_CONNECT";

/// What is asked, and what the simulator answers.
const QUESTION: &str = "hello there";
const ANSWER: &str = "You said";

/// A client of a registry.
struct Client {
    /// Its name for `connect`.
    name: &'static str,
    /// What npm or pip installs, pinned.
    package: Package,
    /// Its file, below the home folder.
    file: &'static str,
    /// A file of a person, before.
    before: &'static str,
    /// The words that ask it, without the question; the model takes the place of `MODEL`.
    ask: &'static [&'static str],
    /// The words behind `launch`, without the question; empty where it cannot be launched.
    launch: &'static [&'static str],
}

enum Package {
    Npm(&'static str),
    Pip(&'static [&'static str]),
}

// Aider's words for a single question without anything around it.
const NO_GIT: &str = "--no-git";
const YES: &str = "--yes-always";
const NO_CHECK: &str = "--no-check-update";
const NO_ANALYTICS: &str = "--no-analytics";
const MESSAGE: &str = "--message";

const CLIENTS: [Client; 8] = [
    Client {
        name: "codex",
        package: Package::Npm("@openai/codex@0.171.0"),
        file: ".codex/config.toml",
        before: "# mine\n[tui]\nnotifications = false\n",
        ask: &[
            "codex",
            "exec",
            "--skip-git-repo-check",
            "-c",
            "model_provider=chatmock",
            "-m",
            "MODEL",
        ],
        launch: &["exec", "--skip-git-repo-check"],
    },
    Client {
        name: "claude",
        package: Package::Npm("@anthropic-ai/claude-code"),
        file: ".claude/settings.json",
        before: "{\n  \"includeCoAuthoredBy\": false\n}\n",
        ask: &["claude", "-p"],
        launch: &["-p"],
    },
    Client {
        name: "opencode",
        package: Package::Npm("opencode-ai@1.18.33"),
        file: ".config/opencode/opencode.json",
        before: "{\n  \"$schema\": \"https://opencode.ai/config.json\"\n}\n",
        ask: &["opencode", "run", "-m", "chatmock/MODEL"],
        launch: &["run"],
    },
    Client {
        name: "continue",
        package: Package::Npm("@continuedev/cli@1.5.47"),
        file: ".continue/config.yaml",
        before: "name: mine\nversion: 1.0.0\nschema: v1\n",
        ask: &["cn", "-p"],
        launch: &[],
    },
    Client {
        name: "llm",
        package: Package::Pip(&["llm==0.36"]),
        file: ".config/io.datasette.llm/extra-openai-models.yaml",
        before: "# mine\n",
        ask: &["llm", "-m", "chatmock"],
        launch: &[],
    },
    Client {
        name: "shell-gpt",
        package: Package::Pip(&["shell-gpt==1.5.1", "click"]),
        file: ".config/shell_gpt/.sgptrc",
        before: "CACHE_LENGTH=50\n",
        ask: &["sgpt"],
        launch: &["--no-cache"],
    },
    Client {
        name: "kilo",
        // The newest whose program for this system the registry has.
        package: Package::Npm("@kilocode/cli@7.7.7"),
        file: ".config/kilo/kilo.json",
        before: "{\n  \"$schema\": \"https://app.kilo.ai/config.json\"\n}\n",
        ask: &["kilo", "run", "-m", "chatmock/MODEL"],
        launch: &["run"],
    },
    Client {
        name: "aider",
        package: Package::Pip(&["aider-chat==0.86.2"]),
        file: ".aider.conf.yml",
        before: "# mine\ndark-mode: true\n",
        ask: &["aider", "--model", "openai/MODEL", NO_GIT, YES, NO_CHECK, NO_ANALYTICS, MESSAGE],
        launch: &[NO_GIT, YES, NO_CHECK, NO_ANALYTICS, MESSAGE],
    },
];

fn main() -> ExitCode {
    let trials = CLIENTS.iter().map(|client| {
        let name = format!("{}::is_set_up_answers_and_is_put_back", client.name);
        Trial::ignorable_test(name, move || perform(client))
    });
    let by_socket = [
        Trial::ignorable_test("codex::answers_over_a_socket", sockets::codex),
        Trial::ignorable_test("openai_agents::answers_over_a_socket", sockets::agents),
    ];
    let by_hand = Trial::ignorable_test("cline::answers_after_the_steps_that_are_shown", cline);
    let trials = trials.chain(by_socket).chain([by_hand]).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Returns whether these tests are wanted.
fn is_asked() -> bool {
    std::env::var_os(ASKED).is_some()
}

fn not_asked() -> Completion {
    Completion::ignored_with(format!("set {ASKED}=1: it installs programs"))
}

fn perform(client: &Client) -> Result<Completion, Failed> {
    if !is_asked() {
        return Ok(not_asked());
    }
    let programs = client.package.install(client.name)?;
    let (home, running) = (TempDir::new()?, Running::start(&mut demo()));
    let url = format!("http://{}", running.address);
    let here = |command: &mut Command| run(command, &programs, home.path());
    let file = home.path().join(client.file);
    fs::create_dir_all(file.parent().unwrap())?;
    fs::write(&file, client.before)?;
    let connect =
        |words: &[&str]| here(&mut program(&[&["connect", client.name, "--yes"], words].concat()));
    let (done, text) = connect(&["--url", &url]);
    demand(done && text.contains("answers and lists"), &text)?;
    let written = fs::read_to_string(&file)?;
    let model = text.split("-m chatmock/").nth(1).or_else(|| text.split(" -m ").nth(1));
    let model =
        model.and_then(|rest| rest.split_whitespace().next()).unwrap_or("gpt-6-sol").to_owned();
    let words = client.ask.iter().map(|word| word.replace("MODEL", &model));
    let words: Vec<String> = words.chain([QUESTION.to_owned()]).collect();
    let (_, text) = here(Command::new(programs.join(&words[0])).args(&words[1..]));
    demand(text.contains(ANSWER), &text)?;
    // Some clients write their file at their first run.
    let untouched = fs::read_to_string(&file)? == written;
    let (done, text) = connect(&["--undo"]);
    demand(done, &text)?;
    let back = fs::read_to_string(&file)?;
    demand(!untouched || back == client.before, &back)?;
    demand(!back.contains(&url), &back)?;
    if !client.launch.is_empty() {
        let launch = ["launch", client.name, "--url", &url, "--"];
        let (_, text) = here(&mut program(&[&launch, client.launch, &[QUESTION]].concat()));
        demand(text.contains(ANSWER), &text)?;
    }
    Ok(Completion::Completed)
}

/// Runs a command with the client's programs and a home of its own; returns whether it succeeded, and its words.
fn run(command: &mut Command, programs: &Path, home: &Path) -> (bool, String) {
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let output = command.env("PATH", path).env("HOME", home).current_dir(home).output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), text)
}

/// Sets Cline up by the command that `connect` shows, since no file of a person is changed for it.
fn cline() -> Result<Completion, Failed> {
    if !is_asked() {
        return Ok(not_asked());
    }
    let programs = Package::Npm("cline@3.0.65").install("cline")?;
    let (home, running) = (TempDir::new()?, Running::start(&mut demo()));
    let url = format!("http://{}", running.address);
    let (_, steps) =
        run(&mut program(&["connect", "cline", "--url", &url]), &programs, home.path());
    let step = steps.lines().map(str::trim).find(|line| line.starts_with("cline auth "));
    let words: Vec<&str> = step.ok_or(&*steps)?.split_whitespace().collect();
    let (done, text) = run(Command::new("cline").args(&words[1..]), &programs, home.path());
    demand(done, &text)?;
    let ask = ["-P", "openai-compatible", QUESTION];
    let (_, text) = run(Command::new("cline").args(ask), &programs, home.path());
    end_background_program(home.path());
    demand(text.contains(ANSWER), &text)?;
    Ok(Completion::Completed)
}

/// Ends the program that Cline leaves running in the background of this home.
fn end_background_program(home: &Path) {
    let owner = home.join(".cline/data/locks/hub/production.json.lock/owner.json");
    let owner: Option<Value> =
        fs::read(owner).ok().and_then(|text| serde_json::from_slice(&text).ok());
    if let Some(pid) = owner.and_then(|owner| owner["pid"].as_u64()) {
        Command::new("kill").arg(pid.to_string()).status().ok();
    }
}

fn demand(holds: bool, text: &str) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(Failed::from(text)) }
}

impl Package {
    /// Installs the package below `target`, once; returns the folder of its programs.
    fn install(&self, name: &str) -> Result<PathBuf, Failed> {
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/clients/connected").join(name);
        let programs = folder.join(match self {
            Self::Npm(_) => "node_modules/.bin",
            Self::Pip(_) => "venv/bin",
        });
        let complete = folder.join("complete");
        if complete.exists() {
            return Ok(programs.canonicalize()?);
        }
        fs::create_dir_all(&folder)?;
        let run = |command: &mut Command| {
            let output = command.current_dir(&folder).output()?;
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.success() { Ok(()) } else { Err(Failed::from(text)) }
        };
        match self {
            Self::Npm(package) => {
                run(Command::new("npm").args([
                    "install",
                    "--no-audit",
                    "--no-fund",
                    "--silent",
                    package,
                ]))?;
            }
            Self::Pip(packages) => {
                run(Command::new("python3").args(["-m", "venv", "venv"]))?;
                run(Command::new(folder.join("venv/bin/pip"))
                    .args(["install", "--quiet"])
                    .args(*packages))?;
            }
        }
        fs::write(complete, "")?;
        Ok(programs.canonicalize()?)
    }
}
