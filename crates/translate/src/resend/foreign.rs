//! Items of tools that the backend does not have, in the form of calls that it knows.
//!
//! A conversation that began at the public API holds calls of its own tools: of a shell, of a code interpreter, of
//! MCP servers. Their results matter to what comes after, so they go as calls of functions with the same names.
//! What only prepares such calls, as lists and approvals do, is left out and named.

use std::borrow::Cow;

use chatmock_protocol::json::{self, RawObject, RawValue, raw};
use chatmock_protocol::responses::item::ContentPart;

use super::head::Head;
use crate::failure::Failure;
use crate::notice::{Notice, NoticeKind};

/// The reason why an item has no effect.
const NOT_TAKEN: &str = "the backend takes no item of this type";

/// The items that a backend does not take.
pub(super) struct Foreign {
    /// Their types.
    pub(super) kinds: &'static [&'static str],
    /// True if items stand where the client put them, so that their places can be named.
    pub(super) placed: bool,
}

/// What becomes of an item.
enum Form {
    /// A call without its result, which is an item of its own.
    Call(Call),
    /// A result whose call is an item of its own.
    Result {
        call_id: String,
        output: Box<RawValue>,
    },
    /// A call with its result.
    Pair(Call, Box<RawValue>),
    LeftOut,
}

struct Call {
    call_id: String,
    name: String,
    arguments: String,
}

impl Foreign {
    /// Returns the items in the forms that the backend takes; `None` where nothing changes.
    ///
    /// # Errors
    /// Only where a value cannot be written.
    pub(super) fn converted(
        &self,
        input: &RawValue,
        notices: &mut Vec<Notice>,
    ) -> Result<Option<Box<RawValue>>, Failure> {
        let is_foreign = |item: &str| self.kinds.contains(&Head::kind_of(item));
        if self.kinds.is_empty() || !json::items(input.get()).any(is_foreign) {
            return Ok(None);
        }
        let items: Vec<&RawValue> = serde_json::from_str(input.get())?;
        let (mut fit, mut converted) = (Vec::with_capacity(items.len()), false);
        for (index, item) in items.into_iter().enumerate() {
            let kind = Head::kind_of(item.get());
            if !self.kinds.contains(&kind) {
                fit.push(Cow::Borrowed(item));
                continue;
            }
            let form = form(kind, &serde_json::from_str(item.get())?, index)?;
            if matches!(form, Form::LeftOut) {
                let place =
                    if self.placed { format!("input[{index}]") } else { "input".to_owned() };
                notices.push(Notice::ignored(format!("{place} ({kind})"), NOT_TAKEN));
            } else {
                converted = true;
            }
            fit.extend(form.items()?.into_iter().map(Cow::Owned));
        }
        if converted {
            let why = "calls of tools that the backend does not have went as calls of functions";
            notices.push(Notice::new("input", NoticeKind::Changed, why));
        }
        Ok(Some(raw(&fit)?))
    }
}

/// Finds the form of an item; `index` names a call that has no id.
fn form(kind: &str, item: &RawObject<'_>, index: usize) -> Result<Form, Failure> {
    let text = |name: &str| item.text(name).filter(|text| !text.is_empty()).map(Cow::into_owned);
    let call_id = text("call_id").or_else(|| text("id"));
    let call_id = call_id.unwrap_or_else(|| format!("call_of_item_{index}"));
    let call = |name: &str, arguments: String| Call {
        call_id: call_id.clone(),
        name: name.to_owned(),
        arguments,
    };
    Ok(match kind {
        "mcp_call" => {
            let name = text("name").unwrap_or_else(|| "mcp".to_owned());
            let output = text("output").or_else(|| written(item, "error")).unwrap_or_default();
            Form::Pair(call(&name, text("arguments").unwrap_or_else(empty)), raw(&output)?)
        }
        "code_interpreter_call" => {
            Form::Pair(call("code_interpreter", members(item, &["code"])?), raw(&logs(item))?)
        }
        "file_search_call" => {
            let found = written(item, "results").unwrap_or_default();
            Form::Pair(call("file_search", members(item, &["queries"])?), raw(&found)?)
        }
        "computer_call" => Form::Call(call("computer", members(item, &["action", "actions"])?)),
        "shell_call" => Form::Call(call("shell", inside(item, "action"))),
        "local_shell_call" => Form::Call(call("local_shell", inside(item, "action"))),
        "apply_patch_call" => Form::Call(call("apply_patch", inside(item, "operation"))),
        "computer_call_output" => Form::Result { call_id, output: screenshot(item)? },
        "shell_call_output" | "local_shell_call_output" | "apply_patch_call_output" => {
            let output = text("output").or_else(|| written(item, "output"));
            let output = output.or_else(|| text("status")).unwrap_or_default();
            Form::Result { call_id, output: raw(&output)? }
        }
        _ => Form::LeftOut,
    })
}

