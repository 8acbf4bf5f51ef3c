//! Tests of `connect` and `launch` as a person uses them: the files of clients before, after, and put back.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use chatmock_testkit::terminal::Terminal;
use tempfile::TempDir;

use super::process::{Running, demo, program};

const OPENCODE: &str = "{\n  \"theme\": \"x\"\n}\n";

/// A home folder of a person, with a server.
struct Home {
    folder: TempDir,
    running: Running,
}

impl Home {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), running: Running::start(&mut demo()) }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, words: &[&str]) -> Command {
        let url = format!("http://{}", self.running.address);
        let mut command = program(words);
        if !words.contains(&"--undo") && words.len() > 1 {
            let end = words.iter().position(|word| *word == "--").unwrap_or(words.len());
            command = program(&[&words[..end], &["--url", &url], &words[end..]].concat());
        }
        for name in ["XDG_CONFIG_HOME", "CODEX_HOME"] {
            command.env_remove(name);
        }
        command.env("HOME", self.folder.path());
        command
    }

    /// Runs a command; returns its exit code and all that it wrote.
    fn run(&self, words: &[&str]) -> (i32, String) {
        let output = self.command(words).output().unwrap();
        let text = [output.stderr, output.stdout].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    }
}

fn backups(file: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(file.parent().unwrap()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.to_string_lossy().contains(".chatmock-")).collect()
}

#[test]
fn a_client_is_set_up_proven_and_put_back_byte_for_byte() {
    let home = Home::new();
    for (client, path, before, added) in [
        ("opencode", ".config/opencode/opencode.json", OPENCODE, "\"gpt-5.5\": {}"),
        ("codex", ".codex/config.toml", "model = \"x\" # mine\n", "[model_providers.chatmock]"),
        ("claude", ".claude/settings.json", "{\"a\": 1}", "ANTHROPIC_BASE_URL"),
        ("continue", ".continue/config.yaml", "name: a\nmodels:\n- name: b\n", "apiBase: http"),
        ("aider", ".aider.conf.yml", "dark-mode: true", "openai-api-base: http"),
        ("zed", ".config/zed/settings.json", "{}\n", "\"api_url\": \"http"),
        ("vscode", ".config/Code/User/settings.json", "{\r\n}\r\n", "ollamaEndpoint"),
        (
            "llm",
            ".config/io.datasette.llm/extra-openai-models.yaml",
            "- model_id: a\n",
            "api_base: \"http",
        ),
        ("shell-gpt", ".config/shell_gpt/.sgptrc", "USE_LITELLM=false\n", "API_BASE_URL=http"),
    ] {
        let file = home.write(path, before);
        fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
        let (code, text) = home.run(&["connect", client, "--yes"]);
        assert_eq!(code, 0, "{client}: {text}");
        assert!(text.contains("answers and lists") && text.contains("Start: "), "{client}: {text}");
        let after = fs::read_to_string(&file).unwrap();
        assert!(after.contains(added), "{client}: {after}");
        assert!(
            after.starts_with(before.trim_end_matches(['}', '\n', '\r'])) || client == "continue",
            "{after}"
        );
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(backups(&file).len(), 1, "{client}");
        let (code, text) = home.run(&["connect", client, "--yes"]);
        assert!(code == 0 && text.contains("set up already"), "{client}: {text}");
        let (code, text) = home.run(&["connect", client, "--undo", "--yes"]);
        assert_eq!(code, 0, "{client}: {text}");
        assert_eq!(fs::read_to_string(&file).unwrap(), before, "{client}");
        assert_eq!(home.run(&["connect", client, "--undo", "--yes"]).0, 1);
    }
}

#[test]
fn a_file_that_was_made_is_deleted_and_an_edit_in_between_stays() {
    let home = Home::new();
    let file = home.path(".config/opencode/opencode.json");
    assert_eq!(home.run(&["connect", "opencode", "-y"]).0, 0);
    assert!(file.exists());
    assert_eq!(home.run(&["connect", "opencode", "--undo", "-y"]).0, 0);
    assert!(!file.exists());
    home.write(".config/opencode/opencode.json", OPENCODE);
    assert_eq!(home.run(&["connect", "opencode", "-y"]).0, 0);
    let edited = fs::read_to_string(&file).unwrap().replace("\"x\"", "\"y\"");
    fs::write(&file, &edited).unwrap();
    assert_eq!(home.run(&["connect", "opencode", "--undo", "-y"]).0, 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), OPENCODE.replace("\"x\"", "\"y\""));
    assert_eq!(home.run(&["connect", "opencode", "-y"]).0, 0);
    let edited = fs::read_to_string(&file).unwrap().replace("ChatMock", "Mine");
    fs::write(&file, &edited).unwrap();
    let (code, text) = home.run(&["connect", "opencode", "--undo", "-y"]);
    assert!(code == 1 && text.contains("hand what you do not want"), "{text}");
    assert_eq!(fs::read_to_string(&file).unwrap(), edited);
}

