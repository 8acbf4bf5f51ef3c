//! The first run: at a terminal where nobody is signed in, the three ways to begin instead of a line in the log.

use std::io::{BufRead, Write, stderr, stdin};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, anyhow};
use chatmock_server::auth::{Home, StoreChoice};
use chatmock_server::{Access, SignInSettings};

use crate::exit::ExitError;
use crate::settings::ResolvedSettings;
use crate::terminal;

/// The program that signs in.
const SIGN_IN: &str = "chatmock-auth";

const OFFER: &str = "\
Nobody is signed in yet. There are three ways to begin:

  1  sign in with your ChatGPT account       chatmock-auth login
  2  try it with answers from a simulator    chatmock-server --demo
  3  use an API key, or a server of your own
         chatmock-server --route api --upstream-key-file FILE

";

/// What a person chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    SignIn,
    Demo,
    Key,
    Nothing,
}

/// Asks how to begin, where the program was called alone at a terminal and nobody is signed in.
///
/// Returns an exit code where there is nothing to serve after that.
pub(crate) fn ask(settings: &mut ResolvedSettings) -> Result<Option<ExitCode>, ExitError> {
    let called_alone = std::env::args_os().count() <= 1;
    if !called_alone || !terminal::has_person() || settings.demo || !is_signed_out(settings) {
        return Ok(None);
    }
    say(OFFER);
    say("Which? [1] ");
    let mut line = String::new();
    let read = stdin().lock().read_line(&mut line).context("cannot read the answer")?;
    match choice(read, &line) {
        Choice::SignIn => sign_in(),
        Choice::Demo => {
            settings.demo = true;
            Ok(None)
        }
        Choice::Key => {
            say("Put the key into a file that only you can read, then run:\n\
                 \x20 chatmock-server --route api --upstream-key-file FILE\n\
                 For a server of your own: chatmock-server --route api --upstream-url URL\n");
            Ok(Some(ExitCode::SUCCESS))
        }
        Choice::Nothing => Err(ExitError::Declined(anyhow!(
            "nothing was chosen\nhint: to sign in, run: chatmock-auth login"
        ))),
    }
}

fn choice(read: usize, line: &str) -> Choice {
    match line.trim() {
        "" if read == 0 => Choice::Nothing,
        "" | "1" => Choice::SignIn,
        "2" => Choice::Demo,
        "3" => Choice::Key,
        _ => Choice::Nothing,
    }
}

/// Returns whether the server would start without a sign-in; a store that cannot be read is not empty.
fn is_signed_out(settings: &ResolvedSettings) -> bool {
    let Access::SignIn(SignInSettings { home, borrow_codex, .. }) = &settings.server.access else {
        return false;
    };
    let store = Home::new(home.clone(), StoreChoice::Auto).store();
    let nobody = store.load().is_ok_and(|file| file.is_none_or(|file| file.tokens().is_none()));
    nobody && borrow_codex.is_none()
}

/// Runs the program that signs in; the server starts once it has succeeded.
fn sign_in() -> Result<Option<ExitCode>, ExitError> {
    let program = beside_this().unwrap_or_else(|| SIGN_IN.into());
    let status = Command::new(&program).arg("login").status();
    let status = status.with_context(|| {
        format!(
            "cannot run {}\nhint: install {SIGN_IN}, then run: {SIGN_IN} login",
            program.display()
        )
    })?;
    match status.code() {
        Some(0) => Ok(None),
        Some(code) => Ok(Some(ExitCode::from(u8::try_from(code).unwrap_or(1)))),
        None => Ok(Some(ExitCode::FAILURE)),
    }
}

/// The program next to this one, since both are installed together.
fn beside_this() -> Option<PathBuf> {
    let name = format!("{SIGN_IN}{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::current_exe().ok()?.with_file_name(name);
    path.is_file().then_some(path)
}

fn say(text: &str) {
    // A person who has gone cannot answer either, which shows when the answer is read.
    let _ = stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enter_signs_in_and_the_end_of_the_input_chooses_nothing() {
        assert_eq!(choice(1, "\n"), Choice::SignIn);
        assert_eq!(choice(2, "2\n"), Choice::Demo);
        assert_eq!(choice(2, "3\n"), Choice::Key);
        assert_eq!(choice(0, ""), Choice::Nothing);
        assert_eq!(choice(5, "what\n"), Choice::Nothing);
    }

    #[test]
    fn the_offer_fits_eighty_columns() {
        assert!(OFFER.lines().all(|line| line.len() <= 80));
    }
}
