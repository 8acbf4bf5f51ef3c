//! Zed: a provider for its assistant.

use super::super::client::{Base, Client, FileChange, Format, PieceTemplate, Place, Setup};

pub(super) const CLIENT: Client = Client {
    name: "zed",
    title: "Zed",
    programs: &["zed", "zeditor"],
    trace: Some(Place { base: Base::Xdg, path: "zed" }),
    setup: Setup::File(FileChange {
        place: Place { base: Base::Xdg, path: "zed/settings.json" },
        format: Format::Json,
        head: "",
        pieces: &[PieceTemplate {
            path: &["language_models", "openai_compatible", "ChatMock"],
            text: r#"{
  "api_url": "{url}/v1",
  "available_models": [
    {models}
  ]
}"#,
        }],
        key_reference: Some("{name}"),
        key_line: "",
        model_item: (
            r#"{ "name": "{model}", "display_name": "{model}", "max_tokens": 200000 }"#,
            ",\n    ",
        ),
        note: "Zed asks for a key and keeps it itself; where the server asks for none, type any word",
    }),
    start: "choose a model of ChatMock in the agent panel",
    launch: None,
};

#[cfg(test)]
mod tests {
    use super::super::tests::{edited_between, key_in_clear, left_alone, there_and_back};
    use super::*;

    #[test]
    fn a_provider_is_added() {
        let before = "{\n  \"vim_mode\": true\n}\n";
        there_and_back(&CLIENT, before, &["\"ChatMock\": {", "\"name\": \"m-2\""]);
        there_and_back(&CLIENT, "{\"language_models\": {\"ollama\": {}}}", &["\"ollama\": {}"]);
        edited_between(&CLIENT, before, ("true", "false"));
    }

    #[test]
    fn a_file_with_comments_is_left_alone() {
        left_alone(&CLIENT, "// Zed settings\n{\n  \"vim_mode\": true,\n}\n");
        left_alone(&CLIENT, "{\"language_models\": {\"openai_compatible\": {\"ChatMock\": {}}}}");
    }

    #[test]
    fn a_key_is_never_written() {
        key_in_clear(&CLIENT, false);
    }
}
