//! `login` with a browser, here or elsewhere.

use chatmock_simulator::Endpoint;

use crate::harness::{ADA, Harness, person};
use crate::process::{approve, fetch, fetch_as};

const LOGIN: [&str; 2] = ["login", "--no-browser"];

#[test]
fn a_browser_that_comes_back_signs_in() {
    let harness = Harness::new();
    let mut login = harness.start(&LOGIN);
    let last = approve(&login.address());
    assert!(last.starts_with("http://127.0.0.1:"), "{last}");
    let page = fetch(&last);
    assert!(page.status == 200 && page.body.contains("Signed in"), "{page:?}");
    assert!(!page.body.contains("code="), "nothing of the request is reflected: {page:?}");
    let ended = login.end().with(0).says(ADA).says("plus").says("workspace-ada");
    let file = harness.file().display().to_string();
    ended.says("Signed in as ada@example.com.").says(&file).says("; renewed automatically");
    let stored = harness.stored();
    assert_eq!(stored["tokens"]["account_id"], "workspace-ada");
    assert_eq!(stored["route"], "codex");
}

#[test]
fn the_tokens_are_saved_before_it_is_said() {
    let harness = Harness::new();
    let mut login = harness.start(&LOGIN);
    let last = approve(&login.address());
    let page = fetch(&last);
    assert!(page.body.contains("Signed in"), "{page:?}");
    assert!(harness.stored()["tokens"].is_object());
    login.until("Signed in as");
    assert!(harness.stored()["tokens"].is_object());
    login.end().with(0);
}

#[test]
fn the_last_address_may_be_pasted_and_wrong_ones_may_come_before() {
    let harness = Harness::new();
    let mut login = harness.start(&LOGIN);
    let last = approve(&login.address());
    login.type_line("");
    login.type_line("hello");
    login.until("That is not the right address: it belongs to another sign-in");
    let (place, _) = last.split_once("state=").unwrap();
    login.type_line(&format!("{place}state=somebody-elses"));
    login.until("That is not the right address");
    login.type_line(&format!("  {last}  "));
    login.end().with(0).says("Signed in as ada@example.com.");
    assert!(harness.file().exists());
}

#[test]
fn strays_at_the_listener_do_not_end_it() {
    let harness = Harness::new();
    let mut login = harness.start(&LOGIN);
    let last = approve(&login.address());
    let (origin, _) = last.split_once("/auth/").unwrap();
    assert_eq!(fetch(&format!("{origin}/favicon.ico")).status, 404);
    let denied = format!("{origin}/auth/callback?error=access_denied&state=wrong");
    assert_eq!(fetch(&denied).status, 400);
    assert_eq!(fetch(&last).status, 200);
    login.end().with(0);
}

#[test]
fn a_refusal_in_the_browser_ends_it_in_words() {
    let harness = Harness::new();
    let mut login = harness.start(&LOGIN);
    let address = login.address();
    let state = address.split("state=").nth(1).unwrap().split('&').next().unwrap();
    let (place, _) =
        approve(&address).split_once('?').map(|(p, q)| (p.to_owned(), q.to_owned())).unwrap();
    let said = "Not%20this%1B[2Jperson";
    let page =
        fetch(&format!("{place}?error=access_denied&error_description={said}&state={state}"));
    assert!(page.body.contains("Not signed in"), "{page:?}");
    let ended = login.end().with(4).complains("access_denied").complains("nothing was changed");
    assert!(!ended.err.contains('\u{1b}'), "{ended:?}");
    assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
    assert!(!harness.file().exists());
}

#[test]
fn localhost_is_said_where_it_is_wanted() {
    let harness = Harness::new();
    let mut login = harness.start(&["login", "--headless", "--redirect-host", "localhost"]);
    let last = approve(&login.address());
    assert!(last.starts_with("http://localhost:"), "{last}");
    assert_eq!(fetch(&last).status, 200);
    login.end().with(0);
}

#[test]
fn another_address_to_wait_on_is_warned_of() {
    let harness = Harness::new();
    let mut command = harness.program(&LOGIN);
    command.env("CHATGPT_LOCAL_LOGIN_BIND", "0.0.0.0");
    let mut login = crate::process::Running::start(&mut command);
    let last = approve(&login.address());
    let page = fetch_as(&last, "evil.example");
    assert_eq!(page.status, 403, "the Host check stays on");
    assert_eq!(fetch(&last).status, 200);
    login.end().with(0).complains("0.0.0.0, which other machines may reach");
}

#[test]
fn another_workspace_than_asked_for_is_not_saved_and_is_ended() {
    let harness = Harness::new();
    let mut login = harness.start(&["login", "--no-browser", "--workspace", "workspace-other"]);
    let address = login.address();
    assert!(address.contains("allowed_workspace_id=workspace-other"), "{address}");
    assert_eq!(fetch(&approve(&address)).status, 200);
    login.end().with(1).complains("workspace-ada").complains("nothing was saved");
    assert!(!harness.file().exists());
    assert_eq!(harness.simulator.stats().revokes, 1);
}

#[test]
fn a_port_that_is_taken_is_named_with_the_way_out() {
    let harness = Harness::new();
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port().to_string();
    let login = harness.run(&["login", "--no-browser", "--callback-port", &port]);
    login.with(1).complains(&port).complains("login --device");
}

