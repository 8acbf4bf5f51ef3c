//! VS Code: Copilot's own models, by the door for Ollama.

use super::super::client::{Base, Client, FileChange, Format, PieceTemplate, Place, Setup};

pub(super) const CLIENT: Client = Client {
    name: "vscode",
    title: "VS Code",
    programs: &["code"],
    trace: Some(Place { base: Base::Settings, path: "Code/User" }),
    setup: Setup::File(FileChange {
        place: Place { base: Base::Settings, path: "Code/User/settings.json" },
        format: Format::Json,
        head: "",
        pieces: &[PieceTemplate {
            path: &["github.copilot.chat.byok.ollamaEndpoint"],
            text: "\"{url}\"",
        }],
        key_reference: None,
        key_line: "",
        model_item: ("", ""),
        note: "for Copilot Chat; its door for Ollama sends no key",
    }),
    start: "in Copilot Chat: Manage Models, then Ollama, then tick {model}",
    launch: None,
};

#[cfg(test)]
mod tests {
    use super::super::tests::{edited_between, left_alone, there_and_back, values};
    use super::*;

    #[test]
    fn the_address_is_added() {
        let before = "{\n    \"editor.fontSize\": 14\n}\n";
        let line = "    \"github.copilot.chat.byok.ollamaEndpoint\": \"http://127.0.0.1:8000\"";
        there_and_back(&CLIENT, before, &[line]);
        there_and_back(&CLIENT, "", &["ollamaEndpoint"]);
        edited_between(&CLIENT, before, ("14", "15"));
    }

    #[test]
    fn comments_and_another_address_are_left_alone() {
        left_alone(&CLIENT, "{\n    // mine\n    \"editor.fontSize\": 14,\n}\n");
        left_alone(&CLIENT, "{\"github.copilot.chat.byok.ollamaEndpoint\": \"http://other\"}");
    }

    #[test]
    fn there_is_no_key_to_write() {
        let change = match &CLIENT.setup {
            Setup::File(change) => change,
            Setup::Steps(_) => return,
        };
        assert!(!change.writes_key(&values(true)));
    }
}
