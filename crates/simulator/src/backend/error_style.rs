//! The styles in which backends word their errors.
//!
//! The real services reject the same mistake with different statuses, envelopes and codes, and
//! clients depend on them. So an error is built here from what is wrong and the style of the
//! backend; the checks themselves do not know the backend.

use serde_json::Value;

use crate::error_response::ErrorResponse;

/// The style in which a backend words errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorStyle {
    /// The gateway in front of the engine, which answers `{"detail": …}`.
    Gateway,
    /// The check of shared plans, which has one code for everything that it does not offer.
    SubscriptionSharing,
    /// The engine.
    Engine,
}

impl ErrorStyle {
    /// Returns the error for a requirement that is not met, or a member that is not accepted.
    pub(crate) fn unsupported_member(self, words: &str, param: &str) -> ErrorResponse {
        match self {
            Self::Gateway => ErrorResponse::detail(400, words),
            Self::SubscriptionSharing => ErrorResponse::capability(words, param),
            Self::Engine => ErrorResponse::engine(words, "unsupported_parameter", param),
        }
    }

    /// Returns the error for a value that the engine knows but this backend does not offer.
    pub(crate) fn unsupported_value(self, words: String, code: &str, param: &str) -> ErrorResponse {
        match self {
            Self::SubscriptionSharing => ErrorResponse::capability(words, param),
            Self::Gateway | Self::Engine => ErrorResponse::engine(words, code, param),
        }
    }

    /// Returns the error for a model that does not exist.
    pub(crate) fn unknown_model(self, slug: &str) -> ErrorResponse {
        match self {
            Self::Gateway => ErrorResponse::detail(
                400,
                format!(
                    "The '{slug}' model is not supported when using Codex with a ChatGPT account."
                ),
            ),
            Self::SubscriptionSharing => {
                let words = format!("User subscription sharing does not offer the model '{slug}'.");
                ErrorResponse::capability(words, "model")
            }
            Self::Engine => {
                let words =
                    format!("The model `{slug}` does not exist or you do not have access to it.");
                ErrorResponse {
                    status: 404,
                    ..ErrorResponse::engine(words, "model_not_found", Value::Null)
                }
            }
        }
    }

    /// Returns the error for a request that names no model.
    pub(crate) fn missing_model(self) -> ErrorResponse {
        match self {
            Self::Gateway => ErrorResponse::missing("body", "model"),
            Self::SubscriptionSharing | Self::Engine => {
                let words = "Missing required parameter: 'model'.";
                ErrorResponse::engine(words, "missing_required_parameter", "model")
            }
        }
    }

    /// Returns the error for a path that does not exist.
    pub(crate) fn not_found(self, request: &str) -> ErrorResponse {
        match self {
            Self::Gateway => ErrorResponse::detail(404, "Not Found"),
            Self::SubscriptionSharing => {
                let words = "User subscription sharing does not support this endpoint.";
                let code = "subscription_sharing_route_not_supported";
                ErrorResponse { status: 403, ..ErrorResponse::engine(words, code, Value::Null) }
            }
            Self::Engine => {
                let words = format!("Invalid URL ({request})");
                ErrorResponse { status: 404, ..ErrorResponse::engine(words, "", Value::Null) }
            }
        }
    }

    /// Returns the error for a body that is not JSON.
    pub(crate) fn invalid_json(self) -> ErrorResponse {
        match self {
            Self::Gateway => ErrorResponse::detail(400, "Request body is not valid JSON"),
            Self::SubscriptionSharing | Self::Engine => {
                let words = "We could not parse the JSON body of your request.";
                ErrorResponse::engine(words, "", Value::Null)
            }
        }
    }

    /// Returns the error for a body of another type or encoding.
    pub(crate) fn unsupported_media_type(self) -> ErrorResponse {
        let words = "Unsupported Media Type";
        match self {
            Self::Gateway => ErrorResponse::detail(415, words),
            Self::SubscriptionSharing | Self::Engine => ErrorResponse {
                status: 415,
                ..ErrorResponse::engine(words, "unsupported_content_type", Value::Null)
            },
        }
    }
}
