//! The first difference of two requests.

use serde_json::Value;

/// Returns the path of the first member in which two values differ, such as `input[1].content`, and the number of members
/// that differ in all; `None` where they are equal.
#[must_use]
pub fn first_difference(one: &Value, other: &Value) -> Option<(String, usize)> {
    let mut found = Found::default();
    found.compare(&mut String::new(), one, other);
    found.first.map(|first| (first, found.count))
}

#[derive(Default)]
struct Found {
    first: Option<String>,
    count: usize,
}

impl Found {
    fn compare(&mut self, path: &mut String, one: &Value, other: &Value) {
        match (one, other) {
            (Value::Object(one), Value::Object(other)) => {
                let added = other.keys().filter(|name| !one.contains_key(*name));
                for name in one.keys().chain(added) {
                    let step = if path.is_empty() { name.clone() } else { format!(".{name}") };
                    self.at(path, &step, (one.get(name), other.get(name)));
                }
            }
            (Value::Array(one), Value::Array(other)) => {
                for index in 0..one.len().max(other.len()) {
                    self.at(path, &format!("[{index}]"), (one.get(index), other.get(index)));
                }
            }
            (one, other) if one == other => {}
            _ => self.differs(path),
        }
    }

    fn at(&mut self, path: &mut String, step: &str, values: (Option<&Value>, Option<&Value>)) {
        let length = path.len();
        path.push_str(step);
        match values {
            (Some(one), Some(other)) => self.compare(path, one, other),
            (None, None) => {}
            _ => self.differs(path),
        }
        path.truncate(length);
    }

    fn differs(&mut self, path: &str) {
        self.count += 1;
        self.first.get_or_insert_with(|| path.to_owned());
    }
}