fn empty() -> String {
    "{}".to_owned()
}

/// A member as JSON text; `None` where it is absent or `null`.
fn written(item: &RawObject<'_>, name: &str) -> Option<String> {
    item.present(name).map(|value| value.get().to_owned())
}

/// A member that is an object, as the arguments of a call.
fn inside(item: &RawObject<'_>, name: &str) -> String {
    written(item, name).filter(|text| text.starts_with('{')).unwrap_or_else(empty)
}

/// Some members as the arguments of a call.
fn members(item: &RawObject<'_>, names: &[&str]) -> Result<String, Failure> {
    let mut arguments = RawObject::default();
    for name in names {
        if let Some(value) = item.present(name) {
            arguments.put(*name, Cow::Borrowed(value));
        }
    }
    Ok(serde_json::to_string(&arguments)?)
}

/// What a program wrote, and the addresses of its pictures.
fn logs(item: &RawObject<'_>) -> String {
    let outputs = item.present("outputs").map_or("[]", RawValue::get);
    let outputs: Vec<RawObject<'_>> = serde_json::from_str(outputs).unwrap_or_default();
    let text = |output: &RawObject<'_>| {
        output.text("logs").or_else(|| output.text("url")).map(Cow::into_owned)
    };
    outputs.iter().filter_map(text).collect::<Vec<_>>().join("\n")
}

/// The picture of a screen, or what else there is, as text.
fn screenshot(item: &RawObject<'_>) -> Result<Box<RawValue>, Failure> {
    let output = item.present("output").unwrap_or(RawValue::NULL);
    let picture: RawObject<'_> = serde_json::from_str(output.get()).unwrap_or_default();
    let Some(address) = picture.text("image_url").filter(|url| crate::content::is_sound_image(url))
    else {
        return Ok(raw(output.get())?);
    };
    let image_url = Some(address.into_owned().into());
    Ok(raw(&[ContentPart::InputImage { image_url, file_id: None, detail: None }])?)
}

impl Form {
    fn items(self) -> Result<Vec<Box<RawValue>>, Failure> {
        Ok(match self {
            Self::Call(call) => vec![call.item()?],
            Self::Result { call_id, output } => vec![result(&call_id, output)?],
            Self::Pair(call, output) => vec![call.item()?, result(&call.call_id, output)?],
            Self::LeftOut => vec![],
        })
    }
}

impl Call {
    fn item(&self) -> Result<Box<RawValue>, Failure> {
        let mut item = RawObject::default();
        item.set("type", "function_call")?;
        item.set("call_id", &self.call_id)?;
        item.set("name", &self.name)?;
        item.set("arguments", &self.arguments)?;
        Ok(raw(&item)?)
    }
}

