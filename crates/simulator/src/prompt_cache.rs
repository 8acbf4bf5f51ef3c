//! The prompt cache: how much of a prompt was sent before.
//!
//! Prompts share a cache by bucket. At the Codex backend the bucket is a `session-id` header that
//! equals the body's `prompt_cache_key`; elsewhere it is the key alone, or none. Cached tokens are
//! the longest common prefix with an earlier prompt of the bucket, at four bytes per token, in
//! steps of 128 from 1024 on.

use std::collections::VecDeque;

use crate::model_request::ModelRequest;

const PROMPTS: usize = 64;
const PROMPT_BYTES: usize = 1 << 20;
const BYTES_PER_TOKEN: usize = 4;
const MIN_TOKENS: usize = 1024;
const STEP_TOKENS: usize = 128;

/// The last prompts, one for each conversation.
#[derive(Debug, Default)]
pub(crate) struct PromptCache {
    prompts: VecDeque<(String, Vec<u8>)>,
}

impl PromptCache {
    /// Returns the tokens of a prompt, and how many of them were cached.
    pub(crate) fn count(&mut self, bucket: Option<&str>, request: &ModelRequest) -> (u64, u64) {
        let prompt = prompt(request);
        let total = prompt.len().div_ceil(BYTES_PER_TOKEN);
        let cached = bucket.map_or(0, |bucket| self.put(bucket, prompt));
        (total as u64, cached.min(total) as u64)
    }

    /// Stores a prompt, replacing the one that it continues; returns the cached tokens.
    fn put(&mut self, bucket: &str, mut prompt: Vec<u8>) -> usize {
        prompt.truncate(PROMPT_BYTES);
        let in_bucket = self.prompts.iter().enumerate().filter(|(_, (name, _))| name == bucket);
        let shared = in_bucket.map(|(at, (_, old))| (common(old, &prompt), at, old.len()));
        let best = shared.max();
        // The last byte of a prompt closes its list.
        let replaced = best.filter(|(common, _, length)| common + 1 >= *length);
        if let Some((_, at, _)) = replaced {
            self.prompts.remove(at);
        } else if self.prompts.len() == PROMPTS {
            self.prompts.pop_front();
        }
        self.prompts.push_back((bucket.to_owned(), prompt));
        match best.map_or(0, |(common, _, _)| common / BYTES_PER_TOKEN) {
            tokens if tokens < MIN_TOKENS => 0,
            tokens => tokens - tokens % STEP_TOKENS,
        }
    }
}

fn common(old: &[u8], new: &[u8]) -> usize {
    old.iter().zip(new).take_while(|(old, new)| old == new).count()
}

/// Returns what the model reads, in order.
fn prompt(request: &ModelRequest) -> Vec<u8> {
    let mut prompt = Vec::new();
    for name in ["model", "instructions", "tools", "input"] {
        prompt.extend(request.get(name).to_string().into_bytes());
    }
    prompt
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(texts: &[&str]) -> ModelRequest {
        ModelRequest::new(json!({"instructions": "a".repeat(8000), "input": texts}))
    }

    #[test]
    fn the_second_request_of_a_bucket_finds_its_prefix() {
        let mut cache = PromptCache::default();
        assert_eq!(cache.count(Some("s"), &request(&["one"])).1, 0);
        assert_eq!(cache.count(Some("s"), &request(&["two"])).1, 1920);
        assert_eq!(cache.count(Some("t"), &request(&["two"])).1, 0);
        assert_eq!(cache.count(None, &request(&["two"])).1, 0);
    }

    #[test]
    fn conversations_of_one_bucket_do_not_push_each_other_out() {
        let mut cache = PromptCache::default();
        let (ours, theirs) = ("o".repeat(4000), "t".repeat(4000));
        for text in [&ours, &theirs] {
            cache.count(Some("s"), &request(&[text]));
        }
        for text in [&ours, &theirs] {
            assert_eq!(cache.count(Some("s"), &request(&[text, "more"])).1, 2944);
        }
        assert_eq!(cache.prompts.len(), 2);
    }

    #[test]
    fn the_oldest_prompts_are_forgotten() {
        let mut cache = PromptCache::default();
        for number in 0..=PROMPTS {
            cache.count(Some(&number.to_string()), &request(&["one"]));
        }
        assert_eq!(cache.prompts.len(), PROMPTS);
        assert_eq!(cache.count(Some("0"), &request(&["one"])).1, 0);
    }
}
