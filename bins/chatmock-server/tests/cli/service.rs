//! Tests of `service` with a service manager that only writes down what it is asked for.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::process::{Running, demo, program};

/// A manager that notes its words, knows a unit as active, and starts nothing.
const SYSTEMCTL: &str = r#"#!/bin/sh
echo "systemctl $@" >> "$HOME/asked"
case "$*" in
  *show*) printf 'ActiveState=%s\nSubState=running\nUnitFileState=enabled\nResult=success\nMainPID=42\nExecMainStatus=0\n' "${FAKE_STATE:-active}" ;;
esac
"#;

const LOGINCTL: &str = "#!/bin/sh\necho \"loginctl $@\" >> \"$HOME/asked\"\necho Linger=no\n";

struct Person {
    home: TempDir,
    running: Running,
}

impl Person {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        let bin = home.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for (name, text) in
            [("systemctl", SYSTEMCTL), ("loginctl", LOGINCTL), ("journalctl", LOGINCTL)]
        {
            fs::write(bin.join(name), text).unwrap();
            fs::set_permissions(bin.join(name), PermissionsExt::from_mode(0o755)).unwrap();
        }
        Self { home, running: Running::start(&mut demo()) }
    }

    fn unit(&self) -> PathBuf {
        self.home.path().join(".config/systemd/user/chatmock-server.service")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = program(words);
        let path = format!("{}:/usr/bin:/bin", self.home.path().join("bin").display());
        command.env("PATH", path).env("HOME", self.home.path());
        command.env_remove("XDG_CONFIG_HOME");
        command
    }

    fn port(&self) -> &str {
        self.running.address.rsplit(':').next().unwrap()
    }

    fn run(&self, words: &[&str]) -> (i32, String) {
        let output = self.command(&[&["--port", self.port()], words].concat()).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        // A long path has a line of its own.
        let text = text.replace("installed\nalready", "installed already");
        (output.status.code().unwrap(), text)
    }

    fn asked(&self) -> String {
        fs::read_to_string(self.home.path().join("asked")).unwrap_or_default()
    }
}

