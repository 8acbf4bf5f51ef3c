//! Tests of repaired image addresses and file data.

use super::{file_data, image_url};

fn image(url: &str) -> String {
    image_url(url.into()).unwrap_or_else(|why| panic!("{url}: {why}")).text().into_owned()
}

fn file(data: &str, name: Option<&str>) -> String {
    file_data(data.into(), name).unwrap_or_else(|why| panic!("{data}: {why}")).text().into_owned()
}

#[test]
fn web_addresses_pass_unchanged_and_are_not_looked_at() {
    for url in ["https://example.org/a.png?b=c#d", "http://169.254.169.254/", "HTTPS://EXAMPLE.ORG"]
    {
        assert_eq!(image(url), url);
    }
}

#[test]
fn good_data_addresses_pass_unchanged() {
    for url in [
        "data:image/png;base64,iVBORw0KGgo=",
        "data:image/webp;base64,UklGRgAA",
        "DATA:image/png;BASE64,iVBORw0KGgo=",
    ] {
        assert_eq!(image(url), url);
    }
}

#[test]
fn the_wrong_name_of_jpeg_is_mended() {
    assert_eq!(image("data:image/jpg;base64,/9j/4AAQ"), "data:image/jpeg;base64,/9j/4AAQ");
    assert_eq!(image("data:Image/JPG;base64,/9j/4AAQ"), "data:image/jpeg;base64,/9j/4AAQ");
}

#[test]
fn bare_base64_gets_the_type_that_it_begins_with() {
    for (start, media) in [
        ("iVBORw0KGgo=", "image/png"),
        ("/9j/4AAQ", "image/jpeg"),
        ("R0lGODlh", "image/gif"),
        ("UklGRgAA", "image/webp"),
    ] {
        assert_eq!(image(start), format!("data:{media};base64,{start}"));
    }
}

#[test]
fn white_space_url_safe_letters_and_missing_padding_are_mended() {
    assert_eq!(
        image("data:image/png;base64,iVBO Rw0K\r\nGgo="),
        "data:image/png;base64,iVBORw0KGgo="
    );
    assert_eq!(image("data:image/png;base64,iVBORw0K-_8"), "data:image/png;base64,iVBORw0K+/8=");
    assert_eq!(image("data:image/png;base64,iVBORw0KGg"), "data:image/png;base64,iVBORw0KGg==");
    assert_eq!(image("  _9j_4AAQ\n"), "data:image/jpeg;base64,/9j/4AAQ");
}

#[test]
fn a_missing_type_is_found_in_the_data() {
    for head in ["data:;base64,", "data:application/octet-stream;base64,"] {
        assert_eq!(image(&format!("{head}iVBORw0KGgo=")), "data:image/png;base64,iVBORw0KGgo=");
    }
}

#[test]
fn what_is_no_address_is_refused() {
    for url in [
        "",
        " ",
        "not an address",
        "file:///etc/passwd",
        "ftp://example.org",
        "data:image/png;base64",
        "data:image/png;base64,",
        "data:image/png;base64, \n",
        "data:image/png;base64,a*b=",
        "data:image/png;base64,iVBOR",
        "AAAAAAAA",
        "data:;base64,AAAAAAAA",
        "data:",
    ] {
        assert!(image_url(url.into()).is_err(), "{url}");
    }
}

#[test]
fn pictures_of_kinds_that_the_backend_does_not_take_are_refused() {
    for url in [
        "data:image/svg+xml,%3Csvg/%3E",
        "data:image/svg+xml;utf8,<svg/>",
        "data:image/svg+xml;base64,PHN2Zy8+",
        "data:image/png;base64,PHN2Zy8+",
        "data:image/heic;base64,AAAAAAAA",
        "data:image/jpeg;base64,AAAAGGZ0eXBoZWlj",
        "data:image/avif;base64,AAAAIGZ0eXBhdmlm",
        "data:image/bmp;base64,Qk1GAAAA",
        "data:image/x-icon;base64,AAABAAEA",
        "data:image/tiff;base64,SUkqAAAA",
        "data:text/plain;base64,aGk=",
        "data:application/pdf;base64,JVBERi0x",
        "Qk1GAAAA",
        "PHN2Zy8+",
        "JVBERi0x",
    ] {
        assert_eq!(
            image_url(url.into()).map(|url| url.text().into_owned()),
            Err(super::NOT_TAKEN),
            "{url}"
        );
    }
}

#[test]
fn a_picture_under_the_name_of_another_kind_goes_under_its_own() {
    for (given, media) in [("image/heic", "image/jpeg"), ("image/x-png", "image/jpeg")] {
        let url = format!("data:{given};base64,/9j/4AAQ");
        assert_eq!(image(&url), format!("data:{media};base64,/9j/4AAQ"));
    }
}

#[test]
fn file_data_gets_its_type_from_the_data_or_the_name() {
    assert_eq!(file("JVBERi0x", None), "data:application/pdf;base64,JVBERi0x");
    assert_eq!(file("JVBERi0x", Some("a.txt")), "data:application/pdf;base64,JVBERi0x");
    assert_eq!(file("aGVsbG8", Some("notes.TXT")), "data:text/plain;base64,aGVsbG8=");
    assert_eq!(file("data:;base64,aGVsbG8=", Some("a.md")), "data:text/markdown;base64,aGVsbG8=");
    let whole = "data:text/csv;base64,YSxi";
    assert_eq!(file(whole, None), whole);
}

#[test]
fn file_data_of_no_known_kind_is_refused() {
    for (data, name) in [
        ("aGVsbG8=", None),
        ("aGVsbG8=", Some("a.xyz")),
        ("aGVsbG8=", Some("noending")),
        ("hello world!", Some("a.txt")),
    ] {
        assert!(file_data(data.into(), name).is_err(), "{data} {name:?}");
    }
}
