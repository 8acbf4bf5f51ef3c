//! A generator of values that satisfy a JSON schema, always the same for the same schema.
//!
//! Objects have their required properties (all properties if none is required), arrays have the
//! minimum of elements but at least one, and scalars are `"text"`, `1`, `1.5` and `true` within
//! their bounds. If the hints contain `name=value`, the property of that name gets the value.

use std::cell::Cell;

use serde_json::{Map, Number, Value};

/// The depth below which optional parts are left out. Below twice this depth nothing is generated,
/// so that a recursive schema ends.
const DEPTH: usize = 6;
/// The largest number of values for one schema; the rest are null.
const VALUES: u32 = 10_000;
/// The largest number of elements in an array, even if `minItems` is higher.
const MAX_ELEMENTS: u64 = 16;

/// Returns a value for a schema; `hints` is a text that may contain `name=value` pairs.
pub(crate) fn sample(schema: &Value, hints: &str) -> Value {
    Sampler { root: schema, hints, left: Cell::new(VALUES) }.value(schema, None, 0)
}

struct Sampler<'a> {
    root: &'a Value,
    hints: &'a str,
    left: Cell<u32>,
}

impl Sampler<'_> {
    fn value(&self, schema: &Value, name: Option<&str>, depth: usize) -> Value {
        let left = self.left.get().saturating_sub(1);
        self.left.set(left);
        if depth > 2 * DEPTH || left == 0 {
            return Value::Null;
        }
        if let Some(pointer) = schema["$ref"].as_str() {
            let target = self.root.pointer(pointer.trim_start_matches('#'));
            return target.map_or(Value::Null, |target| self.value(target, name, depth + 1));
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(values) = schema["enum"].as_array() {
            return self.choice(values, name);
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            if let Some(branches) = schema[key].as_array() {
                return self.branch(branches, name, depth);
            }
        }
        match kind(schema) {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, name, depth),
            "integer" => self.number(schema, name, Number::from(1)),
            "number" => {
                self.number(schema, name, Number::from_f64(1.5).unwrap_or_else(|| 1.into()))
            }
            "boolean" => Value::Bool(self.hint(name).is_none_or(|hint| hint != "false")),
            "null" => Value::Null,
            _ => Value::String(self.string(schema, name)),
        }
    }

    /// Returns the value that the hints name, or the first.
    fn choice(&self, values: &[Value], name: Option<&str>) -> Value {
        let hinted = self.hint(name).and_then(|hint| values.iter().find(|value| **value == hint));
        hinted.or_else(|| values.first()).cloned().unwrap_or_default()
    }

    fn branch(&self, branches: &[Value], name: Option<&str>, depth: usize) -> Value {
        let nullable = branches.iter().any(|branch| branch["type"] == "null");
        if depth > DEPTH && nullable {
            return Value::Null;
        }
        branches.first().map_or(Value::Null, |branch| self.value(branch, name, depth + 1))
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        let required: Vec<&str> = schema["required"]
            .as_array()
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let properties = schema["properties"].as_object().into_iter().flatten();
        let wanted = properties.filter(|(name, _)| match required.as_slice() {
            [] => depth <= DEPTH,
            names => names.contains(&name.as_str()) || self.hint(Some(name)).is_some(),
        });
        let members = wanted
            .map(|(name, schema)| (name.clone(), self.value(schema, Some(name), depth + 1)))
            .collect::<Map<_, _>>();
        Value::Object(members)
    }

    fn array(&self, schema: &Value, name: Option<&str>, depth: usize) -> Value {
        let least = schema["minItems"].as_u64().unwrap_or_default();
        let most = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
        let wanted = u64::from(depth <= DEPTH).max(least).min(most).min(MAX_ELEMENTS);
        let items = schema.get("items").unwrap_or(&Value::Null);
        Value::Array((0..wanted).map(|_| self.value(items, name, depth + 1)).collect())
    }

    fn number(&self, schema: &Value, name: Option<&str>, usual: Number) -> Value {
        let hinted = self.hint(name).and_then(|hint| hint.parse::<Number>().ok());
        let number = hinted.unwrap_or(usual);
        let value = number.as_f64().unwrap_or_default();
        let bound = |key: &str| schema[key].as_f64();
        let least = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|least| least + 1.0));
        let most = bound("maximum").or_else(|| bound("exclusiveMaximum").map(|most| most - 1.0));
        match (least, most) {
            (Some(least), _) if value < least => whole_if_possible(least),
            (_, Some(most)) if value > most => whole_if_possible(most),
            _ => Value::Number(number),
        }
    }

    fn string(&self, schema: &Value, name: Option<&str>) -> String {
        if let Some(hint) = self.hint(name) {
            return hint.to_owned();
        }
        let mut text = match schema["format"].as_str() {
            Some("date-time") => "2026-01-01T00:00:00Z",
            Some("date") => "2026-01-01",
            Some("time") => "00:00:00Z",
            Some("email") => "text@example.invalid",
            Some("uri" | "url") => "https://example.invalid/text",
            Some("uuid") => "00000000-0000-4000-8000-000000000000",
            _ => "text",
        }
        .to_owned();
        let least = schema["minLength"].as_u64().unwrap_or_default().min(4096) as usize;
        while text.len() < least {
            text.push('x');
        }
        if let Some(most) = schema["maxLength"].as_u64() {
            text.truncate(most as usize);
        }
        text
    }

    fn hint(&self, name: Option<&str>) -> Option<&str> {
        hint(self.hints, name?)
    }
}

