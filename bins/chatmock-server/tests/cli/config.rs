//! Tests of the program as a process: its configuration file, and the sources of its settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::process::{Running, chat, program, refused};

/// A folder with a configuration file that no other user can read.
struct Written {
    folder: TempDir,
    file: PathBuf,
}

impl Written {
    fn new(text: impl AsRef<[u8]>) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("chatmock.toml");
        std::fs::write(&file, text).unwrap();
        let written = Self { folder, file };
        written.set_mode(0o600);
        written
    }

    #[cfg(unix)]
    fn set_mode(&self, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&self.file, PermissionsExt::from_mode(mode)).unwrap();
    }

    #[cfg(not(unix))]
    fn set_mode(&self, _: u32) {}

    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command.arg("--config").arg(&self.file);
        command
    }

    fn refused(&self) -> String {
        let (code, error) = refused(&mut self.program(&["--demo", "--port=0"]));
        assert_eq!(code, 2, "{error}");
        let place = format!("error: {}:", self.file.display());
        assert!(error.starts_with(&place) && error.lines().count() == 1, "{error}");
        error
    }
}

/// Parses the output of `config show`: a value and a source for each key.
fn shown(command: &mut Command) -> BTreeMap<String, (String, String)> {
    let text = printed(command);
    let lines = text.lines().filter_map(|line| line.split_once(" = "));
    let read = lines.map(|(key, rest)| {
        let (value, origin) = rest.rsplit_once(" # ").unwrap();
        (key.trim_start_matches("# ").into(), (value.trim().into(), origin.into()))
    });
    read.collect()
}

fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A key with its value in the file, in a variable and in a flag, and with each as it is shown.
struct Case {
    key: &'static str,
    default: &'static str,
    file: &'static str,
    variable: (&'static str, &'static str, &'static str),
    flags: (&'static [&'static str], &'static str),
}

const CASES: [Case; 8] = [
    Case {
        key: "originator",
        default: "\"chatmock\"",
        file: "\"of-the-file\"",
        variable: ("CHATMOCK_ORIGINATOR", "of-the-variable", "\"of-the-variable\""),
        flags: (&["--originator", "of-the-flag"], "\"of-the-flag\""),
    },
    Case {
        key: "strict",
        default: "false",
        file: "true",
        variable: ("CHATMOCK_STRICT", "off", "false"),
        flags: (&["--strict"], "true"),
    },
    Case {
        key: "verbose",
        default: "false",
        file: "true",
        variable: ("CHATGPT_LOCAL_VERBOSE", "Yes", "true"),
        flags: (&["--verbose=false"], "false"),
    },
    Case {
        key: "fast-mode",
        default: "false",
        file: "true",
        variable: ("CHATGPT_LOCAL_FAST_MODE", "1", "true"),
        flags: (&["--no-fast-mode"], "false"),
    },
    Case {
        key: "port",
        default: "8000",
        file: "9_001",
        variable: ("PORT", "9002", "9002"),
        flags: (&["--port", "9003"], "9003"),
    },
    Case {
        key: "drain",
        default: "30",
        file: "2.5",
        variable: ("CHATMOCK_DRAIN", "3.50", "3.5"),
        flags: (&["--drain=4"], "4"),
    },
    Case {
        key: "reasoning-effort",
        default: "",
        file: "\"low\"",
        variable: ("CHATGPT_LOCAL_REASONING_EFFORT", "HIGH", "\"HIGH\""),
        flags: (&["--reasoning-effort=max"], "\"max\""),
    },
    Case {
        key: "allow-host",
        default: "[]",
        file: "[\"a.lan\", \"b.lan\"]",
        variable: ("CHATMOCK_ALLOW_HOST", "c.lan,d.lan", "[\"c.lan\", \"d.lan\"]"),
        flags: (&["--allow-host=e.lan", "--allow-host", "f.lan"], "[\"e.lan\", \"f.lan\"]"),
    },
];

#[test]
fn a_flag_wins_over_a_variable_that_over_the_file_and_that_over_the_default() {
    for Case { key, default, file, variable, flags } in CASES {
        let written = Written::new(format!("# first\n{key} = {file}\n"));
        let of_file = format!("file {}:2", written.file.display());
        let ask = |config: &Path, with_variable: bool, flags: &[&str]| {
            let mut command = program(&["config", "show"]);
            command.args(flags).arg("--config").arg(config);
            if with_variable {
                command.env(variable.0, variable.1);
            }
            let (value, origin) = shown(&mut command).remove(key).unwrap_or_default();
            (value, origin)
        };
        let (none, file_path) = (Path::new("none"), written.file.as_path());
        let from = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
        let unset = if default.is_empty() { "" } else { "default" };
        assert_eq!(ask(none, false, &[]), from(default, unset), "{key}");
        let plain = file.replace('_', "");
        assert_eq!(ask(file_path, false, &[]), from(&plain, &of_file), "{key}");
        let origin = format!("variable {}", variable.0);
        assert_eq!(ask(file_path, true, &[]), from(variable.2, &origin), "{key}");
        let origin = format!("flag --{key}");
        assert_eq!(ask(file_path, true, flags.0), from(flags.1, &origin), "{key}");
        assert_eq!(ask(file_path, false, flags.0), from(flags.1, &origin), "{key}");
    }
}

#[test]
fn an_older_variable_counts_while_the_newer_says_nothing() {
    let written = Written::new("verbose = false\nverbose-obfuscation = true\n");
    let mut command = written.program(&["config", "show"]);
    command.env("CHATGPT_LOCAL_VERBOSE", "1").env("VERBOSE", "");
    command.env("CHATGPT_LOCAL_VERBOSE_OBFUSCATION", "").env("VERBOSE_OBFUSCATION", "");
    let older = shown(&mut command);
    assert_eq!(older["verbose"], ("true".into(), "variable CHATGPT_LOCAL_VERBOSE".into()));
    let (value, origin) = &older["verbose-obfuscation"];
    assert!(value == "true" && origin.ends_with("chatmock.toml:2"), "{origin}");
    let newer = shown(command.env("VERBOSE", "no"));
    assert_eq!(newer["verbose"], ("false".into(), "variable VERBOSE".into()));
}

#[test]
fn a_server_does_what_the_file_says() {
    let written = Written::new(
        "demo = true\nport = 0\nlog-bodies = true\napi-key = ['ann:a-key-of-sixteen-and-more']\n\
         alias = ['mine=gpt-5.5']\n",
    );
    let mut command = program(&[]);
    command.env("CHATMOCK_CONFIG", &written.file);
    let running = Running::start(&mut command);
    assert!(running.started.contains("--log-bodies is on"), "{}", running.started);
    assert!(!running.started.contains("chmod"), "{}", running.started);
    let ask = |header| running.ask_with(header, "GET /v1/models", "");
    assert!(ask(("x-a", "b")).starts_with("HTTP/1.1 401 "));
    let models = ask(("authorization", "Bearer a-key-of-sixteen-and-more"));
    assert!(models.contains("\"mine\""), "{models}");
    drop(running);
    let running = Running::start(
        written
            .program(&[])
            .args(["--log-bodies=false", "--api-key"])
            .arg("another-key-of-sixteen"),
    );
    assert!(!running.started.contains("--log-bodies"), "{}", running.started);
    let header = ("authorization", "Bearer another-key-of-sixteen");
    let answer = running.ask_with(header, "POST /v1/chat/completions", &chat("hi", false));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn the_words_work_before_and_after_flags() {
    for arguments in [
        &["config", "show", "--port", "9003"][..],
        &["--port", "9003", "config", "show"],
        &["config", "--port=9003", "show"],
        &["--port=9001", "config", "show", "--port=9003"],
    ] {
        let settings = shown(&mut program(arguments));
        assert_eq!(settings["port"], ("9003".into(), "flag --port".into()), "{arguments:?}");
    }
    for wrong in [&["config"][..], &["config", "shwo"], &["config", "path", "--json"]] {
        assert_eq!(refused(&mut program(wrong)).0, 2, "{wrong:?}");
    }
    let (code, error) = refused(&mut program(&["colour", "--port"]));
    assert!(code == 2 && error.contains("config show"), "{error}");
}

#[test]
fn what_is_shown_for_programs_is_json() {
    let written = Written::new("drain = 2.5\nalias = ['a=b:high']\nmax-body = '1m'\n");
    let mut command = written.program(&["config", "show", "--json", "--user-agent", "a\n\"b\""]);
    command.env("PORT", "09");
    let shown: serde_json::Value = serde_json::from_str(&printed(&mut command)).unwrap();
    assert_eq!(shown["file"], written.file.to_str().unwrap());
    assert_eq!(shown["found"], true);
    for (key, expected) in [
        ("drain", serde_json::json!({"value": 2.5, "origin": "file", "line": 1})),
        ("alias", serde_json::json!({"value": ["a=b:high"], "origin": "file", "line": 2})),
        ("max-body", serde_json::json!({"value": "1m", "origin": "file", "line": 3})),
        ("port", serde_json::json!({"value": 9, "origin": "variable", "name": "PORT"})),
        ("strict", serde_json::json!({"value": false, "origin": "default"})),
        ("home", serde_json::json!({"value": null, "origin": "default"})),
        (
            "user-agent",
            serde_json::json!({"value": "a\n\"b\"", "origin": "flag", "name": "--user-agent"}),
        ),
    ] {
        assert_eq!(shown["settings"][key], expected, "{key}");
    }
    let none = printed(&mut program(&["config", "show", "--json"]));
    let none: serde_json::Value = serde_json::from_str(&none).unwrap();
    assert_eq!((&none["file"], &none["found"]), (&serde_json::Value::Null, &false.into()));
}

#[test]
fn what_is_shown_can_be_used_as_a_file_that_says_the_same() {
    let written = Written::new("port = 9001\nallow-host = ['a.lan']\nuser-agent = 'a # \"b\\'\n");
    let first = printed(&mut written.program(&["config", "show"]));
    let again = Written::new(&first);
    let second = printed(&mut again.program(&["config", "show"]));
    let values = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.rsplit_once(" # ")).map(|(said, _)| said.into()).collect()
    };
    assert_eq!(values(&first), values(&second));
}

