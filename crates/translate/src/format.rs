//! Structured output: the shape that an answer must have.

use std::borrow::Cow;

use chatmock_protocol::json::{Raw, RawValue};
use serde::Serialize;

use crate::draft::Draft;
use crate::failure::Failure;
use crate::schema;
use crate::schema_root;

/// The instructions for filling a gap between two texts.
pub(crate) const FILL_IN: &str = "Write only the text that belongs between <prefix> and <suffix>, \
    with nothing before or after it and without repeating either.";

/// The two texts around the place to fill.
pub(crate) fn fill_in(prefix: &str, suffix: &str) -> String {
    format!("<prefix>{prefix}</prefix>\n<suffix>{suffix}</suffix>")
}

/// The `text` member of a Responses request.
#[derive(Debug, Serialize)]
struct TextOptions<'b> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format<'b>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<Cow<'b, str>>,
}

/// The `format` in it.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Format<'b> {
    /// Any JSON object.
    JsonObject,
    /// JSON of a schema.
    JsonSchema {
        /// The schema's name.
        name: Cow<'b, str>,
        /// Its purpose.
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<Cow<'b, str>>,
        /// Demands an answer that keeps to it.
        strict: bool,
        /// The schema.
        schema: Cow<'b, RawValue>,
    },
}

/// The options that a client sends next to a schema.
#[derive(Debug, Default)]
pub(crate) struct SchemaOptions<'b> {
    /// Its name.
    pub(crate) name: Option<Cow<'b, str>>,
    /// Its purpose.
    pub(crate) description: Option<Cow<'b, str>>,
    /// Demands an answer that keeps to it; where it is absent, the schema is completed to that.
    pub(crate) strict: Option<bool>,
}

/// Makes the format of a schema.
///
/// # Errors
/// When the schema is no object, or is called strict without being so: the failure names the place.
pub(crate) fn schema<'b>(
    schema: Raw<'b>,
    options: SchemaOptions<'b>,
    path: &str,
) -> Result<Format<'b>, Failure> {
    if !schema.is_object() {
        return Err(Failure::param(path, "the schema must be an object"));
    }
    let (strict, schema) = match options.strict {
        Some(true) => {
            checked(schema.get(), path)?;
            (true, Cow::Borrowed(schema.get()))
        }
        Some(false) => (false, rooted(schema.get())?),
        None => {
            let rooted = rooted(schema.get())?;
            match schema::complete(&rooted) {
                Some(completed) => (true, Cow::Owned(completed)),
                None => (false, rooted),
            }
        }
    };
    let name = options.name.filter(|name| !name.is_empty()).unwrap_or(Cow::Borrowed("response"));
    Ok(Format::JsonSchema { name, description: options.description, strict, schema })
}

/// The schema with the type of its root, where it has the properties of an object or a reference; see
/// [`schema_root`].
fn rooted(schema: &RawValue) -> Result<Cow<'_, RawValue>, Failure> {
    let object = schema::object(schema)
        .is_some_and(|members| members.contains("properties") || members.contains("$ref"));
    Ok(if object { schema_root::of_object(schema)? } else { Cow::Borrowed(schema) })
}

/// Checks a schema that is called strict.
///
/// # Errors
/// A failure that names the place where it is not.
pub(crate) fn checked(schema: &RawValue, path: &str) -> Result<(), Failure> {
    schema::check(schema).map_err(|violation| {
        let place = format!("{path}{}", violation.path);
        let message = format!("invalid schema at {place}: {}", violation.why);
        Failure::param(place, message).with_code("invalid_json_schema")
    })
}

/// Checks the word that says how much is to be written.
///
/// # Errors
/// A failure with the path where it is no such word.
pub(crate) fn check_verbosity(word: Option<&RawValue>, path: &str) -> Result<(), Failure> {
    const WORDS: [&str; 4] = ["null", "\"low\"", "\"medium\"", "\"high\""];
    match word.filter(|word| !WORDS.contains(&word.get())) {
        Some(_) => Err(Failure::param(path, format!("{path} must be low, medium or high"))),
        None => Ok(()),
    }
}

/// Puts format and verbosity into the request.
///
/// # Errors
/// Only where a value cannot be written.
pub(crate) fn put<'b>(
    format: Option<Format<'b>>,
    verbosity: Option<Cow<'b, str>>,
    draft: &mut Draft<'b>,
) -> Result<(), Failure> {
    if format.is_some() || verbosity.is_some() {
        draft.request.set("text", &TextOptions { format, verbosity })?;
    }
    Ok(())
}
