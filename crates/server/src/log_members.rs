//! The members of a line of the log, as texts, for the formats of the programs.

use std::fmt;

use tracing::Event;
use tracing::field::{Field, Visit};

/// Returns the members of an event in their order, each with its name; `message` is one of them.
#[must_use]
pub fn log_members(event: &Event<'_>) -> Vec<(&'static str, String)> {
    let mut members = Members(Vec::new());
    event.record(&mut members);
    members.0
}

struct Members(Vec<(&'static str, String)>);

impl Visit for Members {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}
