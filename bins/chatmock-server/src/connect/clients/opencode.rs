//! opencode: a provider with the server's models.

use super::super::client::{Base, Client, FileChange, Format, Launch, PieceTemplate, Place, Setup};

/// The provider, which programs that descend from this one read as well.
pub(super) const PROVIDER: &str = r#"{
  "npm": "@ai-sdk/openai-compatible",
  "name": "ChatMock",
  "options": {
    "baseURL": "{url}/v1",
    "apiKey": "{key}"
  },
  "models": {
    {models}
  }
}"#;

/// A model of the provider, and what is between two of them.
pub(super) const MODEL: (&str, &str) = ("\"{model}\": {}", ",\n    ");

pub(super) const CLIENT: Client = Client {
    name: "opencode",
    title: "opencode",
    programs: &["opencode"],
    trace: Some(Place { base: Base::Xdg, path: "opencode" }),
    setup: Setup::File(FileChange {
        place: Place { base: Base::Xdg, path: "opencode/opencode.json" },
        format: Format::Json,
        head: "",
        pieces: &[PieceTemplate { path: &["provider", "chatmock"], text: PROVIDER }],
        key_reference: Some("{env:{name}}"),
        key_line: "",
        model_item: MODEL,
        note: "",
    }),
    start: "opencode -m chatmock/{model}",
    launch: Some(Launch {
        program: "opencode",
        arguments: &["-m", "chatmock/{model}"],
        variables: &[(
            "OPENCODE_CONFIG_CONTENT",
            r#"{"provider":{"chatmock":{"npm":"@ai-sdk/openai-compatible","name":"ChatMock","options":{"baseURL":"{url}/v1","apiKey":"{key}"},"models":{"{model}":{}}}}}"#,
        )],
    }),
};

#[cfg(test)]
mod tests {
    use super::super::tests::{edited_between, key_in_clear, left_alone, there_and_back};
    use super::*;

    const BEFORE: &str =
        "{\n  \"$schema\": \"https://opencode.ai/config.json\",\n  \"theme\": \"x\"\n}\n";

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
