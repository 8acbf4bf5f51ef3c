//! The system's table of connections: what the program still owes its clients, and whom it has left.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::BoxError;

/// The interval at which the table is read, and so the precision of its times.
const LOOK: Duration = Duration::from_millis(100);
/// The table's word for a connection that neither side has closed.
const ESTABLISHED: &str = "01";

/// One client as the table shows it.
#[derive(Debug)]
struct Seen {
    unsent: String,
    changed: Instant,
}

/// Waits until the program has closed its connections to clients that read nothing; gives for each
/// how long it stayed after the last byte that it took.
pub(super) async fn stays(
    program: SocketAddr,
    clients: &[u16],
    limit: Duration,
) -> Result<Vec<Duration>, BoxError> {
    let mut ticks = tokio::time::interval(LOOK);
    let now = Instant::now();
    let seen = |port: &u16| (*port, Seen { unsent: String::new(), changed: now });
    let mut waiting: HashMap<u16, Seen> = clients.iter().map(seen).collect();
    let mut stays = Vec::with_capacity(clients.len());
    while !waiting.is_empty() {
        ticks.tick().await;
        if now.elapsed() > limit {
            return Err(format!("{} slow readers were never sent away", waiting.len()).into());
        }
        let (table, at) = (table(program)?, Instant::now());
        waiting.retain(|port, seen| match table.get(port) {
            Some(unsent) => {
                if seen.unsent != *unsent {
                    *seen = Seen { unsent: unsent.clone(), changed: at };
                }
                true
            }
            None => {
                stays.push(at.duration_since(seen.changed));
                false
            }
        });
    }
    Ok(stays)
}

/// The bytes that the program has not got rid of, by the port of the client.
fn table(program: SocketAddr) -> Result<HashMap<u16, String>, BoxError> {
    let text = std::fs::read_to_string("/proc/net/tcp")?;
    Ok(text.lines().filter_map(|line| row(line, program.port())).collect())
}

/// The client's port and the unsent bytes of a row that is a connection of the program's.
fn row(line: &str, program: u16) -> Option<(u16, String)> {
    let mut words = line.split_whitespace().skip(1);
    let (local, remote, state) = (words.next()?, words.next()?, words.next()?);
    let unsent = words.next()?.split_once(':')?.0;
    let ours = port(local)? == program && state == ESTABLISHED;
    ours.then(|| Some((port(remote)?, unsent.to_owned())))?
}

fn port(address: &str) -> Option<u16> {
    u16::from_str_radix(address.split_once(':')?.1, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_from_the_programs_side() {
        let rest = "0000002A:00000000 00:00000000 00000000 0 0 1 1";
        let open = format!("0: 0100007F:1F40 0100007F:C001 01 {rest}");
        assert_eq!(row(&open, 8000), Some((0xC001, "0000002A".to_owned())));
        assert_eq!(row(&open, 8001), None);
        assert_eq!(row(&open.replace(" 01 ", " 04 "), 8000), None);
        assert_eq!(row("  sl  local_address rem_address   st tx_queue", 8000), None);
    }
}
