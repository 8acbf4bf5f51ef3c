//! The facts of a plan that only an explanation reports.

use chatmock_protocol::responses::Request;
use chatmock_translate::Failure;

/// The purpose of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::turn) enum Purpose {
    /// A turn that will run.
    Run,
    /// An explanation, which counts for no budget.
    Explain,
}

/// The facts of a plan that only an explanation reports.
pub(in crate::turn) struct ExplainFacts {
    /// The request before it was prepared for the backend.
    pub(in crate::turn) settled: Vec<u8>,
    /// The header or member that names the conversation, if one does.
    pub(in crate::turn) named_by: Option<&'static str>,
}

impl ExplainFacts {
    /// Notes them; `None` where the turn is to run.
    pub(super) fn of(
        purpose: Purpose,
        request: &Request<'_>,
        named_by: Option<&'static str>,
    ) -> Result<Option<Box<Self>>, Failure> {
        match purpose {
            Purpose::Run => Ok(None),
            Purpose::Explain => {
                Ok(Some(Box::new(Self { settled: serde_json::to_vec(request)?, named_by })))
            }
        }
    }
}
