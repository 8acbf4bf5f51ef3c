//! `connect`: clients on this machine, set up for this server and put back as they were.

mod client;
mod clients;
pub(crate) mod diff;
mod edit;
mod json_edit;
pub(crate) mod launch;
mod probe;
mod record;
pub(crate) mod target;

use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal, Write as _, stderr, stdin};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use chatmock_server::translate::Catalog;
use chatmock_server::{sanitize, wrap};

pub(crate) use self::client::{COMPACT_WINDOW, compact_window};
use self::client::{Client, FileChange, KeyVariable, Setup, Values};
use self::edit::Piece;
use self::json_edit::EditError;
use self::record::Record;
use self::target::Target;
use crate::commands::{ConnectArgs, ServerAddress};
use crate::env::Folders;
use crate::exit::ExitError;
use crate::terminal;
use crate::tool_context::{ToolContext, print};

/// Lists the clients, or sets one up.
pub(crate) fn run(args: &ConnectArgs, context: &ToolContext<'_>) -> Result<ExitCode, ExitError> {
    let Some(word) = &args.client else { return print(list(context.folders).as_bytes()) };
    let client = find(word)?;
    let values = values(&args.server, context)?;
    match &client.setup {
        Setup::Steps(steps) if args.undo => {
            let _ = steps;
            Err(ExitError::Other(anyhow!("{} was not changed by this program", client.title)))
        }
        Setup::Steps(steps) => {
            print(format!("{}\n", values.fill(steps)).as_bytes())?;
            say(&proof(&values));
            Ok(ExitCode::SUCCESS)
        }
        Setup::File(change) => {
            let setup = FileSetup { client, change, values, args, folders: context.folders };
            if args.undo { setup.undo() } else { setup.connect() }
        }
    }
}

/// Finds a client by what a person typed.
fn find(word: &str) -> Result<&'static Client, ExitError> {
    clients::find(word).ok_or_else(|| {
        let names = clients::CLIENTS.iter().map(|client| client.name);
        let near = names
            .max_by(|a, b| strsim::jaro_winkler(a, word).total_cmp(&strsim::jaro_winkler(b, word)));
        let near = near.filter(|near| strsim::jaro_winkler(near, word) > 0.75);
        let near = near.map(|near| format!("did you mean {near}? ")).unwrap_or_default();
        ExitError::Settings(anyhow!(
            "no client is called {}\nhint: {near}`chatmock-server connect` lists them; \
             `chatmock-server connect openai` is for any other",
            sanitize::text(word)
        ))
    })
}

/// Returns what is filled in: the address, the models and the key.
fn values(server: &ServerAddress, context: &ToolContext<'_>) -> Result<Values, ExitError> {
    let url = server.url.clone().unwrap_or_else(|| {
        let (host, port) = (&context.cli.listen.host, context.cli.listen.port);
        let host = match host.as_str() {
            "localhost" | "0.0.0.0" | "::" | "[::]" => "127.0.0.1",
            host => host,
        };
        format!("http://{host}:{port}")
    });
    let url = url.trim_end_matches('/').trim_end_matches("/v1").to_owned();
    let plain =
        url.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '\\' | '`' | '$'));
    if !plain || !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err(ExitError::Settings(anyhow!(
            "--url {}: this is not an address such as http://127.0.0.1:8000",
            sanitize::text(&url)
        )));
    }
    let key = server.key_from_env.clone().map(|name| {
        let value = std::env::var(&name).ok().filter(|value| !value.is_empty());
        KeyVariable { name, value }
    });
    let listed = probe::models(&url, key.as_ref())
        .unwrap_or_else(|_| Catalog::builtin().listed().map(|entry| entry.model.clone()).collect());
    // What goes into files and onto command lines are names, whatever a server lists.
    let is_name =
        |name: &String| name.chars().all(|c| c.is_ascii_alphanumeric() || "._-:/".contains(c));
    let windows: Vec<(String, Option<u64>)> =
        listed.iter().map(|model| (model.slug.clone(), model.context_window)).collect();
    let mut models: Vec<String> =
        listed.into_iter().map(|model| model.slug).filter(is_name).collect();
    if let Some(model) = &server.model {
        if !is_name(model) {
            return Err(ExitError::Settings(anyhow!(
                "--model {}: this is not a name",
                sanitize::text(model)
            )));
        }
        models.retain(|listed| listed != model);
        models.insert(0, model.clone());
    }
    let window = models.first().and_then(|model| window_of(model, &windows));
    Ok(Values { url, models, window, key })
}

/// Returns the window of a model, whose name may have an effort behind it.
fn window_of(model: &str, windows: &[(String, Option<u64>)]) -> Option<u64> {
    let fits = windows.iter().filter(|(slug, _)| model.starts_with(slug.as_str()));
    fits.max_by_key(|(slug, _)| slug.len()).and_then(|(_, window)| *window)
}

