//! A `curl` command, read and never run.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};

use super::Asked;

/// Options without a value that change nothing of what is sent.
const IGNORED: [&str; 18] = [
    "-s",
    "--silent",
    "-S",
    "--show-error",
    "-N",
    "--no-buffer",
    "-i",
    "--include",
    "-v",
    "--verbose",
    "-k",
    "--insecure",
    "-L",
    "--location",
    "-f",
    "--fail",
    "--compressed",
    "--fail-with-body",
];

/// Options whose value changes nothing of what is sent.
const IGNORED_VALUE: [&str; 6] =
    ["-o", "--output", "-m", "--max-time", "--connect-timeout", "--retry"];

/// The options with a value that are understood.
const WITH_VALUE: [&str; 13] = [
    "-X",
    "--request",
    "-H",
    "--header",
    "-d",
    "--data",
    "--data-ascii",
    "--data-raw",
    "--data-binary",
    "--json",
    "--url",
    "-A",
    "--user-agent",
];

/// Reads a command; a file that it names is read if it is a plain file of at most `most` bytes.
pub(super) fn read(line: &str, most: usize) -> anyhow::Result<Asked> {
    let words = shell_words::split(line).context("the quotes do not match")?;
    let mut words = words.into_iter();
    let program = words.next().unwrap_or_default();
    ensure!(program == "curl", "the line must begin with curl");
    let mut command = Command { most, ..Command::default() };
    let mut only_addresses = false;
    while let Some(word) = words.next() {
        if only_addresses || !word.starts_with('-') || word == "-" {
            command.address(word)?;
        } else if word == "--" {
            only_addresses = true;
        } else {
            command.option(&word, &mut words)?;
        }
    }
    command.finish()
}

/// The parts of a command that were read.
#[derive(Default)]
struct Command {
    most: usize,
    url: Option<String>,
    method: Option<String>,
    headers: Vec<(String, String)>,
    data: Option<Vec<u8>>,
}

impl Command {
    fn option(
        &mut self,
        word: &str,
        words: &mut impl Iterator<Item = String>,
    ) -> anyhow::Result<()> {
        let is_short = !word.starts_with("--");
        if IGNORED.contains(&word) {
            return Ok(());
        }
        let (name, joined) = match word.char_indices().nth(2) {
            Some((at, _)) if is_short => word.split_at(at),
            _ => (word, ""),
        };
        if is_short && !joined.is_empty() && IGNORED.contains(&name) {
            // Several options in one word, as in -sN.
            return self.option(&format!("-{joined}"), words);
        }
        let known = WITH_VALUE.contains(&name) || IGNORED_VALUE.contains(&name);
        ensure!(known, "the option {name} of curl is not understood here");
        let value = if joined.is_empty() { words.next() } else { Some(joined.to_owned()) };
        let value = value.with_context(|| format!("the option {name} needs a value"))?;
        if IGNORED_VALUE.contains(&name) { Ok(()) } else { self.value(name, value) }
    }

    fn value(&mut self, name: &str, value: String) -> anyhow::Result<()> {
        match name {
            "-X" | "--request" => self.method = Some(value),
            "-H" | "--header" => self.header(&value)?,
            "-A" | "--user-agent" => self.headers.push(("user-agent".to_owned(), value)),
            "--url" => self.address(value)?,
            "--data-raw" => self.data(value.into_bytes()),
            "--data-binary" => {
                let data = self.content(value, false)?;
                self.data(data);
            }
            "--json" => {
                let data = self.content(value, false)?;
                match &mut self.data {
                    Some(before) => before.extend(data),
                    none => *none = Some(data),
                }
            }
            _ => {
                let data = self.content(value, true)?;
                self.data(data);
            }
        }
        Ok(())
    }

    fn address(&mut self, word: String) -> anyhow::Result<()> {
        ensure!(self.url.is_none(), "the line has more than one address");
        self.url = Some(word);
        Ok(())
    }

    fn header(&mut self, line: &str) -> anyhow::Result<()> {
        ensure!(!line.starts_with('@'), "headers are not read from a file");
        let (name, value) = line.split_once(':').with_context(|| {
            format!("the header {:?} has no colon", line.chars().take(32).collect::<String>())
        })?;
        self.headers.push((name.trim().to_owned(), value.trim().to_owned()));
        Ok(())
    }

