//! The answer to a request for embeddings, in the shape that the client expects.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chatmock_protocol::json::{RawValue, raw};
use chatmock_protocol::ollama::embed::{Answer as OllamaAnswer, LegacyVector, Vectors};
use chatmock_protocol::openai::embeddings::{Answer as OpenAiAnswer, Embedding, List, Usage};
use serde::Serialize;

use super::{EmbeddingsApi, EmbeddingsServer};
use crate::failure::{Failure, FailureKind};

/// The shape of an answer: whose it is, and whose it becomes.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) api: EmbeddingsApi,
    pub(super) server: EmbeddingsServer,
    /// True if the vectors are written in base64.
    pub(super) base64: bool,
    /// The number of vectors that must be there, where it is known.
    pub(super) count: Option<usize>,
    /// The model that was asked for.
    pub(super) model: String,
}

/// What an answer of either API says.
struct Said {
    vectors: Vec<Box<RawValue>>,
    model: Option<String>,
    tokens: u64,
}

impl Form {
    pub(super) fn write(&self, body: &[u8], took: Duration) -> Result<Vec<u8>, Failure> {
        if (self.api, self.server) == (EmbeddingsApi::OllamaLegacy, EmbeddingsServer::Ollama) {
            serde_json::from_slice::<&RawValue>(body).map_err(unreadable)?;
            return Ok(body.to_vec());
        }
        let said = match self.server {
            EmbeddingsServer::OpenAi => of_openai(body)?,
            EmbeddingsServer::Ollama => of_ollama(body)?,
        };
        if let Some(count) = self.count.filter(|count| *count != said.vectors.len()) {
            let message = format!("{} vectors came for {count} inputs", said.vectors.len());
            return Err(unexpected(message));
        }
        let alike = matches!(
            (self.api, self.server),
            (EmbeddingsApi::OpenAi, EmbeddingsServer::OpenAi)
                | (EmbeddingsApi::Ollama, EmbeddingsServer::Ollama)
        );
        let is_plain = said.vectors.iter().all(|vector| vector.get().starts_with('['));
        if alike && is_plain && !self.base64 {
            return Ok(body.to_vec());
        }
        let encode = if self.base64 { in_base64 } else { in_numbers };
        let vectors = said.vectors.into_iter().map(encode).collect::<Result<_, _>>()?;
        self.worded(&Said { vectors, ..said }, took)
    }

    pub(super) fn empty(&self, took: Duration) -> Result<Vec<u8>, Failure> {
        let vectors = match self.api {
            EmbeddingsApi::OllamaLegacy => vec![raw(&[(); 0])?],
            EmbeddingsApi::OpenAi | EmbeddingsApi::Ollama => Vec::new(),
        };
        self.worded(&Said { vectors, model: None, tokens: 0 }, took)
    }

    fn worded(&self, said: &Said, took: Duration) -> Result<Vec<u8>, Failure> {
        let model = said.model.as_deref().unwrap_or(&self.model);
        match self.api {
            EmbeddingsApi::OpenAi => {
                let data = said.vectors.iter().enumerate().map(|(index, embedding)| Embedding {
                    object: "embedding",
                    index,
                    embedding,
                });
                let usage = Usage { prompt_tokens: said.tokens, total_tokens: said.tokens };
                written(&List { object: "list", data: data.collect(), model, usage })
            }
            EmbeddingsApi::Ollama => written(&Vectors {
                // Its clients compare the name with the one that they asked for.
                model: &self.model,
                embeddings: said.vectors.iter().map(|vector| &**vector).collect(),
                total_duration: u64::try_from(took.as_nanos()).unwrap_or(u64::MAX),
                load_duration: 1,
                prompt_eval_count: said.tokens,
            }),
            EmbeddingsApi::OllamaLegacy => match said.vectors.as_slice() {
                [embedding, ..] => written(&LegacyVector { embedding }),
                [] => Err(unexpected("no vector came".to_owned())),
            },
        }
    }
}

fn written<T: Serialize>(value: &T) -> Result<Vec<u8>, Failure> {
    Ok(serde_json::to_vec(value)?)
}

/// Reads an answer of OpenAI's API; vectors that say where they belong are put there.
fn of_openai(body: &[u8]) -> Result<Said, Failure> {
    let mut answer: OpenAiAnswer<'_> = serde_json::from_slice(body).map_err(unreadable)?;
    answer.data.sort_by_key(|vector| vector.index);
    let usage = answer.usage.and_then(|usage| serde_json::from_str::<Usage>(usage.get()).ok());
    let usage = usage.unwrap_or_default();
    Ok(Said {
        vectors: answer.data.iter().map(|vector| vector.embedding.to_owned()).collect(),
        model: answer.model.map(|model| model.0.into_owned()),
        tokens: usage.prompt_tokens.max(usage.total_tokens),
    })
}

fn of_ollama(body: &[u8]) -> Result<Said, Failure> {
    let answer: OllamaAnswer<'_> = serde_json::from_slice(body).map_err(unreadable)?;
    Ok(Said {
        vectors: answer.embeddings.iter().map(|vector| (*vector).to_owned()).collect(),
        model: answer.model.map(|model| model.0.into_owned()),
        tokens: answer.prompt_eval_count.unwrap_or_default(),
    })
}

/// The bytes of a vector's 32-bit numbers, the lowest first, in base64; what is in base64 stays.
fn in_base64(vector: Box<RawValue>) -> Result<Box<RawValue>, Failure> {
    if vector.get().starts_with('"') {
        return Ok(vector);
    }
    let numbers: Vec<f32> = serde_json::from_str(vector.get()).map_err(unreadable)?;
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    Ok(raw(&STANDARD.encode(bytes))?)
}

/// A vector as numbers, also where the server gave base64 unasked.
fn in_numbers(vector: Box<RawValue>) -> Result<Box<RawValue>, Failure> {
    if !vector.get().starts_with('"') {
        return Ok(vector);
    }
    let text: String = serde_json::from_str(vector.get()).map_err(unreadable)?;
    let bytes =
        STANDARD.decode(text).map_err(|_| unexpected("a vector is no base64".to_owned()))?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(unexpected("a vector is cut".to_owned()));
    }
    let numbers: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
    Ok(raw(&numbers)?)
}

#[expect(clippy::needless_pass_by_value, reason = "it is the argument of map_err")]
fn unreadable(error: serde_json::Error) -> Failure {
    unexpected(format!("the answer cannot be read: {error}"))
}

fn unexpected(message: String) -> Failure {
    Failure::new(FailureKind::Failed, message).with_code("embeddings_unexpected")
}
