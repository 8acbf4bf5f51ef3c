//! Tests of the command `usage` and of records on the disk: from a running server, from the disk, after a kill.

use std::path::Path;
use std::time::{Duration, Instant};

use chatmock_simulator::Settings;
use chatmock_testkit::backend::Backend;
use chatmock_testkit::process::PATIENCE;
use serde_json::Value;

use super::process::{Running, after, chat, program, refused};

const CHAT: &str = "/v1/chat/completions";

/// The arguments of a demo that keeps its state in a folder.
fn arguments(folder: &Path) -> Vec<&str> {
    vec!["--demo", "--port=0", "--state-dir", folder.to_str().unwrap()]
}

/// What the command prints.
fn usage(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = program(&[&["usage"], arguments].concat()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn total(arguments: &[&str]) -> Value {
    let (code, out, err) = usage(&[arguments, &["--json"]].concat());
    assert_eq!((code, &*err), (Some(0), ""), "{out}");
    serde_json::from_str::<Value>(&out).unwrap()["total"].clone()
}

/// Asks until that many turns are on the disk.
fn turns_on_disk(folder: &Path, count: u64) -> Value {
    let began = Instant::now();
    loop {
        let total = total(&["--state-dir", folder.to_str().unwrap()]);
        if total["turns"].as_u64() >= Some(count) {
            return total;
        }
        assert!(began.elapsed() < PATIENCE, "{total}");
    }
}

#[test]
fn the_command_asks_the_running_server_and_else_reads_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap();
    let server = Running::start(&mut program(&arguments(folder.path())));
    for stream in [false, true] {
        server.ask("POST", CHAT, &chat("hello", stream));
    }
    let running = total(&["--state-dir", state]);
    assert_eq!(running["turns"], 2);
    assert_eq!(total(&["--url", &format!("http://{}", server.address)]), running);
    let (_, table, _) = usage(&["--state-dir", state, "--by", "dialect"]);
    assert!(
        table.starts_with("dialect") && table.contains("\nchat ") && table.contains("\ntotal "),
        "{table}"
    );
    let (_, csv, _) = usage(&["--state-dir", state, "--by", "model", "--csv"]);
    assert!(csv.starts_with("model,turns,failed,") && csv.contains("\ngpt-5.5,2,0,"), "{csv}");
    server.signal("TERM");
    let mut server = server;
    assert_eq!(server.code(), Some(0));
    assert_eq!(total(&["--state-dir", state]), running);
    let (code, _, err) = usage(&["--url", "http://127.0.0.1:9"]);
    assert!(code == Some(2) && err.contains("cannot ask http://127.0.0.1:9"), "{code:?} {err}");
}

#[test]
fn a_key_is_sent_from_a_variable_and_asked_for_where_it_is_missing() {
    let keyed = ["--demo", "--port=0", "--api-key", "ann:0123456789abcdef"];
    let server = Running::start(&mut program(&keyed));
    let url = format!("http://{}", server.address);
    let (code, _, err) = usage(&["--url", &url]);
    assert!(code == Some(2) && err.contains("--key-from-env"), "{err}");
    let mut command = program(&["usage", "--url", &url, "--key-from-env", "SOME_KEY"]);
    let output = command.env("SOME_KEY", "0123456789abcdef").output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_kill_tears_nothing_and_loses_the_last_second_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let mut sure = 0;
    for _ in 0..3 {
        let server = Running::start(&mut program(&arguments(folder.path())));
        let began = Instant::now();
        let (mut asked, mut older) = (0, 0);
        while began.elapsed() < Duration::from_secs(3) {
            server.ask("POST", CHAT, &chat("hi", false));
            asked += 1;
            // What is a second and a half old has been written, with half a second for the write.
            if began.elapsed() < Duration::from_millis(1500) {
                older = asked;
            }
        }
        // It is killed while it writes.
        drop(server);
        let total = turns_on_disk(folder.path(), sure + older);
        let turns = total["turns"].as_u64().unwrap();
        assert!(turns <= sure + asked, "{turns} of {asked}");
        sure = turns;
    }
}

#[test]
fn a_folder_that_takes_nothing_costs_a_warning_and_no_request() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(Settings::default()).unwrap();
    let url = backend.simulator.url_of(chatmock_simulator::Backend::Api);
    let state = folder.path().to_str().unwrap();
    let flags = ["--route=api", "--port=0", "--state-dir", state, "--upstream-url", &url];
    let mut command = after("ulimit -f 0; exec \"$0\" \"$@\"", &flags);
    let server = Running::start(command.env("OPENAI_API_KEY", "sk-simulated"));
    assert!(server.started.contains("in memory only"), "{}", server.started);
    for _ in 0..20 {
        assert!(server.ask("POST", CHAT, &chat("hello", true)).contains("data: [DONE]"));
    }
    let health = server.ask("GET", "/health?verbose", "");
    assert_eq!(health.matches("disk_full").count(), 1, "{health}");
    assert_eq!(total(&["--url", &format!("http://{}", server.address)])["turns"], 20);
}

#[test]
fn a_rule_that_cannot_be_read_ends_the_start_with_a_caret_under_the_fault() {
    for (flag, rule, at) in [
        ("--guard", "weekly>80:effort<=low", 9),
        ("--guard", "weekly>80%:effort<=lots", 19),
        ("--budget", "ann: tokens=1", 5),
    ] {
        let (code, err) = refused(&mut program(&["--demo", "--port=0", flag, rule]));
        assert_eq!(code, 2, "{err}");
        let lines: Vec<&str> = err.lines().collect();
        let shown =
            lines.iter().position(|line| line.trim() == rule).unwrap_or_else(|| panic!("{err}"));
        assert_eq!(lines[shown + 1].find('^'), Some(2 + at), "{err}");
        assert!(lines[shown + 2].contains("an example: "), "{err}");
    }
}

#[test]
fn a_rule_that_can_never_hold_ends_the_start() {
    for (arguments, word) in [
        (&["--guard", "weekly>1%:model=no-such-model"][..], "no-such-model"),
        (&["--route=api", "--guard", "weekly>1%:refuse"], "no windows"),
        (&["--budget", "cron: tokens/day=1"], "no key is set"),
        (&["--api-key=ann:0123456789abcdef", "--budget", "cron: tokens/day=1"], "label cron"),
    ] {
        let (code, err) = refused(&mut program(&[&["--demo", "--port=0"], arguments].concat()));
        assert!(code == 2 && err.contains(word), "{code} {err}");
    }
}
