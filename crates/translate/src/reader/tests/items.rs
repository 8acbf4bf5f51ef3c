//! Calls, images and items that no dialect words.

use serde_json::json;

use super::{end, steps};
use crate::end::Finish;
use crate::tests::support::{added, arguments, call, completed, created, done, event};

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
        "call 0 a f",
        "call 1 b g",
        "args 1 {\"y\"",
        "args 0 {\"x\"",
        "args 1 :2}",
        "args 0 :1}",
        "end 1",
        "end 0",
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
fn a_call_without_arguments_has_a_start_and_an_end() {
    let events = [added(0, &call("a", "f", "")), done(0, &call("a", "f", "")), completed()];
    assert_eq!(steps(&events)[1..], ["call 0 a f", "end 0"]);
    assert_eq!(end(&events).finish, Finish::ToolCalls);
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
    assert_eq!(steps(&events), ["begin "]);
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