#[test]
fn a_unit_is_installed_with_the_folders_of_the_settings_and_a_second_time_nothing_changes() {
    let person = Person::new();
    let state = person.home.path().join("state");
    let words = ["service", "install", "--yes", "--state-dir", state.to_str().unwrap()];
    let (code, text) = person.run(&words);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("It runs and answers"), "{text}");
    let unit = fs::read_to_string(person.unit()).unwrap();
    let program = env!("CARGO_BIN_EXE_chatmock-server");
    let flags = format!("--port {} --state-dir {}", person.port(), state.display());
    assert!(unit.contains(&format!("ExecStart={program} {flags}\n")), "{unit}");
    assert!(unit.contains(&format!("BindReadOnlyPaths={program}\n")), "{unit}");
    for folder in [&state, &person.home.path().join(".chatgpt-local")] {
        assert!(unit.contains(&format!("BindPaths=-{}\n", folder.display())), "{unit}");
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
    for line in
        ["ProtectSystem=strict", "ProtectHome=tmpfs", "NoNewPrivileges=yes", "MemoryMax=512M"]
    {
        assert!(unit.contains(&format!("{line}\n")), "{line}: {unit}");
    }
    let asked = person.asked();
    for words in [
        "--user daemon-reload",
        "--user enable chatmock-server.service",
        "--user restart chatmock-server.service",
    ] {
        assert!(asked.contains(words), "{words}: {asked}");
    }
    let (code, text) = person.run(&words);
    assert!(code == 0 && text.contains("installed already"), "{text}");
    assert_eq!(fs::read_to_string(person.unit()).unwrap(), unit);
    let (code, text) = person.run(&["service", "uninstall", "--yes"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        !person.unit().exists() && person.asked().contains("disable --now chatmock-server.service")
    );
    let (code, text) = person.run(&["service", "uninstall", "--yes"]);
    assert!(code == 0 && text.contains("no such service"), "{text}");
}

#[test]
fn a_unit_by_hand_is_replaced_only_after_a_question_and_its_settings_are_kept() {
    let person = Person::new();
    let port = person.port().to_owned();
    let by_hand = include_str!("../../../../docs/service/chatmock-server.service")
        .replace(
            "/bin/chatmock-server\n",
            &format!("/bin/chatmock-server --strict --port {port}\n"),
        )
        .replace(
            "[Service]\n",
            "[Service]\nEnvironment=CHATMOCK_FAST_MODE=1\nBindPaths=/srv/mine\n",
        );
    fs::create_dir_all(person.unit().parent().unwrap()).unwrap();
    fs::write(person.unit(), &by_hand).unwrap();
    let install = |words: &[&str]| {
        let output = person.command(words).env("PORT", &port).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, text) = install(&["service", "install"]);
    assert!(code == 4 && text.contains("installed by hand"), "{text}");
    assert!(text.contains("PORT is set here and does not reach the service"), "{text}");
    assert_eq!(fs::read_to_string(person.unit()).unwrap(), by_hand);
    let (code, text) = install(&["service", "install", "-y"]);
    assert_eq!(code, 0, "{text}");
    let unit = fs::read_to_string(person.unit()).unwrap();
    for kept in [
        &*format!("--strict --port {port}\n"),
        "Environment=CHATMOCK_FAST_MODE=1\n",
        "BindPaths=/srv/mine\n",
    ] {
        assert!(unit.contains(kept), "{kept}: {unit}");
    }
    let (code, _) = install(&["service", "install", "-y"]);
    assert_eq!((code, fs::read_to_string(person.unit()).unwrap()), (0, unit));
}

#[test]
fn with_a_socket_unit_the_socket_is_started() {
    let person = Person::new();
    fs::create_dir_all(person.unit().parent().unwrap()).unwrap();
    let socket = person.unit().with_extension("socket");
    fs::write(&socket, include_str!("../../../../docs/service/chatmock-server.socket")).unwrap();
    assert_eq!(person.run(&["service", "install", "-y"]).0, 0);
    assert!(person.asked().contains("enable chatmock-server.socket"), "{}", person.asked());
}

#[test]
fn the_status_joins_the_manager_with_what_the_server_says_of_itself() {
    let person = Person::new();
    let (code, text) = person.run(&["service", "status"]);
    assert_eq!(code, 0, "{text}");
    for line in
        ["State       active (running), process 42", "At start    enabled", "Ready       yes"]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    let port = person.port().to_owned();
    let output = person
        .command(&["service", "status"])
        .env("PORT", &port)
        .env("FAKE_STATE", "failed")
        .output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(3));
    let output = person.command(&["--port", "9", "service", "status"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.code() == Some(3) && text.contains("nothing at http://127.0.0.1:9"),
        "{text}"
    );
}

#[test]
fn a_server_that_is_not_ready_is_told_apart_with_what_fixes_it() {
    let mut person = Person::new();
    let home = person.home.path().join(".chatgpt-local");
    let mut command =
        program(&["--port", "0", "--model-sync", "false", "--home", home.to_str().unwrap()]);
    command.args(["--upstream-url", "http://127.0.0.1:9/backend-api/codex"]);
    person.running = Running::start(&mut command);
    let (code, text) = person.run(&["service", "status"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("Ready       no"), "{text}");
}

#[test]
fn logs_and_restart_are_those_of_the_manager_and_a_key_is_not_written_down() {
    let person = Person::new();
    assert_eq!(person.run(&["service", "logs"]).0, 0);
    assert_eq!(person.run(&["service", "restart"]).0, 0);
    assert!(person.asked().contains("-u chatmock-server"), "{}", person.asked());
    assert!(
        person.asked().contains("--user restart chatmock-server.service"),
        "{}",
        person.asked()
    );
    let (code, text) = person.run(&["service", "install", "-y", "--api-key", "0123456789abcdef"]);
    assert!(code == 2 && text.contains("--api-key-file"), "{text}");
    assert!(!person.unit().exists());
}

#[test]
fn systemd_finds_no_fault_in_the_units() {
    let person = Person::new();
    assert_eq!(person.run(&["service", "install", "-y"]).0, 0);
    let system = person.home.path().join("chatmock-server@ann.service");
    let output = person.command(&["service", "install", "--system"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    fs::write(
        &system,
        text.replace("/usr/bin/chatmock-server", env!("CARGO_BIN_EXE_chatmock-server")),
    )
    .unwrap();
    for (unit, scope) in [(person.unit(), "--user"), (system, "--system")] {
        let verify = Command::new("systemd-analyze").args([scope, "verify"]).arg(&unit).output();
        let Ok(verify) = verify else {
            eprintln!("systemd-analyze is not here");
            return;
        };
        let text = String::from_utf8_lossy(&verify.stderr).into_owned();
        let about: Vec<&str> = text.lines().filter(|line| line.contains("chatmock")).collect();
        let faults = ["Unknown", "Failed to parse", "Invalid", "not executable", "ignoring"];
        let wrong = about.iter().any(|line| faults.iter().any(|fault| line.contains(fault)));
        assert!(!wrong, "{scope}: {text}");
    }
}
