//! The answers in all the bytes that a connection brought.

use serde_json::Value;

use crate::wire::Reply;

/// Cuts a connection's bytes into answers; interim ones are left out. The first has no body if `bodiless`.
pub(crate) fn parse(mut bytes: &[u8], mut bodiless: bool) -> Result<Vec<Reply>, String> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let mut answer = head(&mut bytes)?;
        if !(100..200).contains(&answer.status) {
            answer.whole = bodiless || body(&mut bytes, &mut answer);
            bodiless = false;
            answers.push(answer);
        }
    }
    Ok(answers)
}

/// Takes one head off the bytes.
fn head(bytes: &mut &[u8]) -> Result<Reply, String> {
    let strange = || format!("no answer: {:?}", String::from_utf8_lossy(bytes));
    let end = find(bytes, b"\r\n\r\n").ok_or_else(strange)?;
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| strange())?;
    let mut lines = text.split("\r\n");
    let line = lines.next().filter(|line| line.starts_with("HTTP/1.")).ok_or_else(strange)?;
    let status =
        line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(strange)?;
    let pairs = lines.filter_map(|line| line.split_once(':'));
    let headers = pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    let headers = headers.collect();
    *bytes = &bytes[end + 4..];
    Ok(Reply { status, headers, ..Reply::default() })
}

/// Takes the body of a head off the bytes, and says whether it was whole.
fn body(bytes: &mut &[u8], answer: &mut Reply) -> bool {
    if answer.header("transfer-encoding").is_none() {
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        let (piece, rest) = bytes.split_at(bytes.len().min(length));
        (answer.body, *bytes) = (piece.to_owned(), rest);
        return piece.len() == length;
    }
    loop {
        let line = find(bytes, b"\r\n").and_then(|end| std::str::from_utf8(&bytes[..end]).ok());
        let Some(size) = line.and_then(|line| usize::from_str_radix(line, 16).ok()) else {
            *bytes = &[];
            return false;
        };
        let start = line.map_or(0, str::len) + 2;
        let Some(rest) = bytes.get(start + size + 2..) else {
            *bytes = &[];
            return false;
        };
        answer.body.extend(&bytes[start..start + size]);
        *bytes = rest;
        if size == 0 {
            return true;
        }
    }
}

pub(crate) fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}

/// What is wrong with an answer as a refusal in the shape of OpenAI's API.
pub(crate) fn refusal(answer: &Reply) -> Result<(), String> {
    let strange = || Err(format!("{} {}", answer.status, answer.text()));
    if !(400..500).contains(&answer.status) {
        return strange();
    }
    shape(answer).or_else(|()| strange())
}

/// Whether an answer's body is an error in the shape of OpenAI's API.
fn shape(answer: &Reply) -> Result<(), ()> {
    let body: Value = serde_json::from_slice(&answer.body).map_err(drop)?;
    let error = body["error"].as_object().ok_or(())?;
    let says =
        |name: &str| error.get(name).and_then(Value::as_str).is_some_and(|it| !it.is_empty());
    let whole = says("message") && says("type") && error.contains_key("code");
    let json =
        answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    if whole && error.contains_key("param") && json { Ok(()) } else { Err(()) }
}
