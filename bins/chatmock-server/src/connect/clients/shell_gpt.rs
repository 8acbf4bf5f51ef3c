//! shell-gpt: the address and a model in its configuration.

use super::super::client::{Base, Client, FileChange, Format, Launch, PieceTemplate, Place, Setup};

pub(super) const CLIENT: Client = Client {
    name: "shell-gpt",
    title: "shell-gpt",
    programs: &["sgpt"],
    trace: Some(Place { base: Base::Xdg, path: "shell_gpt" }),
    setup: Setup::File(FileChange {
        place: Place { base: Base::Xdg, path: "shell_gpt/.sgptrc" },
        format: Format::Lines,
        head: "",
        pieces: &[PieceTemplate {
            path: &["API_BASE_URL", "DEFAULT_MODEL", "OPENAI_API_KEY"],
            text: "API_BASE_URL={url}/v1\nDEFAULT_MODEL={model}\nOPENAI_API_KEY={key}",
        }],
        key_reference: None,
        key_line: "",
        model_item: ("", ""),
        note: "",
    }),
    start: "sgpt \"Hello there\"",
    launch: Some(Launch {
        program: "sgpt",
        arguments: &[],
        variables: &[
            ("API_BASE_URL", "{url}/v1"),
            ("DEFAULT_MODEL", "{model}"),
            ("OPENAI_API_KEY", "{key}"),
        ],
    }),
};

#[cfg(test)]
mod tests {
    use super::super::tests::{edited_between, key_in_clear, left_alone, there_and_back};
    use super::*;

    #[test]
    fn three_keys_are_added() {
        let before = "CHAT_CACHE_LENGTH=100\nUSE_LITELLM=false\n";
        there_and_back(
            &CLIENT,
            before,
            &["API_BASE_URL=http://127.0.0.1:8000/v1", "DEFAULT_MODEL=m-1"],
        );
        there_and_back(&CLIENT, "", &["OPENAI_API_KEY=unused"]);
        edited_between(&CLIENT, before, ("100", "50"));
    }

    #[test]
    fn a_file_that_the_program_wrote_again_without_comments_is_put_back_too() {
        use super::super::super::edit;
        let Setup::File(change) = &CLIENT.setup else { panic!("no file") };
        let mut pieces = change.filled(&super::super::tests::values(false));
        let after = edit::apply(Format::Lines, "A=1\n", &mut pieces).unwrap();
        let again: String = after
            .lines()
            .filter(|line| line.contains('='))
            .map(|line| format!("{line}\n"))
            .collect();
        let back = edit::take_out(Format::Lines, &format!("{again}B=2\n"), &pieces).unwrap();
        assert_eq!(back, "A=1\nB=2\n");
    }

    #[test]
    fn a_file_with_an_address_is_left_alone() {
        left_alone(&CLIENT, "API_BASE_URL=default\n");
        left_alone(&CLIENT, "something else\n");
    }

    #[test]
    fn a_key_would_be_written_in_clear_which_is_said() {
        key_in_clear(&CLIENT, true);
    }
}
