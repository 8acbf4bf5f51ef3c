//! Differences between an answer and what was requested, for the embedder to report.

/// A way in which the answer differs from the request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Adjustment {
    /// The backend could not read the reasoning of earlier turns, so it was left out.
    ReasoningLeftOut,
    /// Another model answers than the one requested.
    OtherModel {
        /// The model that answers.
        served: String,
    },
}

impl Adjustment {
    /// Compares the model that answers with the requested one.
    ///
    /// A dated name, such as `gpt-6-sol-2026-09-01`, is the same model as the name without the
    /// date.
    pub(crate) fn of_model(requested: &str, served: Option<&str>) -> Option<Self> {
        let served = served?;
        let is_date = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        if served.strip_prefix(requested).is_some_and(is_date) {
            return None;
        }
        Some(Self::OtherModel { served: served.to_owned() })
    }
}
