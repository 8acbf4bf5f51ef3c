//! Tests of the program as a process: flags, exit codes, start and stop.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by stopping")]

#[path = "cli/access.rs"]
mod access;
#[cfg(target_os = "linux")]
#[path = "cli/bounds.rs"]
mod bounds;
#[path = "cli/config.rs"]
mod config;
#[cfg(target_os = "linux")]
#[path = "cli/connect.rs"]
mod connect;
#[path = "cli/explain.rs"]
mod explain;
#[path = "cli/help.rs"]
mod help;
#[cfg(target_os = "linux")]
#[path = "cli/install.rs"]
mod install;
#[path = "cli/logs.rs"]
mod logs;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[path = "cli/memory.rs"]
mod memory;
#[path = "cli/neighbours.rs"]
mod neighbours;
#[path = "cli/process.rs"]
mod process;
#[cfg(unix)]
#[path = "cli/record.rs"]
mod record;
#[path = "cli/routes.rs"]
mod routes;
#[cfg(unix)]
#[path = "cli/screens.rs"]
mod screens;
#[cfg(target_os = "linux")]
#[path = "cli/service.rs"]
mod service;
#[path = "cli/sharing.rs"]
mod sharing;
#[cfg(unix)]
#[path = "cli/state.rs"]
mod state;
#[cfg(target_os = "linux")]
#[path = "cli/suspend.rs"]
mod suspend;
#[cfg(unix)]
#[path = "cli/systemd.rs"]
mod systemd;
#[cfg(unix)]
#[path = "cli/usage.rs"]
mod usage;
#[cfg(target_os = "linux")]
#[path = "cli/workers.rs"]
mod workers;

use std::net::TcpListener;
use std::path::Path;

use tempfile::TempDir;

use process::{Running, chat, demo, program, refused, text};

fn is_empty(folder: &Path) -> bool {
    folder.read_dir().unwrap().next().is_none()
}

#[test]
fn a_misspelt_flag_gets_a_suggestion() {
    let (code, error) = refused(&mut program(&["--reasoning-efort", "high"]));
    assert_eq!(code, 2);
    assert!(error.contains("'--reasoning-effort'"), "{error}");
}

#[test]
fn values_that_cannot_be_used_are_refused_by_flag_and_by_name() {
    let cases = [
        (["--port", "70000"], "--port"),
        (["--reasoning-effort", "hihg"], "xhigh"),
        (["--reasoning-summary", "short"], "concise"),
        (["--reasoning-compat", "tags"], "think-tags"),
        (["--max-body", "64x"], "64m"),
        (["--drain", "soon"], "number of seconds"),
        (["--model-refresh-interval", "0"], "--model-sync false"),
        (["--model-sync", "maybe"], "true, yes, on"),
        (["--instructions", "no/such/file"], "no/such/file"),
        (["--upstream-url", "http://192.0.2.1/x"], "must be https"),
        (["--upstream-url", "nonsense"], "not a URL"),
        (["--issuer", "http://192.0.2.1"], "issuer"),
        (["--client-version", "1 2"], "client version"),
        (["--originator", "a\nb"], "originator"),
        (["--host", "0.0.0.0"], "needs an inbound key"),
        (["--host", "192.0.2.1"], "needs an inbound key"),
        (["--host", "no-such-host.invalid"], "no-such-host.invalid"),
        (["--host", "::"], "--allow-unauthenticated"),
        (["--allow-origin", "*"], "every page of every site"),
        (["--allow-origin", "null"], "sandboxed"),
        (["--allow-host", "*.lan"], "name every host"),
        (["--max-connections", "0"], "at least 1"),
        (["--log-format", "xml"], "json"),
        (["--api-key", "two words"], "without blanks"),
        (["--api-key-file", "no/such/file"], "no/such/file"),
    ];
    let home = TempDir::new().unwrap();
    for (flags, expected) in cases {
        let mut command = program(&flags);
        command.env("CHATGPT_LOCAL_HOME", home.path());
        if flags[0] != "--port" {
            command.args(["--port", "0"]);
        }
        let (code, error) = refused(&mut command);
        assert_eq!(code, 2, "{flags:?}: {error}");
        assert!(error.contains(expected), "{flags:?}: {error}");
    }
    assert!(is_empty(home.path()));
}

#[test]
fn a_port_in_use_has_a_code_of_its_own() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port().to_string();
    let (code, error) = refused(&mut program(&["--demo", "--port", &port]));
    assert_eq!(code, 3, "{error}");
    assert!(error.contains(&format!("port {port} on 127.0.0.1 is in use")), "{error}");
    assert!(error.contains("--port"), "{error}");
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_default() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port().to_string();
    assert_eq!(refused(program(&["--demo"]).env("PORT", &port)).0, 3);
    let running = Running::start(demo().env("PORT", &port));
    assert!(!running.address.ends_with(&port));
    let help = program(&["--help"]).output().unwrap().stdout;
    assert!(String::from_utf8(help).unwrap().contains("[default: 8000]"));
}

