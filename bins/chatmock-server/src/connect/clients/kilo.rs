//! Kilo Code: a provider with the server's models, for its program in a terminal; the extension has a page for them.

use super::super::client::{Base, Client, FileChange, Format, Launch, PieceTemplate, Place, Setup};
use super::opencode::{MODEL, PROVIDER};

pub(super) const CLIENT: Client = Client {
    name: "kilo",
    title: "Kilo Code",
    programs: &["kilo", "kilocode"],
    trace: Some(Place { base: Base::Xdg, path: "kilo" }),
    setup: Setup::File(FileChange {
        place: Place { base: Base::Xdg, path: "kilo/kilo.json" },
        format: Format::Json,
        head: "",
        pieces: &[PieceTemplate { path: &["provider", "chatmock"], text: PROVIDER }],
        key_reference: Some("{env:{name}}"),
        key_line: "",
        model_item: MODEL,
        note: "in the editor, Kilo Code's settings have it under Providers: OpenAI Compatible, with this address",
    }),
    start: "kilo -m chatmock/{model}",
    launch: Some(Launch {
        program: "kilo",
        arguments: &["-m", "chatmock/{model}"],
        variables: &[(
            "KILO_CONFIG_CONTENT",
            r#"{"provider":{"chatmock":{"npm":"@ai-sdk/openai-compatible","name":"ChatMock","options":{"baseURL":"{url}/v1","apiKey":"{key}"},"models":{"{model}":{}}}}}"#,
        )],
    }),
};

#[cfg(test)]
mod tests {
    use super::super::tests::{edited_between, key_in_clear, left_alone, there_and_back};
    use super::*;

    const BEFORE: &str = "{\n  \"theme\": \"x\"\n}\n";

    #[test]
    fn a_provider_is_added_with_the_models_of_the_server() {
        there_and_back(
            &CLIENT,
            BEFORE,
            &["\"chatmock\": {", "\"m-2\": {}", "\"baseURL\": \"http://127.0.0.1:8000/v1\""],
        );
        there_and_back(&CLIENT, "", &["\"provider\": {"]);
        there_and_back(&CLIENT, "{\"provider\": {\"mine\": {}}}", &["\"mine\": {}"]);
        edited_between(&CLIENT, BEFORE, ("\"x\"", "\"y\""));
    }

    #[test]
    fn a_file_with_comments_or_such_a_provider_is_left_alone() {
        left_alone(&CLIENT, "{\n  // mine\n  \"theme\": \"x\"\n}\n");
        left_alone(&CLIENT, "{\"provider\": {\"chatmock\": {\"name\": \"mine\"}}}");
    }

    #[test]
    fn a_key_is_named_and_not_written() {
        key_in_clear(&CLIENT, false);
    }
}
