//! `POST /api/show`: details of one model.

use std::collections::BTreeMap;

use serde::Serialize;

use super::tags::Details;
use crate::json::{Text, object};

object! {
    /// Asks for one model.
    pub struct Request<'b> {
        /// The model's name.
        model: Text<'b> = "model",
        /// An older name of `model`, which holds where that is empty.
        name: Text<'b> = "name",
        /// True to return everything.
        verbose: bool = "verbose",
    }
}

/// Details of a model.
#[derive(Clone, Debug, Serialize)]
pub struct Model<'a> {
    /// Empty: there is no model file.
    pub license: &'static str,
    /// Empty: there is no model file.
    pub modelfile: &'static str,
    /// Empty: there is no model file.
    pub parameters: &'static str,
    /// Empty: there is no model file.
    pub template: &'static str,
    /// Properties of the model.
    pub details: Details,
    /// Facts by name; `general.architecture` is the prefix of the other names.
    pub model_info: BTreeMap<String, Fact<'a>>,
    /// `completion`, `tools`, `thinking`, `vision`.
    pub capabilities: Vec<&'static str>,
    /// When the model list was fetched, in the format of RFC 3339.
    pub modified_at: &'a str,
    /// The name of the model at the server that runs it.
    pub remote_model: &'a str,
    /// The server that runs it: scheme, host and port.
    pub remote_host: &'a str,
}

/// A fact about a model.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Fact<'a> {
    /// A string.
    Text(&'a str),
    /// A number.
    Number(u64),
}
