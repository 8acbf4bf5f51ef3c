//! `POST /api/pull` and `DELETE /api/delete`: requests that name a model.

use serde::Serialize;

use crate::json::{Text, object};

object! {
    /// Names a model.
    pub struct Request<'b> {
        /// The model's name.
        model: Text<'b> = "model",
        /// An older name of `model`, which holds where that is empty.
        name: Text<'b> = "name",
        /// True to report progress as a stream.
        stream: bool = "stream",
        /// True if connections may be insecure; no connection is made.
        insecure: bool = "insecure",
    }
}

/// A line of progress.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Progress {
    /// `success`.
    pub status: &'static str,
}