fn result(call_id: &str, output: Box<RawValue>) -> Result<Box<RawValue>, Failure> {
    let mut item = RawObject::default();
    item.set("type", "function_call_output")?;
    item.set("call_id", call_id)?;
    item.put("output", Cow::Owned(output));
    Ok(raw(&item)?)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::openai::ResponsesShape;
    use crate::tests::support::{Settled, settled};
    use crate::{Backend, Failure, Policy, Responses};

    fn sent_by(policy: &Policy, items: &Value) -> Result<Settled<ResponsesShape>, Failure> {
        let body = json!({"model": "m", "instructions": "i", "input": items}).to_string();
        settled::<Responses>(&body, policy)
    }

    fn input(items: &Value) -> Value {
        let settled = sent_by(&Policy::default(), items).unwrap();
        assert_eq!(settled.noted(), [("input", "changed")], "{items}");
        settled.body["input"].clone()
    }

    fn pair(id: &str, name: &str, arguments: &Value, output: &Value) -> Value {
        let arguments = arguments.to_string();
        json!([
            {"type": "function_call", "call_id": id, "name": name, "arguments": arguments},
            {"type": "function_call_output", "call_id": id, "output": output},
        ])
    }

    #[test]
    fn a_call_that_has_its_result_goes_as_a_function_with_one() {
        for (item, expected) in [
            (
                json!({"type": "mcp_call", "id": "mcp_1", "server_label": "s", "name": "roll", "arguments": "{\"n\":2}", "output": "4", "error": null}),
                pair("mcp_1", "roll", &json!({"n": 2}), &json!("4")),
            ),
            (
                json!({"type": "mcp_call", "id": "mcp_1", "name": "roll", "arguments": "", "output": null, "error": {"code": 1}}),
                pair("mcp_1", "roll", &json!({}), &json!("{\"code\":1}")),
            ),
            (
                json!({"type": "code_interpreter_call", "id": "ci_1", "container_id": "c", "code": "1+1", "outputs": [{"type": "logs", "logs": "2"}, {"type": "image", "url": "https://a"}]}),
                pair("ci_1", "code_interpreter", &json!({"code": "1+1"}), &json!("2\nhttps://a")),
            ),
            (
                json!({"type": "file_search_call", "id": "fs_1", "queries": ["q"], "results": null, "status": "completed"}),
                pair("fs_1", "file_search", &json!({"queries": ["q"]}), &json!("")),
            ),
        ] {
            assert_eq!(input(&json!([item])), expected, "{item}");
        }
        let without_id = input(&json!([{"type": "file_search_call", "queries": []}]));
        assert_eq!(without_id[0]["call_id"], without_id[1]["call_id"]);
    }

    #[test]
    fn a_call_and_its_result_stay_two_items() {
        let png = "data:image/png;base64,iVBORw0KGgo=";
        for (call, result, expected) in [
            (
                json!({"type": "computer_call", "id": "cu_1", "call_id": "c", "action": {"type": "click"}, "pending_safety_checks": []}),
                json!({"type": "computer_call_output", "call_id": "c", "output": {"type": "computer_screenshot", "image_url": png}}),
                pair(
                    "c",
                    "computer",
                    &json!({"action": {"type": "click"}}),
                    &json!([{"type": "input_image", "image_url": png}]),
                ),
            ),
            (
                json!({"type": "shell_call", "id": "sh_1", "call_id": "c", "action": {"commands": ["ls"]}}),
                json!({"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "a"}]}),
                pair("c", "shell", &json!({"commands": ["ls"]}), &json!("[{\"stdout\":\"a\"}]")),
            ),
            (
                json!({"type": "apply_patch_call", "call_id": "c", "operation": {"type": "delete_file", "path": "a"}}),
                json!({"type": "apply_patch_call_output", "call_id": "c", "status": "completed"}),
                pair(
                    "c",
                    "apply_patch",
                    &json!({"type": "delete_file", "path": "a"}),
                    &json!("completed"),
                ),
            ),
        ] {
            assert_eq!(input(&json!([call, result])), expected, "{call}");
        }
        // A shell's call is one that the backend knows.
        let shell = json!({"type": "local_shell_call", "call_id": "c", "action": {"type": "exec", "command": ["ls"]}});
        let result = json!({"type": "local_shell_call_output", "id": "c", "output": "a"});
        let items = input(&json!([shell, result]));
        assert_eq!((&items[0], &items[1]["type"]), (&shell, &json!("function_call_output")));
        // Alone, each is as any call or result is.
        let body = json!([{"type": "shell_call", "call_id": "c", "action": {}}, {"role": "user", "content": "go"}]);
        let settled = sent_by(&Policy::default(), &body).unwrap();
        assert_eq!(settled.body["input"], json!([{"role": "user", "content": "go"}]));
    }

    #[test]
    fn what_only_prepares_calls_is_left_out_and_named() {
        let user = json!({"role": "user", "content": "go"});
        let list =
            json!({"type": "mcp_list_tools", "id": "mcpl_1", "server_label": "s", "tools": []});
        let items = json!([user, list, {"type": "mcp_approval_request", "id": "mcpr_1"}, {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": true}]);
        let settled = sent_by(&Policy::default(), &items).unwrap();
        assert_eq!(settled.body["input"], json!([user]));
        let left_out = [
            "input[1] (mcp_list_tools)",
            "input[2] (mcp_approval_request)",
            "input[3] (mcp_approval_response)",
        ];
        assert_eq!(settled.noted(), left_out.map(|field| (field, "ignored")));
        let strict = Policy { strict: true, ..Policy::default() };
        let failure = sent_by(&strict, &items).err().unwrap();
        assert_eq!((failure.status(), failure.param.as_deref()), (400, Some(left_out[0])));
        // What goes in another form is not lost.
        sent_by(&strict, &json!([user, {"type": "mcp_call", "id": "a", "name": "n"}])).unwrap();
        // Another server gets all of it.
        let open = Backend { closed: false, refused_items: &[], ..Backend::default() };
        let policy = Policy { backend: open, ..Policy::default() };
        assert_eq!(sent_by(&policy, &items).unwrap().body["input"], items);
    }
}