#[test]
fn a_file_with_comments_is_left_alone_and_the_lines_are_printed() {
    let home = Home::new();
    let text = "{\n  // mine\n  \"theme\": \"x\",\n}\n";
    let file = home.write(".config/opencode/opencode.json", text);
    let (code, said) = home.run(&["connect", "opencode", "--yes"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("left alone") && said.contains("\"baseURL\": \"http://"), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert!(backups(&file).is_empty());
    let (code, lines) = home.run(&["connect", "opencode", "--print"]);
    assert!(code == 0 && lines.contains("\"chatmock\""), "{lines}");
}

#[test]
fn nothing_is_written_without_a_yes_and_the_difference_is_shown_first() {
    let home = Home::new();
    let file = home.write(".config/opencode/opencode.json", OPENCODE);
    let (code, text) = home.run(&["connect", "opencode"]);
    assert!(code == 4 && text.contains("hint: pass --yes"), "{text}");
    assert!(
        text.contains("+   \"provider\": {") && text.contains("-   \"theme\": \"x\"\n"),
        "{text}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), OPENCODE);
    let mut terminal = Terminal::start(&mut home.command(&["connect", "opencode"]));
    terminal.until("Write this? [y/N]", |_| true);
    // What changes while the question is open is not overwritten.
    fs::write(&file, "{}").unwrap();
    terminal.type_line("y");
    let (code, seen) = terminal.end();
    assert!(code == Some(1) && seen.contains("has changed meanwhile"), "{seen}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "{}");
}

#[test]
fn a_key_is_named_where_the_client_reads_variables_and_else_its_writing_is_said() {
    let home = Home::new();
    let with_key = |client: &str| {
        let mut command = home.command(&["connect", client, "--yes", "--key-from-env", "MY_KEY"]);
        let output = command.env("MY_KEY", "secret-of-ann-and-more").output().unwrap();
        String::from_utf8([output.stderr, output.stdout].concat()).unwrap()
    };
    let text = with_key("opencode");
    let file = fs::read_to_string(home.path(".config/opencode/opencode.json")).unwrap();
    assert!(
        file.contains("{env:MY_KEY}") && !file.contains("secret") && !text.contains("secret"),
        "{file}"
    );
    let text = with_key("aider");
    let file = fs::read_to_string(home.path(".aider.conf.yml")).unwrap();
    assert!(file.contains("secret-of-ann") && text.contains("written in clear"), "{text}");
    let text = with_key("cline");
    assert!(text.contains("$MY_KEY") && !text.contains("secret"), "{text}");
}

#[test]
fn a_link_is_followed_within_the_home_and_not_beyond() {
    let home = Home::new();
    let real = home.write("dotfiles/opencode.json", OPENCODE);
    fs::create_dir_all(home.path(".config/opencode")).unwrap();
    let link = home.path(".config/opencode/opencode.json");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    assert_eq!(home.run(&["connect", "opencode", "-y"]).0, 0);
    assert!(fs::read_to_string(&real).unwrap().contains("chatmock"));
    assert!(link.symlink_metadata().unwrap().is_symlink());
    let outside = TempDir::new().unwrap();
    let theirs = outside.path().join("opencode.json");
    fs::write(&theirs, "{}").unwrap();
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&theirs, &link).unwrap();
    let (code, text) = home.run(&["connect", "opencode", "-y"]);
    assert!(code == 1 && text.contains("not in your home"), "{text}");
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "{}");
}

#[test]
fn without_a_name_the_clients_are_listed_and_a_wrong_name_gets_a_suggestion() {
    let home = Home::new();
    home.write(".config/opencode/opencode.json", OPENCODE);
    let (code, list) = home.run(&["connect"]);
    assert_eq!(code, 0);
    let line = list.lines().find(|line| line.starts_with("opencode ")).unwrap();
    assert!(line.contains("yes") && line.contains("~/.config/opencode/opencode.json"), "{line}");
    assert!(list.lines().all(|line| line.chars().count() <= 80), "{list}");
    let (code, text) = home.run(&["connect", "opencod"]);
    assert!(code == 2 && text.contains("did you mean opencode?"), "{text}");
    let (code, text) = home.run(&["connect", "cursor"]);
    assert!(code == 0 && text.contains("127.0.0.1 cannot work"), "{text}");
}

#[test]
fn a_server_that_does_not_run_is_said() {
    let home = Home::new();
    let mut command = program(&["connect", "opencode", "-y", "--url", "http://127.0.0.1:9/v1"]);
    let output = command.env("HOME", home.folder.path()).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && text.contains("Not proven yet"), "{text}");
    assert!(text.contains("chatmock-server"), "{text}");
}

#[test]
fn a_client_is_launched_with_variables_and_nothing_is_written() {
    let home = Home::new();
    let bin = home.write(
        "bin/opencode",
        "#!/bin/sh\necho \"$@\"; echo \"$OPENCODE_CONFIG_CONTENT\"; exit 7\n",
    );
    fs::set_permissions(&bin, PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = home.command(&["launch", "opencode", "--", "run", "--no-strict", "hi"]);
    let path = format!("{}:/usr/bin:/bin", home.path("bin").display());
    let output = command.env("PATH", path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(7), "{text}");
    assert!(text.contains("run --no-strict hi") && text.contains("-m chatmock/gpt"), "{text}");
    assert!(text.contains(&format!("http://{}/v1", home.running.address)), "{text}");
    assert!(!home.path(".config").exists());
    let mut command =
        home.command(&["launch", "openai", "--", "sh", "-c", "echo $OPENAI_BASE_URL"]);
    let output = command.output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!("http://{}/v1\n", home.running.address)
    );
}