/// Returns the value of `name=value` in a text; the value may be in double quotes.
pub(crate) fn hint<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut starts = text.match_indices(name).filter(|(at, _)| {
        let before = text[..*at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
    });
    let value = starts.find_map(|(at, _)| text[at + name.len()..].strip_prefix('='))?;
    if let Some(quoted) = value.strip_prefix('"') {
        return quoted.split('"').next();
    }
    let end = value.find(|c: char| c.is_whitespace() || ",;)".contains(c)).unwrap_or(value.len());
    Some(value[..end].trim_end_matches(['.', '?', '!'])).filter(|value| !value.is_empty())
}

/// Returns the type of a schema: its `type`, or what its other keywords imply.
fn kind(schema: &Value) -> &str {
    let named = match &schema["type"] {
        Value::String(kind) => Some(kind.as_str()),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        _ => None,
    };
    named.unwrap_or_else(|| {
        let has = |key| schema.get(key).is_some();
        if has("properties") {
            "object"
        } else if has("items") {
            "array"
        } else {
            "string"
        }
    })
}

fn whole_if_possible(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        Value::from(value as i64)
    } else {
        Value::from(value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_gets_its_plain_value() {
        let schema = json!({"type": "object", "properties": {
            "s": {"type": "string"}, "i": {"type": "integer"}, "n": {"type": "number"},
            "b": {"type": "boolean"}, "z": {"type": "null"}, "e": {"enum": ["x", "y"]},
            "c": {"const": 7}, "a": {"type": "array", "items": {"type": "string"}, "minItems": 2},
            "u": {"anyOf": [{"type": "integer", "minimum": 5}, {"type": "null"}]},
            "r": {"$ref": "#/$defs/inner"}, "q": {"type": ["null", "string"]},
        }, "$defs": {"inner": {"type": "object", "properties": {"k": {"maximum": 0, "type": "integer"}}}}});
        assert_eq!(
            sample(&schema, ""),
            json!({"s": "text", "i": 1, "n": 1.5, "b": true, "z": null, "e": "x", "c": 7,
                "a": ["text", "text"], "u": 5, "r": {"k": 0}, "q": "text"})
        );
    }

    #[test]
    fn hints_name_values() {
        let schema = json!({"type": "object", "required": ["city"], "properties": {
            "city": {"type": "string"}, "days": {"type": "integer"}, "unit": {"enum": ["c", "f"]},
            "left_out": {"type": "string"}}});
        let hints = "weather city=\"New Oslo\", days=3 unit=f.";
        assert_eq!(sample(&schema, hints), json!({"city": "New Oslo", "days": 3, "unit": "f"}));
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({"type": "object", "required": ["left", "right"], "properties": {
            "left": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
            "right": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}});
        assert!(sample(&schema, "").is_object());
        assert!(sample(&json!({"$ref": "#"}), "").is_null());
        let names: Vec<String> = (0..10).map(|n| n.to_string()).collect();
        let properties: Map<_, _> =
            names.iter().map(|name| (name.clone(), json!({"$ref": "#"}))).collect();
        let wide = json!({"type": "object", "required": names, "properties": properties});
        assert!(sample(&wide, "").is_object());
    }
}
