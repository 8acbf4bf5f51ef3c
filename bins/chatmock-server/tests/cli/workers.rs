//! Tests of a server that serves connections on several threads.

use std::collections::BTreeMap;
use std::fs;

use super::process::{Running, chat, program, text};

/// A server of a demo with that many threads.
fn server(workers: &str) -> Running {
    Running::start(&mut program(&["--demo", "--port", "0", "--workers", workers]))
}

/// How often each of the workers was woken.
fn wakes(server: &Running) -> BTreeMap<String, u64> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.program.child.id())).unwrap();
    let tasks = tasks.map(|task| task.unwrap().path());
    let named = tasks.map(|task| {
        let status = fs::read_to_string(task.join("status")).unwrap();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().to_owned()
        };
        (of("Name:"), of("voluntary_ctxt_switches:").parse().unwrap())
    });
    named.filter(|(name, _)| name.starts_with("worker-")).collect()
}

#[test]
fn every_worker_serves_connections_and_all_answer_alike() {
    let server = server("3");
    let question = chat("MODE:slow:5:20", true);
    let ask = |count: usize, path: &str, question: &str| -> Vec<String> {
        let open: Vec<_> = (0..count).map(|_| server.open("POST", path, question)).collect();
        open.into_iter().map(text).collect()
    };
    // Each of them has begun once it has answered.
    ask(3, "/v1/chat/completions", &question);
    let before = wakes(&server);
    assert_eq!(before.keys().collect::<Vec<_>>(), ["worker-1", "worker-2"]);
    for (path, question) in [
        ("/v1/chat/completions", question),
        ("/v1/responses", r#"{"model":"gpt-5.5","input":"MODE:slow:5:20","store":true}"#.into()),
    ] {
        for answer in ask(9, path, &question) {
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            let end = if path.contains("chat") { "[DONE]" } else { "\"status\":\"completed\"" };
            assert!(answer.contains(end), "{answer}");
        }
    }
    let after = wakes(&server);
    assert!(before.iter().all(|(name, count)| after[name] > count + 5), "{before:?} {after:?}");
    let usage = server.ask("GET", "/usage", "");
    assert!(usage.contains("\"turns\":21"), "{usage}");
}

#[test]
fn answers_of_all_workers_end_before_the_program_does() {
    let mut server = server("2");
    let question = chat("MODE:slow:20:50", true);
    let mut open: Vec<_> =
        (0..4).map(|_| server.open("POST", "/v1/chat/completions", &question)).collect();
    for connection in &mut open {
        assert_eq!(connection.head().unwrap().status, 200);
    }
    server.signal("TERM");
    for connection in open {
        assert!(text(connection).contains("[DONE]"));
    }
    assert_eq!(server.code(), Some(0));
}
