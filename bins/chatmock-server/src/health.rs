//! `health`: whether the server on this machine is ready, for the health checks of containers and service managers.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

use anyhow::anyhow;
use chatmock_server::protocol::json::{RawObject, read_text};
use chatmock_server::sanitize;

use crate::cli::Cli;
use crate::exit::ExitError;
use crate::port_owner::{self, Answer};
use crate::tool_context::{ToolContext, print};

/// Prints the state in a word: 0 if the server is ready, 1 if it is not, or does not answer.
pub(crate) fn run(context: &ToolContext<'_>) -> Result<ExitCode, ExitError> {
    let (place, answer) = ask(&context.cli);
    let Some(answer) = answer else {
        return Err(ExitError::Other(anyhow!("no server answers at {place}")));
    };
    let word = word(&answer.body);
    print(format!("{word}\n").as_bytes())?;
    Ok(if answer.status == 200 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks the server that these settings would start: at its socket in the file system, else at its address.
fn ask(cli: &Cli) -> (String, Option<Answer>) {
    #[cfg(unix)]
    if let Some(socket) = cli.listen.listen.as_ref().filter(|_| !cli.listen.is_port_set) {
        let stream = std::os::unix::net::UnixStream::connect(&socket.0).ok();
        let answer = stream.and_then(|stream| {
            stream.set_read_timeout(Some(port_owner::PATIENCE)).ok()?;
            port_owner::exchange(stream, "/ready")
        });
        return (socket.0.display().to_string(), answer);
    }
    let address = address(&cli.listen.host, cli.listen.port);
    (format!("http://{address}"), port_owner::get(address, "/ready"))
}

/// Returns the address at which a server that listens on `host` is reached from this machine.
fn address(host: &str, port: u16) -> SocketAddr {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) if ip.is_unspecified() => (std::net::Ipv6Addr::LOCALHOST, port).into(),
        Ok(ip) if !ip.is_unspecified() => (ip, port).into(),
        _ => port_owner::loopback(port),
    }
}

fn word(body: &str) -> String {
    let read = read_text::<RawObject<'_>>(body).ok();
    let word = read.as_ref().and_then(|read| read.text("status"));
    word.map_or_else(|| "unknown".to_owned(), |word| sanitize::text(&word.replace('_', " ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_asked_on_loopback() {
        for (host, address) in [
            ("localhost", "127.0.0.1:8000"),
            ("0.0.0.0", "127.0.0.1:8000"),
            ("[::]", "[::1]:8000"),
            ("192.0.2.7", "192.0.2.7:8000"),
            ("nas.lan", "127.0.0.1:8000"),
        ] {
            assert_eq!(super::address(host, 8000).to_string(), address, "{host}");
        }
    }

    #[test]
    fn the_state_is_said_in_a_word() {
        assert_eq!(word(r#"{"status":"ready"}"#), "ready");
        assert_eq!(word(r#"{"status":"signed_out"}"#), "signed out");
        assert_eq!(word("x"), "unknown");
    }
}
