//! Parameters that only some backends have.

use chatmock_protocol::json::{RawValue, raw};
use serde::Serialize;

use super::Draft;
use crate::failure::Failure;

/// A parameter that only some backends have.
#[derive(Clone, Debug)]
pub struct OptionalParam {
    /// Its names, and why it has no effect elsewhere.
    pub name: ParamName,
    /// The requested value.
    pub value: Box<RawValue>,
    /// True if something is lost where the backend does not have it.
    pub matters: bool,
}

/// The names of an optional parameter, and why it has no effect where the backend does not have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParamName {
    /// The member in a request of the Responses API.
    pub name: &'static str,
    /// The path of the member in the client's request.
    pub path: &'static str,
    /// Why it has no effect.
    pub reason: &'static str,
}

impl ParamName {
    /// Makes the name of a parameter that has the same name in the client's request.
    pub(crate) const fn new(name: &'static str, reason: &'static str) -> Self {
        Self { name, path: name, reason }
    }

    /// Makes the name of a parameter that the client's request has under another path.
    pub(crate) const fn at(self, path: &'static str) -> Self {
        Self { path, ..self }
    }
}

impl Draft<'_> {
    /// Notes an optional parameter; `matters` returns whether a value differs from the default.
    ///
    /// # Errors
    /// Only where a value cannot be written.
    pub(crate) fn optional_param<T: Serialize>(
        &mut self,
        name: ParamName,
        value: Option<T>,
        matters: impl Fn(&T) -> bool,
    ) -> Result<(), Failure> {
        if let Some(value) = value {
            let matters = matters(&value);
            self.optional_params.push(OptionalParam { name, value: raw(&value)?, matters });
        }
        Ok(())
    }
}
