//! Images, documents and other blocks of the person.

use serde_json::{Value, json};

use super::{input, refused, with};

fn user(block: &Value) -> Value {
    json!([{"role": "user", "content": [block]}])
}

fn parts(block: &Value) -> Value {
    input(&user(block))[0]["content"].clone()
}

#[test]
fn images_go_as_addresses_and_repaired_data() {
    let image = |source: Value| parts(&json!({"type": "image", "source": source}));
    let part = |url: &str| json!([{"type": "input_image", "image_url": url}]);
    let data = |media: &str| json!({"type": "base64", "media_type": media, "data": "_9j_4AAQ"});
    assert_eq!(image(data("image/jpg")), part("data:image/jpeg;base64,/9j/4AAQ"));
    assert_eq!(image(data("")), part("data:image/jpeg;base64,/9j/4AAQ"));
    let url = json!({"type": "url", "url": "https://example.org/a.png"});
    assert_eq!(image(url), part("https://example.org/a.png"));
}

#[test]
fn documents_go_as_files_or_as_their_text() {
    let document = |more: Value| {
        let mut block = json!({"type": "document"});
        block.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        parts(&block)
    };
    let text = |text: &str| json!({"type": "input_text", "text": text});
    let pdf = json!({"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"});
    let file = |name: &str| json!([{"type": "input_file", "filename": name, "file_data": "data:application/pdf;base64,JVBERi0x"}]);
    assert_eq!(document(json!({"source": pdf})), file("document.pdf"));
    assert_eq!(document(json!({"source": pdf, "title": "a.pdf"})), file("a.pdf"));
    let plain = json!({"type": "text", "media_type": "text/plain", "data": "words"});
    assert_eq!(document(json!({"source": plain})), json!([text("words")]));
    assert_eq!(
        document(json!({"source": plain, "title": "T", "context": "C"})),
        json!([text("T: C"), text("words")])
    );
    let content = json!({"type": "content", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]});
    assert_eq!(document(json!({"source": content})), json!([text("a"), text("b")]));
    let url = json!({"type": "url", "url": "https://example.org/a.pdf"});
    let expected = json!([{"type": "input_file", "file_url": "https://example.org/a.pdf"}]);
    assert_eq!(document(json!({"source": url})), expected);
}

#[test]
fn a_search_result_of_the_client_goes_as_its_text() {
    let block = json!({"type": "search_result", "title": "T", "source": "https://e.org",
        "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]});
    assert_eq!(
        parts(&block),
        json!([{"type": "input_text", "text": "T\nhttps://e.org\n\na\n\nb"}])
    );
}

#[test]
fn documents_are_not_cited_and_that_is_said() {
    let source = json!({"type": "text", "data": "words"});
    let block = json!({"type": "document", "source": source, "citations": {"enabled": true}});
    assert!(with(&user(&block), &json!({})).notes("messages[0].content[0].citations", "ignored"));
    let block = json!({"type": "document", "source": source, "citations": {"enabled": false}});
    assert_eq!(with(&user(&block), &json!({})).noted(), []);
}

#[test]
fn files_that_were_uploaded_elsewhere_and_broken_data_are_refused_with_their_path() {
    for (block, path) in [
        (
            json!({"type": "image", "source": {"type": "file", "file_id": "file_1"}}),
            "source.file_id",
        ),
        (json!({"type": "document", "source": {"type": "file", "file_id": "f"}}), "source.file_id"),
        (json!({"type": "image"}), "source"),
        (json!({"type": "image", "source": {"type": "base64"}}), "source.data"),
        (json!({"type": "image", "source": {"type": "base64", "data": "%%%"}}), "source.data"),
        (json!({"type": "image", "source": {"type": "url"}}), "source.url"),
        (json!({"type": "document", "source": {"type": "url"}}), "source.url"),
        (json!({"type": "document", "source": {"type": "base64"}}), "source.data"),
    ] {
        let failure = refused(&json!({"messages": user(&block)}));
        let path = format!("messages[0].content[0].{path}");
        assert_eq!((failure.status(), failure.param), (400, Some(path)), "{block}");
    }
}
