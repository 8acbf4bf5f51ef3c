//! Tests of `docs/install/install.sh` against a server of releases on loopback.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// The script under test.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/install/install.sh");

/// A release: its files by name.
type Files = HashMap<String, Vec<u8>>;

/// Makes the release of a version, with programs that say it.
fn release(version: &str) -> Files {
    let folder = TempDir::new().unwrap();
    let machine = std::env::consts::ARCH;
    let name = format!("chatmock-{version}-{machine}-linux");
    for program in ["chatmock-server", "chatmock-auth"] {
        let path = folder.path().join(&name).join("bin").join(program);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\necho {program} {version}\n")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&path, mode).unwrap();
    }
    let run = |words: &[&str]| {
        let output = Command::new(words[0]).args(&words[1..]).current_dir(folder.path()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    let tarball = format!("{name}.tar.gz");
    run(&["tar", "-czf", &tarball, &name]);
    let sums = run(&["sha256sum", &tarball]);
    let bytes = fs::read(folder.path().join(&tarball)).unwrap();
    HashMap::from([("SHA256SUMS".to_owned(), sums), (tarball, bytes)])
}

/// Serves files on loopback for as long as the tests run; returns the address.
fn serve(files: Files) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let read = stream.read(&mut head).unwrap();
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let name = head.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
            let (status, body) = match files.get(name) {
                Some(body) => ("200 OK", &body[..]),
                None => ("404 Not Found", &b""[..]),
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(&[head.as_bytes(), body].concat());
        }
    });
    format!("http://{address}")
}

/// Runs the script; returns whether it succeeded, and what it said.
fn install(prefix: &Path, words: &[&str]) -> (bool, String) {
    let mut command = Command::new("sh");
    command.arg(SCRIPT).args(words).arg("--prefix").arg(prefix).env("HOME", prefix);
    let output = command.output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.success(), said)
}

fn said_by(prefix: &Path) -> String {
    let output = Command::new(prefix.join("bin/chatmock-server")).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the name of the tarball among the files.
fn tarball(files: &Files) -> String {
    files.keys().find(|name| name.ends_with(".tar.gz")).unwrap().clone()
}

#[test]
fn a_release_is_installed_replaced_by_a_newer_one_and_taken_away_without_a_trace() {
    let prefix = TempDir::new().unwrap();
    let prefix = prefix.path();
    let (done, said) = install(prefix, &["--from", &serve(release("0.9.0"))]);
    assert!(done && said.contains("Installed chatmock-0.9.0-"), "{said}");
    assert_eq!(said_by(prefix), "chatmock-server 0.9.0\n");
    let (done, said) = install(prefix, &["--from", &serve(release("0.10.0"))]);
    assert!(done, "{said}");
    assert_eq!(said_by(prefix), "chatmock-server 0.10.0\n");
    let (done, said) = install(prefix, &["--uninstall"]);
    assert!(done, "{said}");
    let left = Command::new("find").arg(prefix).args(["-type", "f"]).output().unwrap();
    assert_eq!(String::from_utf8(left.stdout).unwrap(), "");
}

#[test]
fn an_older_release_is_installed_only_by_its_version() {
    let prefix = TempDir::new().unwrap();
    let prefix = prefix.path();
    assert!(install(prefix, &["--from", &serve(release("0.10.0"))]).0);
    let older = serve(release("0.9.0"));
    let (done, said) = install(prefix, &["--from", &older]);
    assert!(!done && said.contains("0.10.0 is installed, and 0.9.0 is older"), "{said}");
    assert_eq!(said_by(prefix), "chatmock-server 0.10.0\n");
    let (done, said) = install(prefix, &["--from", &older, "--version", "0.9.0"]);
    assert!(done, "{said}");
    assert_eq!(said_by(prefix), "chatmock-server 0.9.0\n");
}

#[test]
fn of_several_releases_the_newest_is_taken() {
    let (mut both, newest) = (release("0.9.0"), release("0.10.0"));
    let sums = [newest["SHA256SUMS"].clone(), both["SHA256SUMS"].clone()].concat();
    both.extend(newest);
    both.insert("SHA256SUMS".to_owned(), sums);
    let prefix = TempDir::new().unwrap();
    let (done, said) = install(prefix.path(), &["--from", &serve(both)]);
    assert!(done && said.contains("Installed chatmock-0.10.0-"), "{said}");
}

#[test]
fn what_is_damaged_cut_off_or_not_there_changes_nothing() {
    let whole = release("0.9.0");
    let name = tarball(&whole);
    let mut wrong = whole.clone();
    let sums = String::from_utf8(whole["SHA256SUMS"].clone()).unwrap();
    wrong
        .insert("SHA256SUMS".to_owned(), format!("{}{}", "0".repeat(64), &sums[64..]).into_bytes());
    let mut cut = whole.clone();
    cut.insert(name.clone(), whole[&name][..100].to_vec());
    let mut gone = whole.clone();
    gone.remove(&name);
    let mut empty = whole;
    empty.insert("SHA256SUMS".to_owned(), b"<html>\n".to_vec());
    for (files, words) in [
        (wrong, "is damaged"),
        (cut, "is damaged"),
        (gone, "cannot get chatmock-0.9.0"),
        (empty, "there is no tarball"),
    ] {
        let prefix = TempDir::new().unwrap();
        let (done, said) = install(prefix.path(), &["--from", &serve(files)]);
        assert!(!done && said.contains(words), "{words}: {said}");
        assert_eq!(fs::read_dir(prefix.path()).unwrap().count(), 0, "{words}");
    }
    let prefix = TempDir::new().unwrap();
    for (from, words) in
        [("http://192.0.2.1/x", "is not encrypted"), ("", "knows no address of releases")]
    {
        let words_of: &[&str] = if from.is_empty() { &[] } else { &["--from", from] };
        let (done, said) = install(prefix.path(), words_of);
        assert!(!done && said.contains(words), "{said}");
    }
}

#[test]
fn a_program_of_somebody_else_is_not_replaced() {
    let prefix = TempDir::new().unwrap();
    let program = prefix.path().join("bin/chatmock-auth");
    fs::create_dir(program.parent().unwrap()).unwrap();
    fs::write(&program, "theirs").unwrap();
    let (done, said) = install(prefix.path(), &["--from", &serve(release("0.9.0"))]);
    assert!(!done && said.contains("is there already"), "{said}");
    assert_eq!(fs::read_to_string(&program).unwrap(), "theirs");
    assert!(!prefix.path().join("bin/chatmock-server").exists());
}
