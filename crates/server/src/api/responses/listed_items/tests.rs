//! Tests of the pages of input items.

use super::*;
use crate::api::paging::{Order, Paging};

const INPUT: &str = concat!(
    r#"[{"role":"user", "content":"a"},{"id":"msg_own","type":"message","status":"completed","role" : "user","n":1E2},"#,
    r#"{"type":"function_call","call_id":"c"},{"type":"message","id":null},"text"]"#
);

fn stored(input: &'static str) -> StoredResponse {
    StoredResponse::new(0, input.into(), "{}".into())
}

fn page(stored: &StoredResponse, query: &str) -> serde_json::Value {
    let items = all("resp_1", stored).unwrap();
    let paging = Paging::read(Some(query), Order::NewestFirst).unwrap();
    serde_json::to_value(paging.page(&items).unwrap()).unwrap()
}

fn ids(page: &serde_json::Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap_or("")).collect()
}

#[test]
fn an_item_without_an_id_gets_one_that_stays() {
    let stored = stored(INPUT);
    let items = all("resp_1", &stored).unwrap();
    let again = all("resp_1", &stored).unwrap();
    let other = all("resp_2", &stored).unwrap();
    for (at, start) in ["msg_", "msg_own", "fc_", "msg_", "msg_"].iter().enumerate() {
        assert!(items[at].id.starts_with(start), "{}", items[at].id);
        assert_eq!(items[at].id, again[at].id);
        assert_eq!(items[at].id == other[at].id, at == 1);
    }
    let id = &items[0].id;
    let part = r#"[{"type":"input_text","text":"a"}]"#;
    let whole = format!(
        r#"{{"role":"user","content":{part},"type":"message","status":"completed","id":"{id}"}}"#
    );
    assert_eq!(items[0].value.get(), whole);
}

#[test]
fn an_item_that_has_one_is_listed_as_it_was_written() {
    let stored = stored(INPUT);
    let items = all("resp_1", &stored).unwrap();
    assert_eq!(
        items[1].value.get(),
        r#"{"id":"msg_own","type":"message","status":"completed","role" : "user","n":1E2}"#
    );
    assert_eq!(items[4].value.get(), r#""text""#);
}

#[test]
fn an_item_says_all_that_its_kind_says() {
    let stored = stored(concat!(
        r#"[{"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":"{}"},"#,
        r#"{"type":"custom_tool_call_output","call_id":"c","output":"x"},"#,
        r#"{"role":"assistant","id":"msg_1","content":[{"type":"output_text","text":"a"}]},"#,
        r#"{"role":"assistant","content":"b"},"#,
        r#"{"role":"user","content":[{"type":"input_image","image_url":"https://example.org/a"}]},"#,
        r#"{"type":"web_search_call","id":"ws_1"}]"#
    ));
    let page = page(&stored, "order=asc");
    let items = page["data"].as_array().unwrap();
    for item in &items[..5] {
        assert_eq!(item["status"], "completed", "{item}");
    }
    assert!(ids(&page)[1].starts_with("ctco_"));
    for (at, text) in [(2, "a"), (3, "b")] {
        let part = serde_json::json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
        assert_eq!((&items[at]["content"][0], &items[at]["type"]), (&part, &"message".into()));
    }
    assert_eq!(items[4]["content"][0]["detail"], "auto");
    assert_eq!(items[5], serde_json::json!({"type": "web_search_call", "id": "ws_1"}));
}

#[test]
fn the_newest_come_first_unless_asked_otherwise() {
    let stored = stored(r#"[{"id":"a"},{"id":"b"},{"id":"c"}]"#);
    let newest = page(&stored, "");
    assert_eq!(ids(&newest), ["c", "b", "a"]);
    assert_eq!(newest["object"], "list");
    assert_eq!((&newest["first_id"], &newest["last_id"]), (&"c".into(), &"a".into()));
    assert_eq!(newest["has_more"], false);
    assert_eq!(ids(&page(&stored, "order=asc&include[]=x&limit=2")), ["a", "b"]);
    assert_eq!(ids(&page(&stored, "order=desc&limit=1")), ["c"]);
}

/// The ids of all pages of two items.
fn paged(stored: &StoredResponse, order: &str) -> Vec<String> {
    let (mut after, mut seen) = (String::new(), Vec::new());
    loop {
        let page = page(stored, &format!("limit=2&order={order}&after={after}"));
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        after = page["last_id"].as_str().unwrap_or_default().replace(' ', "%20");
        if page["has_more"] == false {
            return seen;
        }
    }
}

#[test]
fn pages_follow_each_other_to_the_end() {
    let stored = stored(r#"[{"id":"a"},{"role":"user"},{"id":"c d"},{"id":"e"},{"id":"f"}]"#);
    let mut seen = paged(&stored, "asc");
    assert_eq!((seen.len(), &*seen[0], &*seen[2], &*seen[4]), (5, "a", "c d", "f"));
    seen.reverse();
    assert_eq!(paged(&stored, "desc"), seen);
}

#[test]
fn pages_come_to_an_end_though_an_id_is_there_twice() {
    let stored = stored(r#"[{"id":"a"},{"id":"b"},{"id":"a"},{"id":"b"},{"id":"c"}]"#);
    assert_eq!(paged(&stored, "asc").last().unwrap(), "c");
    assert!(paged(&stored, "desc").len() <= 5);
}

#[test]
fn an_empty_list_has_no_ids() {
    let page = page(&stored("[]"), "");
    let expected = serde_json::json!({
        "object": "list", "data": [], "first_id": null, "last_id": null, "has_more": false
    });
    assert_eq!(page, expected);
}

#[test]
fn a_query_that_cannot_be_meant_names_its_member() {
    for (query, param) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("order=up", "order"),
    ] {
        let failure = Paging::read(Some(query), Order::NewestFirst).unwrap_err();
        assert_eq!((failure.status(), failure.param.as_deref()), (400, Some(param)), "{query}");
    }
    let stored = stored(r#"[{"id":"a"}]"#);
    let items = all("resp_1", &stored).unwrap();
    let failure =
        Paging::read(Some("after=b"), Order::NewestFirst).unwrap().page(&items).err().unwrap();
    assert_eq!((failure.status(), failure.param.as_deref()), (400, Some("after")));
}
