//! A view of a request body, read on demand.

use serde_json::{Value, json};

/// A tool that the model may call.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    /// Its name.
    pub(crate) name: String,
    /// The namespace in which it is declared.
    pub(crate) namespace: Option<String>,
    /// The schema of its arguments; none for a custom tool, whose input is plain text.
    pub(crate) schema: Option<Value>,
}

/// A request body, with readers for the parts that the simulator uses.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModelRequest {
    body: Value,
}

impl ModelRequest {
    pub(crate) fn new(body: Value) -> Self {
        Self { body }
    }

    pub(crate) fn get(&self, name: &str) -> &Value {
        self.body.get(name).unwrap_or(&Value::Null)
    }

    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.body.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// Fills in the defaults of the public API: a list of items, a stored response, no stream.
    pub(crate) fn apply_defaults(&mut self) {
        let Some(body) = self.body.as_object_mut() else { return };
        if let Some(text) = body.get("input").and_then(Value::as_str) {
            let message = json!({"type": "message", "role": "user", "content": text});
            body.insert("input".to_owned(), json!([message]));
        }
        for (name, usual) in [("store", true), ("stream", false)] {
            let value = body.entry(name).or_insert(Value::Null);
            if value.is_null() {
                *value = usual.into();
            }
        }
    }

    /// Replaces references by the stored items.
    pub(crate) fn resolve_references(&mut self, stored: impl Fn(&str) -> Option<Value>) {
        let items = self.body.get_mut("input").and_then(Value::as_array_mut);
        for item in items.into_iter().flatten() {
            let id = item["id"].as_str().filter(|_| item["type"] == "item_reference");
            if let Some(found) = id.and_then(&stored) {
                *item = found;
            }
        }
    }

    /// Inserts the items of earlier responses before the input.
    pub(crate) fn prepend_input(&mut self, mut items: Vec<Value>) {
        if let Some(input) = self.body.get_mut("input").and_then(Value::as_array_mut) {
            items.append(input);
            *input = items;
        }
    }

    pub(crate) fn member_names(&self) -> impl Iterator<Item = &str> {
        self.body.as_object().into_iter().flat_map(|map| map.keys().map(String::as_str))
    }

    pub(crate) fn model(&self) -> &str {
        self.get("model").as_str().unwrap_or("gpt-5.5")
    }

    pub(crate) fn input(&self) -> &[Value] {
        self.get("input").as_array().map_or(&[], Vec::as_slice)
    }

    /// Returns the text of the last user message, with line ends between its parts.
    pub(crate) fn last_user_text(&self) -> String {
        let last = self.input().iter().rfind(|item| item["role"] == "user");
        last.map(|item| text_of(&item["content"])).unwrap_or_default()
    }

    /// Returns whether the input ends with a request to compact it.
    pub(crate) fn wants_compaction(&self) -> bool {
        self.input().last().is_some_and(|item| item["type"] == "compaction_trigger")
    }

    /// Returns the number of images in the input, including tool outputs.
    pub(crate) fn images(&self) -> usize {
        let contents = self.input().iter().flat_map(|item| [&item["content"], &item["output"]]);
        let parts = contents.filter_map(Value::as_array).flatten();
        parts.filter(|part| part["type"] == "input_image").count()
    }

    /// Returns the tool outputs at the end of the input.
    pub(crate) fn trailing_outputs(&self) -> Vec<String> {
        let is_output =
            |item: &&Value| item["type"].as_str().is_some_and(|kind| kind.ends_with("call_output"));
        let mut outputs: Vec<String> = self
            .input()
            .iter()
            .rev()
            .take_while(is_output)
            .map(|item| text_of(&item["output"]))
            .collect();
        outputs.reverse();
        outputs
    }

    /// Returns all declarations of tools: `tools`, then `additional_tools` items.
    pub(crate) fn tool_declarations(&self) -> impl Iterator<Item = &Value> {
        let added = self.input().iter().filter(|item| item["type"] == "additional_tools");
        let lists = std::iter::once(self.get("tools")).chain(added.map(|item| &item["tools"]));
        lists.filter_map(Value::as_array).flatten()
    }

    /// Returns the tools that the client runs: functions and custom tools, also those in
    /// namespaces.
    pub(crate) fn tools(&self) -> Vec<Tool> {
        self.tool_declarations().flat_map(|declared| callable(declared, None)).collect()
    }

    /// Returns whether a hosted tool is declared.
    pub(crate) fn has_hosted(&self, kind: &str) -> bool {
        self.tool_declarations().any(|tool| tool["type"] == kind)
    }

    /// Returns whether the request includes encrypted reasoning.
    pub(crate) fn wants_encrypted_reasoning(&self) -> bool {
        let mut included = self.get("include").as_array().into_iter().flatten();
        included.any(|name| name == "reasoning.encrypted_content")
    }

    /// Returns the `text.format.type`.
    pub(crate) fn format(&self) -> &str {
        self.at("/text/format/type").as_str().unwrap_or("text")
    }
}

/// Returns the text of a content or an output: a string, or the text parts of a list.
pub(crate) fn text_of(content: &Value) -> String {
    if let Some(text) = content.as_str() {
        return text.to_owned();
    }
    let parts = content.as_array().into_iter().flatten();
    parts.filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
}

fn callable(declared: &Value, namespace: Option<&str>) -> Vec<Tool> {
    let name = declared["name"].as_str().unwrap_or_default();
    let tool =
        |schema| Tool { name: name.to_owned(), namespace: namespace.map(str::to_owned), schema };
    match declared["type"].as_str() {
        Some("function") => vec![tool(Some(declared["parameters"].clone()))],
        Some("custom") => vec![tool(None)],
        Some("namespace") => {
            let inner = declared["tools"].as_array().into_iter().flatten();
            inner.flat_map(|declared| callable(declared, Some(name))).collect()
        }
        _ => Vec::new(),
    }
}
