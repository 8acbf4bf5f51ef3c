//! Schemas of an OpenAPI description, and the check of a value against one.

use std::path::Path;

use serde_json::Value;

/// The folder of the descriptions, beside the workspace; they are others' and no part of it.
const FOLDER: &str = "../../shared/reference/schemas";

/// The schemas by name; none where they are not on this machine.
pub(crate) struct Schemas(Value);

impl Schemas {
    /// Reads a description of the folder.
    #[expect(clippy::print_stdout, reason = "a check that is left out is said")]
    pub(crate) fn open(file: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER).join(file);
        match std::fs::read(&path) {
            Ok(text) => Self(serde_json::from_slice(&text).unwrap()),
            Err(_) => {
                println!("{} is not there: answers are not checked against it", path.display());
                Self(Value::Null)
            }
        }
    }

    /// Checks a value against the schema of a name.
    pub(crate) fn check(&self, name: &str, value: &Value) {
        let named = &self.0["components"]["schemas"][name];
        if self.0.is_null() {
            return;
        }
        assert!(named.is_object(), "there is no schema {name}");
        let fault = self.fault(named, value);
        assert!(fault.is_none(), "{name}: {} in {value}", fault.unwrap_or_default());
    }

    /// Checks an event against the schema of its type, where there is one.
    pub(crate) fn check_event(&self, event: &Value) {
        let of_type = |schema: &&Value| {
            schema["properties"]["type"]["enum"][0] == event["type"]
                && schema["properties"]["sequence_number"].is_object()
        };
        let mut schemas = self.0["components"]["schemas"].as_object().into_iter().flatten();
        let Some((name, _)) = schemas.find(|(_, schema)| of_type(schema)) else {
            assert!(self.0.is_null() || event["type"] != "response.completed");
            return;
        };
        self.check(name, event);
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
