//! Flags in the help of a program and in the tables of its documents.

use std::collections::BTreeSet;

/// Returns the flags that a help text describes, such as `--port`.
#[must_use]
pub fn in_help(help: &str) -> BTreeSet<String> {
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let words = lines.flat_map(|line| line.split_whitespace().take(2));
    words.filter_map(flag).collect()
}

/// Returns the flags in the first column of the tables of a document.
#[must_use]
pub fn in_tables(document: &str) -> BTreeSet<String> {
    let rows = document.lines().filter_map(|line| line.strip_prefix("| "));
    let first = rows.filter_map(|row| row.split('|').next());
    first.flat_map(|cell| cell.split('`').filter_map(flag)).collect()
}

/// Returns the name of a flag at the start of a word, without the value that the word announces.
fn flag(word: &str) -> Option<String> {
    let name = word.strip_prefix("--")?;
    let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(name.len());
    let name = &name[..end];
    (!name.is_empty()).then(|| format!("--{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_from_the_lines_that_describe_them() {
        let help = "Usage: x [OPTIONS]\n\n  -h, --help\n          Print; see --other\n\
                    \n      --demo[=<BOOL>]\n          - json: a value\n      --port <PORT>  The port\n";
        let found: Vec<String> = in_help(help).into_iter().collect();
        assert_eq!(found, ["--demo", "--help", "--port"]);
    }

    #[test]
    fn flags_are_read_from_the_first_column_of_tables() {
        let document = "| Flag | Meaning |\n|---|---|\n| `--yes`, `-y` | Like `--force`. |\n\
                        | `--help`, `--version` | |\nSee `--none`.\n";
        let found: Vec<String> = in_tables(document).into_iter().collect();
        assert_eq!(found, ["--help", "--version", "--yes"]);
    }
}
