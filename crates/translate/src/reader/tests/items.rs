//! Calls, images and items that no dialect words.

use serde_json::json;

use super::{end, steps};
use crate::end::Finish;
use crate::tests::support::{
    added, arguments, call, completed, created, done, event, failed, incomplete, text,
};

#[test]
fn interleaved_calls_keep_their_slots() {
    let events = [
        created(),
        added(1, &call("a", "f", "")),
        added(3, &call("b", "g", "")),
        arguments(3, "{\"y\""),
        arguments(1, "{\"x\""),
        arguments(3, ":2}"),
        arguments(1, ":1}"),
        done(3, &call("b", "g", "{\"y\":2}")),
        done(1, &call("a", "f", "{\"x\":1}")),
        completed(),
    ];
    let expected = [
        "call 0 b g",
        "args 0 {\"y\"",
        "call 1 a f",
        "args 1 {\"x\"",
        "args 0 :2}",
        "args 1 :1}",
        "end 0",
        "end 1",
    ];
    assert_eq!(steps(&events)[1..], expected);
    assert_eq!(end(&events).finish, Finish::ToolCalls);
}

#[test]
fn a_call_without_deltas_is_taken_from_its_done_event_or_item() {
    let whole = event(
        "response.function_call_arguments.done",
        &json!({"output_index": 0, "arguments": "{}"}),
    );
    let events = [added(0, &call("a", "f", "")), whole, done(0, &call("a", "f", "{}"))];
    assert_eq!(steps(&events)[1..], ["call 0 a f", "args 0 {}", "end 0"]);
    assert_eq!(steps(&[done(0, &call("a", "f", "{}"))])[1..], ["call 0 a f", "args 0 {}", "end 0"]);
}

#[test]
fn a_call_without_arguments_has_an_empty_object() {
    let whole = event(
        "response.function_call_arguments.done",
        &json!({"output_index": 0, "arguments": ""}),
    );
    let item = json!({"type": "function_call", "call_id": "a", "name": "f"});
    for events in [
        vec![added(0, &call("a", "f", "")), done(0, &call("a", "f", "")), completed()],
        vec![added(0, &item), whole, done(0, &call("a", "f", "")), completed()],
        vec![done(0, &item), completed()],
        vec![added(0, &item), arguments(0, ""), completed()],
    ] {
        assert_eq!(steps(&events)[1..], ["call 0 a f", "args 0 {}", "end 0"]);
        assert_eq!(end(&events).finish, Finish::ToolCalls);
    }
    let blank = [added(0, &call("a", "f", "")), arguments(0, " "), done(0, &call("a", "f", " "))];
    assert_eq!(steps(&blank)[1..], ["call 0 a f", "args 0  ", "args 0 {}", "end 0"]);
}

#[test]
fn a_freeform_call_without_input_stays_so() {
    let item = json!({"type": "custom_tool_call", "call_id": "a", "name": "f", "input": ""});
    let events = [added(0, &item), done(0, &item), completed()];
    assert_eq!(steps(&events)[1..], ["call 0 a f custom", "end 0"]);
}

#[test]
fn a_call_is_announced_when_its_arguments_begin_or_it_is_done() {
    let begun = [added(0, &call("a", "f", "")), arguments(0, ""), text(1, "Hi")];
    assert_eq!(steps(&begun)[1..], ["text Hi"]);
    let cut = [added(0, &call("a", "f", "")), incomplete("max_output_tokens")];
    assert_eq!(steps(&cut), ["begin "]);
    let broken = [added(0, &call("a", "f", "")), failed("server_error", "broken off")];
    assert_eq!(steps(&broken), ["begin "]);
}

#[test]
fn the_missing_end_of_arguments_is_supplied_and_a_repeated_item_says_nothing() {
    let item = call("a", "f", "{\"x\":1}");
    let events = [
        added(0, &call("a", "f", "")),
        arguments(0, "{\"x\""),
        done(0, &item),
        done(0, &item),
        added(0, &item),
    ];
    assert_eq!(steps(&events)[1..], ["call 0 a f", "args 0 {\"x\"", "args 0 :1}", "end 0"]);
}

#[test]
fn deltas_before_their_item_are_made_good_by_the_finished_item() {
    let events = [
        arguments(0, "{\"x\""),
        added(0, &call("a", "f", "")),
        done(0, &call("a", "f", "{\"x\":1}")),
    ];
    assert_eq!(steps(&events), ["begin ", "call 0 a f", "args 0 {\"x\":1}", "end 0"]);
}

#[test]
fn a_freeform_call_is_told_apart() {
    let item =
        json!({"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "*** Begin"});
    assert_eq!(
        steps(&[done(0, &item)])[1..],
        ["call 0 c patch custom", "args 0 *** Begin", "end 0"]
    );
}

#[test]
fn searches_and_unknown_items_are_no_calls() {
    let events: Vec<String> =
        ["web_search_call", "local_shell_call", "tool_search_call", "compaction", "brand_new"]
            .iter()
            .enumerate()
            .flat_map(|(index, kind)| {
                let item = json!({"type": kind, "id": "x", "call_id": "c", "name": "n"});
                [added(index, &item), done(index, &item)]
            })
            .chain([completed()])
            .collect();
    assert_eq!(steps(&events), ["begin ", "search x "]);
    assert_eq!(end(&events).finish, Finish::Stop);
}

#[test]
fn an_image_is_given_once() {
    let item = json!({"type": "image_generation_call", "result": "iVBO", "output_format": "webp"});
    let begun = json!({"type": "image_generation_call", "result": null});
    assert_eq!(
        steps(&[added(0, &begun), done(0, &item), done(0, &item)])[1..],
        ["image webp iVBO"]
    );
    let bare = json!({"type": "image_generation_call", "result": "iVBO"});
    assert_eq!(steps(&[done(0, &bare)])[1..], ["image png iVBO"]);
}
