//! Continue: a model in the list of its configuration.

use super::super::client::{Base, Client, FileChange, Format, PieceTemplate, Place, Setup};

pub(super) const CLIENT: Client = Client {
    name: "continue",
    title: "Continue",
    programs: &["cn"],
    trace: Some(Place { base: Base::Home, path: ".continue" }),
    setup: Setup::File(FileChange {
        place: Place { base: Base::Home, path: ".continue/config.yaml" },
        format: Format::YamlList,
        head: "name: ChatMock\nversion: 1.0.0\nschema: v1\n",
        pieces: &[PieceTemplate {
            path: &["models"],
            text: r#"- name: ChatMock {model}
  provider: openai
  model: {model}
  apiBase: {url}/v1
  apiKey: "{key}"
  roles: [chat, edit, apply]"#,
        }],
        key_reference: Some("${{ secrets.{name} }}"),
        key_line: "",
        model_item: ("", ""),
        note: "a key that is named is read from ~/.continue/.env",
    }),
    start: "cn, or choose ChatMock {model} in the editor",
    launch: None,
};

#[cfg(test)]
mod tests {
    use super::super::tests::{edited_between, key_in_clear, left_alone, there_and_back};
    use super::*;

    const BEFORE: &str = "name: mine\nversion: 1.0.0\nschema: v1\nmodels:\n  - name: a\n    provider: openai\ncontext: []\n";

    #[test]
    fn an_item_is_added_to_the_list() {
        there_and_back(
            &CLIENT,
            BEFORE,
            &["  - name: ChatMock m-1\n    provider: openai\n", "- name: a"],
        );
        there_and_back(
            &CLIENT,
            "name: mine\nversion: 1.0.0\nschema: v1\n",
            &["models:\n  - name: ChatMock"],
        );
        edited_between(&CLIENT, BEFORE, ("name: a", "name: b"));
    }

    #[test]
    fn a_list_in_another_form_is_left_alone() {
        left_alone(&CLIENT, "models: []\n");
        left_alone(&CLIENT, "models:\n  a: 1\n");
    }

    #[test]
    fn a_key_is_named_and_not_written() {
        key_in_clear(&CLIENT, false);
    }
}
