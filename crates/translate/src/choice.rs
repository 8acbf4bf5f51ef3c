//! The choice among the tools, as a backend takes it that knows functions and freeform tools by name, and nothing else.

use std::borrow::Cow;
use std::collections::BTreeSet;

use chatmock_protocol::json::{RawObject, RawValue, raw};
use chatmock_protocol::responses::Request;

use crate::backend::Backend;
use crate::draft::Draft;
use crate::failure::Failure;
use crate::notice::{Notice, NoticeKind};

/// The member.
const CHOICE: &str = "tool_choice";

/// Fits the choice of a draft: a tool of the backend cannot be forced, and of some tools only those are offered.
///
/// # Errors
/// Only where a value cannot be written.
pub(crate) fn fit(draft: &mut Draft<'_>, backend: &Backend) -> Result<(), Failure> {
    let choice = draft.request.present(CHOICE).filter(|choice| choice.get().starts_with('{'));
    let Some(choice) = choice.filter(|_| backend.closed) else { return Ok(()) };
    let members: RawObject<'_> = serde_json::from_str(choice.get())?;
    let notice = match members.text("type").as_deref() {
        None | Some("function" | "custom") => return Ok(()),
        Some("allowed_tools") => {
            let allowed = Allowed::read(&members)?;
            let word = allowed.offer(&mut draft.request)?;
            draft.request.set(CHOICE, word)?;
            Notice::new(CHOICE, NoticeKind::Emulated, "only the allowed tools are offered")
        }
        Some(_) => {
            draft.request.set(CHOICE, "auto")?;
            let why = "the backend cannot be made to use its own tool; it decides by itself";
            Notice::new(CHOICE, NoticeKind::Clamped, why)
        }
    };
    draft.notices.push(notice);
    Ok(())
}

/// The tools that a choice allows.
struct Allowed {
    required: bool,
    /// Functions and freeform tools.
    names: BTreeSet<String>,
    /// Tools without a name of their own.
    kinds: BTreeSet<String>,
}

impl Allowed {
    fn read(choice: &RawObject<'_>) -> Result<Self, Failure> {
        let required = choice.text("mode").as_deref() == Some("required");
        let (mut names, mut kinds) = (BTreeSet::new(), BTreeSet::new());
        let list = choice.present("tools").map_or("[]", RawValue::get);
        for tool in serde_json::from_str::<Vec<RawObject<'_>>>(list)? {
            match (tool.text("name"), tool.text("type")) {
                (Some(name), _) => names.insert(name.into_owned()),
                (None, Some(kind)) => kinds.insert(kind.into_owned()),
                (None, None) => false,
            };
        }
        Ok(Self { required, names, kinds })
    }

    /// Leaves only these tools in a request; returns the choice among them.
    fn offer(&self, request: &mut Request<'_>) -> Result<&'static str, Failure> {
        let word = if self.required { "required" } else { "auto" };
        let Some(tools) = request.present("tools") else { return Ok(word) };
        let left = self.of(tools)?;
        if left.is_empty() {
            return Ok("none");
        }
        let left = raw(&left)?;
        request.put("tools", Cow::Owned(left));
        Ok(word)
    }

    fn of<'v>(&self, tools: &'v RawValue) -> Result<Vec<Cow<'v, RawValue>>, Failure> {
        let mut left = Vec::new();
        for tool in serde_json::from_str::<Vec<&RawValue>>(tools.get())? {
            let mut members: RawObject<'_> = serde_json::from_str(tool.get())?;
            let kind = members.text("type").unwrap_or_default().into_owned();
            let name = members.text("name").is_some_and(|name| self.names.contains(&*name));
            if name || self.kinds.contains(&kind) {
                left.push(Cow::Borrowed(tool));
            } else if let Some(inner) = members.present("tools").filter(|_| kind == "namespace") {
                let inner = self.of(inner)?;
                if !inner.is_empty() {
                    let inner = raw(&inner)?;
                    members.put("tools", Cow::Owned(inner));
                    left.push(Cow::Owned(raw(&members)?));
                }
            }
        }
        Ok(left)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::policy::Policy;
    use crate::tests::support::settled;
    use crate::{Chat, Responses};

    fn sent(tools: &Value, choice: &Value) -> (Value, Value, Vec<String>) {
        let body = json!({"model": "m", "input": "hi", "tools": tools, "tool_choice": choice});
        let body = body.to_string();
        let responses = settled::<Responses>(&body, &Policy::default()).unwrap();
        let noted = responses.noted().into_iter().map(|(field, kind)| format!("{field}={kind}"));
        let noted = noted.filter(|note| note.starts_with("tool_choice")).collect();
        let chat = settled::<Chat>(&body, &Policy::default()).unwrap().body;
        assert_eq!(chat["tools"], responses.body["tools"]);
        (responses.body["tools"].clone(), responses.body["tool_choice"].clone(), noted)
    }

    fn function(name: &str) -> Value {
        let parameters = json!({"type": "object", "properties": {}});
        json!({"type": "function", "name": name, "parameters": parameters, "strict": false})
    }

    #[test]
    fn of_some_tools_only_those_are_offered() {
        let long = format!("mcp.{}", "x".repeat(70));
        let inside =
            json!({"type": "namespace", "name": "n", "tools": [function("c"), function("d")]});
        let search = json!({"type": "web_search"});
        let tools = json!([function("a"), function("b"), inside, search]);
        let named = |names: &[&str]| -> Vec<Value> {
            names.iter().map(|name| json!({"type": "function", "name": name})).collect()
        };
        let choice = |mode: &str, tools: Vec<Value>| json!({"type": "allowed_tools", "mode": mode, "tools": tools});
        let (left, word, noted) = sent(&tools, &choice("required", named(&["b", "d"])));
        let inner = json!({"type": "namespace", "name": "n", "tools": [function("d")]});
        assert_eq!((left, word), (json!([function("b"), inner]), json!("required")));
        assert_eq!(noted, ["tool_choice=emulated"]);
        let hosted = choice("auto", vec![json!({"type": "web_search"})]);
        let (left, word, _) = sent(&tools, &hosted);
        assert_eq!((left, word), (json!([search]), json!("auto")));
        let (left, word, _) = sent(&json!([function(&long)]), &choice("auto", named(&[&long])));
        assert_eq!((left.as_array().unwrap().len(), word), (1, json!("auto")));
    }

    #[test]
    fn a_tool_of_the_backend_is_not_forced() {
        let tools = json!([function("a"), {"type": "image_generation"}]);
        for kind in ["image_generation", "web_search_preview", "mcp", "brand_new"] {
            let body =
                json!({"model": "m", "input": "hi", "tools": tools, "tool_choice": {"type": kind}});
            let settled = settled::<Responses>(&body.to_string(), &Policy::default()).unwrap();
            assert_eq!(settled.body["tool_choice"], "auto");
            assert!(settled.notes("tool_choice", "clamped"));
        }
    }
}
