//! The voices: how a backend words what it does not take.

use serde_json::Value;

use crate::refusal::Refusal;

/// How a backend words a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// A gateway before the engine, which answers `{"detail": …}`.
    Gateway,
    /// The check of shared plans, with one code for whatever it does not offer.
    Sharing,
    /// The engine itself.
    Engine,
}

impl Voice {
    /// A demand that is not met, or a member that is not taken.
    pub(crate) fn member(self, words: &str, param: &str) -> Refusal {
        match self {
            Self::Gateway => Refusal::detail(400, words),
            Self::Sharing => Refusal::capability(words, param),
            Self::Engine => Refusal::engine(words, "unsupported_parameter", param),
        }
    }

    /// A value that the engine knows and this backend does not offer.
    pub(crate) fn value(self, words: String, code: &str, param: &str) -> Refusal {
        match self {
            Self::Sharing => Refusal::capability(words, param),
            Self::Gateway | Self::Engine => Refusal::engine(words, code, param),
        }
    }

    /// A model that is not there.
    pub(crate) fn model(self, slug: &str) -> Refusal {
        match self {
            Self::Gateway => Refusal::detail(
                400,
                format!(
                    "The '{slug}' model is not supported when using Codex with a ChatGPT account."
                ),
            ),
            Self::Sharing => {
                let words = format!("User subscription sharing does not offer the model '{slug}'.");
                Refusal::capability(words, "model")
            }
            Self::Engine => {
                let words =
                    format!("The model `{slug}` does not exist or you do not have access to it.");
                Refusal { status: 404, ..Refusal::engine(words, "model_not_found", Value::Null) }
            }
        }
    }

    /// A request that names no model.
    pub(crate) fn no_model(self) -> Refusal {
        match self {
            Self::Gateway => Refusal::missing("body", "model"),
            Self::Sharing | Self::Engine => {
                let words = "Missing required parameter: 'model'.";
                Refusal::engine(words, "missing_required_parameter", "model")
            }
        }
    }

    /// A path that is not there.
    pub(crate) fn nowhere(self, request: &str) -> Refusal {
        match self {
            Self::Gateway => Refusal::detail(404, "Not Found"),
            Self::Sharing => {
                let words = "User subscription sharing does not support this endpoint.";
                let code = "subscription_sharing_route_not_supported";
                Refusal { status: 403, ..Refusal::engine(words, code, Value::Null) }
            }
            Self::Engine => {
                let words = format!("Invalid URL ({request})");
                Refusal { status: 404, ..Refusal::engine(words, "", Value::Null) }
            }
        }
    }

    /// A body that is not JSON.
    pub(crate) fn unreadable(self) -> Refusal {
        match self {
            Self::Gateway => Refusal::detail(400, "Request body is not valid JSON"),
            Self::Sharing | Self::Engine => {
                let words = "We could not parse the JSON body of your request.";
                Refusal::engine(words, "", Value::Null)
            }
        }
    }

    /// A body of another type or coding.
    pub(crate) fn media_type(self) -> Refusal {
        let words = "Unsupported Media Type";
        match self {
            Self::Gateway => Refusal::detail(415, words),
            Self::Sharing | Self::Engine => Refusal {
                status: 415,
                ..Refusal::engine(words, "unsupported_content_type", Value::Null)
            },
        }
    }
}
