//! The input of a request for embeddings: texts, or token ids.

use chatmock_protocol::json::RawValue;

use crate::failure::Failure;

/// Texts or token ids, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// So many texts.
    Texts(usize),
    /// So many lists of token ids.
    Tokens(usize),
}

impl Input {
    /// Looks at an input.
    ///
    /// # Errors
    /// When there is none, or it is neither texts nor token ids.
    pub(super) fn read(input: Option<&RawValue>) -> Result<Self, Failure> {
        let Some(input) = input else {
            return Err(Failure::param("input", "input is required: a text, or a list of texts"));
        };
        let first = |value: &RawValue| value.get().as_bytes().first().copied();
        match first(input) {
            Some(b'"') => return Ok(Self::Texts(1)),
            Some(b'[') => {}
            _ => return Err(wrong()),
        }
        let items: Vec<&RawValue> = serde_json::from_str(input.get()).map_err(|_| wrong())?;
        let all = |fits: fn(u8) -> bool| items.iter().all(|item| first(item).is_some_and(fits));
        match items.first() {
            _ if all(|byte| byte == b'"') => Ok(Self::Texts(items.len())),
            Some(_) if all(|byte| byte.is_ascii_digit()) => Ok(Self::Tokens(1)),
            Some(_) if all(|byte| byte == b'[') => Ok(Self::Tokens(items.len())),
            _ => Err(wrong()),
        }
    }

    /// The number of vectors that are asked for.
    pub(super) fn count(self) -> Option<usize> {
        match self {
            Self::Texts(count) | Self::Tokens(count) => Some(count),
        }
    }

    /// Refuses token ids, where the server takes texts alone.
    pub(super) fn refuse_tokens(self) -> Result<(), Failure> {
        match self {
            Self::Texts(_) => Ok(()),
            Self::Tokens(_) => {
                let message = "input holds token ids, and Ollama takes texts: have the client send \
                               texts (in LangChain, check_embedding_ctx_length=False)";
                Err(Failure::param("input", message).with_code("unsupported_value"))
            }
        }
    }

    /// Whether there is no text in it; Ollama's clients load a model with such a request.
    pub(super) fn is_empty(self, input: Option<&RawValue>) -> bool {
        self == Self::Texts(0) || input.is_some_and(|input| input.get() == "\"\"")
    }
}

fn wrong() -> Failure {
    let message = "input must be a text, a list of texts, or lists of token ids";
    Failure::param("input", message).with_code("invalid_type")
}