#[test]
fn a_switch_of_the_environment_has_many_words_and_gives_way_to_a_flag() {
    let say = |word: &str, flags: &[&str]| {
        let arguments = [flags, &["--demo", "--port", "0"]].concat();
        refused(program(&arguments).env("CHATMOCK_STRICT", word).env("CHATMOCK_HOST", "0.0.0.0"))
    };
    for word in ["1", "TRUE", "yes", "On", "0", "false", "No", "off", ""] {
        let (_, error) = say(word, &[]);
        assert!(error.contains("needs an inbound key"), "{word}: {error}");
    }
    assert!(say("maybe", &[]).1.contains("--strict"));
    assert!(say("maybe", &["--strict=no"]).1.contains("needs an inbound key"));
}

#[test]
fn a_switch_that_is_turned_off_by_another_name_wins_over_its_variable() {
    for (variable, flag) in [
        ("CHATGPT_LOCAL_FAST_MODE", "--no-fast-mode"),
        ("CHATGPT_LOCAL_ENABLE_WEB_SEARCH", "--no-enable-web-search"),
        ("CHATGPT_LOCAL_MODEL_SYNC", "--no-model-sync"),
        ("CHATMOCK_STRICT", "--no-strict"),
    ] {
        let mut command = program(&["--demo", "--host=0.0.0.0", flag]);
        let (_, error) = refused(command.env(variable, "true"));
        assert!(error.contains("needs an inbound key"), "{flag}: {error}");
    }
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let names = [
        "CHATGPT_LOCAL_REASONING_EFFORT",
        "CHATGPT_LOCAL_REASONING_COMPAT",
        "CHATGPT_LOCAL_MODEL_REFRESH_INTERVAL",
        "CHATGPT_LOCAL_DEBUG_MODEL",
        "CHATMOCK_INSTRUCTIONS",
        "CHATMOCK_UPSTREAM_URL",
        "CHATMOCK_HOST",
        "VERBOSE",
        "PORT",
    ];
    let running = Running::start(demo().envs(names.map(|name| (name, ""))));
    assert!(running.address.starts_with("127.0.0.1:"));
}

#[test]
fn a_demo_answers_and_leaves_the_home_folder_alone() {
    let home = TempDir::new().unwrap();
    let running = Running::start(demo().env("CHATGPT_LOCAL_HOME", home.path()));
    let banner = "DEMO: answers come from a built-in simulator; no account is used";
    assert!(running.started.contains(banner), "{}", running.started);
    let health = running.ask("GET", "/health", "");
    assert!(health.starts_with("HTTP/1.1 200 "), "{health}");
    let whole = running.ask("POST", "/v1/chat/completions", &chat("hello there", false));
    assert!(whole.starts_with("HTTP/1.1 200 "), "{whole}");
    assert!(whole.contains("You said: hello there"), "{whole}");
    let streamed = running.ask("POST", "/v1/chat/completions", &chat("hello there", true));
    assert!(streamed.contains("text/event-stream"), "{streamed}");
    assert!(streamed.contains("data: [DONE]"), "{streamed}");
    assert!(is_empty(home.path()) && !is_empty(running.temporary.path()));
}

#[test]
fn a_demo_needs_neither_certificates_nor_a_proxy() {
    let nowhere = TempDir::new().unwrap();
    let mut command = demo();
    command.envs(["SSL_CERT_FILE", "SSL_CERT_DIR"].map(|name| (name, nowhere.path())));
    command.envs(["HTTP_PROXY", "HTTPS_PROXY"].map(|name| (name, "http://127.0.0.1:9")));
    let running = Running::start(&mut command);
    let answer = running.ask("POST", "/v1/chat/completions", &chat("hello there", false));
    assert!(answer.contains("You said: hello there"), "{answer}");
}

