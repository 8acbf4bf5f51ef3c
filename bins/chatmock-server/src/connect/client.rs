//! A client as data: where its settings are, what is put into them, and how it is started.

use std::path::PathBuf;

use super::edit::Piece;
use crate::env::Folders;

/// A program that talks to the server.
#[derive(Debug)]
pub(crate) struct Client {
    /// The word for the command line.
    pub(crate) name: &'static str,
    /// The name for people.
    pub(crate) title: &'static str,
    /// Its programs, by which it is found in `PATH`.
    pub(crate) programs: &'static [&'static str],
    /// A folder or file that only it makes.
    pub(crate) trace: Option<Place>,
    /// How it is set up.
    pub(crate) setup: Setup,
    /// The command that starts it, or what to do next.
    pub(crate) start: &'static str,
    /// How it runs without any file.
    pub(crate) launch: Option<Launch>,
}

/// How a client is set up.
#[derive(Debug)]
pub(crate) enum Setup {
    /// By a change of its file.
    File(FileChange),
    /// By hand: the steps, or the lines for a shell.
    Steps(&'static str),
}

/// A change of a file.
#[derive(Debug)]
pub(crate) struct FileChange {
    /// The file.
    pub(crate) place: Place,
    /// Its format.
    pub(crate) format: Format,
    /// What a new file begins with.
    pub(crate) head: &'static str,
    /// What is put in, in this order.
    pub(crate) pieces: &'static [PieceTemplate],
    /// How the client names a key that is in a variable, such as `{env:NAME}`; `None` if it cannot.
    pub(crate) key_reference: Option<&'static str>,
    /// Lines that are there only with a key, for `{key_line}`.
    pub(crate) key_line: &'static str,
    /// One model of a list, for `{models}`, and what is between two.
    pub(crate) model_item: (&'static str, &'static str),
    /// A condition that a person has to know before they agree.
    pub(crate) note: &'static str,
}

/// A piece whose text has places to fill in: `{url}`, `{model}`, `{models}`, `{key}`, `{key_line}`.
#[derive(Debug)]
pub(crate) struct PieceTemplate {
    /// The names on the way to its place.
    pub(crate) path: &'static [&'static str],
    /// The text.
    pub(crate) text: &'static str,
}

/// The formats that are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Strict JSON; a file with comments is left alone.
    Json,
    /// TOML: tables behind the last line.
    Toml,
    /// Lines of `KEY=VALUE`, `KEY: VALUE` or items of one list, behind the last line.
    Lines,
    /// YAML with a list, to which an item is added.
    YamlList,
}

/// A place below a folder that is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The folder.
    pub(crate) base: Base,
    /// The path in it.
    pub(crate) path: &'static str,
}

/// A folder that is known without any flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// The home folder.
    Home,
    /// `$XDG_CONFIG_HOME`, else `~/.config`, on every system.
    Xdg,
    /// The platform's own folder for settings.
    Settings,
    /// The Codex CLI's folder.
    Codex,
}

impl Place {
    /// Returns the path, if the folder is known.
    pub(crate) fn path(self, folders: &Folders) -> Option<PathBuf> {
        let base = match self.base {
            Base::Home => folders.home.as_ref(),
            Base::Xdg => folders.xdg.as_ref(),
            Base::Settings => folders.config.as_ref(),
            Base::Codex => folders.codex.as_ref(),
        };
        base.map(|base| base.join(self.path))
    }
}

/// A run of a client that writes nothing.
#[derive(Debug)]
pub(crate) struct Launch {
    /// The program; empty where the person names it, as the first word behind `--`.
    pub(crate) program: &'static str,
    /// Words before those of the person.
    pub(crate) arguments: &'static [&'static str],
    /// Variables.
    pub(crate) variables: &'static [(&'static str, &'static str)],
}

/// What is filled into templates.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    /// The address of the server, without `/v1`.
    pub(crate) url: String,
    /// The models, the one to use first.
    pub(crate) models: Vec<String>,
    /// The tokens that the model to use can read, where the server says it.
    pub(crate) window: Option<u64>,
    /// The variable that has the key, and the key where it is set.
    pub(crate) key: Option<KeyVariable>,
}

