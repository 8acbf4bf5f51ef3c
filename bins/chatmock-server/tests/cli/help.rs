//! Tests of the help of every command: complete, documented, and in plain words.

use chatmock_testkit::wording::{flags, worn_phrases};

use super::process::program;

const DOCUMENTED: &str = include_str!("../../../../docs/configuration.md");

/// The commands, each of which has its own help.
const COMMANDS: [&[&str]; 7] = [
    &[],
    &["config"],
    &["config", "show"],
    &["config", "path"],
    &["config", "check"],
    &["config", "init"],
    &["usage"],
];

/// Returns the help of a command, in its long form.
fn help(command: &[&str]) -> String {
    let output = program(command).arg("--help").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_help_and_the_documents_list_the_same_flags() {
    let help = help(&[]);
    assert_eq!(flags::in_help(&help), flags::in_tables(DOCUMENTED), "{help}");
    assert!(!help.contains("WORD") && !help.contains("--no-"), "{help}");
}

#[test]
fn every_command_takes_every_flag_and_documents_its_own() {
    let common = flags::in_help(&help(&[]));
    for command in COMMANDS {
        let own = flags::in_help(&help(command));
        let missing: Vec<_> = common.difference(&own).filter(|flag| *flag != "--version").collect();
        assert!(missing.is_empty(), "{command:?}: {missing:?}");
        for flag in own.difference(&common) {
            assert!(DOCUMENTED.contains(&format!("`{flag}`")), "{command:?}: {flag}");
        }
    }
}

#[test]
fn every_flag_and_variable_of_the_help_is_documented() {
    let help = help(&[]);
    let names = help.split(|c: char| c.is_whitespace() || "[]=,.:;".contains(c)).filter(|word| {
        let variable = word.len() > 3 && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        word.starts_with("--") || (variable && (word.contains('_') || *word == "PORT"))
    });
    for name in names {
        assert!(DOCUMENTED.contains(&format!("`{name}")), "{name} is not documented");
    }
}

#[test]
fn the_help_uses_no_worn_phrase() {
    for command in COMMANDS {
        for form in ["-h", "--help"] {
            let output = program(command).arg(form).output().unwrap();
            let help = String::from_utf8(output.stdout).unwrap();
            assert_eq!(worn_phrases(&help), Vec::<String>::new(), "{command:?} {form}:\n{help}");
        }
    }
}
