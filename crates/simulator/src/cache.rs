//! The prompt cache: how much of a prompt the session had sent before.
//!
//! A session is a `session-id` header that equals the body's `prompt_cache_key`. Its cached tokens
//! are the longest common prefix with its previous prompt, at four bytes a token, in steps of 128
//! and from 1024 on.

use std::collections::VecDeque;

use crate::asked::Asked;

const SESSIONS: usize = 64;
const PROMPT_BYTES: usize = 1 << 20;
const BYTES_PER_TOKEN: usize = 4;
const LEAST_TOKENS: usize = 1024;
const STEP_TOKENS: usize = 128;

/// The last prompt of each of the last sessions.
#[derive(Debug, Default)]
pub(crate) struct PromptCache {
    sessions: VecDeque<(String, Vec<u8>)>,
}

impl PromptCache {
    /// Tokens of the prompt, and how many of them were cached.
    pub(crate) fn count(&mut self, session: Option<&str>, asked: &Asked) -> (u64, u64) {
        let prompt = prompt(asked);
        let total = prompt.len().div_ceil(BYTES_PER_TOKEN);
        let key = asked.get("prompt_cache_key").as_str();
        let Some(session) = session.filter(|session| key == Some(session)) else {
            return (total as u64, 0);
        };
        let cached = self.replace(session, prompt);
        (total as u64, cached.min(total) as u64)
    }

    fn replace(&mut self, session: &str, mut prompt: Vec<u8>) -> usize {
        prompt.truncate(PROMPT_BYTES);
        let known = self.sessions.iter().position(|(name, _)| name == session);
        let previous = known.and_then(|at| self.sessions.remove(at)).unwrap_or_default().1;
        let common = previous.iter().zip(&prompt).take_while(|(old, new)| old == new).count();
        if self.sessions.len() == SESSIONS {
            self.sessions.pop_front();
        }
        self.sessions.push_back((session.to_owned(), prompt));
        match common / BYTES_PER_TOKEN {
            tokens if tokens < LEAST_TOKENS => 0,
            tokens => tokens - tokens % STEP_TOKENS,
        }
    }
}

/// What the model reads, in the order it reads it.
fn prompt(asked: &Asked) -> Vec<u8> {
    let mut prompt = Vec::new();
    for name in ["model", "instructions", "tools", "input"] {
        prompt.extend(asked.get(name).to_string().into_bytes());
    }
    prompt
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(key: &str, text: &str) -> Asked {
        Asked::new(
            json!({"prompt_cache_key": key, "instructions": "a".repeat(8000), "input": [text]}),
        )
    }

    #[test]
    fn the_second_request_of_a_session_finds_its_prefix() {
        let mut cache = PromptCache::default();
        assert_eq!(cache.count(Some("s"), &asked("s", "one")).1, 0);
        assert_eq!(cache.count(Some("s"), &asked("s", "two")).1, 1920);
        assert_eq!(cache.count(Some("t"), &asked("t", "two")).1, 0);
    }

    #[test]
    fn a_key_without_its_header_finds_nothing() {
        let mut cache = PromptCache::default();
        for session in [None, Some("other"), None, Some("other")] {
            assert_eq!(cache.count(session, &asked("s", "one")).1, 0);
        }
    }
}
