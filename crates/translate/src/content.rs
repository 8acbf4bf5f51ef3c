//! Images and files in content: addresses repaired so that the backend takes them.
//!
//! Clients write `image/jpg`, leave the type out, break base64 into lines or use its letters for
//! URLs. A person who is shown the backend's refusal cannot change what the client sends, so
//! whatever has one possible meaning is repaired, and only the rest is refused. An address that
//! needs no repair, which may be megabytes of text, is checked in place and not copied.

use std::borrow::Cow;
use std::fmt::Display;

use chatmock_protocol::json::RawString;

use crate::notice::Notice;

/// The media types of the pictures that the backend takes.
const PICTURES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// The start of the base64 of a file of each kind, and the media type of the kind.
const SIGNATURES: [(&str, &str); 21] = [
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("JVBERi", "application/pdf"),
    ("PHN2Z", "image/svg+xml"),
    ("PD94bW", "image/svg+xml"),
    ("PCFET0NUWVBFIHN2Z", "image/svg+xml"),
    ("PCEtL", "image/svg+xml"),
    ("77u/PHN2Z", "image/svg+xml"),
    ("H4sI", "image/svg+xml"),
    ("Qk0", "image/bmp"),
    ("Qk1", "image/bmp"),
    ("Qk2", "image/bmp"),
    ("Qk3", "image/bmp"),
    ("AAABAA", "image/x-icon"),
    ("AAACAA", "image/x-icon"),
    ("SUkqA", "image/tiff"),
    ("TU0AK", "image/tiff"),
    ("/wr", "image/jxl"),
    ("AAAADEpYTCA", "image/jxl"),
];

/// The reason for which a picture is refused.
const NOT_TAKEN: &str =
    "the backend takes pictures in PNG, JPEG, GIF and WebP, and this one is of another kind";

/// The text in the place of a picture of an older turn.
const LEFT_OUT: &str = "[There was a picture here that cannot be shown.]";

/// Repairs an image's address: `http:` and `https:` pass, `data:` is repaired, bare base64 gets its type.
///
/// A picture of a kind that the backend refuses is refused here, where its place can be named: the
/// backend's own words do not say which of all the pictures of a conversation it is.
///
/// # Errors
/// Words for a person when the text is no address and no base64 of a known kind of image, or the
/// backend does not take that kind.
pub(crate) fn image_url(url: RawString<'_>) -> Result<RawString<'_>, &'static str> {
    let text = url.text();
    let repair = if has_scheme(&text, "http://") || has_scheme(&text, "https://") {
        Some(Repair::None)
    } else {
        taken(&text)?;
        data_url(&text, None)
    };
    let why = "expected an http(s) address, a data: address or base64 of an image";
    let repair = repair.ok_or(why)?;
    if let Repair::Rewrite(media, _) = &repair
        && !PICTURES.contains(&media.to_ascii_lowercase().as_str())
    {
        return Err(NOT_TAKEN);
    }
    Ok(repair.rewritten().unwrap_or(url))
}

/// Refuses a `data:` address of a kind of picture that the backend does not take.
fn taken(url: &str) -> Result<(), &'static str> {
    let Some((head, data)) = url.split_once(',').filter(|_| has_scheme(url, "data:")) else {
        return Ok(());
    };
    let head = head.get("data:".len()..).unwrap_or_default().to_ascii_lowercase();
    let named = head.split(';').next().unwrap_or_default();
    let found = if head.ends_with(";base64") { sniff(data.trim_start()) } else { None };
    // The data decides where it is known, since some clients give every picture the same name.
    let fits = match (found, named) {
        (Some(found), _) => PICTURES.contains(&found),
        (None, "image/jpg" | "" | "application/octet-stream") => true,
        (None, named) => PICTURES.contains(&named),
    };
    if fits { Ok(()) } else { Err(NOT_TAKEN) }
}

/// What stands in the place of a picture that cannot go out, where a refusal would end the conversation
/// for good: it was said long ago, or a tool gave it, and no one can take it back.
pub(crate) fn left_out(
    field: impl Display,
    why: &'static str,
    notices: &mut Vec<Notice>,
) -> RawString<'static> {
    notices.push(Notice::ignored(field.to_string(), why));
    LEFT_OUT.into()
}

/// Returns whether an image's address needs no repair.
pub(crate) fn is_sound_image(url: &str) -> bool {
    if has_scheme(url, "http://") || has_scheme(url, "https://") {
        return true;
    }
    !url.contains('\\') && taken(url).is_ok() && matches!(data_url(url, None), Some(Repair::None))
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
        // Pictures under the name of a kind that the backend refuses.
        lower if lower.starts_with("image/") && !PICTURES.contains(&lower) => {
            sniff(data.trim_start()).unwrap_or(named)
        }
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
    // The brand of an ISO media file comes after the length of its first box.
    let box_type = |at: usize, letters: &str| base64.get(at..at + letters.len()) == Some(letters);
    if base64.starts_with("AAAA") && box_type(6, "Z0") && box_type(8, "eX") {
        return Some("image/heif");
    }
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
