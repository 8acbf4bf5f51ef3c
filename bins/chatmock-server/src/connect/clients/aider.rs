//! Aider: the address in its configuration.

use super::super::client::{Base, Client, FileChange, Format, Launch, PieceTemplate, Place, Setup};

pub(super) const CLIENT: Client = Client {
    name: "aider",
    title: "Aider",
    programs: &["aider"],
    trace: Some(Place { base: Base::Home, path: ".aider.conf.yml" }),
    setup: Setup::File(FileChange {
        place: Place { base: Base::Home, path: ".aider.conf.yml" },
        format: Format::Lines,
        head: "",
        pieces: &[PieceTemplate {
            path: &["openai-api-base", "openai-api-key"],
            text: "openai-api-base: {url}/v1\nopenai-api-key: {key}",
        }],
        key_reference: None,
        key_line: "",
        model_item: ("", ""),
        note: "models that are named openai/… then come from this server",
    }),
    start: "aider --model openai/{model}",
    launch: Some(Launch {
        program: "aider",
        arguments: &["--model", "openai/{model}"],
        variables: &[("OPENAI_API_BASE", "{url}/v1"), ("OPENAI_API_KEY", "{key}")],
    }),
};

#[cfg(test)]
mod tests {
    use super::super::tests::{edited_between, key_in_clear, left_alone, there_and_back};
    use super::*;

    const BEFORE: &str = "# mine\ndark-mode: true\n";

    #[test]
    fn two_keys_are_added() {
        there_and_back(&CLIENT, BEFORE, &["openai-api-base: http://127.0.0.1:8000/v1"]);
        there_and_back(&CLIENT, "", &["openai-api-key: unused"]);
        edited_between(&CLIENT, BEFORE, ("true", "false"));
    }

    #[test]
    fn another_address_and_other_forms_are_left_alone() {
        left_alone(&CLIENT, "openai-api-base: https://mine.example\n");
        left_alone(&CLIENT, "{dark-mode, true}\n");
    }

    #[test]
    fn a_key_would_be_written_in_clear_which_is_said() {
        key_in_clear(&CLIENT, true);
    }
}
