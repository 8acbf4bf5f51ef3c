//! Schemas of an OpenAPI description, and the check of a value against one.

use std::path::Path;

use serde_json::Value;

/// The folder of the descriptions, beside the workspace; they are others' and no part of it.
const FOLDER: &str = "../../shared/reference/schemas";

/// The schemas by name; none where they are not on this machine.
#[derive(Debug)]
pub struct Schemas(Value);

impl Schemas {
    /// Reads a description of the folder beside the workspace.
    #[must_use]
    pub fn open(file: &str) -> Self {
        Self::open_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER), file)
    }

    /// Reads a description of a folder.
    #[must_use]
    pub fn open_in(folder: &Path, file: &str) -> Self {
        let text = std::fs::read(folder.join(file)).unwrap_or_default();
        Self(serde_json::from_slice(&text).unwrap_or_default())
    }

    /// Returns whether the description is there; without it every value fits.
    #[must_use]
    pub fn are_there(&self) -> bool {
        !self.0.is_null()
    }

    /// Returns why a value does not fit the schema of a name, if it does not.
    ///
    /// # Errors
    ///
    /// The first place that does not fit, or that there is no such schema.
    pub fn fits(&self, name: &str, value: &Value) -> Result<(), String> {
        let named = &self.0["components"]["schemas"][name];
        if self.0.is_null() {
            return Ok(());
        }
        if !named.is_object() {
            return Err(format!("there is no schema {name}"));
        }
        match self.fault(named, value) {
            Some(fault) => Err(format!("{name}: {fault} in {value}")),
            None => Ok(()),
        }
    }

    /// Returns why an event does not fit the schema of its type, where there is one.
    ///
    /// # Errors
    ///
    /// As [`Self::fits`], and for an event without a schema that every stream has.
    pub fn event_fits(&self, event: &Value) -> Result<(), String> {
        let of_type = |schema: &&Value| {
            schema["properties"]["type"]["enum"][0] == event["type"]
                && schema["properties"]["sequence_number"].is_object()
        };
        let mut schemas = self.0["components"]["schemas"].as_object().into_iter().flatten();
        match schemas.find(|(_, schema)| of_type(schema)) {
            Some((name, _)) => self.fits(name, event),
            None if self.0.is_null() || event["type"] != "response.completed" => Ok(()),
            None => Err("there is no schema of response.completed".to_owned()),
        }
    }

    /// Checks a value against the schema of a name; a test stops where it does not fit.
    #[expect(clippy::panic, reason = "a test reports by stopping")]
    pub fn check(&self, name: &str, value: &Value) {
        if let Err(fault) = self.fits(name, value) {
            panic!("{fault}");
        }
    }

    /// Checks an event against the schema of its type; a test stops where it does not fit.
    #[expect(clippy::panic, reason = "a test reports by stopping")]
    pub fn check_event(&self, event: &Value) {
        if let Err(fault) = self.event_fits(event) {
            panic!("{fault}");
        }
    }

    /// The first place at which a value does not fit, as its path and why.
    fn fault(&self, schema: &Value, value: &Value) -> Option<String> {
        if value.is_null() && schema["nullable"] == true {
            return None;
        }
        if let Some(reference) = schema["$ref"].as_str() {
            let named = self.0.pointer(reference.strip_prefix('#')?);
            return self.fault(named?, value);
        }
        let branches = |name: &str| schema[name].as_array().map_or(&[][..], Vec::as_slice);
        if let Some(fault) = branches("allOf").iter().find_map(|one| self.fault(one, value)) {
            return Some(fault);
        }
        for name in ["anyOf", "oneOf"] {
            let faults: Vec<Option<String>> =
                branches(name).iter().map(|one| self.fault(one, value)).collect();
            if !faults.is_empty() && faults.iter().all(Option::is_some) {
                let faults: Vec<String> = faults.into_iter().flatten().collect();
                return Some(format!("({})", faults.join(" or ")));
            }
        }
        self.own_fault(schema, value)
    }

    fn own_fault(&self, schema: &Value, value: &Value) -> Option<String> {
        if schema["type"].as_str().is_some_and(|kind| !is_of(kind, value)) {
            return Some(format!(" is no {}", schema["type"]));
        }
        if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
            return Some(format!(" {value} is none of {}", schema["enum"]));
        }
        let names = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        if let Some(object) = value.as_object()
            && let Some(missing) = names.into_iter().find(|name| !object.contains_key(*name))
        {
            return Some(format!(" lacks {missing}"));
        }
        let members = value.as_object().into_iter().flatten();
        let mut inner = members.filter_map(|(name, value)| {
            let below = &schema["properties"][name.as_str()];
            Some(format!(".{name}{}", self.fault(below, value)?))
        });
        inner.next().or_else(|| {
            let items = value.as_array().filter(|_| schema["items"].is_object());
            let mut items = items.into_iter().flatten().enumerate();
            items.find_map(|(at, item)| {
                Some(format!("[{at}]{}", self.fault(&schema["items"], item)?))
            })
        })
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        _ => true,
    }
}
