//! Images and files in content: addresses repaired so that the backend takes them.
//!
//! Clients write `image/jpg`, leave the type out, break base64 into lines or use its letters for
//! URLs. A person who is shown the backend's refusal cannot change what the client sends, so
//! whatever has one possible meaning is repaired, and only the rest is refused. An address that
//! needs no repair, which may be megabytes of text, is checked in place and not copied.

use std::borrow::Cow;

use chatmock_protocol::json::RawString;

/// The start of the base64 of a file of each kind, and the media type of the kind.
const SIGNATURES: [(&str, &str); 6] = [
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("Qk", "image/bmp"),
    ("JVBERi", "application/pdf"),
];

/// Repairs an image's address: `http:` and `https:` pass, `data:` is repaired, bare base64 gets its type.
///
/// # Errors
/// Words for a person when the text is no address and no base64 of a known kind of image.
pub(crate) fn image_url(url: RawString<'_>) -> Result<RawString<'_>, &'static str> {
    let text = url.text();
    let repair = if has_scheme(&text, "http://") || has_scheme(&text, "https://") {
        Some(Repair::None)
    } else {
        data_url(&text, None)
    };
    let why = "expected an http(s) address, a data: address or base64 of an image";
    Ok(repair.ok_or(why)?.rewritten().unwrap_or(url))
}

/// Makes a file's data a `data:` address; the type comes from the data, else from the name.
///
/// # Errors
/// Words for a person when neither gives the type.
pub(crate) fn file_data<'b>(
    data: RawString<'b>,
    filename: Option<&str>,
) -> Result<RawString<'b>, &'static str> {
    let text = data.text();
    let why = "expected a data: address, or base64 with a file name whose ending gives the type";
    let repair = data_url(&text, filename.and_then(media_type)).ok_or(why)?;
    Ok(repair.rewritten().unwrap_or(data))
}

/// The repair of an address.
enum Repair<'u> {
    /// No repair is needed.
    None,
    /// The address is written anew, with this media type and this base64.
    Rewrite(&'u str, Cow<'u, str>),
}

impl Repair<'_> {
    fn rewritten(self) -> Option<RawString<'static>> {
        match self {
            Self::None => None,
            Self::Rewrite(media, base64) => {
                Some(RawString::concat(&["data:", media, ";base64,", &base64]))
            }
        }
    }
}

fn has_scheme(url: &str, scheme: &str) -> bool {
    url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

fn data_url<'u>(url: &'u str, fallback: Option<&'static str>) -> Option<Repair<'u>> {
    if !has_scheme(url, "data:") {
        let payload = payload(url.trim())?;
        let media = sniff(&payload).or(fallback)?;
        return Some(Repair::Rewrite(media, payload));
    }
    let (head, data) = url.split_once(',')?;
    let head = head.get("data:".len()..)?;
    if !head.to_ascii_lowercase().ends_with(";base64") {
        return Some(Repair::None);
    }
    let named = head.split(';').next().unwrap_or_default();
    let media = match named.to_ascii_lowercase().as_str() {
        "image/jpg" => "image/jpeg",
        "" | "application/octet-stream" => sniff(data.trim_start()).or(fallback)?,
        _ => named,
    };
    let fixed = payload(data)?;
    if media == named && matches!(fixed, Cow::Borrowed(_)) {
        return Some(Repair::None);
    }
    Some(Repair::Rewrite(media, fixed))
}

/// Base64 in its standard form: without white space, URL-safe letters or missing padding.
fn payload(data: &str) -> Option<Cow<'_, str>> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    if data.is_empty() {
        return None;
    }
    // Whole blocks at a time, without a way out between, which the compiler makes wide steps of.
    let all_plain = |block: &[u8]| block.iter().fold(true, |all, byte| all & plain(*byte));
    if data.len().is_multiple_of(4) && data.as_bytes().chunks(256).all(all_plain) {
        return Some(Cow::Borrowed(data));
    }
    let mut fixed = String::with_capacity(data.len() + 3);
    for c in data.chars().filter(|c| !c.is_ascii_whitespace()) {
        fixed.push(match c {
            '-' => '+',
            '_' => '/',
            c if c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=') => c,
            _ => return None,
        });
    }
    if fixed.is_empty() || fixed.len() % 4 == 1 {
        return None;
    }
    while !fixed.len().is_multiple_of(4) {
        fixed.push('=');
    }
    Some(Cow::Owned(fixed))
}

fn sniff(base64: &str) -> Option<&'static str> {
    SIGNATURES.iter().find(|(start, _)| base64.starts_with(start)).map(|(_, media)| *media)
}

/// The media type for the ending of a file name.
fn media_type(filename: &str) -> Option<&'static str> {
    let (_, ending) = filename.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "pdf" => "application/pdf",
        "txt" | "log" => "text/plain",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "json" => "application/json",
        "html" | "htm" => "text/html",
        "xml" => "application/xml",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
