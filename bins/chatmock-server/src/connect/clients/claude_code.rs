//! Claude Code: variables in its settings, or for one run alone.

use super::super::client::{
    Base, COMPACT_WINDOW, Client, FileChange, Format, Launch, PieceTemplate, Place, Setup,
};

pub(super) const CLIENT: Client = Client {
    name: "claude",
    title: "Claude Code",
    programs: &["claude"],
    trace: Some(Place { base: Base::Home, path: ".claude" }),
    setup: Setup::File(FileChange {
        place: Place { base: Base::Home, path: ".claude/settings.json" },
        format: Format::Json,
        head: "",
        pieces: &[
            PieceTemplate { path: &["env", "ANTHROPIC_BASE_URL"], text: "\"{url}\"" },
            PieceTemplate { path: &["env", "ANTHROPIC_AUTH_TOKEN"], text: "\"{key}\"" },
            PieceTemplate { path: &["env", "ANTHROPIC_MODEL"], text: "\"{model}\"" },
            PieceTemplate { path: &["env", "ANTHROPIC_SMALL_FAST_MODEL"], text: "\"{model}\"" },
            PieceTemplate { path: &["env", COMPACT_WINDOW], text: "\"{compact_window}\"" },
        ],
        key_reference: None,
        key_line: "",
        model_item: ("", ""),
        note: "every session of Claude Code then uses this server; for one alone: chatmock-server launch claude",
    }),
    start: "claude",
    launch: Some(Launch {
        program: "claude",
        arguments: &[],
        variables: &[
            ("ANTHROPIC_BASE_URL", "{url}"),
            ("ANTHROPIC_AUTH_TOKEN", "{key}"),
            ("ANTHROPIC_MODEL", "{model}"),
            ("ANTHROPIC_SMALL_FAST_MODEL", "{model}"),
            (COMPACT_WINDOW, "{compact_window}"),
        ],
    }),
};

#[cfg(test)]
mod tests {
    use super::super::tests::{edited_between, key_in_clear, left_alone, there_and_back};
    use super::*;

    const BEFORE: &str = "{\n  \"permissions\": {\n    \"allow\": [\"x\"]\n  }\n}\n";

    #[test]
    fn variables_are_added() {
        there_and_back(
            &CLIENT,
            BEFORE,
            &["\"ANTHROPIC_BASE_URL\": \"http://127.0.0.1:8000\"", "\"m-1\""],
        );
        let window = "\"CLAUDE_CODE_AUTO_COMPACT_WINDOW\": \"240000\"";
        there_and_back(&CLIENT, BEFORE, &[window]);
        there_and_back(&CLIENT, "{\"env\": {\"A\": \"1\"}}", &["\"ANTHROPIC_MODEL\""]);
        edited_between(&CLIENT, BEFORE, ("\"x\"", "\"y\""));
    }

    #[test]
    fn another_address_is_left_alone() {
        left_alone(&CLIENT, "{\"env\": {\"ANTHROPIC_BASE_URL\": \"https://mine.example\"}}");
        left_alone(&CLIENT, "not JSON");
    }

    #[test]
    fn a_key_would_be_written_in_clear_which_is_said() {
        key_in_clear(&CLIENT, true);
    }
}
