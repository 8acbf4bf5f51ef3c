//! A change of a client's file: what is put in, and how it is taken out again.

use super::client::Format;
use super::json_edit::{self, EditError, with_line_ends};

/// The line before what is put into a file that has comments.
const BEGIN: &str = "# Added by: chatmock-server connect";
/// The line after it.
const END: &str = "# End of what chatmock-server connect added";

/// A piece that is put into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The names on the way to its place, for JSON; the key that must not be there yet, for others.
    pub(crate) path: Vec<String>,
    /// The number of those names that were there before; known once it was put in.
    pub(crate) made: usize,
    /// The value, or the lines.
    pub(crate) text: String,
}

/// Puts pieces into a text.
pub(crate) fn apply(format: Format, text: &str, pieces: &mut [Piece]) -> Result<String, EditError> {
    let mut text = text.to_owned();
    for piece in pieces {
        text = match format {
            Format::Json => {
                let path: Vec<&str> = piece.path.iter().map(String::as_str).collect();
                let whole = if text.trim().is_empty() { "{}\n" } else { &text };
                let (changed, made) = json_edit::insert(whole, &path, &piece.text)?;
                piece.made = made;
                changed
            }
            Format::Toml | Format::Lines => append(format, &text, piece)?,
            Format::YamlList => insert_item(&text, piece)?,
        };
    }
    Ok(text)
}

/// Takes pieces out of a text.
pub(crate) fn take_out(format: Format, text: &str, pieces: &[Piece]) -> Result<String, EditError> {
    let mut text = text.to_owned();
    for piece in pieces.iter().rev() {
        text = match format {
            Format::Json => {
                let path: Vec<&str> = piece.path.iter().map(String::as_str).collect();
                json_edit::remove(&text, (&path, piece.made), &piece.text)?
            }
            Format::Lines => cut(&text, &piece.text).or_else(|_| cut_lines(&text, &piece.text))?,
            Format::Toml | Format::YamlList => cut(&text, &piece.text)?,
        };
    }
    Ok(text)
}

/// Appends lines between two comments.
fn append(format: Format, text: &str, piece: &mut Piece) -> Result<String, EditError> {
    let free = match format {
        Format::Toml => is_free_toml(text, &piece.path)?,
        _ => is_free_line(text, &piece.path)?,
    };
    let gap = match text {
        "" => "",
        text if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    let lines = format!("{gap}{BEGIN}\n{}\n{END}\n", piece.text.trim_end());
    let lines = with_line_ends(&lines, text);
    if !free {
        return if text.contains(lines.trim()) {
            Ok(text.to_owned())
        } else {
            Err(EditError::Occupied)
        };
    }
    let changed = format!("{text}{lines}");
    if format == Format::Toml && changed.parse::<toml::Table>().is_err() {
        return Err(EditError::Unexpected);
    }
    piece.text = lines;
    Ok(changed)
}

/// Returns whether a TOML text has nothing at a path of names.
fn is_free_toml(text: &str, path: &[String]) -> Result<bool, EditError> {
    let mut table = text.parse::<toml::Table>().map_err(|_| EditError::Unexpected)?;
    let Some((last, way)) = path.split_last() else { return Ok(true) };
    for name in way {
        match table.remove(name) {
            Some(toml::Value::Table(inner)) => table = inner,
            Some(_) => return Err(EditError::Occupied),
            None => return Ok(true),
        }
    }
    Ok(!table.contains_key(last))
}

/// Returns whether none of some keys begins a line; lines that are neither keys nor comments are not expected.
fn is_free_line(text: &str, keys: &[String]) -> Result<bool, EditError> {
    let mut free = true;
    for line in text.lines() {
        let word = line.split(['=', ':', ' ']).next().unwrap_or_default();
        free &= !keys.iter().any(|key| key == word || key == line.trim_end());
        let is_plain =
            line.is_empty() || line.starts_with(['#', ' ', '\t', '-']) || line.contains(['=', ':']);
        if !is_plain {
            return Err(EditError::Unexpected);
        }
    }
    Ok(free)
}

/// Puts an item behind the line of a list, or appends the list where the file has none.
fn insert_item(text: &str, piece: &mut Piece) -> Result<String, EditError> {
    let Some(list) = piece.path.first() else { return Err(EditError::Unexpected) };
    let head = format!("{list}:");
    let mut lines = text.split_inclusive('\n');
    let mut at = 0;
    let found = lines.any(|line| {
        at += line.len();
        line.trim_end() == head
    });
    if !found {
        let taken = text.lines().any(|line| line.starts_with(&head));
        if taken || text.contains('\t') {
            return Err(EditError::Unexpected);
        }
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        piece.text = with_line_ends(&format!("{gap}{head}\n{}\n", item(&piece.text, "  ")), text);
        return Ok(format!("{text}{}", piece.text));
    }
    let next = text[at..].lines().find(|line| !line.trim().is_empty());
    let blanks = next.and_then(|line| line.find("- ").map(|end| &line[..end]));
    let Some(blanks) = blanks.filter(|blanks| blanks.trim().is_empty()) else {
        return Err(EditError::Unexpected);
    };
    piece.text = with_line_ends(&format!("{}\n", item(&piece.text, blanks)), text);
    if text.contains(&piece.text) {
        return Ok(text.to_owned());
    }
    Ok(format!("{}{}{}", &text[..at], piece.text, &text[at..]))
}

fn item(text: &str, blanks: &str) -> String {
    let lines = text.trim_end().lines().map(|line| format!("{blanks}{line}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Takes the lines of a piece out one by one: some programs write their file again without its comments.
fn cut_lines(text: &str, piece: &str) -> Result<String, EditError> {
    let lines = piece.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut kept: Vec<&str> = text.split_inclusive('\n').collect();
    for line in lines {
        let at = kept.iter().position(|there| there.trim_end() == line);
        kept.remove(at.ok_or(EditError::Changed)?);
    }
    Ok(kept.concat())
}

/// Takes lines out that are there exactly once.
fn cut(text: &str, piece: &str) -> Result<String, EditError> {
    match text.matches(piece).count() {
        1 => Ok(text.replacen(piece, "", 1)),
        _ => Err(EditError::Changed),
    }
}
