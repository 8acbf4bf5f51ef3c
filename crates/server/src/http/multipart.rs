//! Forms with files, `multipart/form-data` (RFC 7578), read from a body that is whole.

use chatmock_translate::{Failure, FailureKind};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use memchr::memmem;

/// The most parts of a form.
const MAX_PARTS: usize = 128;

/// The longest head of a part, in bytes.
const MAX_HEAD: usize = 8 * 1024;

/// One part of a form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part<'b> {
    /// The name of the field.
    pub(crate) name: String,
    /// True if it is a file.
    pub(crate) is_file: bool,
    /// The media type, where the part has one.
    pub(crate) media_type: Option<String>,
    /// The content.
    pub(crate) data: &'b [u8],
}

/// Returns the boundary between the parts of a form; `None` for a body of another type.
///
/// # Errors
/// 400 for a form without a boundary.
pub(crate) fn boundary(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (kind, rest) = value.split_once(';').unwrap_or((value, ""));
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Ok(None);
    }
    let boundary = parameter(rest, "boundary").filter(|boundary| {
        (1..=70).contains(&boundary.len())
            && boundary.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    });
    boundary.map(Some).ok_or_else(|| wrong("the form has no boundary in its content-type"))
}

/// Reads the parts of a form.
///
/// # Errors
/// 400 where it is not of this format, or ends before its end.
pub(crate) fn parts<'b>(body: &'b [u8], boundary: &str) -> Result<Vec<Part<'b>>, Failure> {
    let delimiter = format!("\r\n--{boundary}");
    let finder = memmem::Finder::new(delimiter.as_bytes());
    // The first delimiter may stand at the very beginning, where no line ends before it.
    let first = delimiter.as_bytes().get(2..).unwrap_or_default();
    let mut rest = match body.strip_prefix(first) {
        Some(rest) => rest,
        None => {
            finder.find(body).and_then(|at| body.get(at + delimiter.len()..)).ok_or_else(cut)?
        }
    };
    let mut parts = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        let line = memmem::find(rest, b"\r\n").ok_or_else(cut)?;
        let inside = rest.get(line..).unwrap_or_default();
        let end = finder.find(inside).ok_or_else(cut)?;
        // An empty part ends with the line of its delimiter.
        let content = inside.get(..end).unwrap_or_default();
        parts.push(part(content)?);
        if parts.len() > MAX_PARTS {
            return Err(wrong("the form has too many parts"));
        }
        rest = inside.get(end + delimiter.len()..).unwrap_or_default();
    }
}

/// Reads a part, from the end of the line of its delimiter on.
fn part(content: &[u8]) -> Result<Part<'_>, Failure> {
    let end = memmem::find(content, b"\r\n\r\n").ok_or_else(cut)?;
    let head = content.get(..end).filter(|head| head.len() <= MAX_HEAD);
    let head = head.ok_or_else(|| wrong("the head of a part of the form is too long"))?;
    let head = String::from_utf8_lossy(head);
    let (mut name, mut is_file, mut media_type) = (None, false, None);
    for line in head.split("\r\n") {
        let Some((header, value)) = line.split_once(':') else { continue };
        match header.trim().to_ascii_lowercase().as_str() {
            "content-disposition" => {
                name = parameter(value, "name");
                is_file = parameter(value, "filename").is_some()
                    || parameter(value, "filename*").is_some();
            }
            "content-type" => media_type = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    let name = name.ok_or_else(|| wrong("a part of the form has no name"))?;
    let data = content.get(end + 4..).unwrap_or_default();
    Ok(Part { name, is_file, media_type, data })
}

/// Returns the value of a parameter, which may be quoted.
fn parameter(text: &str, name: &str) -> Option<String> {
    let mut rest = text;
    loop {
        let (key, value) = rest.split_once('=')?;
        let key = key.rsplit(';').next().unwrap_or_default().trim();
        let (value, after) = match value.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let value = value.trim_start();
                let (value, after) = value.split_once(';').unwrap_or((value, ""));
                (value.trim().to_owned(), after)
            }
        };
        if key.eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = after;
    }
}

/// Reads up to the closing quote.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut chars) = (String::new(), text.char_indices());
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, text.get(at + 1..)?)),
            // Browsers write a backslash as it is, which is only different before these two.
            '\\' if matches!(text.get(at + 1..at + 2), Some("\"" | "\\")) => {
                value.push(chars.next()?.1);
            }
            char => value.push(char),
        }
    }
    None
}

fn cut() -> Failure {
    wrong("the form is cut, or not of the format that its content-type names")
}

fn wrong(message: &str) -> Failure {
    Failure::new(FailureKind::BadRequest, message).with_code("invalid_form")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &[u8] =
        b"--x\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na \"hat\"\r\n\
        --x  \r\ncontent-disposition: form-data; filename=\"a;name=b.png\"; name=image\r\n\
        Content-Type: image/png\r\n\r\n\x89PNG\r\n\r\n--y--x\r\n--x\r\n\
        Content-Disposition: form-data; name=\"a\\\"b\"\r\n\r\n\r\n--x--\r\nafter";

    #[test]
    fn parts_have_names_types_and_any_bytes() {
        let parts = parts(FORM, "x").unwrap();
        let part = |name: &str, is_file, media_type: Option<&str>, data| Part {
            name: name.to_owned(),
            is_file,
            media_type: media_type.map(str::to_owned),
            data,
        };
        let expected = [
            part("prompt", false, None, b"a \"hat\"".as_slice()),
            part("image", true, Some("image/png"), b"\x89PNG\r\n\r\n--y--x"),
            part("a\"b", false, None, b""),
        ];
        assert_eq!(parts, expected);
        let before = [b"preamble\r\n".as_slice(), FORM].concat();
        assert_eq!(super::parts(&before, "x").unwrap(), expected);
        assert_eq!(super::parts(b"--x--\r\n", "x").unwrap(), []);
    }

    #[test]
    fn a_form_that_is_cut_anywhere_is_refused() {
        let whole = FORM.len() - b"--\r\nafter".len();
        for end in 0..whole {
            let failure = parts(&FORM[..end], "x").unwrap_err();
            assert_eq!((failure.status(), failure.code.as_deref()), (400, Some("invalid_form")));
        }
        for form in [&b"--x\r\nA: b\r\n\r\n1\r\n--x--"[..], b"--y\r\n\r\n", b"--x\r\n\r\n--x--"] {
            assert!(parts(form, "x").is_err());
        }
        let many = [
            b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n".repeat(200),
            b"--x--".to_vec(),
        ];
        assert!(parts(&many.concat(), "x").unwrap_err().message.contains("too many"));
        let long = format!("--x\r\nA: {}\r\n\r\n1\r\n--x--", "a".repeat(9000));
        assert!(parts(long.as_bytes(), "x").unwrap_err().message.contains("too long"));
    }

    #[test]
    fn the_boundary_is_that_of_the_content_type() {
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, value.parse().unwrap());
            boundary(&headers)
        };
        assert_eq!(of("multipart/form-data; boundary=abc").unwrap().as_deref(), Some("abc"));
        let quoted = of("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"").unwrap();
        assert_eq!(quoted.as_deref(), Some("a b"));
        assert_eq!(of("application/json").unwrap(), None);
        assert_eq!(boundary(&HeaderMap::new()).unwrap(), None);
        for none in ["multipart/form-data", "multipart/form-data; boundary="] {
            assert!(of(none).is_err());
        }
    }
}
