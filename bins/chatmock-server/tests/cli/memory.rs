//! Memory: what large requests need is kept for the next ones.

use std::fs;

use chatmock_simulator::{Claims, Settings, Simulator};
use tempfile::TempDir;
use tokio::runtime::Builder;

use super::process::{Running, program};

/// How often a page was given to a process, which its kernel counts.
fn pages_given(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name in parentheses may hold blanks; the count is the eighth word after it.
    let (_, words) = stat.rsplit_once(')').unwrap();
    words.split_whitespace().nth(7).unwrap().parse().unwrap()
}

#[test]
fn pictures_do_not_take_fresh_pages_each_time() {
    const PICTURES: u64 = 5;
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let simulator = runtime.block_on(Simulator::start(Settings::default())).unwrap();
    let home = TempDir::new().unwrap();
    let signed_in = simulator.tokens(Claims::default()).auth_json();
    fs::write(home.path().join("auth.json"), signed_in).unwrap();
    let mut command = program(&["--port", "0", "--home"]);
    command.arg(home.path()).args(["--issuer", &simulator.issuer()]);
    let server = Running::start(command.args(["--upstream-url", &simulator.upstream_url()]));
    let picture = "iVBORw0KGgoA".repeat(2 * 1024 * 1024 / 12);
    let body = format!(
        r#"{{"model":"gpt-5.5","messages":[{{"role":"user","content":[{{"type":"text","text":"hello there"}},{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{picture}"}}}}]}}]}}"#
    );
    let ask = || {
        let answer = server.ask("POST", "/v1/chat/completions", &body);
        assert!(answer.contains("You said: hello there"), "{answer}");
    };
    (0..PICTURES).for_each(|_| ask());
    let before = pages_given(server.child.id());
    (0..PICTURES).for_each(|_| ask());
    let given = (pages_given(server.child.id()) - before) / PICTURES;
    // The picture alone has 512.
    assert!(given < 256, "{given} pages for each");
}