/// Asks the server for its models, and says what came of it.
fn proof(values: &Values) -> String {
    match probe::models(&values.url, values.key.as_ref()) {
        Ok(models) => format!("{} answers and lists {} models.", values.url, models.len()),
        Err(why) => format!("Not proven yet: {why}. Start the server with: chatmock-server"),
    }
}

/// Returns the table of clients.
fn list(folders: &Folders) -> String {
    let width = terminal::width_of_stdout();
    let mut text = String::from("CLIENT          HERE  WHAT connect DOES\n");
    for client in clients::CLIENTS {
        let here = if is_here(client, folders) { "yes" } else { "-" };
        let done = Record::read(client.name, folders).is_some();
        let what = match &client.setup {
            _ if done => format!("{}: connected", client.title),
            Setup::File(change) => {
                let path = change.place.path(folders);
                let path = path.map(|path| short(&path, folders)).unwrap_or_default();
                format!("{}: writes {path}", client.title)
            }
            Setup::Steps(_) => format!("{}: says what to set", client.title),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<14}  {here:<4}  {}",
            client.name,
            wrap::hanging(&what, (22, 22), width)
        );
    }
    text.push_str("\nSet one up with: chatmock-server connect CLIENT\n");
    text
}

fn is_here(client: &Client, folders: &Folders) -> bool {
    let trace = client.trace.and_then(|place| place.path(folders));
    trace.is_some_and(|path| path.exists())
        || client.programs.iter().any(|program| launch::find_program(program).is_some())
}

/// Writes a path in the home folder with `~`.
fn short(path: &Path, folders: &Folders) -> String {
    let below = folders.home.as_ref().and_then(|home| path.strip_prefix(home).ok());
    below.map_or_else(|| path.display().to_string(), |below| format!("~/{}", below.display()))
}

/// A client whose file is changed.
struct FileSetup<'a> {
    client: &'static Client,
    change: &'static FileChange,
    values: Values,
    args: &'a ConnectArgs,
    folders: &'a Folders,
}

