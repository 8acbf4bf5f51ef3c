//! Attacks by web pages, made with a real Chromium on the real program. None may reach the backend.
//!
//! If Chromium is missing (Debian's package `chromium`), these tests are reported as ignored,
//! except under `CI=true`, where they fail.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by stopping")]

mod attacker;
mod attacks;
mod driver;
mod harness;
mod page;
#[allow(dead_code, reason = "the tests of the program as a process use the rest")]
#[path = "../cli/process.rs"]
mod process;
mod rebinding;

use std::process::ExitCode;

use chatmock_testkit::prerequisite::with_programs;
use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let trials = vec![
        trial("a_fetch_with_json_fails_at_its_preflight", attacks::fetch),
        trial("a_post_that_needs_no_preflight_is_refused", attacks::simple_post),
        trial("a_form_is_refused", attacks::form),
        trial("a_web_socket_does_not_open", attacks::web_socket),
        trial("the_daemon_is_no_page_under_a_foreign_name", rebinding::opened),
        trial("a_page_of_a_rebound_name_reads_nothing_of_another_port", rebinding::other_port),
        trial("a_page_of_a_rebound_name_is_refused_at_its_own_port", rebinding::same_origin),
        trial("a_rebound_name_would_be_answered_if_it_were_listed", rebinding::listed),
        trial("a_page_whose_origin_is_listed_reads_its_answer", attacks::listed),
        page("the_page_shows_bars_and_pictures_light_dark_and_narrow", page::shown),
        page("the_page_follows_turns_under_load", page::live_under_load),
        page("the_page_asks_for_a_key_and_never_puts_it_into_an_address", page::key_dialog),
        page("hostile_names_are_text_on_the_page", page::hostile_names_are_text),
        page("the_small_chat_answers_and_connect_has_the_address", page::tried),
        trial("a_foreign_page_reads_nothing_of_the_page", page::foreign),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(name: &str, test: fn()) -> Trial {
    Trial::ignorable_test(name, move || {
        with_programs(&["chromium"], || {
            test();
            Ok(())
        })
    })
}

fn page(name: &str, test: fn()) -> Trial {
    Trial::ignorable_test(name, move || {
        with_programs(&["chromium", "chromedriver"], || {
            test();
            Ok(())
        })
    })
}
