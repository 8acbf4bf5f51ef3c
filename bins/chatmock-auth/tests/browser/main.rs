//! A sign-in that a real Chromium makes, from the address to the last page.
//!
//! Where Chromium or its driver is missing (Debian's packages `chromium` and `chromium-driver`) these tests are
//! reported as ignored, except under `CI=true`, where they fail.

mod driver;
mod harness;

use std::path::PathBuf;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

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
        let missing = ["chromium", "chromedriver"].into_iter().find(|name| found(name).is_none());
        let forced = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        match missing {
            Some(name) if forced => Err(Failed::from(format!(
                "{name} is missing, and CI=true does not let it be skipped"
            ))),
            Some(name) => Ok(Completion::ignored_with(format!("{name} is not installed"))),
            None => {
                test().map(|()| Completion::Completed).map_err(|fault| fault.to_string().into())
            }
        }
    })
}

/// Looks a program up where the shell would.
fn found(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
