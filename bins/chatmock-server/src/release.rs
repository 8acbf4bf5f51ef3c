//! `version`: the version of this program, and on demand whether there is a newer one.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use chatmock_server::upstream::public_file;
use chatmock_server::wrap;

use crate::exit::ExitError;
use crate::tool_context::print;
use crate::{runtime, terminal};

/// The address of the releases, which is set when one is built and empty in a build from the source.
const RELEASES: Option<&str> = option_env!("CHATMOCK_RELEASES");

/// The version of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The list of a release: a line for each file, with its digest.
const SUMS: &str = "SHA256SUMS";

/// The longest wait for it.
const PATIENCE: Duration = Duration::from_secs(15);

/// The length of a digest, in characters.
const DIGEST: usize = 64;

/// A version as `major.minor.patch`.
type Version = (u64, u64, u64);

/// Prints the version, and asks for the newest one where `check` says so.
pub(crate) fn run(check: bool) -> Result<ExitCode, ExitError> {
    print(format!("chatmock-server {VERSION}\n").as_bytes())?;
    if !check {
        return Ok(ExitCode::SUCCESS);
    }
    let Some(releases) = RELEASES.filter(|releases| !releases.is_empty()) else {
        let text = "This is a build from the source, which knows no address of releases: nothing was asked.";
        return say(text);
    };
    let words = self::check(releases).map_err(ExitError::Other)?;
    say(&words)
}

fn say(text: &str) -> Result<ExitCode, ExitError> {
    let text = wrap::hanging(text, (0, 0), terminal::width_of_stdout());
    print(format!("{text}\n").as_bytes())
}

/// Asks for the newest release below an address.
fn check(releases: &str) -> anyhow::Result<String> {
    let url = format!("{}/{SUMS}", releases.trim_end_matches('/'));
    let runtime = runtime().context("cannot start the runtime")?;
    let list = runtime.block_on(public_file(&url, PATIENCE));
    let list = list.map_err(|error| anyhow!(error).context(format!("{url} cannot be fetched")))?;
    let list = String::from_utf8(list).with_context(|| format!("{url} is not in UTF-8"))?;
    let newest = newest(&list).with_context(|| format!("{url} cannot be used"))?;
    let own = version(VERSION).context("the version of this program cannot be read")?;
    let (major, minor, patch) = newest;
    Ok(match newest.cmp(&own) {
        std::cmp::Ordering::Greater => {
            format!("There is a newer one, {major}.{minor}.{patch}: {releases}")
        }
        std::cmp::Ordering::Equal => "This is the newest.".to_owned(),
        std::cmp::Ordering::Less => {
            format!("This is newer than the last release, {major}.{minor}.{patch}.")
        }
    })
}

/// Returns the newest version in a list of files with their digests, all of which has to be whole.
fn newest(list: &str) -> anyhow::Result<Version> {
    ensure!(list.ends_with('\n'), "the list is cut off");
    let mut newest = None;
    for line in list.lines() {
        let Some((digest, name)) = line.split_once("  ") else { bail!("a line is damaged") };
        let is_digest =
            digest.len() == DIGEST && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        ensure!(is_digest, "the checksum of {} is damaged", chatmock_server::sanitize::text(name));
        let word = name.strip_prefix("chatmock-").and_then(|rest| rest.split('-').next());
        newest = newest.max(word.and_then(version));
    }
    newest.context("the list names no release")
}

fn version(word: &str) -> Option<Version> {
    let mut numbers = word.split('.').map(|number| number.parse::<u64>().ok());
    let version = (numbers.next()??, numbers.next()??, numbers.next()??);
    numbers.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// Serves one answer; returns the address of the releases.
    fn served(body: &'static str, length: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 1024];
            let read = stream.read(&mut asked).unwrap();
            assert!(asked[..read].starts_with(b"GET /releases/SHA256SUMS "));
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(body.as_bytes()).unwrap();
        });
        format!("http://{address}/releases/")
    }

    const DIGITS: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn list(version: &str) -> &'static str {
        format!("{DIGITS}  chatmock-{version}-x86_64-linux.tar.gz\n").leak()
    }

    fn said(list: &'static str) -> anyhow::Result<String> {
        check(&served(list, list.len()))
    }

    #[test]
    fn a_newer_an_equal_and_an_older_release_are_told_apart() {
        assert!(said(list("99.0.0")).unwrap().contains("newer one, 99.0.0"));
        assert_eq!(said(list(VERSION)).unwrap(), "This is the newest.");
        assert!(said(list("0.0.1")).unwrap().contains("newer than the last release, 0.0.1"));
        assert!(
            said(format!("{}{}", list("0.0.9"), list("0.0.10")).leak()).unwrap().contains("0.0.10")
        );
    }

    #[test]
    fn a_list_that_is_cut_or_damaged_is_an_error() {
        let whole = list("99.0.0");
        let cut = &whole[..whole.len() - 1];
        assert!(format!("{:#}", said(cut).unwrap_err()).contains("cut off"));
        assert!(check(&served(whole, whole.len() + 10)).is_err());
        for damaged in
            ["nothing\n", "0123  chatmock-99.0.0-x86_64-linux.tar.gz\n", "<html>\n", "\n"]
        {
            assert!(said(damaged).is_err(), "{damaged}");
        }
        let wrong = whole.replacen('a', "x", 1).leak();
        assert!(format!("{:#}", said(wrong).unwrap_err()).contains("checksum"));
    }

    #[test]
    fn an_address_that_is_not_safe_is_not_asked() {
        assert!(format!("{:#}", check("http://192.0.2.1/x").unwrap_err()).contains("https"));
    }
}
