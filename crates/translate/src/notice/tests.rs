//! Tests of notices worded for a header.

use super::{Notice, NoticeKind, header, unknown};

#[test]
fn a_header_names_fields_and_kinds() {
    let notices = [
        Notice::ignored("temperature", "why"),
        Notice::new("messages[0].content[1].input_audio", NoticeKind::Ignored, "why"),
        Notice::new("reasoning_effort", NoticeKind::Clamped, "why"),
        Notice::new("stop", NoticeKind::Emulated, "why"),
        Notice::new("model", NoticeKind::Changed, "why"),
    ];
    let expected = "temperature=ignored, messages[0].content[1].input_audio=ignored, \
                    reasoning_effort=clamped, stop=emulated, model=changed";
    assert_eq!(header(&notices), expected);
    assert_eq!(header(&[]), "");
}

#[test]
fn a_client_s_names_are_cut_and_made_harmless() {
    let odd = Notice::ignored("a\r\nb: c, d=e;\u{e9}", "why");
    assert_eq!(header(&[odd]), "a??b??c??d?e??=ignored");
    let long = Notice::ignored("k".repeat(1 << 20), "why");
    assert_eq!(header(&[long]), format!("{}=ignored", "k".repeat(64)));
}

#[test]
fn very_many_notices_are_counted() {
    let notices = vec![Notice::ignored("a", "why"); 40];
    assert!(header(&notices).ends_with("a=ignored; 8 more"));
    assert!(!header(&notices[..32]).contains("more"));
}

#[test]
fn unknown_members_are_named_below_their_object() {
    let mut notices = Vec::new();
    unknown(&mut notices, "", &["x".into()], "why");
    unknown(&mut notices, "tools[0]", &["y".into(), "z".into()], "why");
    let fields: Vec<&str> = notices.iter().map(|notice| &*notice.field).collect();
    assert_eq!(fields, ["x", "tools[0].y", "tools[0].z"]);
}
