//! The program that has a port already: its name and process, as far as the system lets them be seen.

use std::fmt;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

/// The longest wait for an answer of the other program.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

/// The most of an answer that is read, in bytes.
const MAX_ANSWER: u64 = 64 * 1024;

/// The program behind a port.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PortOwner {
    /// The number and the name of its process.
    process: Option<(u32, String)>,
    /// True if it answers as this program does.
    is_chatmock: bool,
}

impl PortOwner {
    /// Looks for the program that listens on an address of this machine.
    pub(crate) fn find(address: SocketAddr) -> Self {
        Self { process: process(address.port()), is_chatmock: answers_as_chatmock(address) }
    }

    /// Returns what a person can do.
    pub(crate) fn hint(&self, port: u16) -> String {
        let other = "choose another port with --port (0 picks a free one)";
        match (self.is_chatmock, &self.process) {
            (true, Some((id, _))) => format!(
                "ChatMock runs there already: use http://127.0.0.1:{port}/v1, or stop it with  kill {id} ; or {other}"
            ),
            (true, None) => {
                format!("ChatMock runs there already: use http://127.0.0.1:{port}/v1, or {other}")
            }
            (false, Some((id, _))) => format!("stop it with  kill {id} , or {other}"),
            (false, None) => format!("stop the program that uses it, or {other}"),
        }
    }
}

impl fmt::Display for PortOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.process, self.is_chatmock) {
            (Some((id, name)), _) => write!(f, " by {name} (process {id})"),
            (None, true) => f.write_str(" by a ChatMock"),
            (None, false) => Ok(()),
        }
    }
}

/// An answer over HTTP.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Returns the loopback address of a port.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Asks a server on this machine, without a key.
pub(crate) fn get(address: SocketAddr, path: &str) -> Option<Answer> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    exchange(stream, path)
}

/// Sends a GET over an open connection and reads the answer.
pub(crate) fn exchange(mut stream: impl Read + Write, path: &str) -> Option<Answer> {
    // An answer of HTTP/1.0 has no chunks and ends with the connection.
    let request =
        format!("GET {path} HTTP/1.0\r\nhost: 127.0.0.1\r\naccept: application/json\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER).read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

/// Asks whether the program there is a ChatMock; every server of this kind answers `/health` without a key.
fn answers_as_chatmock(address: SocketAddr) -> bool {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let answer = get(SocketAddr::new(ip, address.port()), "/health");
    // The header is one that this server alone sends with that body.
    answer.is_some_and(|answer| {
        answer.head.contains("x-request-id: req_") && answer.body.contains("\"status\":")
    })
}

/// Finds the process that listens on a port, among those that this person may look at.
#[cfg(target_os = "linux")]
fn process(port: u16) -> Option<(u32, String)> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let tables = tables.map(|table| std::fs::read_to_string(table).unwrap_or_default());
    let socket = tables.iter().find_map(|table| listening_socket(table, port))?;
    let target = format!("socket:[{socket}]");
    let processes = std::fs::read_dir("/proc").ok()?;
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    ids.into_iter().find_map(|id| {
        let mut open = std::fs::read_dir(format!("/proc/{id}/fd")).ok()?;
        let holds = open.any(|file| {
            let link = file.ok().and_then(|file| std::fs::read_link(file.path()).ok());
            link.is_some_and(|link| link.as_os_str() == target.as_str())
        });
        let name = std::fs::read_to_string(format!("/proc/{id}/comm")).ok()?;
        holds.then(|| (id, chatmock_server::sanitize::text(name.trim())))
    })
}

/// No other system has a file that says it.
#[cfg(not(target_os = "linux"))]
fn process(_: u16) -> Option<(u32, String)> {
    None
}

/// Returns the number of the socket that listens on a port, from the kernel's table.
#[cfg(any(target_os = "linux", test))]
fn listening_socket(table: &str, port: u16) -> Option<u64> {
    /// The state of a socket that listens.
    const LISTENS: &str = "0A";
    let port = format!("{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let local = columns.get(1)?.rsplit(':').next()?;
        let listens = columns.get(3) == Some(&LISTENS) && local == port;
        columns.get(9).filter(|_| listens)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_socket_is_found_by_its_port() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
             0: 0100007F:1F40 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000 0 11 1 x\n   \
             1: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000 0 4242 1 x\n";
        assert_eq!(listening_socket(table, 8000), Some(4242));
        assert_eq!(listening_socket(table, 8001), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_process_behind_a_port_is_named() {
        let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let owner = PortOwner::find(held.local_addr().unwrap());
        assert_eq!(owner.process.map(|(id, _)| id), Some(std::process::id()));
        assert!(!owner.is_chatmock);
    }
}