#[test]
fn no_secret_is_shown_or_told() {
    let written = Written::new("api-key = ['ann:secret-of-ann', 'secret-of-ben']\n");
    let cases = [
        written.program(&["config", "show"]),
        written.program(&["config", "show", "--json"]),
        program(&["config", "show", "--api-key", "secret-typed"]),
    ];
    for mut command in cases {
        let text = printed(&mut command);
        assert!(text.contains("****") && !text.contains("secret"), "{text}");
    }
    for text in ["api-key = 'secret words'\n", "api-key = ['secret words\n", "api-key = secret\n"] {
        let written = Written::new(text);
        let (code, error) = refused(&mut written.program(&["--demo", "--port=0"]));
        assert!(code == 2 && !error.contains("secret"), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_used_is_one_clear_line() {
    for (text, expected) in [
        (&b"port = 70000\n"[..], ":1: port: 70000 is not in 0..=65535"),
        (b"\n\nprot = 1\n", ":3: unknown key \"prot\": did you mean port?"),
        (b"verbose = 'yes'", ":1: verbose: expected true or false"),
        (b"host = 'x\n", ":1:10: "),
        (b"port = 1\nport = 2\n", ":2:1: duplicate key"),
        (b"[listening]\nport = 1\n", ":1: unknown table"),
        (b"host = 'a\0'", ":1:"),
        (b"\0\0\0\0", ":1:"),
        (b"port = 1\n\xff\n", "line 2 is not in UTF-8"),
        (b"\xff\xfep\0o\0r\0t\0", "line 1 is not in UTF-8"),
    ] {
        let error = Written::new(text).refused();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
    let error = Written::new(vec![b'#'; 10 << 20]).refused();
    assert!(error.contains("too large"), "{error}");
    let error = Written::new("x = [".repeat(100_000)).refused();
    assert!(error.contains(":1:"), "{error}");
}

#[test]
fn what_only_the_whole_of_the_settings_shows_is_told_with_the_file_too() {
    for (text, expected) in [
        ("host = '0.0.0.0'\n", "needs an inbound key"),
        ("upstream-url = 'http://192.0.2.1/x'\n", "must be https"),
        ("instructions = 'missing.md'\n", "missing.md"),
        ("api-key-file = 'missing'\n", "missing"),
    ] {
        let written = Written::new(text);
        let mut command = written.program(&["--port=0", "--model-sync=false"]);
        let (code, error) = refused(command.arg("--home").arg(written.folder.path()));
        assert_eq!(code, 2, "{error}");
        let hint = format!(
            "some settings come from {}: run chatmock-server config show",
            written.file.display()
        );
        assert!(error.contains(expected) && error.contains(&hint), "{error}");
    }
}

#[test]
fn a_file_as_other_systems_and_editors_write_it_is_read() {
    for text in ["", "\n", "\u{feff}port = 9001\r\n# é\r\n", "port = 9001"] {
        let written = Written::new(text);
        let settings = shown(&mut written.program(&["config", "show"]));
        let expected = if text.contains("9001") { "9001" } else { "8000" };
        assert_eq!(settings["port"].0, expected, "{text:?}");
    }
}

#[test]
fn a_file_that_is_named_has_to_be_there_and_be_a_file() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("missing.toml");
    for (path, expected) in [(&*missing, "missing.toml"), (folder.path(), "folder, not a file")] {
        let (code, error) = refused(program(&["--demo"]).arg("--config").arg(path));
        assert_eq!(code, 2);
        assert!(error.contains(expected) && error.lines().count() == 1, "{error}");
    }
    assert_eq!(refused(program(&[]).env("CHATMOCK_CONFIG", &missing)).0, 2);
    let mut path = program(&["config", "path", "--config"]);
    assert_eq!(printed(path.arg(&missing)), format!("{}\n", missing.display()));
    assert_eq!(printed(&mut program(&["config", "path"])), "none\n");
    assert!(!missing.exists());
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_change_is_refused_and_one_with_a_key_that_they_can_read_is_warned_of() {
    let written = Written::new("demo = true\nport = 0\napi-key = ['a-key-of-sixteen-and-more']\n");
    written.set_mode(0o606);
    assert!(written.refused().contains("chmod go-w"), "{}", written.refused());
    written.set_mode(0o604);
    let running = Running::start(&mut written.program(&[]));
    assert!(running.started.contains("other users can read the API keys"), "{}", running.started);
    let open = Written::new("demo = true\nport = 0\n");
    open.set_mode(0o644);
    let running = Running::start(&mut open.program(&[]));
    assert!(!running.started.contains("WARN"), "{}", running.started);
}

/// Only Linux has a variable for the folder of settings that a test may change.
#[cfg(all(unix, not(target_os = "macos")))]
#[test]
fn the_usual_place_is_read_unless_told_otherwise_and_may_be_empty() {
    let written = Written::new("");
    let home = written.folder.path();
    let with = |name: &str, value: &Path| {
        let mut command = program(&["config", "show"]);
        command.env_remove("CHATMOCK_CONFIG").env_remove("XDG_CONFIG_HOME");
        command.env("HOME", home).env(name, value);
        command
    };
    let usual = home.join(".config/chatmock/chatmock.toml");
    let text = printed(&mut with("HOME", home));
    assert!(text.starts_with(&format!("# {} (not found)\n", usual.display())), "{text}");
    std::fs::create_dir_all(usual.parent().unwrap()).unwrap();
    std::fs::write(&usual, "port = 9001\n").unwrap();
    assert_eq!(shown(&mut with("HOME", home))["port"].0, "9001");
    assert_eq!(shown(&mut with("CHATMOCK_CONFIG", Path::new("")))["port"].0, "9001");
    assert_eq!(shown(&mut with("CHATMOCK_CONFIG", Path::new("none")))["port"].0, "8000");
    assert_eq!(shown(&mut with("XDG_CONFIG_HOME", Path::new("relative")))["port"].0, "9001");
    assert_eq!(shown(&mut with("XDG_CONFIG_HOME", &home.join("x")))["port"].0, "8000");
    std::fs::remove_file(&usual).unwrap();
    std::fs::create_dir(&usual).unwrap();
    let (code, error) = refused(&mut with("HOME", home));
    assert!(code == 2 && error.contains("folder, not a file"), "{error}");
}
