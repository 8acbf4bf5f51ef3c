//! The launch of a browser: a program with the address of a file as one argument, and no shell between.

use std::process::{Command, Stdio};

use tokio::sync::oneshot;

use crate::env::{Environment, WINDOWS_OPENER};

/// The separator of the person's browsers.
const PARTING: char = if cfg!(windows) { ';' } else { ':' };

/// The system's own way to open an address.
const SYSTEM: &[&str] = if cfg!(target_os = "macos") {
    &["open"]
} else if cfg!(windows) {
    &["rundll32", "url.dll,FileProtocolHandler"]
} else {
    &["xdg-open"]
};

/// The placeholder of the address in the person's choice of a browser.
const ADDRESS: &str = "%s";

/// A browser being opened.
#[derive(Debug)]
pub(super) struct BrowserLaunch {
    opened: oneshot::Receiver<bool>,
}

impl BrowserLaunch {
    /// Tries one browser after another, in the background: some run until they are closed.
    pub(super) fn start(environment: &Environment, address: &str) -> Self {
        let commands = commands(environment, address);
        let (sender, opened) = oneshot::channel();
        std::thread::spawn(move || {
            // Nobody waits for it any more once the sign-in is over.
            let _ = sender.send(commands.iter().any(|command| run(command)));
        });
        Self { opened }
    }

    /// Ends when no browser could be opened, and only then, and once.
    pub(super) async fn failed(launch: &mut Option<Self>) {
        if let Some(Self { opened }) = launch {
            let opened = opened.await;
            *launch = None;
            if opened == Ok(false) {
                return;
            }
        }
        std::future::pending().await
    }
}

/// The commands that may open an address, in words.
fn commands(environment: &Environment, address: &str) -> Vec<Vec<String>> {
    let Some(browsers) = &environment.browser else {
        let windows = environment.windows_browser.then_some(&[WINDOWS_OPENER][..]);
        let openers = windows.into_iter().chain([SYSTEM]);
        let with_address = |words: &[&str]| {
            words.iter().chain([&address]).map(|word| (*word).to_owned()).collect()
        };
        return openers.map(with_address).collect();
    };
    let browsers = browsers.to_string_lossy();
    let browsers = browsers.split(PARTING).map(|browser| words(browser, address));
    browsers.filter(|words| !words.is_empty()).collect()
}

/// One choice: a program and its arguments, separated by spaces, with the address where `%s` is.
fn words(browser: &str, address: &str) -> Vec<String> {
    let mut words: Vec<String> = browser.split_whitespace().map(str::to_owned).collect();
    let mut placed = words.is_empty();
    for word in words.iter_mut().skip(1).filter(|word| word.contains(ADDRESS)) {
        *word = word.replace(ADDRESS, address);
        placed = true;
    }
    if !placed {
        words.push(address.to_owned());
    }
    words
}

/// Runs a command to its end; says whether it went well.
fn run(words: &[String]) -> bool {
    let Some((program, arguments)) = words.split_first() else { return false };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Ctrl-C here is not meant for the browser.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    match command.status() {
        Ok(status) => status.success(),
        Err(error) => {
            tracing::debug!(%error, program, "a browser could not be started");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(browsers: Option<&str>) -> Environment {
        Environment { browser: browsers.map(Into::into), ..Environment::default() }
    }

    #[test]
    fn a_linux_inside_windows_tries_the_browser_of_windows_first() {
        let inside = Environment { windows_browser: true, ..named(None) };
        let all = commands(&inside, "U");
        assert_eq!((all.len(), &*all[0]), (2, &["wslview".to_owned(), "U".to_owned()][..]));
        let chosen = Environment { windows_browser: true, ..named(Some("a")) };
        assert_eq!(commands(&chosen, "U"), [["a", "U"]]);
    }

    const HOSTILE: &str = "https://i.test/a?x=$(touch hacked)&y='`;|%22";

    #[test]
    fn the_address_is_one_argument_whatever_is_in_it() {
        for browsers in [None, Some("firefox"), Some("a --b:c -d e"), Some("open %s now")] {
            for words in commands(&named(browsers), HOSTILE) {
                assert_eq!(words.iter().filter(|word| *word == HOSTILE).count(), 1, "{words:?}");
            }
        }
    }

    #[test]
    fn the_person_chooses_browsers_and_where_the_address_stands() {
        let all = commands(&named(Some("a --new:b --url=%s:: ")), "U");
        assert_eq!(all, [vec!["a", "--new", "U"], vec!["b", "--url=U"]]);
        assert_eq!(words("%s", "U"), ["%s", "U"], "the program is never the address");
    }
}
