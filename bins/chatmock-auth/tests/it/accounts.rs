//! Signing in where another account is signed in already.

use crate::harness::{ADA, Harness, person};
use crate::process::{approve, fetch};

const BOB: &str = "bob@example.com";

/// A harness where Bob is signed in, and Ada is about to.
fn occupied() -> Harness {
    let harness = Harness::new();
    harness.sign_in(person(BOB));
    harness
}

#[test]
fn without_a_person_to_ask_the_other_is_kept_and_the_words_are_said() {
    let harness = occupied();
    let before = harness.stored();
    let mut login = harness.start(&["login", "--no-browser"]);
    let page = fetch(&approve(&login.address()));
    assert!(page.body.contains("Not signed in"), "{page:?}");
    let ended = login.end().with(4).says(BOB).says(ADA);
    ended.complains("--yes").complains("--account NAME");
    assert_eq!(harness.stored(), before);
    assert_eq!(harness.simulator.stats().revokes, 1, "nobody holds the new tokens");
}

#[test]
fn yes_replaces() {
    let harness = occupied();
    let mut login = harness.start(&["login", "--no-browser", "--yes"]);
    assert_eq!(fetch(&approve(&login.address())).status, 200);
    login.end().with(0).says("Signed in as ada@example.com.");
    assert_eq!(harness.stored()["tokens"]["account_id"], "workspace-ada");
}

#[test]
fn a_name_keeps_both_and_use_goes_back_and_forth() {
    let harness = occupied();
    let mut login = harness.start(&["login", "--no-browser", "--account", "work"]);
    assert_eq!(fetch(&approve(&login.address())).status, 200);
    login.end().with(0).says("bob@example.com: chatmock-auth use bob@example.com");
    let listed = harness.run(&["accounts"]).with(0).says("* work").says(BOB);
    assert_eq!(listed.out.lines().count(), 2, "{listed:?}");
    harness.run(&["use", BOB]).with(0).says("Now in use: bob@example.com");
    harness.run(&["status"]).with(0).says("Signed in as bob@example.com");
    harness.run(&["use", "work"]).with(0).says(ADA);
    harness.run(&["status"]).with(0).says("Signed in as ada@example.com").says("work");
    harness.run(&["use", "nobody"]).with(2).complains("chatmock-auth accounts");
    harness.run(&["logout"]).with(0).says("Still set aside: chatmock-auth use bob@example.com");
    harness.run(&["logout", "--account", BOB]).with(0).says("Signed out bob@example.com");
    harness.run(&["accounts"]).with(0).says("No accounts");
}

#[cfg(unix)]
mod at_a_terminal {
    use super::*;
    use crate::terminal::Terminal;

    #[test]
    fn the_person_is_asked_and_a_yes_replaces() {
        let harness = occupied();
        let mut login =
            Terminal::start(&mut harness.program(&["login", "--route=codex", "--no-browser"]));
        login.until("Replace bob@example.com? [y/N]", sign_in);
        login.type_line("y");
        let (code, text) = login.end();
        assert!(code == Some(0) && text.contains("Signed in"), "{text}");
        assert_eq!(harness.stored()["tokens"]["account_id"], "workspace-ada");
    }

    #[test]
    fn anything_else_keeps() {
        let harness = occupied();
        let before = harness.stored();
        let mut login =
            Terminal::start(&mut harness.program(&["login", "--route=codex", "--no-browser"]));
        login.until("Replace bob@example.com? [y/N]", sign_in);
        login.type_line("");
        let (code, text) = login.end();
        assert!(code == Some(4) && text.contains("was kept"), "{text}");
        assert_eq!(harness.stored(), before);
        assert_eq!(harness.simulator.stats().revokes, 1);
    }

    #[test]
    fn ctrl_c_at_the_question_keeps() {
        let harness = occupied();
        let before = harness.stored();
        let mut login =
            Terminal::start(&mut harness.program(&["login", "--route=codex", "--no-browser"]));
        login.until("Replace bob@example.com? [y/N]", sign_in);
        login.signal("INT");
        let (code, text) = login.end();
        assert!(code == Some(130) && text.contains("nothing was changed"), "{text}");
        assert_eq!(harness.stored(), before);
    }

    /// Plays the browser, once the whole address is there.
    fn sign_in(text: &str) -> bool {
        let Some((_, rest)) = text.split_once("http://127.0.0.1:") else { return false };
        let all = format!("http://127.0.0.1:{rest}");
        let Some(start) = all.find("/oauth/authorize?") else { return false };
        let origin = all[..start].rfind("http://").unwrap();
        let address = &all[origin..];
        let Some(end) = address.find(|c: char| c.is_whitespace() || c == '\u{1b}') else {
            return false;
        };
        if !text.contains("Ctrl-C stops") {
            return false;
        }
        // The answer comes when the question is answered, so it is not waited for.
        let last = approve(&address[..end]);
        std::thread::spawn(move || fetch(&last));
        true
    }
}
