//! A clock that is set by a day while the program runs, forward and back: what it does to usage, budgets and rules.

use std::fs;
use std::path::Path;
use std::process::Command;

use chatmock_testkit::blocking::send;
use chatmock_testkit::client::{Reply, Request};
use chatmock_testkit::prerequisite::with_programs;
use libtest_mimic::{Failed, Trial};
use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Running, chat, demo};

/// The days by which the clock is set, one after the other: the next day, the day before, and right again.
const DAYS: [i64; 4] = [0, 1, -1, 0];

/// The turns of each key for every setting.
const TURNS: usize = 5;

pub(crate) fn trials() -> impl Iterator<Item = Trial> {
    let trial = Trial::ignorable_test(
        "a_clock_that_jumps_a_day_forward_and_back_loses_no_turn_and_gives_no_budget_twice",
        || with_programs(&["faketime"], jumps),
    );
    [trial].into_iter()
}

/// A program whose clock is as far off as a file says.
struct Off {
    folder: TempDir,
    server: Option<Running>,
}

impl Off {
    fn start(&mut self, flags: &[&str]) -> Result<(), Failed> {
        // The library's path has a part that only the loader knows.
        let asked = Command::new("faketime")
            .args(["-f", "+0", "sh", "-c", "printf %s \"$LD_PRELOAD\""])
            .output()?;
        let mut command = demo();
        command.args(flags).arg("--state-dir").arg(self.folder.path().join("state"));
        command.env("LD_PRELOAD", String::from_utf8(asked.stdout)?);
        command.env("FAKETIME_TIMESTAMP_FILE", self.file()).env("FAKETIME_NO_CACHE", "1");
        // Timers have to go on by the clock that nobody sets.
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
        self.server = Some(Running::start(&mut command));
        Ok(())
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("offset")
    }

    fn set(&self, days: i64) {
        let seconds = days * 86_400;
        // In one step, so that it is never read half.
        let new = self.folder.path().join("new");
        fs::write(&new, format!("{seconds:+}\n")).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    fn send(&self, request: &Request, label: &str) -> Reply {
        let address = &self.server.as_ref().unwrap().address;
        let request = request.clone().with("host", address).with("x-api-key", &key(label));
        send(address, &request).unwrap()
    }

    fn ask(&self, label: &str) -> u16 {
        self.send(&Request::post("/v1/chat/completions", chat("hello", false)), label).status
    }

    fn usage(&self, query: &str) -> Value {
        let reply = self.send(&Request::get(&format!("/usage?{query}")), "admin");
        serde_json::from_str(&reply.text()).unwrap()
    }

    fn stop(&mut self) {
        let mut server = self.server.take().unwrap();
        server.signal("TERM");
        assert_eq!(server.code(), Some(0));
    }
}

fn key(label: &str) -> String {
    format!("canary-key-of-{label}-0123")
}

fn write_keys(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let lines = ["ann", "ben", "eve", "admin"].map(|label| format!("{label}:{}\n", key(label)));
    fs::write(path, lines.concat()).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Turns and tokens of a report.
fn figures(report: &Value) -> (u64, u64) {
    let total = &report["total"];
    let number = |name: &str| total[name].as_u64().unwrap();
    (number("turns"), number("input_tokens") + number("output_tokens"))
}

fn jumps() -> Result<(), Failed> {
    let mut off = Off { folder: TempDir::new()?, server: None };
    let keys = off.folder.path().join("keys");
    write_keys(&keys);
    off.set(0);
    let keys = keys.display().to_string();
    let rule = "label=eve: 5h>10%:refuse";
    let flags = ["--api-key-file", &keys, "--budget", "ben: tokens/day=60", "--guard", rule];
    off.start(&flags)?;
    let (mut guarded, mut passed) = (Vec::new(), Vec::new());
    for days in DAYS {
        off.set(days);
        guarded.push(off.ask("eve"));
        for _ in 0..TURNS {
            assert_eq!(off.ask("ann"), 200, "after {days} days");
        }
        passed.push((0..TURNS).filter(|_| off.ask("ben") == 200).count());
    }
    // At first no figure is known, and on a later day the window has begun again. On the day before, it is that of the next.
    assert_eq!(guarded, [200, 200, 429, 200]);
    // The next day has a budget of its own; the day before and the same day again have none.
    assert!(passed[0] > 0 && passed[0] < TURNS && passed[1] > 0, "{passed:?}");
    assert_eq!(&passed[2..], [0, 0], "{passed:?}");
    let all = off.usage("since=30d&by=day");
    let (turns, tokens) = figures(&all);
    assert_eq!(turns, (DAYS.len() * (2 * TURNS + 1)) as u64, "{all}");
    let rows = all["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 3, "{all}");
    let sum: u64 = rows.iter().map(|row| row["turns"].as_u64().unwrap()).sum();
    assert_eq!(sum, turns, "{all}");
    off.stop();
    off.start(&flags)?;
    assert_eq!(figures(&off.usage("since=30d&by=day")), (turns, tokens), "after a start");
    // What was used today is known again.
    assert_eq!(off.ask("ben"), 429);
    off.stop();
    Ok(())
}