#[cfg(unix)]
#[test]
fn a_demo_folder_is_private_and_removed_at_the_end() {
    use std::os::unix::fs::PermissionsExt;
    let mut running = Running::start(&mut demo());
    let made = running.temporary.path().read_dir().unwrap().next().unwrap().unwrap();
    assert_eq!(made.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    running.signal("TERM");
    assert_eq!(running.code(), Some(0));
    assert!(is_empty(running.temporary.path()));
}

#[cfg(unix)]
#[test]
fn a_demo_folder_that_a_killed_demo_left_is_removed_by_the_next_one() {
    let mut killed = Running::start(&mut demo());
    killed.signal("KILL");
    assert_eq!(killed.code(), None);
    let folders = |running: &Running| running.temporary.path().read_dir().unwrap().count();
    assert_eq!(folders(&killed), 1);
    let mut next = Running::start_in(&mut demo(), killed.temporary);
    assert_eq!(folders(&next), 1);
    // One that runs keeps its own.
    let temporary = next.temporary.path().to_owned();
    let mut third = demo();
    third.env("TMPDIR", &temporary);
    let third = chatmock_testkit::process::Program::start(
        &mut third,
        chatmock_testkit::process::Reading::OnDemand,
    );
    third.as_ref().unwrap().err.listening().unwrap();
    assert_eq!(folders(&next), 2);
    next.signal("TERM");
    assert_eq!((next.code(), folders(&next)), (Some(0), 1));
}

#[cfg(unix)]
#[test]
fn a_first_signal_lets_open_answers_finish() {
    for name in ["TERM", "INT"] {
        let mut running = Running::start(&mut demo());
        let body = chat("MODE:slow:20:50", true);
        let mut connection = running.open("POST", "/v1/chat/completions", &body);
        connection.head().unwrap();
        connection.chunks_until("data: ").unwrap();
        running.signal(name);
        let answer = text(connection);
        assert!(answer.contains("data: [DONE]"), "{answer}");
        assert_eq!(running.code(), Some(0));
        assert!(is_empty(running.temporary.path()));
    }
}

#[cfg(unix)]
#[test]
fn a_server_outlives_the_terminal_that_it_was_started_from() {
    let mut running = Running::start(&mut demo());
    running.signal("HUP");
    let answer = running.ask("POST", "/v1/chat/completions", &chat("hello there", false));
    assert!(answer.contains("You said: hello there"), "{answer}");
    running.signal("TERM");
    assert_eq!(running.code(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_at_once() {
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let mut running = Running::start(&mut demo());
        let body = chat("MODE:slow:1000:60000", true);
        let mut connection = running.open("POST", "/v1/chat/completions", &body);
        assert_eq!(connection.head().unwrap().status, 200);
        running.signal(name);
        running.line("stopping");
        running.signal(name);
        assert_eq!(running.code(), Some(code));
        assert!(is_empty(running.temporary.path()));
    }
}

#[cfg(unix)]
#[test]
fn answers_that_outlast_the_drain_are_cut_off_and_the_stop_is_still_a_success() {
    let mut running = Running::start(demo().args(["--drain", "0.05"]));
    let body = chat("MODE:slow:1000:60000", true);
    let mut connection = running.open("POST", "/v1/chat/completions", &body);
    connection.head().unwrap();
    running.signal("TERM");
    running.line("cut off");
    assert_eq!(running.code(), Some(0));
}

#[test]
fn without_a_sign_in_the_start_and_every_answer_name_the_command() {
    let home = TempDir::new().unwrap();
    let mut command = program(&["--port", "0", "--model-sync", "false"]);
    command.args(["--upstream-url", "http://127.0.0.1:9/backend-api/codex"]);
    let running = Running::start(command.arg("--home").arg(home.path()));
    let said = "not signed in; sign in first: chatmock-auth login";
    assert!(running.started.contains(said), "{}", running.started);
    let answer = running.ask("POST", "/v1/chat/completions", &chat("hello", false));
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("chatmock-auth login"), "{answer}");
}

#[test]
fn the_word_serve_still_works_and_the_other_words_name_what_replaced_them() {
    Running::start(&mut program(&["serve", "--demo", "--port", "0"]));
    for (word, instead) in [("login", "chatmock-auth login"), ("info", "chatmock-auth status")] {
        let (code, error) = refused(&mut program(&[word]));
        assert_eq!(code, 2);
        assert!(error.contains(instead), "{error}");
    }
}

#[test]
fn a_name_of_this_machine_is_listened_on_and_answered_for() {
    let running = Running::start(&mut program(&["--demo", "--host", "localhost", "--port", "0"]));
    assert!(running.address.starts_with("127.0.0.1:"), "{}", running.address);
    assert!(running.ask("GET", "/health", "").starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_verbose_log_holds_no_words_of_a_conversation() {
    let mut command = demo();
    command.args(["--verbose", "--verbose-obfuscation"]);
    let mut running = Running::start(&mut command);
    running.ask("POST", "/v1/chat/completions", &chat("marzipan", true));
    running.program.child.kill().unwrap();
    let written = running.program.err.rest();
    assert!(!written.contains("marzipan"), "{written}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_abort_leaves_no_core_whatever_the_shell_allows() {
    use std::os::unix::process::ExitStatusExt;
    let folder = TempDir::new().unwrap();
    // Where not even that is allowed, there is nothing to take back.
    let script = r#"ulimit -c unlimited; exec "$0" "$@""#;
    let mut command = process::after(script, &["--demo", "--port", "0"]);
    let mut running = Running::start(command.current_dir(folder.path()));
    let process = Path::new("/proc").join(running.program.child.id().to_string());
    let limits = std::fs::read_to_string(process.join("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let core: Vec<&str> = core.split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "{core:?}");
    running.signal("ABRT");
    let ended = running.program.child.wait().unwrap();
    assert_eq!((ended.signal(), ended.core_dumped()), (Some(6), false), "{ended}");
    assert!(is_empty(folder.path()));
}
