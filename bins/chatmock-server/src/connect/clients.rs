//! The clients, one file each with its tests.

mod aider;
mod claude_code;
mod cline;
mod codex;
mod continue_dev;
mod cursor;
mod home_assistant;
mod jetbrains;
mod kilo;
mod librechat;
mod llm;
mod n8n;
mod obsidian;
mod open_webui;
mod openai_sdk;
mod opencode;
mod raycast;
mod roo;
mod shell_gpt;
mod vs_code;
mod xcode;
mod zed;

use super::client::Client;

/// All clients, in the order of the list.
pub(crate) const CLIENTS: &[&Client] = &[
    &codex::CLIENT,
    &claude_code::CLIENT,
    &opencode::CLIENT,
    &continue_dev::CLIENT,
    &cline::CLIENT,
    &roo::CLIENT,
    &kilo::CLIENT,
    &aider::CLIENT,
    &zed::CLIENT,
    &vs_code::CLIENT,
    &jetbrains::CLIENT,
    &cursor::CLIENT,
    &open_webui::CLIENT,
    &librechat::CLIENT,
    &llm::CLIENT,
    &shell_gpt::CLIENT,
    &openai_sdk::CLIENT,
    &home_assistant::CLIENT,
    &n8n::CLIENT,
    &raycast::CLIENT,
    &xcode::CLIENT,
    &obsidian::CLIENT,
];

/// Finds a client by its name, or by one that people write for it.
pub(crate) fn find(word: &str) -> Option<&'static Client> {
    let plain = |text: &str| text.to_ascii_lowercase().replace([' ', '-', '_', '.'], "");
    let word = plain(word);
    CLIENTS.iter().copied().find(|client| {
        plain(client.name) == word
            || plain(client.title) == word
            || client.programs.iter().any(|program| plain(program) == word)
    })
}

#[cfg(test)]
mod tests {
    use super::super::client::{FileChange, KeyVariable, Setup, Values};
    use super::super::edit;
    use super::*;

    /// The values that the tests of all clients fill in.
    pub(super) fn values(key: bool) -> Values {
        let key =
            key.then(|| KeyVariable { name: "MY_KEY".into(), value: Some("secret-of-ann".into()) });
        Values {
            url: "http://127.0.0.1:8000".into(),
            models: vec!["m-1".into(), "m-2".into()],
            window: None,
            key,
        }
    }

    fn change(client: &'static Client) -> &'static FileChange {
        match &client.setup {
            Setup::File(change) => change,
            Setup::Steps(_) => panic!("{} has no file", client.name),
        }
    }

    /// Puts a client's pieces into a text and takes them out again, also after a person's edit.
    pub(super) fn there_and_back(client: &'static Client, before: &str, added: &[&str]) -> String {
        let change = change(client);
        let mut pieces = change.filled(&values(false));
        let after = edit::apply(change.format, before, &mut pieces).unwrap();
        for part in added {
            assert!(after.contains(part), "{part} is not in:\n{after}");
        }
        assert!(!after.contains("{url}") && !after.contains("{model"), "{after}");
        let squeeze = |text: &str| text.split_whitespace().collect::<String>();
        let back = edit::take_out(change.format, &after, &pieces).unwrap();
        assert_eq!(
            squeeze(&back),
            squeeze(if before.is_empty() && back.contains('{') { "{}" } else { before })
        );
        after
    }

    /// Makes an edit between the two, which must stay.
    pub(super) fn edited_between(client: &'static Client, before: &str, edit: (&str, &str)) {
        let change = change(client);
        let mut pieces = change.filled(&values(false));
        let after = edit::apply(change.format, before, &mut pieces).unwrap();
        let edited = after.replacen(edit.0, edit.1, 1);
        assert_ne!(edited, after);
        let back = edit::take_out(change.format, &edited, &pieces).unwrap();
        let squeeze = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(squeeze(&back), squeeze(&before.replacen(edit.0, edit.1, 1)));
    }

    /// Demands that a text is left alone.
    pub(super) fn left_alone(client: &'static Client, text: &str) {
        let change = change(client);
        assert!(edit::apply(change.format, text, &mut change.filled(&values(false))).is_err());
    }

    /// Demands that a key is written in clear, or that it is not.
    pub(super) fn key_in_clear(client: &'static Client, expected: bool) {
        let (change, values) = (change(client), values(true));
        let pieces = change.filled(&values);
        let clear = pieces.iter().any(|piece| piece.text.contains("secret-of-ann"));
        assert_eq!((clear, change.writes_key(&values)), (expected, expected));
        let named = pieces.iter().any(|piece| piece.text.contains("MY_KEY"));
        assert!(named || expected || client.name == "zed", "{pieces:?}");
    }

    #[test]
    fn every_client_has_a_name_of_its_own_and_is_found_by_it() {
        for client in CLIENTS {
            assert_eq!(find(client.name).unwrap().name, client.name);
            assert_eq!(find(client.title).unwrap().name, client.name);
        }
        assert!(find("nothing").is_none());
    }

    #[test]
    fn every_client_is_in_the_documents() {
        let documented = include_str!("../../../../docs/clients.md");
        for client in CLIENTS {
            assert!(documented.contains(&format!("`{}`", client.name)), "{}", client.name);
        }
    }

    #[test]
    fn steps_name_the_address_and_leave_nothing_to_fill_in() {
        for client in CLIENTS {
            if let Setup::Steps(steps) = client.setup {
                let text = values(true).fill(steps);
                assert!(
                    text.contains("http://127.0.0.1:8000") || client.name == "cursor",
                    "{text}"
                );
                assert!(!text.contains("{url}") && !text.contains("{model}"), "{text}");
                assert!(text.lines().all(|line| line.len() <= 100), "{}", client.name);
            }
        }
    }
}