impl FileSetup<'_> {
    fn path(&self) -> Result<PathBuf, ExitError> {
        let path = self.change.place.path(self.folders);
        path.context("your home folder is unknown").map_err(ExitError::Other)
    }

    fn target(&self) -> anyhow::Result<Target> {
        let home = self.folders.home.as_ref().context("your home folder is unknown")?;
        let path = self.change.place.path(self.folders).context("your home folder is unknown")?;
        Target::read(&path, home)
    }

    /// Returns the lines as a person would type them.
    fn lines(&self) -> String {
        let pieces = self.change.filled(&self.values);
        let piece = |piece: &Piece| match self.change.format {
            client::Format::Json => {
                let nested = piece.path.iter().rev().fold(piece.text.clone(), |value, name| {
                    format!("{{\n  \"{name}\": {}\n}}", value.replace('\n', "\n  "))
                });
                format!("{nested}\n")
            }
            _ => format!("{}\n", piece.text.trim_end()),
        };
        pieces.iter().map(piece).collect()
    }

    fn connect(&self) -> Result<ExitCode, ExitError> {
        let path = self.path()?;
        if self.args.print {
            say(&format!("To add to {}:", short(&path, self.folders)));
            return print(self.lines().as_bytes());
        }
        let target = match self.target() {
            Ok(target) => target,
            Err(error) => return self.left_alone(&error.to_string()),
        };
        let old =
            Record::read(self.client.name, self.folders).filter(|old| old.target == target.path());
        let base = old
            .as_ref()
            .and_then(|old| edit::take_out(self.change.format, target.text(), &old.pieces).ok());
        let base = base.unwrap_or_else(|| target.text().to_owned());
        let base = if target.exists() { base } else { self.change.head.to_owned() };
        let mut pieces = self.change.filled(&self.values);
        let after = match edit::apply(self.change.format, &base, &mut pieces) {
            Ok(after) => after,
            Err(EditError::Occupied) => {
                return self.left_alone("it has another setting at this place");
            }
            Err(_) => return self.left_alone("it is not as expected, for example it has comments"),
        };
        if after == target.text() {
            say(&format!(
                "{} is set up already: {}",
                self.client.title,
                short(target.path(), self.folders)
            ));
            return self.finish();
        }
        self.show(&target, &after);
        self.ask("Write this?")?;
        let backup = target.replace(&after)?;
        let record = Record {
            target: target.path().to_owned(),
            existed: target.exists(),
            after: record::digest(&after),
            // With an earlier change, the file before this one is not the person's own.
            backup: match old {
                Some(old) if old.after == record::digest(target.text()) => old.backup,
                Some(_) => None,
                None => backup.clone(),
            },
            pieces,
        };
        record.write(self.client.name, self.folders)?;
        if let Some(backup) = backup {
            say(&format!("The file as it was is kept in {}", short(&backup, self.folders)));
        }
        self.finish()
    }

    /// Says what is proven, and what starts the client.
    fn finish(&self) -> Result<ExitCode, ExitError> {
        say(&proof(&self.values));
        if let Some(key) = self.values.key.as_ref().filter(|key| key.value.is_none()) {
            say(&format!("The variable {} is not set here; the client needs it.", key.name));
        }
        print(format!("Start: {}\n", self.values.fill(self.client.start)).as_bytes())
    }

    fn show(&self, target: &Target, after: &str) {
        let state = if target.exists() { "" } else { " (new)" };
        say(&format!("{}{state}", short(target.path(), self.folders)));
        say_plain(&shown(&diff::lines(target.text(), after)));
        if !self.change.note.is_empty() {
            say(&format!("Note: {}.", self.change.note));
        }
        if !self.args.undo && self.change.writes_key(&self.values) {
            say(&format!(
                "The key is written in clear, since {} cannot read it from a variable here.",
                self.client.title
            ));
        }
    }

    /// Asks a question, unless the answer was given with a flag.
    fn ask(&self, question: &str) -> Result<(), ExitError> {
        if self.args.yes {
            return Ok(());
        }
        if !stdin().is_terminal() {
            return Err(ExitError::Declined(anyhow!(
                "nothing was written, since there is nobody to ask\nhint: pass --yes, or --print for the lines alone"
            )));
        }
        let _ = write!(stderr(), "{question} [y/N] ");
        let mut answer = String::new();
        stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(ExitError::Declined(anyhow!("nothing was written"))),
        }
    }

    /// Prints the lines for a file that is not changed.
    fn left_alone(&self, why: &str) -> Result<ExitCode, ExitError> {
        let path = short(&self.path()?, self.folders);
        say(&format!("{path} is left alone: {why}. Add these lines yourself:"));
        print(self.lines().as_bytes())?;
        say(&proof(&self.values));
        Ok(ExitCode::from(LEFT_ALONE))
    }

    fn undo(&self) -> Result<ExitCode, ExitError> {
        let Some(record) = Record::read(self.client.name, self.folders) else {
            return Err(ExitError::Other(anyhow!(
                "{} was not changed by this program, or was put back already",
                self.client.title
            )));
        };
        let home = self.folders.home.as_ref().context("your home folder is unknown")?;
        let target = Target::read(&record.target, home)?;
        if !target.exists() {
            say(&format!(
                "{} is gone; there is nothing to undo.",
                short(target.path(), self.folders)
            ));
            Record::forget(self.client.name, self.folders);
            return Ok(ExitCode::SUCCESS);
        }
        let is_unchanged = record::digest(target.text()) == record.after;
        let before = match (&record.backup, is_unchanged) {
            (Some(backup), true) => {
                Target::read(backup, home).ok().map(|kept| kept.text().to_owned())
            }
            _ => None,
        };
        let before = match before {
            Some(before) => before,
            None => match edit::take_out(self.change.format, target.text(), &record.pieces) {
                Ok(before) => before,
                Err(_) => return self.refuse_undo(&target, &record),
            },
        };
        let deletes = !record.existed && (is_unchanged || matches!(before.trim(), "" | "{}"));
        self.show(&target, if deletes { "" } else { &before });
        self.ask(if deletes { "Delete this file?" } else { "Write this?" })?;
        if deletes {
            target.delete()?
        } else {
            drop(target.replace(&before)?)
        }
        Record::forget(self.client.name, self.folders);
        say(&format!("{} is as it was.", short(target.path(), self.folders)));
        Ok(ExitCode::SUCCESS)
    }

    /// Shows the lines to remove by hand.
    fn refuse_undo(&self, target: &Target, record: &Record) -> Result<ExitCode, ExitError> {
        let path = short(target.path(), self.folders);
        say(&format!(
            "{path} was changed at these lines since. Take out by hand what you do not want:"
        ));
        let pieces = record.pieces.iter().map(|piece| match self.change.format {
            client::Format::Json => format!("{}: {}\n", piece.path.join("."), piece.text),
            _ => piece.text.clone(),
        });
        print(shown(&pieces.collect::<String>()).as_bytes())?;
        Ok(ExitCode::from(LEFT_ALONE))
    }
}

/// The exit code where a file was left alone.
const LEFT_ALONE: u8 = 1;

/// Makes a text harmless for a terminal, line by line.
fn shown(text: &str) -> String {
    text.lines()
        .map(|line| sanitize::text_within(&line.replace('\t', "    "), 400) + "\n")
        .collect()
}

/// Tells a person something, on standard error, so that standard output has the lines alone.
fn say(text: &str) {
    let text = wrap::hanging(text, (0, 0), terminal::width_of_stderr());
    say_plain(&format!("{text}\n"));
}

fn say_plain(text: &str) {
    // A person who has gone reads nothing.
    let _ = stderr().write_all(text.as_bytes());
}
