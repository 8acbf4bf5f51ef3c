//! Tests of cassettes.

use serde_json::json;

use super::*;

fn request(body: &str) -> TapedRequest {
    TapedRequest {
        method: "POST".to_owned(),
        path: "/codex/responses".to_owned(),
        headers: vec![("authorization".to_owned(), "Bearer ****".to_owned())],
        body: serde_json::from_str(body).unwrap(),
    }
}

fn answer(chunks: &[(u64, &str)]) -> TapedAnswer {
    let chunks = chunks.iter().map(|(ms, text)| (*ms, text.as_bytes()));
    TapedAnswer { status: 200, headers: Vec::new(), cut: false, pieces: pieces(chunks) }
}

fn played(cassette: &Cassette) -> String {
    let pieces = cassette.answer.pieces.iter();
    pieces.map(|piece| String::from_utf8_lossy(piece.data.as_bytes())).collect()
}

#[test]
fn pieces_end_with_an_event_however_the_bytes_came_and_join_to_the_same_bytes() {
    let chunks = [(1, "data: {\"a\":"), (5, "1}\n\ndata: {}\n"), (9, "\nda"), (12, "ta: {")];
    let pieces = pieces(chunks.map(|(ms, text)| (ms, text.as_bytes())));
    let times: Vec<_> = pieces.iter().map(|piece| piece.ms).collect();
    assert_eq!(times, [5, 9, 12]);
    let joined: Vec<u8> = pieces.iter().flat_map(|piece| piece.data.as_bytes()).copied().collect();
    assert_eq!(joined, chunks.map(|(_, text)| text).concat().as_bytes());
    let raw = super::pieces([(0, &b"\xff\xfe"[..])]);
    assert_eq!(
        (&raw[0].data, raw[0].data.as_bytes()),
        (&PieceData::Bytes(vec![255, 254]), &b"\xff\xfe"[..])
    );
}

#[test]
fn a_cassette_is_the_same_after_it_was_written_and_read() {
    let hiding = Hiding::new(TextForm::Plain);
    let events =
        answer(&[(3, "event: x\ndata: {\"b\":1E2,  \"a\":\"é\"}\n\n"), (4, "data: [DONE]\n\n")]);
    let cassette = Cassette::new(&hiding, request(r#"{"b":1,"a":[]}"#), events);
    assert_eq!(Cassette::read(&cassette.write()), Ok(cassette.clone()));
    // A line with nothing to hide is played byte for byte.
    assert_eq!(played(&cassette), "event: x\ndata: {\"b\":1E2,  \"a\":\"é\"}\n\ndata: [DONE]\n\n");
    assert!(matches!(Cassette::read(b"{}"), Err(CassetteError::Malformed(_))));
    let newer =
        String::from_utf8(cassette.write()).unwrap().replace("\"cassette\": 1", "\"cassette\": 2");
    assert_eq!(Cassette::read(newer.as_bytes()), Err(CassetteError::Version(2)));
}

#[test]
fn secrets_and_ids_of_accounts_and_conversations_are_stand_ins_everywhere() {
    let hiding = Hiding::new(TextForm::Plain)
        .secret("tok-1", "<token>")
        .secret("acct-1", "<account>")
        .secret("", "x");
    let body = r#"{"prompt_cache_key":"s","client_metadata":{"session_id":"s","x":"tok-1"},"input":[{"content":"I am acct-1"}]}"#;
    let events = "data: {\"z\":1E2,\"response\":{\"safety_identifier\": \"u-1\",\"t\":\"tok-1\",\"user\":null}}

tok-1

";
    let mut taped = answer(&[(0, events)]);
    taped.headers.push(("x-id".to_owned(), "acct-1".to_owned()));
    let cassette = Cassette::new(&hiding, request(body), taped);
    // Nothing else changes, the order of members neither.
    let hidden = events.replace("u-1", "<user>").replace("tok-1", "<token>");
    assert_eq!(played(&cassette), hidden);
    let file = String::from_utf8(cassette.write()).unwrap();
    assert!(
        !["tok-1", "acct-1", "u-1", "\"s\""].iter().any(|secret| file.contains(secret)),
        "{file}"
    );
    let other = body
        .replace("\"s\"", "\"another\"")
        .replace("tok-1", "<token>")
        .replace("acct-1", "<account>");
    assert_eq!(cassette.canonical(other.as_bytes()).as_ref(), Some(&cassette.request.body));
}

#[test]
fn hashed_texts_cannot_be_read_and_are_found_again() {
    let body = r#"{"model":"m","instructions":"be brief","input":[{"type":"message","role":"user","content":"my secret"}]}"#;
    let events = "data: {\"type\":\"response.output_text.delta\",\"delta\":\"my answer\"}\n\n";
    let cassette =
        Cassette::new(&Hiding::new(TextForm::Hashed), request(body), answer(&[(0, events)]));
    let file = String::from_utf8(cassette.write()).unwrap();
    assert!(
        !["be brief", "my secret", "my answer"].iter().any(|text| file.contains(text)),
        "{file}"
    );
    assert!(file.contains("response.output_text.delta") && file.contains("\"user\""), "{file}");
    assert_eq!(cassette.canonical(body.as_bytes()).as_ref(), Some(&cassette.request.body));
    let other = body.replace("my secret", "my other secret");
    let other = cassette.canonical(other.as_bytes()).unwrap();
    let difference = first_difference(&cassette.request.body, &other);
    assert_eq!(difference, Some(("input[0].content".to_owned(), 1)));
}

#[test]
fn the_first_difference_has_the_path_of_its_member() {
    let of = |one, other| first_difference(&one, &other);
    assert_eq!(of(json!({"a": [1, {"b": 2}]}), json!({"a": [1, {"b": 2}]})), None);
    for (one, other, path, count) in [
        (json!({"a": 1}), json!({"a": 2}), "a", 1),
        (json!({"a": [1, {"b": 2}]}), json!({"a": [1, {"b": 3}, 4]}), "a[1].b", 2),
        (json!({"a": 1}), json!({"b": 1}), "a", 2),
        (json!({"x": {"y": []}}), json!({"x": {"y": {}}}), "x.y", 1),
        (json!([]), json!(1), "", 1),
    ] {
        assert_eq!(of(one, other), Some((path.to_owned(), count)));
    }
}
