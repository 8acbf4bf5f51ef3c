//! Servers behind a real nginx, replaced one after another under load, and what several of them carry.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chatmock_simulator::Settings;
use chatmock_testkit::blocking::{Connection, send};
use chatmock_testkit::client::Request;
use tempfile::TempDir;

use crate::fleet::{Fleet, QUESTION, answers, private, ready, until};
use crate::process::{Running, chat};

pub(crate) const LONG: &[(&str, fn())] = &[
    ("a_rolling_restart_under_load_behind_nginx_fails_no_request", rolling),
    ("what_one_two_and_three_servers_carry", figures),
];

/// The proxy that the tests need.
pub(crate) const PROGRAMS: [&str; 1] = ["nginx"];

/// A running nginx, which ends with the test.
struct Nginx {
    folder: TempDir,
    child: Child,
    address: String,
}

const KEY: &str = "a-key-of-sixteen-and-more";

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Nginx {
    /// Starts one in front of servers, with the file of the documentation but for its addresses and TLS.
    fn start(servers: &[u16]) -> Self {
        let (folder, port) = (TempDir::new().unwrap(), free_port());
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/deploy/nginx.conf");
        let text = fs::read_to_string(file).unwrap();
        let upstream = "        server chatmock:8000 max_fails=1 fail_timeout=2s;\n";
        let each = |port: &u16| upstream.replace("chatmock:8000", &format!("127.0.0.1:{port}"));
        let place = folder.path().display();
        let head = format!("pid {place}/pid;\nerror_log {place}/error warn;\ndaemon off;\n");
        let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let folders: String =
            kinds.iter().map(|kind| format!("    {kind}_temp_path {place}/{kind};\n")).collect();
        let text = text
            .replace(upstream, &servers.iter().map(each).collect::<String>())
            .replace("listen 443 ssl;", &format!("listen 127.0.0.1:{port};"))
            .replace("http {\n", &format!("http {{\n    access_log off;\n{folders}"));
        let text: String = text
            .lines()
            .filter(|line| !line.contains("ssl_"))
            .fold(head, |text, line| text + line + "\n");
        fs::write(folder.path().join("nginx.conf"), text).unwrap();
        let child = Command::new("nginx")
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(folder.path().join("nginx.conf"))
            .args(["-e", "stderr"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let nginx = Self { folder, child, address: format!("127.0.0.1:{port}") };
        until("nginx listens", || Connection::open(&nginx.address).is_ok());
        nginx
    }

    fn errors(&self) -> String {
        fs::read_to_string(self.folder.path().join("error")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with it, which they do not where it is killed.
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().ok();
        self.child.wait().ok();
    }
}

/// A question, whole or streamed, that takes a moment.
fn question(address: &str, stream: bool) -> Request {
    let body = chat("MODE:slow:8:20", stream);
    let request = Request::new("POST", QUESTION).body(body.as_str()).with("host", address);
    request.with("content-type", "application/json").with("x-api-key", KEY)
}

/// Asks until it is enough, each time over a connection of its own; returns what went wrong.
fn ask_on(address: &str, stream: bool, (done, count): (&AtomicBool, &AtomicUsize)) -> Vec<String> {
    let mut failed = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let reply = Connection::open(address).and_then(|mut connection| {
            connection.send(&question(address, stream).with("connection", "close"))
        });
        count.fetch_add(1, Ordering::Relaxed);
        match reply {
            Ok(reply) if reply.status == 200 && (!stream || reply.text().contains("[DONE]")) => {}
            Ok(reply) => failed.push(format!("{}: {}", reply.status, reply.text())),
            Err(error) => failed.push(error.to_string()),
        }
    }
    failed
}

/// Returns whether a server has answered turns: whoever stops servers faster than the proxy tries them again has none left.
fn has_turns(server: &Running) -> bool {
    let request = Request::get("/metrics").with("host", &server.address).with("x-api-key", KEY);
    let reply = send(&server.address, &request).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.text().contains("\nchatmock_requests_total{")
}

fn rolling() {
    let fleet = Fleet::new(3600, Settings::default());
    // A server asks whoever comes through a proxy for a key.
    let keys = fleet.home(0).with_file_name("api-keys");
    private(&keys, &format!("me:{KEY}"));
    let ports = [(); 3].map(|()| free_port());
    let start = |number: usize| {
        let mut command = fleet.command_on(ports[number], number, &fleet.redis.url());
        command.args(["--drain", "60"]).arg("--api-key-file").arg(&keys);
        Running::start(&mut command)
    };
    let mut servers = [0, 1, 2].map(start);
    let nginx = Nginx::start(&ports);
    let (done, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let failed: Vec<String> = std::thread::scope(|scope| {
        let ask = |stream| {
            let (nginx, meter) = (&nginx, (&done, &count));
            scope.spawn(move || ask_on(&nginx.address, stream, meter))
        };
        let clients: Vec<_> = (0..12).map(|number| ask(number % 2 == 0)).collect();
        for number in [0, 1, 2, 0] {
            let before = count.load(Ordering::Relaxed);
            until("requests go on", || count.load(Ordering::Relaxed) > before + 60);
            servers[number].signal("TERM");
            assert_eq!(servers[number].code(), Some(0), "it has finished its answers");
            servers[number] = start(number);
            until("it is ready again", || ready(&servers[number]).0 == 200);
            until("it is asked again", || has_turns(&servers[number]));
        }
        done.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let count = count.into_inner();
    eprintln!("four restarts, {count} requests, {} failed", failed.len());
    assert!(failed.is_empty(), "{} of {count}: {failed:#?}\n{}", failed.len(), nginx.errors());
}

/// The most memory that a process has had in use, in MiB.
fn memory(server: &Running) -> u64 {
    let status = format!("/proc/{}/status", server.program.child.id());
    let status = fs::read_to_string(status).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}

/// A server's command, with another program where `CHATMOCK_TEST_PROGRAM` names one, such as one that is optimised.
fn command(fleet: &Fleet, number: usize) -> Command {
    let made = fleet.command(number, &fleet.redis.url());
    let Some(program) = std::env::var_os("CHATMOCK_TEST_PROGRAM") else { return made };
    let mut command = Command::new(program);
    command.args(made.get_args());
    for (name, value) in made.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Asks one server over one connection for a while; returns the number of answers.
fn carry(address: &str, body: &str, path: &str) -> usize {
    let mut connection = Connection::open(address).unwrap();
    let request = Request::new("POST", path).body(body).with("host", address);
    let request = request.with("content-type", "application/json");
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(4) {
        let reply = connection.send(&request).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        count += 1;
    }
    count
}

fn figures() {
    const CLIENTS: usize = 12;
    let response = r#"{"model":"gpt-5.5","input":"hello"}"#;
    for servers in 1..=3 {
        let fleet = Fleet::new(3600, Settings::default());
        let running: Vec<Running> =
            (0..servers).map(|number| Running::start(&mut command(&fleet, number))).collect();
        running.iter().for_each(answers);
        let rate = |body: &str, path: &str| {
            let begun = Instant::now();
            let count: usize = std::thread::scope(|scope| {
                let client = |number: usize| {
                    let address = &running[number % servers].address;
                    scope.spawn(move || carry(address, body, path))
                };
                let clients: Vec<_> = (0..CLIENTS).map(client).collect();
                clients.into_iter().map(|client| client.join().unwrap()).sum()
            });
            count as f64 / begun.elapsed().as_secs_f64()
        };
        let chats = rate(&chat("hello", false), QUESTION);
        let stored = rate(response, "/v1/responses");
        let memory: Vec<u64> = running.iter().map(memory).collect();
        eprintln!(
            "{servers} servers: {chats:.0} chats/s, {stored:.0} stored responses/s, {memory:?} MiB each"
        );
    }
}