/// A variable with a key.
#[derive(Clone)]
pub(crate) struct KeyVariable {
    /// Its name.
    pub(crate) name: String,
    /// Its value, if it is set here.
    pub(crate) value: Option<String>,
}

impl std::fmt::Debug for KeyVariable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyVariable").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The variable with the tokens at which Claude Code shortens a conversation. Without it, a model that it does not know
/// has a window of a million.
pub(crate) const COMPACT_WINDOW: &str = "CLAUDE_CODE_AUTO_COMPACT_WINDOW";

/// The tokens of a window that are left for an answer, which are the most that it asks for.
const ANSWER: u64 = 32_000;

/// Returns the tokens at which a conversation is to be shortened that has a window of so many.
pub(crate) fn compact_window(window: u64) -> u64 {
    match window {
        0..64_000 => window / 2,
        _ => window - ANSWER,
    }
}

/// What a client sends where the server asks for no key.
const NO_KEY: &str = "unused";

/// The window of most models, for one whose window is not known.
const USUAL_WINDOW: u64 = 272_000;

impl Values {
    /// Returns the model to use.
    pub(crate) fn model(&self) -> &str {
        self.models.first().map_or("MODEL", String::as_str)
    }

    /// Returns the tokens at which a client shortens a conversation, as text.
    fn compact_window(&self) -> String {
        compact_window(self.window.unwrap_or(USUAL_WINDOW)).to_string()
    }

    /// Fills in a template for a person to read, with a key as its variable.
    pub(crate) fn fill(&self, template: &str) -> String {
        let key =
            self.key.as_ref().map_or_else(|| NO_KEY.to_owned(), |key| format!("${}", key.name));
        self.fill_with(template, &key)
    }

    /// Fills in a template for a program that is run, with a key in clear.
    pub(crate) fn fill_for_run(&self, template: &str) -> String {
        let key = self.key.as_ref().and_then(|key| key.value.as_deref()).unwrap_or(NO_KEY);
        self.fill_with(template, key)
    }

    fn fill_with(&self, template: &str, key: &str) -> String {
        let filled = template.replace("{url}", &self.url).replace("{model}", self.model());
        filled.replace("{compact_window}", &self.compact_window()).replace("{key}", key)
    }
}

impl FileChange {
    /// Returns the pieces for these values.
    pub(crate) fn filled(&self, values: &Values) -> Vec<Piece> {
        let (item, between) = self.model_item;
        let models = values.models.iter().map(|model| item.replace("{model}", model));
        let models = models.collect::<Vec<_>>().join(between);
        let key = match (&values.key, self.key_reference) {
            (None, _) => NO_KEY.to_owned(),
            (Some(key), Some(reference)) => reference.replace("{name}", &key.name),
            (Some(key), None) => key.value.clone().unwrap_or_else(|| NO_KEY.to_owned()),
        };
        let name = values.key.as_ref().map(|key| key.name.as_str()).unwrap_or_default();
        let key_line = if values.key.is_some() {
            self.key_line.replace("{name}", name)
        } else {
            String::new()
        };
        let fill = |template: &PieceTemplate| Piece {
            path: template.path.iter().map(|name| (*name).to_owned()).collect(),
            made: 0,
            text: template
                .text
                .replace("{url}", &values.url)
                .replace("{models}", &models)
                .replace("{model}", values.model())
                .replace("{key_line}", &key_line)
                .replace("{compact_window}", &values.compact_window())
                .replace("{key}", &key),
        };
        self.pieces.iter().map(fill).collect()
    }

    /// Returns whether a key would be written in clear.
    pub(crate) fn writes_key(&self, values: &Values) -> bool {
        let asks = self.pieces.iter().any(|piece| piece.text.contains("{key}"));
        asks && self.key_reference.is_none() && values.key.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_shortened_before_its_window_is_full() {
        for (window, shortened) in
            [(272_000, 240_000), (872_000, 840_000), (64_000, 32_000), (8_192, 4_096), (0, 0)]
        {
            assert_eq!(compact_window(window), shortened);
        }
    }
}
