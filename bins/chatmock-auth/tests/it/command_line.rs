//! Help, exit codes and mistakes on the command line.

use chatmock_testkit::wording::flags;

use crate::harness::Harness;

#[test]
fn every_task_has_help_and_no_task_gives_tokens_away() {
    let harness = Harness::new();
    let help = harness.run(&["--help"]).with(0).out;
    for task in [
        "login",
        "status",
        "logout",
        "refresh",
        "reset-credit",
        "import",
        "accounts",
        "use",
        "doctor",
    ] {
        assert!(help.contains(&format!("\n  {task} ")), "{task}: {help}");
        harness.run(&[task, "--help"]).with(0).says("--home");
    }
    assert!(!help.contains("export"), "{help}");
    harness.run(&["export"]).with(2);
    harness.run(&[]).with(2);
}

#[test]
fn every_flag_variable_and_exit_code_of_the_help_is_documented() {
    let documented = include_str!("../../../../docs/signing-in.md");
    let harness = Harness::new();
    let tasks = [
        "login",
        "status",
        "logout",
        "refresh",
        "reset-credit",
        "import",
        "accounts",
        "use",
        "doctor",
        "man",
    ];
    for task in tasks {
        let help = harness.run(&[task, "--help"]).with(0).out;
        let words = help.split(|c: char| c.is_whitespace() || "[]=,.:()/".contains(c));
        let names = words.filter(|word| {
            let variable = word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
            word.starts_with("--") || (variable && word.contains('_'))
        });
        for name in names {
            assert!(documented.contains(&format!("`{name}")), "{name} is not documented");
        }
    }
    for code in ["0", "1", "2", "3", "4", "130", "143"] {
        assert!(documented.contains(&format!("| {code} |")), "exit code {code}");
    }
}

#[test]
fn the_help_and_the_documents_list_the_same_flags() {
    let harness = Harness::new();
    let tasks = [
        "login",
        "status",
        "logout",
        "refresh",
        "reset-credit",
        "import",
        "accounts",
        "use",
        "doctor",
        "man",
    ];
    let mut help = harness.run(&["--help"]).with(0).out;
    for task in tasks {
        help.push_str(&harness.run(&[task, "--help"]).with(0).out);
    }
    let shown = flags::in_help(&help);
    let documented = flags::in_tables(include_str!("../../../../docs/signing-in.md"));
    let undocumented: Vec<_> = shown.difference(&documented).collect();
    assert!(undocumented.is_empty(), "{undocumented:?}");
    // The help names an alias on the line of its flag.
    let gone: Vec<_> =
        documented.difference(&shown).filter(|flag| !help.contains(flag.as_str())).collect();
    assert!(gone.is_empty(), "{gone:?}");
}

#[test]
fn mistakes_are_refused_with_the_right_words() {
    let harness = Harness::new();
    for (arguments, words) in [
        (vec!["login", "--store", "drawer"], "keyring"),
        (vec!["login", "--redirect-host", "example.com"], "localhost"),
        (vec!["login", "--bind", "here"], "--bind"),
        (vec!["login", "--device", "--no-browser"], "cannot be used with"),
        (vec!["logn"], "login"),
        (vec!["use"], "NAME"),
    ] {
        harness.run(&arguments).with(2).complains(words);
    }
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let harness = Harness::new();
    let mut command = harness.program(&["status"]);
    command.env("CHATMOCK_STORE", "").env("CHATGPT_LOCAL_CLIENT_ID", "").env("VERBOSE", "");
    crate::process::Ended::of(&mut command).with(3);
}
