//! A sign-in that a real Chromium makes, from the address to the last page.
//!
//! Where Chromium or its driver is missing (Debian's packages `chromium` and `chromium-driver`) these tests are
//! reported as ignored, except under `CI=true`, where they fail.

mod driver;
mod harness;

use std::process::ExitCode;

use chatmock_testkit::prerequisite::with_programs;
use libtest_mimic::{Arguments, Trial};

/// What went wrong, in words.
type Fault = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let trials = vec![
        trial("a_browser_that_the_program_opens_signs_in", harness::opened_by_the_program),
        trial("a_person_who_clicks_in_chromium_signs_in", driver::clicked),
        trial("a_click_on_the_plan_routes_own_label_signs_in", driver::clicked_on_the_plan_route),
        trial("localhost_works_as_well", driver::clicked_at_localhost),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(name: &str, test: fn() -> Result<(), Fault>) -> Trial {
    Trial::ignorable_test(name, move || {
        with_programs(&["chromium", "chromedriver"], || {
            test().map_err(|fault| fault.to_string().into())
        })
    })
}
