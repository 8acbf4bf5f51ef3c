//! The Codex CLI: a profile of its own, beside the default.

use super::super::client::{Base, Client, FileChange, Format, Launch, PieceTemplate, Place, Setup};

pub(super) const CLIENT: Client = Client {
    name: "codex",
    title: "Codex CLI",
    programs: &["codex"],
    trace: Some(Place { base: Base::Codex, path: "" }),
    setup: Setup::File(FileChange {
        place: Place { base: Base::Codex, path: "config.toml" },
        format: Format::Toml,
        head: "",
        pieces: &[PieceTemplate {
            path: &["model_providers", "chatmock"],
            text: r#"[model_providers.chatmock]
name = "ChatMock"
base_url = "{url}/v1"
wire_api = "responses"
{key_line}"#,
        }],
        key_reference: Some("{name}"),
        key_line: "env_key = \"{name}\"\n",
        model_item: ("", ""),
        note: "your default provider stays as it is",
    }),
    start: "codex -c model_provider=chatmock -m {model}",
    launch: Some(Launch {
        program: "codex",
        arguments: &[
            "-c",
            "model_provider=chatmock",
            "-c",
            r#"model_providers.chatmock={name="ChatMock",base_url="{url}/v1",wire_api="responses",env_key="CHATMOCK_KEY"}"#,
            "-m",
            "{model}",
        ],
        variables: &[("CHATMOCK_KEY", "{key}")],
    }),
};

#[cfg(test)]
mod tests {
    use super::super::tests::{edited_between, key_in_clear, left_alone, there_and_back};
    use super::*;

    const BEFORE: &str = "model = \"gpt-5.5\"\n\n[tui]\ntheme = \"x\"\n";

    #[test]
    fn a_provider_is_added_and_the_default_stays() {
        let after = there_and_back(
            &CLIENT,
            BEFORE,
            &["[model_providers.chatmock]", "http://127.0.0.1:8000/v1"],
        );
        assert!(after.starts_with(BEFORE), "{after}");
        there_and_back(&CLIENT, "", &["wire_api = \"responses\""]);
        edited_between(&CLIENT, BEFORE, ("\"x\"", "\"y\""));
    }

    #[test]
    fn what_is_no_toml_or_has_such_a_provider_is_left_alone() {
        left_alone(&CLIENT, "model = \n");
        left_alone(&CLIENT, "[model_providers.chatmock]\nname = \"mine\"\n");
        left_alone(&CLIENT, "model_providers = 1\n");
    }

    #[test]
    fn a_key_is_named_and_not_written() {
        key_in_clear(&CLIENT, false);
    }
}
