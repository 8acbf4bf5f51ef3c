//! The cases, each with a backend and a home of its own.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use chatmock_simulator::{Claims, Settings};
use chatmock_testkit::backend::Backend;
use chatmock_testkit::blocking::send;
use chatmock_testkit::client::Request;
use chatmock_testkit::prerequisite::find_program;
use libtest_mimic::{Completion, Failed, Trial};
use tempfile::TempDir;

use crate::clock;
use crate::process::{Running, after, chat, program, quiet, text};

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
    let bounded = Trial::ignorable_test(
        "little_memory_is_enough_for_many_streams_and_large_bodies_are_put_off",
        || {
            let Some(group) = MemoryGroup::make(64) else {
                return Ok(Completion::ignored_with(
                    "no group with a limit of memory may be made here",
                ));
            };
            little_memory(&group);
            Ok(Completion::Completed)
        },
    );
    mounted.into_iter().chain([clock, bounded]).chain(clock::trials()).collect()
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

/// A control group whose processes are killed when they take more memory than its limit; removed when dropped.
struct MemoryGroup(PathBuf);

impl MemoryGroup {
    /// Makes a group, by version 1 of control groups or else by version 2.
    fn make(mib: usize) -> Option<Self> {
        let name = format!("chatmock-test-{}", std::process::id());
        let roots =
            [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        roots.iter().find_map(|(root, limit)| {
            let group = Self(Path::new(root).join(&name));
            fs::create_dir(&group.0).ok()?;
            fs::write(group.0.join(limit), format!("{}", mib * 1024 * 1024)).ok()?;
            Some(group)
        })
    }

    /// The number of processes that were killed, where the system counts them.
    fn killed(&self) -> Option<u64> {
        let events = ["memory.oom_control", "memory.events"];
        let told = events.iter().find_map(|file| fs::read_to_string(self.0.join(file)).ok())?;
        told.lines().find_map(|line| line.strip_prefix("oom_kill "))?.parse().ok()
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // The last process may not have left yet.
        while fs::remove_dir(&self.0).is_err_and(|error| error.kind() == ErrorKind::ResourceBusy) {
            std::thread::yield_now();
        }
    }
}

/// A question after a message of some MiB, which the backend does not repeat in its answer.
fn long_conversation(mib: usize) -> String {
    let long = "x".repeat(mib * 1024 * 1024);
    let messages = format!(
        r#"[{{"role":"user","content":"{long}"}},{{"role":"user","content":"hello there"}}]"#
    );
    format!(r#"{{"model":"gpt-5.5","messages":{messages}}}"#)
}

fn little_memory(group: &MemoryGroup) {
    let backend = Backend::signed_in(Settings::default()).unwrap();
    let script = format!(r#"echo $$ > "{}/cgroup.procs"; exec "$0" "$@""#, group.0.display());
    let server = Running::start(after(&script, &["--port", "0"]).args(backend.flags()));
    assert!(server.started.contains("64 MiB of memory"), "{}", server.started);
    let slow = chat("MODE:slow:20:50", true);
    let streams: Vec<_> = (0..200).map(|_| server.open("POST", QUESTION, &slow)).collect();
    // Together they would fill the limit several times.
    let large = long_conversation(6);
    let request = Request::post(QUESTION, large).with("connection", "close");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let (address, request) = (&server.address, &request);
        let sent = move || send(address, request).unwrap().status;
        let sent: Vec<_> = (0..12).map(|_| scope.spawn(sent)).collect();
        sent.into_iter().map(|body| body.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    let larger = server.ask("POST", QUESTION, &long_conversation(9));
    assert!(larger.starts_with("HTTP/1.1 413 "), "{}", &larger[..larger.len().min(500)]);
    for stream in streams {
        let answer = text(stream);
        assert!(answer.contains("[DONE]"), "{answer}");
    }
    assert!(ask(&server).starts_with("HTTP/1.1 200 "));
    assert_eq!(group.killed().unwrap_or_default(), 0);
    assert_eq!(stop(server), Some(0));
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