#[test]
fn an_issuer_that_breaks_down_is_told_in_one_line() {
    let harness = Harness::new();
    let broken = chatmock_simulator::Script::json(503, &serde_json::json!({}));
    harness.simulator.enqueue_at(Endpoint::Token, broken);
    let mut login = harness.start(&LOGIN);
    let page = fetch(&approve(&login.address()));
    assert!(page.body.contains("Not signed in"), "{page:?}");
    let ended = login.end().with(1).complains("status 503");
    assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
}

#[cfg(unix)]
#[test]
fn the_browser_gets_a_private_file_that_leads_to_the_address_and_no_shell_sees_it() {
    let harness = Harness::new();
    let (script, noted) = (harness.beside("browser"), harness.beside("noted"));
    harness.put(&script, "#!/bin/sh\nprintf '%s\\n' \"$#\" \"$@\" > \"$NOTED\"\n");
    assert!(std::process::Command::new("mkfifo").arg(&noted).status().unwrap().success());
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&script, mode).unwrap();
    let mut command = harness.program(&["login"]);
    command.env("BROWSER", format!("{} $(touch hacked)", script.display())).env("NOTED", &noted);
    let mut login = crate::process::Running::start(&mut command);
    let address = login.address();
    // A pipe: reading it waits for the script.
    let noted = std::fs::read_to_string(&noted).unwrap();
    let lines: Vec<&str> = noted.lines().collect();
    let [count, first, second, opened] = lines[..] else { panic!("{lines:?}") };
    assert_eq!((count, first, second), ("3", "$(touch", "hacked)"));
    let file = std::path::PathBuf::from(opened.strip_prefix("file://").unwrap());
    assert!(file.starts_with(harness.home()), "{opened}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(page.contains(&address.replace('&', "&amp;")), "{page}");
    assert_eq!(fetch(&approve(&address)).status, 200);
    login.end().with(0).says("Your browser opens this address");
    assert!(!file.exists(), "it is removed with the end of the sign-in");
}

#[cfg(target_os = "linux")]
#[test]
fn the_sign_in_address_is_in_no_list_of_programs() {
    let harness = Harness::new();
    let (script, noted) = (harness.beside("browser"), harness.beside("noted"));
    // It looks at every program of the machine, itself included, as another user could.
    let look = "#!/bin/sh\ncat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' > \"$NOTED\"\n";
    harness.put(&script, look);
    assert!(std::process::Command::new("mkfifo").arg(&noted).status().unwrap().success());
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&script, mode).unwrap();
    let mut command = harness.program(&["login"]);
    command.env("BROWSER", format!("{} %s", script.display())).env("NOTED", &noted);
    command.env("XDG_RUNTIME_DIR", harness.beside("runtime"));
    let mut login = crate::process::Running::start(&mut command);
    let address = login.address();
    let state = address.split("state=").nth(1).unwrap().split('&').next().unwrap();
    let seen = std::fs::read_to_string(&noted).unwrap();
    assert!(seen.contains("runtime/chatmock/sign-in-"), "{seen}");
    assert!(!seen.contains(state) && !seen.contains("authorize"), "{seen}");
    login.signal("INT");
    login.end().with(130);
    let left = std::fs::read_dir(harness.beside("runtime/chatmock")).unwrap().count();
    assert_eq!(left, 0, "the file is removed");
}

#[test]
fn a_browser_that_cannot_be_started_is_said_and_waited_without() {
    let harness = Harness::new();
    let mut command = harness.program(&["login"]);
    command.env("BROWSER", "/nonexistent/browser");
    let mut login = crate::process::Running::start(&mut command);
    let address = login.address();
    login.until("could not be opened");
    assert_eq!(fetch(&approve(&address)).status, 200);
    login.end().with(0);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_cleanly() {
    let harness = Harness::new();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut login = harness.start(&LOGIN);
        login.until("Ctrl-C stops");
        login.signal(signal);
        login.end().with(code).complains("stopped: nothing was changed");
    }
    assert!(!harness.file().exists());
}

#[test]
fn the_same_account_again_needs_no_question() {
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    let mut login = harness.start(&LOGIN);
    assert_eq!(fetch(&approve(&login.address())).status, 200);
    login.end().with(0);
}

#[cfg(unix)]
#[test]
fn ctrl_c_while_tokens_are_fetched_ends_them() {
    let settings = chatmock_simulator::Settings {
        token_delay: crate::harness::SOON * 4,
        ..Default::default()
    };
    let harness = Harness::with(settings);
    let mut login = harness.start(&LOGIN);
    let last = approve(&login.address());
    // The answer comes with the end of the sign-in, so it is not waited for.
    let browser = std::thread::spawn(move || fetch(&last));
    harness.wait_for(|stats| stats.count(Endpoint::Token.name()) == 1);
    login.signal("INT");
    login.end().with(130).complains("stopped: nothing was changed");
    assert!(browser.join().unwrap().body.contains("Not signed in"));
    assert!(!harness.file().exists());
    assert_eq!(harness.simulator.stats().revokes, 1, "nobody holds the tokens");
}

#[cfg(unix)]
#[test]
fn a_place_that_takes_no_sign_in_is_said_before_anybody_approves_one() {
    let harness = Harness::new();
    std::fs::create_dir_all(harness.file()).unwrap();
    harness.run(&LOGIN).with(1).complains("is not a plain file").complains("move it away");
    std::fs::remove_dir(harness.file()).unwrap();
    let missing = harness.beside("missing");
    std::os::unix::fs::symlink(missing.join("auth.json"), harness.file()).unwrap();
    harness.run(&["login", "--device"]).with(1).complains("missing does not exist");
    assert!(!missing.exists());
    assert!(harness.simulator.requests().is_empty(), "nobody was asked");
}
