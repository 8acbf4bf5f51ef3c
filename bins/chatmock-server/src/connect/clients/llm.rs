//! llm: a model in its list of further models.

use super::super::client::{Base, Client, FileChange, Format, PieceTemplate, Place, Setup};

pub(super) const CLIENT: Client = Client {
    name: "llm",
    title: "llm",
    programs: &["llm"],
    trace: Some(Place { base: Base::Settings, path: "io.datasette.llm" }),
    setup: Setup::File(FileChange {
        place: Place { base: Base::Settings, path: "io.datasette.llm/extra-openai-models.yaml" },
        format: Format::Lines,
        head: "",
        pieces: &[PieceTemplate {
            path: &["- model_id: chatmock"],
            text: "- model_id: chatmock\n  model_name: {model}\n  api_base: \"{url}/v1\"\n  supports_tools: true\n  supports_schema: true\n  vision: true{key_line}",
        }],
        key_reference: Some("{name}"),
        key_line: "\n  api_key_name: {name}",
        model_item: ("", ""),
        note: "a key that is named is one of: llm keys set NAME",
    }),
    start: "llm -m chatmock \"Hello there\"",
    launch: None,
};

#[cfg(test)]
mod tests {
    use super::super::tests::{edited_between, key_in_clear, left_alone, there_and_back};
    use super::*;

    #[test]
    fn an_item_is_added() {
        let before = "- model_id: mine\n  model_name: x\n";
        there_and_back(&CLIENT, before, &["- model_id: chatmock\n  model_name: m-1\n"]);
        there_and_back(&CLIENT, "", &["api_base: \"http://127.0.0.1:8000/v1\""]);
        edited_between(&CLIENT, before, ("x", "y"));
    }

    #[test]
    fn such_a_model_and_other_forms_are_left_alone() {
        left_alone(&CLIENT, "- model_id: chatmock\n  model_name: x\n");
        left_alone(&CLIENT, "[]\n");
    }

    #[test]
    fn a_key_is_named_and_not_written() {
        key_in_clear(&CLIENT, false);
    }
}
