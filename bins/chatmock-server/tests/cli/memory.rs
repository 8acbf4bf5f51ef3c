//! Tests of memory: buffers of large requests are reused.

use std::fs;

use chatmock_simulator::Settings;
use chatmock_testkit::backend::Backend;

use super::process::{Running, program};

/// Returns how many pages a process was given, as its kernel counts them.
fn pages_given(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name in parentheses may contain blanks. The number is the eighth word after it.
    let (_, words) = stat.rsplit_once(')').unwrap();
    words.split_whitespace().nth(7).unwrap().parse().unwrap()
}

#[test]
fn pictures_do_not_take_fresh_pages_each_time() {
    const PICTURES: u64 = 5;
    let backend = Backend::signed_in(Settings::default()).unwrap();
    let server = Running::start(program(&["--port", "0"]).args(backend.flags()));
    let picture = "iVBORw0KGgoA".repeat(2 * 1024 * 1024 / 12);
    let body = format!(
        r#"{{"model":"gpt-5.5","messages":[{{"role":"user","content":[{{"type":"text","text":"hello there"}},{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{picture}"}}}}]}}]}}"#
    );
    let ask = || {
        let answer = server.ask("POST", "/v1/chat/completions", &body);
        assert!(answer.contains("You said: hello there"), "{answer}");
    };
    (0..PICTURES).for_each(|_| ask());
    let before = pages_given(server.program.child.id());
    (0..PICTURES).for_each(|_| ask());
    let given = (pages_given(server.program.child.id()) - before) / PICTURES;
    // The picture alone takes 512 pages.
    assert!(given < 256, "{given} pages for each");
}
