//! The cases, each with a backend and a home of its own.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use chatmock_simulator::{Claims, Settings};
use chatmock_testkit::backend::Backend;
use chatmock_testkit::prerequisite::find_program;
use libtest_mimic::{Completion, Failed, Trial};
use tempfile::TempDir;

use crate::process::{Running, chat, program, quiet};

const QUESTION: &str = "/v1/chat/completions";

pub(crate) fn trials() -> Vec<Trial> {
    let mounted = [
        (
            "a_stop_with_a_full_home_leaves_the_renewed_sign_in_for_the_next_start",
            full_home as fn(),
        ),
        ("a_sign_in_that_is_mounted_by_itself_is_renewed_in_place", mounted_alone),
        ("a_sign_in_that_can_never_be_saved_is_not_renewed_and_the_answer_says_why", never_saved),
    ];
    let mounted = mounted.map(|(name, case)| {
        Trial::ignorable_test(name, move || {
            if !may_mount() {
                // No installation would allow them, so that not even a gate can demand them.
                return Ok(Completion::ignored_with("mounts are not allowed here"));
            }
            case();
            Ok(Completion::Completed)
        })
    });
    let clock = Trial::ignorable_test("a_clock_that_is_an_hour_ahead_costs_two_renewals", || {
        chatmock_testkit::prerequisite::with_programs(&["faketime"], clock_ahead)
    });
    mounted.into_iter().chain([clock]).collect()
}

/// A mount, undone when dropped.
struct Mount(PathBuf);

impl Mount {
    fn make(arguments: &[&str], place: &Path) -> Option<Self> {
        let made = Command::new("mount").args(arguments).arg(place).output().ok()?;
        made.status.success().then(|| Self(place.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn may_mount() -> bool {
    let place = TempDir::new().unwrap();
    find_program("mount").is_some()
        && Mount::make(&["-t", "tmpfs", "-o", "size=16k", "none"], place.path()).is_some()
}

/// A backend whose tokens are good for one use, and a home with a sign-in that has ended.
fn backend() -> Backend {
    Backend::start(Settings { revoke_on_reuse: true, ..Settings::default() }).unwrap()
}

fn server(backend: &Backend) -> Running {
    let mut command = program(&["--port", "0"]);
    Running::start(command.args(backend.flags()).env_remove("XDG_RUNTIME_DIR"))
}

fn ask(server: &Running) -> String {
    server.ask("POST", QUESTION, &chat("hello there", false))
}

fn stop(mut server: Running) -> Option<i32> {
    server.signal("TERM");
    server.code()
}

/// Fills the file system of a folder to its last block; gives the file that does.
fn fill(folder: &Path) -> PathBuf {
    let path = folder.join("filler");
    let mut file = File::create(&path).unwrap();
    for size in [4096, 512, 1] {
        while file.write_all(&vec![b'x'; size]).is_ok() {}
    }
    path
}

fn full_home() {
    let backend = backend();
    let options = ["-t", "tmpfs", "-o", "size=256k,mode=0700", "none"];
    let _mount = Mount::make(&options, &backend.home()).unwrap();
    backend.sign_in(Claims::expiring_in(-60)).unwrap();
    let filler = fill(&backend.home());
    let first = server(&backend);
    let answer = ask(&first);
    assert!(answer.contains("You said: hello there"), "{answer}");
    assert_eq!(stop(first), Some(0), "what was renewed is saved");
    fs::remove_file(filler).unwrap();
    let next = server(&backend);
    let answer = ask(&next);
    assert!(answer.contains("You said: hello there"), "{answer}");
    let stats = backend.simulator.stats();
    assert_eq!((stats.refreshes, stats.refreshes_refused), (1, 0));
    assert_eq!(stop(next), Some(0));
}

/// A home whose sign-in is a file of another folder, mounted by itself.
fn mounted_file(backend: &Backend) -> (TempDir, PathBuf, Mount) {
    let host = TempDir::new().unwrap();
    let (file, place) = (host.path().join("host.json"), backend.home().join("auth.json"));
    backend.sign_in(Claims::expiring_in(-60)).unwrap();
    fs::rename(&place, &file).unwrap();
    File::create(&place).unwrap();
    let mount = Mount::make(&["--bind", file.to_str().unwrap()], &place).unwrap();
    (host, file, mount)
}

fn mounted_alone() {
    let backend = backend();
    let (_host, file, _mount) = mounted_file(&backend);
    let before = fs::read_to_string(&file).unwrap();
    let first = server(&backend);
    assert!(first.started.contains("written in place"), "{}", first.started);
    let answer = ask(&first);
    assert!(answer.contains("You said: hello there"), "{answer}");
    assert_eq!(stop(first), Some(0));
    assert_ne!(fs::read_to_string(&file).unwrap(), before, "the host's file is renewed");
    let next = server(&backend);
    let answer = ask(&next);
    assert!(answer.contains("You said: hello there"), "{answer}");
    let stats = backend.simulator.stats();
    assert_eq!((stats.refreshes, stats.refreshes_refused), (1, 0));
}

fn never_saved() {
    let backend = backend();
    let (_host, file, _mount) = mounted_file(&backend);
    let place = backend.home().join("auth.json");
    let _read_only = Mount::make(&["-o", "remount,bind,ro"], &place).unwrap();
    let before = fs::read_to_string(&file).unwrap();
    let server = server(&backend);
    let answer = ask(&server);
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("Read-only file system"), "{answer}");
    assert_eq!(backend.simulator.stats().refreshes, 0, "nothing is spent");
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
}

/// The processes that a program started, which are ended when dropped: `faketime` does not pass on its own end.
struct Children(u32);

impl Drop for Children {
    fn drop(&mut self) {
        let list = format!("/proc/{0}/task/{0}/children", self.0);
        let children = fs::read_to_string(list).unwrap_or_default();
        let _ = Command::new("kill").args(children.split_whitespace()).status();
    }
}

fn clock_ahead() -> Result<(), Failed> {
    let hour = Duration::from_secs(3600);
    let settings = Settings { token_life: hour, revoke_on_reuse: true, ..Settings::default() };
    let backend = Backend::start(settings)?;
    backend.sign_in(Claims::expiring_in(3600))?;
    let plain = program(&["--port", "0"]);
    let mut command = Command::new("faketime");
    command.args(["-f", "+1h"]).arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // Timers have to go on by the clock that nobody sets.
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
    let server = Running::start(quiet(&mut command).args(backend.flags()));
    let _children = Children(server.program.child.id());
    for round in 0..10 {
        let answer = ask(&server);
        assert!(answer.contains("You said: hello there"), "round {round}: {answer}");
    }
    let stats = backend.simulator.stats();
    assert!(stats.refreshes <= 2, "{} renewals", stats.refreshes);
    Ok(())
}
