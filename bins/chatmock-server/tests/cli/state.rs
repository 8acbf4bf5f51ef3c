//! Tests of stored responses on the disk: deleted for good, also where nothing more can be written.

use std::fs;
use std::path::Path;
use std::process::Command;

use chatmock_simulator::Settings;
use chatmock_testkit::backend::Backend;
use serde_json::Value;

use super::process::{Running, after, program};

/// Stores an answer to `text`; returns its id.
fn store(server: &Running, text: &str) -> String {
    let answer =
        server.ask("POST", "/v1/responses", &format!(r#"{{"model":"gpt-5.5","input":"{text}"}}"#));
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let response: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
    response["id"].as_str().unwrap().to_owned()
}

fn status(server: &Running, method: &str, id: &str) -> String {
    let answer = server.ask(method, &format!("/v1/responses/{id}"), "");
    answer.split(' ').nth(1).unwrap().to_owned()
}

fn contains(directory: &Path, text: &str) -> bool {
    fs::read_dir(directory).unwrap().any(|file| {
        let path = file.unwrap().path();
        if path.is_dir() {
            return contains(&path, text);
        }
        let bytes = fs::read(path).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn a_deleted_conversation_is_not_on_the_disk_and_not_there_again() {
    let backend = Backend::signed_in(Settings::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap().to_owned();
    let start = |command: &mut Command| {
        Running::start(command.args(["--port", "0", "--state-dir", &state]).args(backend.flags()))
    };
    let server = start(&mut program(&[]));
    let ids: Vec<_> =
        (0..20).map(|number| store(&server, &format!("my secret {number}"))).collect();
    for id in &ids[1..] {
        assert_eq!(status(&server, "DELETE", id), "200");
    }
    // It is killed at once: what was answered is done.
    drop(server);
    assert!(!contains(folder.path(), "my secret"));
    let server = start(&mut program(&[]));
    let statuses: Vec<_> = ids.iter().map(|id| status(&server, "GET", id)).collect();
    assert_eq!(statuses, [vec!["200"], vec!["404"; 19]].concat());
}

#[test]
fn a_deletion_lasts_though_no_file_can_grow() {
    let backend = Backend::signed_in(Settings::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap().to_owned();
    let start = |command: &mut Command| {
        Running::start(command.args(["--port", "0", "--state-dir", &state]).args(backend.flags()))
    };
    let server = start(&mut program(&[]));
    let (deleted, stays) = (store(&server, "one"), store(&server, "two"));
    // The writer has taken both when it has forgotten a third.
    let third = store(&server, "three");
    assert_eq!(status(&server, "DELETE", &third), "200");
    drop(server);
    let size = fs::metadata(folder.path().join("responses.redb")).unwrap().len();
    // Like a full disk, the limit lets files be written where they are and not grow.
    let limit = format!("ulimit -f {}; exec \"$0\" \"$@\"", size.div_ceil(512));
    let server = start(&mut after(&limit, &[]));
    store(&server, &"x".repeat(2_000_000));
    let (_, warning) = server.line("could not be written to the database");
    assert!(warning.contains("in memory only"), "{warning}");
    assert_eq!(status(&server, "DELETE", &deleted), "200");
    drop(server);
    let server = start(&mut program(&[]));
    assert_eq!(status(&server, "GET", &deleted), "404");
    assert_eq!(status(&server, "GET", &stays), "200");
}
