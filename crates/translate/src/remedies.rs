//! Remedies: what a person can do about a failure, in the embedder's words.

/// The words for what a person can do about failures, by the failures' codes.
///
/// The backend names its failures in words for programs, and what helps is often a command or a
/// setting. This crate has neither, and a proxy that embeds it has others than this project's
/// programs. So the words come from whoever serves the turn, see
/// [`Failure::with_remedy`](crate::Failure::with_remedy). The default has none: a message is then
/// the backend's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remedies(&'static [(&'static str, &'static str)]);

impl Remedies {
    /// Takes pairs of a code and a remedy: a clause that follows the message after a semicolon.
    #[must_use]
    pub const fn new(pairs: &'static [(&'static str, &'static str)]) -> Self {
        Self(pairs)
    }

    /// Returns the remedy for a code.
    #[must_use]
    pub fn find(&self, code: &str) -> Option<&'static str> {
        self.0.iter().find(|(known, _)| *known == code).map(|(_, remedy)| *remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Failure, FailureKind};

    const SLOW: Remedies = Remedies::new(&[("slow_down", "try again in a moment")]);

    fn failure(message: &str, code: &'static str) -> Failure {
        Failure::new(FailureKind::Failed, message).with_code(code)
    }

    #[test]
    fn a_remedy_follows_the_message_of_its_code_alone() {
        let message = |failure: Failure| failure.with_remedy(&SLOW).message;
        assert_eq!(message(failure("busy.", "slow_down")), "busy; try again in a moment");
        assert_eq!(message(failure("busy.", "other")), "busy.");
        assert_eq!(message(Failure::new(FailureKind::Failed, "busy.")), "busy.");
        let own = failure("busy.", "slow_down").with_remedy(&Remedies::default());
        assert_eq!(own.message, "busy.");
    }

    #[test]
    fn a_message_with_its_remedy_keeps_to_the_limit_of_all_messages() {
        let long = failure(&"x".repeat(510), "slow_down").with_remedy(&SLOW).message;
        assert_eq!(long, format!("{}; \u{2026}", "x".repeat(510)));
        let longer = failure(&"x".repeat(600), "slow_down").with_remedy(&SLOW).message;
        assert_eq!(longer, format!("{}\u{2026}", "x".repeat(512)));
    }
}
