//! Changes: what became otherwise than asked, to be told to whoever asked.

/// What was done to a request or an answer beyond what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Adjustment {
    /// The backend could not read the reasoning of earlier turns, so it was left out.
    ReasoningLeftOut,
    /// Another model answers than was asked for.
    OtherModel {
        /// The model that answers.
        served: String,
    },
}

impl Adjustment {
    /// The change of the model, unless `served` is what was asked for, or its dated name.
    pub(crate) fn of_model(asked: &str, served: Option<&str>) -> Option<Self> {
        let served = served?;
        let dated = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        if served.strip_prefix(asked).is_some_and(dated) {
            return None;
        }
        Some(Self::OtherModel { served: served.to_owned() })
    }
}
