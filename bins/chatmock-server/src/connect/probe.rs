//! One free call of the server: its list of models, which proves that a client will reach it.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use chatmock_server::protocol::codex::models::{Model, read_public_list};

use super::client::KeyVariable;

/// The longest wait for a connection, and for each part of the answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// The most of an answer that is read, in bytes.
const MAX_ANSWER: u64 = 8 * 1024 * 1024;

/// Asks the server at an address for its models.
///
/// # Errors
/// Words for a person.
pub(crate) fn models(url: &str, key: Option<&KeyVariable>) -> Result<Vec<Model>, String> {
    let Some(rest) = url.strip_prefix("http://") else {
        return Err(format!("{url} was not asked: only addresses with http:// are"));
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let answer =
        ask(host, path, key).map_err(|error| format!("nothing answers at {url} ({error})"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split(' ').nth(1) {
        Some("200") => {}
        Some("401") => return Err(format!("the server at {url} wants a key: --key-from-env NAME")),
        status => return Err(format!("{url} answers with status {}", status.unwrap_or("?"))),
    }
    let entries = read_public_list(body.as_bytes());
    let entries = entries.map_err(|_| format!("{url} has no list of models"))?;
    Ok(entries.into_iter().map(|entry| entry.model).collect())
}

fn ask(host: &str, path: &str, key: Option<&KeyVariable>) -> std::io::Result<String> {
    let with_port = |host: &str| match host.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => host.to_owned(),
        _ => format!("{host}:80"),
    };
    let no_address = || std::io::Error::other("no such address");
    let address = with_port(host).to_socket_addrs()?.next().ok_or_else(no_address)?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let key = key.and_then(|key| key.value.as_deref());
    let key = key.map(|key| format!("authorization: Bearer {key}\r\n")).unwrap_or_default();
    let path = path.trim_end_matches('/');
    let slash = if path.is_empty() { "" } else { "/" };
    // An answer of HTTP/1.0 has no chunks.
    let request = format!(
        "GET {slash}{path}/v1/models HTTP/1.0\r\nhost: {host}\r\n{key}user-agent: chatmock-connect\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER).read_to_string(&mut answer)?;
    Ok(answer)
}
