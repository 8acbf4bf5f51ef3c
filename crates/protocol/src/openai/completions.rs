//! `POST /v1/completions`: the legacy API of plain prompts.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::chat::reply::Usage;
use super::chat::request::{Stop, StreamOptions};
use crate::json::{Raw, Text, object};

object! {
    /// A completion request. Required members are checked by the caller.
    pub struct Request<'b> {
        /// The model's name.
        model: Text<'b> = "model",
        /// The text to continue.
        prompt: Prompt<'b> = "prompt",
        /// The text after the gap to fill in.
        suffix: Text<'b> = "suffix",
        /// The largest number of tokens to write.
        max_tokens: u64 = "max_tokens",
        /// Sampling temperature.
        temperature: f64 = "temperature",
        /// Nucleus sampling.
        top_p: f64 = "top_p",
        /// The number of answers for each prompt.
        n: u32 = "n",
        /// True to answer as a stream.
        stream: bool = "stream",
        /// Options of the stream.
        stream_options: StreamOptions<'b> = "stream_options",
        /// The number of alternatives to return log probabilities of.
        logprobs: u32 = "logprobs",
        /// True if the answer repeats the prompt.
        echo: bool = "echo",
        /// Sequences before which the answer ends.
        stop: Stop<'b> = "stop",
        /// Penalty on tokens that occurred.
        presence_penalty: f64 = "presence_penalty",
        /// Penalty on frequent tokens.
        frequency_penalty: f64 = "frequency_penalty",
        /// The number of answers to generate, of which the best are returned.
        best_of: u32 = "best_of",
        /// Bias of single tokens.
        logit_bias: Raw<'b> = "logit_bias",
        /// Seed of the sampling.
        seed: f64 = "seed",
        /// The end user's id.
        user: Text<'b> = "user",
    }
}

/// One prompt or several.
#[derive(Clone, Debug)]
pub enum Prompt<'b> {
    /// Texts.
    Texts(Vec<Text<'b>>),
    /// Token ids, which cannot be decoded here.
    Tokens,
}

impl<'de: 'b, 'b> Deserialize<'de> for Prompt<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PromptVisitor;

        impl<'de> Visitor<'de> for PromptVisitor {
            type Value = Prompt<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a list of strings or token ids")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Prompt::Texts(vec![Text::from(text)]))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Prompt::Texts(vec![Text(text.to_owned().into())]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let (mut texts, mut tokens) = (Vec::new(), false);
                while let Some(raw) = list.next_element::<Raw<'de>>()? {
                    match raw.as_text() {
                        Some(text) => texts.push(text),
                        None if raw
                            .text()
                            .starts_with(|c: char| c == '[' || c.is_ascii_digit()) =>
                        {
                            tokens = true;
                        }
                        None => {
                            return Err(Error::custom("a prompt must be a string or token ids"));
                        }
                    }
                }
                Ok(if tokens { Prompt::Tokens } else { Prompt::Texts(texts) })
            }
        }

        deserializer.deserialize_any(PromptVisitor)
    }
}

/// `text_completion`: a whole reply, or a chunk of a stream.
#[derive(Clone, Debug, Serialize)]
pub struct Completion<'a> {
    /// The reply's id.
    pub id: Cow<'a, str>,
    /// Always `text_completion`.
    pub object: &'static str,
    /// Seconds of the Unix epoch.
    pub created: u64,
    /// The model as the client named it.
    pub model: &'a str,
    /// The answers, or pieces of them.
    pub choices: Vec<Choice<'a>>,
    /// Token counts, if the backend reported them; `Some(None)` is `null`, as in the chunks of a
    /// stream before the counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Option<Usage>>,
}

/// One answer, or a piece of one.
#[derive(Clone, Debug, Serialize)]
pub struct Choice<'a> {
    /// The text.
    pub text: Cow<'a, str>,
    /// Its position.
    pub index: u32,
    /// Always `null`: the backend returns none.
    pub logprobs: Option<()>,
    /// `stop`, `length` or `content_filter`; `null` until the end.
    pub finish_reason: Option<&'static str>,
}
