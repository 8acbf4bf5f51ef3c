//! Instructions, system messages, and what the assistant said before.

use serde_json::{Value, json};

use super::{Messages, input, refused, said, with};
use crate::ReasoningSeal;
use crate::dialect::Dialect;
use crate::tests::support::value;

fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments})
}

fn output(id: &str, output: &Value) -> Value {
    json!({"type": "function_call_output", "call_id": id, "output": output})
}

fn tool_use(id: &str) -> Value {
    json!({"type": "tool_use", "id": id, "name": "f", "input": {}})
}

fn result(id: &str, content: &Value) -> Value {
    json!({"type": "tool_result", "tool_use_id": id, "content": content})
}

fn user(content: &Value) -> Value {
    json!({"role": "user", "content": content})
}

fn assistant(content: &Value) -> Value {
    json!({"role": "assistant", "content": content})
}

#[test]
fn instructions_are_texts_joined_by_a_blank_line_without_the_billing_block() {
    let system = |system: &Value| {
        let body = with(&json!([user(&json!("hi"))]), &json!({"system": system})).body;
        body["instructions"].clone()
    };
    let billing = "x-anthropic-billing-header: cc_version=2.1.332.f38; cc_entrypoint=cli;";
    let text = |text: &str| json!({"type": "text", "text": text});
    let cached = json!({"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}});
    assert_eq!(system(&json!("be brief")), "be brief");
    assert_eq!(system(&json!([text(billing), text("a"), cached])), "a\n\nb");
    assert_eq!(system(&json!([text(billing), text("be brief")])), "be brief");
    assert_eq!(system(&json!([text(billing)])), "");
    assert_eq!(system(&json!(null)), "");
}

#[test]
fn a_system_message_stays_in_its_place_and_is_the_same_as_text_and_as_blocks() {
    let messages = |content: &Value| {
        json!([
            {"role": "system", "content": content}, user(&json!("hi")),
            {"role": "system", "content": content}, {"role": "system", "content": "z"},
        ])
    };
    let blocks = json!([{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]);
    let lowered = input(&messages(&blocks));
    assert_eq!(lowered, input(&messages(&json!("s"))));
    let expected = json!([
        said("developer", "s"),
        said("user", "hi"),
        said("developer", "s"),
        said("developer", "z")
    ]);
    assert_eq!(lowered, expected);
}

#[test]
fn a_system_message_that_holds_until_the_next_user_message_is_then_left_out() {
    let until = json!({"role": "system", "content": "now", "clear_at": "next_user_message"});
    let results = user(&json!([result("a", &json!("1"))]));
    let begin = [user(&json!("hi")), until, assistant(&json!([tool_use("a")])), results];
    let messages = |more: &[Value]| Value::from([&begin[..], more].concat());
    let has_it =
        |messages: &Value| input(messages).as_array().unwrap().contains(&said("developer", "now"));
    assert!(has_it(&messages(&[])));
    assert!(!has_it(&messages(&[user(&json!("and now?"))])));
}

#[test]
fn a_turn_is_rebuilt_as_the_backend_gave_it() {
    let signature = ReasoningSeal::default().seal(Some("rs_1"), Some("gAAA"));
    let messages = json!([
        user(&json!("hi")),
        assistant(&json!([
            {"type": "thinking", "thinking": "Changed by the client.", "signature": signature},
            {"type": "text", "text": "Looking."},
            {"type": "tool_use", "id": "a", "name": "f", "input": {"b": 1, "a": 1E2}},
            {"type": "tool_use", "id": "b", "name": "g", "input": {}, "caller": {"type": "direct"}},
        ])),
        user(&json!([
            result("b", &json!("2")),
            result("a", &json!([{"type": "text", "text": "1"}, {"type": "text", "text": "!"}])),
            {"type": "text", "text": "well?"},
        ])),
    ]);
    let expected = json!([
        said("user", "hi"),
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        said("assistant", "Looking."),
        call("a", "f", &json!({"b": 1, "a": 1E2}).to_string()),
        call("b", "g", "{}"),
        output("b", &json!("2")),
        output("a", &json!("1!")),
        said("user", "well?"),
    ]);
    assert_eq!(input(&messages), expected);
}

#[test]
fn reasoning_that_is_not_ours_is_dropped_without_a_word() {
    let other = ReasoningSeal::of("someone else").seal(Some("rs_1"), Some("gAAA"));
    let cut = ReasoningSeal::default().seal(Some("rs_1"), None);
    for signature in ["", "ErUBCkYIBxgCIkDm", other.as_str(), cut.as_str(), "cmr1.-.rs_1.\"\\"] {
        let messages = json!([
            user(&json!("hi")),
            assistant(&json!([
                {"type": "thinking", "thinking": "x", "signature": signature},
                {"type": "redacted_thinking", "data": signature},
                {"type": "thinking", "thinking": "no signature"},
                {"type": "text", "text": "Hello."},
            ])),
            user(&json!("go on")),
        ]);
        let settled = with(&messages, &json!({}));
        let expected =
            json!([said("user", "hi"), said("assistant", "Hello."), said("user", "go on")]);
        assert_eq!((&settled.body["input"], settled.noted()), (&expected, vec![]), "{signature}");
    }
}

#[test]
fn redacted_thinking_with_our_seal_is_read_and_reasoning_that_led_to_nothing_is_not() {
    let seal = ReasoningSeal::default().seal(Some("rs_1"), Some("gAAA"));
    let sealed = json!({"type": "redacted_thinking", "data": seal});
    let item =
        json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"});
    let text = json!({"type": "text", "text": "Hello."});
    let messages =
        json!([user(&json!("hi")), assistant(&json!([sealed, text])), user(&json!("?"))]);
    assert_eq!(input(&messages)[1], item);
    // The call was cut off, by the client or since it has no result.
    for cut in [json!([sealed]), json!([sealed, tool_use("a")])] {
        let messages = json!([user(&json!("hi")), assistant(&cut), user(&json!("?"))]);
        assert_eq!(input(&messages), json!([said("user", "hi"), said("user", "?")]));
    }
    let foreign = json!([user(&json!([sealed, text]))]);
    assert_eq!(input(&foreign), json!([said("user", "Hello.")]), "only a model reasons");
}

#[test]
fn the_account_of_the_answer_decides_which_reasoning_is_read() {
    let seal = ReasoningSeal::of("acct_1");
    let body = json!({"model": "m", "max_tokens": 9, "messages": [
        user(&json!("hi")),
        assistant(&json!([
            {"type": "thinking", "thinking": "", "signature": seal.seal(Some("rs_1"), Some("gA"))},
            {"type": "text", "text": "Hello."},
        ])),
    ]})
    .to_string();
    let items = |seal: &ReasoningSeal| {
        let draft = Messages::draft(Messages::read(body.as_bytes()).unwrap(), seal).unwrap().draft;
        value(draft.request.get("input").unwrap().get()).as_array().unwrap().len()
    };
    assert_eq!((items(&seal), items(&ReasoningSeal::of("acct_2"))), (3, 2));
}

#[test]
fn a_result_says_that_its_tool_failed() {
    let of = |content: &Value, is_error: &Value| {
        let result = json!({"type": "tool_result", "tool_use_id": "a", "content": content, "is_error": is_error});
        let messages = json!([assistant(&json!([tool_use("a")])), user(&json!([result]))]);
        input(&messages)[1]["output"].clone()
    };
    assert_eq!(of(&json!("Exit code 3"), &json!(true)), "[tool error]\nExit code 3");
    assert_eq!(of(&json!("ok"), &json!(false)), "ok");
    assert_eq!(of(&json!(null), &json!(null)), "");
    assert_eq!(of(&json!([]), &json!(true)), "[tool error]\n");
    let image = json!([{"type": "image", "source": {"type": "url", "url": "https://e.org/a"}}]);
    assert_eq!(of(&image, &json!(true))[0]["text"], "[tool error]\n");
    assert_eq!(of(&image, &json!(null))[0]["type"], "input_image");
}

#[test]
fn arguments_that_are_no_object_become_a_member_of_one() {
    for (arguments, expected) in [
        (json!("ls"), r#"{"input":"ls"}"#),
        (json!([1]), r#"{"input":[1]}"#),
        (json!({"input": "x"}), r#"{"input":"x"}"#),
        (json!(null), "{}"),
    ] {
        let call = json!({"type": "tool_use", "id": "a", "name": "f", "input": arguments});
        let messages = json!([assistant(&json!([call])), user(&json!([result("a", &json!("1"))]))]);
        assert_eq!(input(&messages)[0]["arguments"], expected);
    }
}

#[test]
fn lone_results_repeated_ids_and_empty_texts_do_no_harm() {
    let settled = with(
        &json!([
            user(&json!([{"type": "text", "text": ""}, result("z", &json!("lost"))])),
            assistant(&json!([{"type": "text", "text": ""}, tool_use("a"), tool_use("a")])),
            user(&json!([result("a", &json!("1")), result("a", &json!("2"))])),
        ]),
        &json!({}),
    );
    assert!(settled.notes("messages", "changed"));
    assert!(settled.text.contains("lost") && !settled.text.contains(r#""text":"""#));
}

#[test]
fn the_ids_of_calls_and_results_are_shortened_alike() {
    let id = "x".repeat(80);
    let messages =
        json!([assistant(&json!([tool_use(&id)])), user(&json!([result(&id, &json!("1"))]))]);
    let lowered = input(&messages);
    assert_eq!(lowered[0]["call_id"], lowered[1]["call_id"]);
    assert!(lowered[0]["call_id"].as_str().unwrap().len() <= 64);
}

#[test]
fn a_last_message_of_the_assistant_is_answered_and_said() {
    let messages = json!([user(&json!("hi")), assistant(&json!("The answer is"))]);
    assert!(with(&messages, &json!({})).notes("messages[1]", "changed"));
}

#[test]
fn a_summary_of_the_client_is_what_the_person_said() {
    let messages = json!([
        assistant(&json!([{"type": "compaction", "content": "So far."}])),
        user(&json!("?"))
    ]);
    assert_eq!(input(&messages), json!([said("user", "So far."), said("user", "?")]));
    let empty = json!([assistant(&json!([{"type": "compaction"}])), user(&json!("?"))]);
    assert_eq!(input(&empty), json!([said("user", "?")]));
}

#[test]
fn what_another_service_left_in_a_conversation_is_left_out_and_said_once() {
    let block =
        |kind: &str| json!({"type": kind, "id": "srvtoolu_1", "name": "web_fetch", "input": {}});
    let messages = json!([
        user(&json!("hi")),
        assistant(
            &json!([block("mcp_tool_use"), block("mcp_tool_use"), block("container_upload"), {"type": "text", "text": "Done."}])
        ),
        user(&json!([{"type": "brand_new", "text": "with words"}])),
    ]);
    let settled = with(&messages, &json!({}));
    let expected =
        json!([said("user", "hi"), said("assistant", "Done."), said("user", "with words")]);
    assert_eq!(settled.body["input"], expected);
    let noted =
        [("messages[1].content[0]", "ignored"), ("messages[1].content[2]", "ignored")].to_vec();
    assert_eq!(settled.noted(), noted);
}

#[test]
fn a_search_of_the_backend_goes_back_and_another_service_s_does_not() {
    let search = |id: &str| json!({"type": "server_tool_use", "id": id, "name": "web_search", "input": {"query": "oslo"}});
    let found =
        |id: &str| json!({"type": "web_search_tool_result", "tool_use_id": id, "content": []});
    let text = json!({"type": "text", "text": "Rain.", "citations": [{"type": "web_search_result_location"}]});
    let (ours, theirs) = ("srvtoolu_ws_1", "srvtoolu_01AbC");
    let blocks = json!([search(ours), found(ours), search(theirs), found(theirs), text]);
    let messages = json!([user(&json!("hi")), assistant(&blocks), user(&json!("?"))]);
    let settled = with(&messages, &json!({}));
    let action = json!({"type": "search", "query": "oslo"});
    let item =
        json!({"type": "web_search_call", "id": "ws_1", "status": "completed", "action": action});
    let expected = json!([said("user", "hi"), item, said("assistant", "Rain."), said("user", "?")]);
    assert_eq!((&settled.body["input"], settled.noted()), (&expected, vec![]));
}

#[test]
fn messages_that_cannot_be_meant_are_refused_with_their_path() {
    for (messages, path) in [
        (json!([]), "messages"),
        (json!(null), "messages"),
        (json!([{"content": "x"}]), "messages[0].role"),
        (json!([{"role": "tool", "content": "x"}]), "messages[0].role"),
        (json!([{"role": "user"}]), "messages[0].content"),
        (json!([{"role": "user", "content": 5}]), "messages[0].content"),
        (json!([{"role": "user", "content": {}}]), "messages[0].content"),
        (json!([{"role": "user", "content": ""}]), "messages[0].content"),
        (json!([{"role": "user", "content": ["x"]}]), "messages[0].content[0]"),
        (json!([{"role": "user", "content": [{}]}]), "messages[0].content[0].type"),
        (json!([{"role": "user", "content": [{"type": "text"}]}]), "messages[0].content[0].text"),
        (
            json!([{"role": "user", "content": [{"type": "tool_result"}]}]),
            "messages[0].content[0].tool_use_id",
        ),
        (
            json!([{"role": "assistant", "content": [{"type": "tool_use", "id": "a"}]}]),
            "messages[0].content[0].name",
        ),
    ] {
        let failure = refused(&json!({"messages": messages}));
        assert_eq!((failure.status(), failure.param.as_deref()), (400, Some(path)), "{messages}");
    }
}