    /// Adds data; more than one piece is joined by an ampersand, as curl does.
    fn data(&mut self, data: Vec<u8>) {
        match &mut self.data {
            Some(before) => {
                before.push(b'&');
                before.extend(data);
            }
            none => *none = Some(data),
        }
    }

    /// Returns the content of a value: what it says, or the file that it names; `-d` drops the ends of lines of a file.
    fn content(&self, value: String, drops_lines: bool) -> anyhow::Result<Vec<u8>> {
        let Some(name) = value.strip_prefix('@') else { return Ok(value.into_bytes()) };
        ensure!(
            name != "-",
            "the body is not read from the standard input; leave --curl out for that"
        );
        let path = Path::new(name);
        let plain = fs::symlink_metadata(path).with_context(|| format!("cannot read {name}"))?;
        ensure!(plain.is_file(), "{name} is no plain file");
        ensure!(plain.len() <= self.most as u64, "{name} is larger than --max-body");
        let mut content = fs::read(path).with_context(|| format!("cannot read {name}"))?;
        if drops_lines {
            content.retain(|byte| !matches!(byte, b'\r' | b'\n'));
        }
        Ok(content)
    }

    fn finish(self) -> anyhow::Result<Asked> {
        let url = self.url.context("the line has no address")?;
        if let Some(method) = self.method.filter(|method| method != "POST") {
            bail!("only POST asks for an answer, not {method}");
        }
        let body = self.data.context("the line has no body (-d)")?;
        ensure!(body.len() <= self.most, "the body is larger than --max-body");
        Ok(Asked { path: path(&url).to_owned(), headers: self.headers, body })
    }
}

/// Returns the path of an address, without its query.
fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    path.split(['?', '#']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://127.0.0.1:8000/v1/chat/completions";

    fn of(line: &str) -> anyhow::Result<Asked> {
        read(line, 1000)
    }

    #[test]
    fn a_command_as_documents_show_it_is_read() {
        let line = format!(
            "curl -sN {URL}?x=1 \\\n  -H 'Content-Type: application/json' \\\n  -H \"x-session-id: s 1\" \\\n  -d '{{\"model\": \"m\"}}'"
        );
        let asked = of(&line).unwrap();
        assert_eq!(
            (asked.path.as_str(), &*asked.body),
            ("/v1/chat/completions", &br#"{"model": "m"}"#[..])
        );
        assert_eq!(asked.headers[1], ("x-session-id".to_owned(), "s 1".to_owned()));
        let joined = of(&format!("curl -XPOST -d1 --data-raw @x {URL}")).unwrap();
        assert_eq!(&*joined.body, b"1&@x");
    }

    #[test]
    fn what_is_not_understood_is_an_error_that_names_it() {
        for (line, named) in [
            ("wget x", "begin with curl"),
            ("curl 'x", "quotes"),
            ("curl", "no address"),
            ("curl x y -d 1", "more than one address"),
            ("curl x", "no body"),
            ("curl x -d", "-d needs a value"),
            ("curl x -F a=b", "-F of curl is not understood"),
            ("curl x --data-urlencode a", "--data-urlencode of curl"),
            ("curl x -X PUT -d 1", "not PUT"),
            ("curl x -sK conf -d 1", "-K of curl"),
            ("curl x -d @/dev/null", "no plain file"),
            ("curl x -d @/no/such/file", "cannot read"),
            ("curl x -d @-", "standard input"),
            ("curl x -H @headers -d 1", "headers"),
        ] {
            let error = format!("{:#}", of(line).unwrap_err());
            assert!(error.contains(named), "{line}: {error}");
        }
    }

    #[test]
    fn a_plain_file_is_read_and_a_link_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("body.json");
        fs::write(&file, "{\"a\":\n1}\n").unwrap();
        let at =
            |option: &str, path: &Path| of(&format!("curl {URL} {option} @{}", path.display()));
        assert_eq!(&*at("-d", &file).unwrap().body, b"{\"a\":1}");
        assert_eq!(&*at("--data-binary", &file).unwrap().body, b"{\"a\":\n1}\n");
        #[cfg(unix)]
        {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(&file, &link).unwrap();
            assert!(at("-d", &link).is_err());
        }
    }
}
