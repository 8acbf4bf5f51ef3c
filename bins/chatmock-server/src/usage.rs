//! The command `usage`: asks a running server what was used, or reads it from the disk where none runs.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use chatmock_server::auth::write_private;
use chatmock_server::{StoreError, UsageQuery, UsageReport, sanitize, stored_usage};

use crate::cli::{Cli, UsageArgs};
use crate::env;
use crate::listen::Endpoint;

/// The note beside the database that says where its server listens.
const NOTE: &str = "server.url";

/// The time for which a server is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most that is read of an answer, in bytes.
const MAX: u64 = 64 * 1024 * 1024;

/// Notes where the server of a folder listens, for this command of a later process. A failure costs only that.
pub(crate) fn note(folder: &Path, endpoints: &[Endpoint]) {
    let Some(mut address) = endpoints.iter().find_map(Endpoint::address) else { return };
    if address.ip().is_unspecified() {
        let local: SocketAddr = match address {
            SocketAddr::V4(_) => ([127, 0, 0, 1], address.port()).into(),
            SocketAddr::V6(_) => (std::net::Ipv6Addr::LOCALHOST, address.port()).into(),
        };
        address = local;
    }
    if let Err(error) = write_private(&folder.join(NOTE), format!("http://{address}\n").as_bytes())
    {
        tracing::debug!("the note of the address was not written: {error}");
    }
}

/// Returns what the command prints.
pub(crate) fn run(args: &UsageArgs, cli: &Cli) -> anyhow::Result<String> {
    let report = report(args, cli)?;
    Ok(match (args.json, args.csv) {
        (true, _) => format!("{}\n", report.json()),
        (_, true) => report.csv(),
        _ => report.table(),
    })
}

fn report(args: &UsageArgs, cli: &Cli) -> anyhow::Result<UsageReport> {
    if let Some(url) = &args.url {
        return ask(url, args);
    }
    let Some(folder) = &cli.listen.state_dir else {
        return ask(&format!("http://127.0.0.1:{}", cli.listen.port), args);
    };
    // A folder that no server uses is read at once: an old note could lead to another program, which the key is not for.
    let query = UsageQuery { since: args.since.0, by: args.by, ..UsageQuery::default() };
    match stored_usage(folder, &query) {
        Err(StoreError::InUse { .. }) => {
            let url = fs::read_to_string(folder.join(NOTE));
            let url =
                url.context("a server uses the folder and has left no address: pass --url")?;
            ask(url.trim(), args)
        }
        report => report.map_err(|error| anyhow!("{error}")),
    }
}

/// Asks a server.
fn ask(url: &str, args: &UsageArgs) -> anyhow::Result<UsageReport> {
    let since =
        args.since.0.map_or_else(|| "all".to_owned(), |since| format!("{}m", since.as_secs() / 60));
    let path = format!("/usage?since={since}&by={}", args.by.as_str());
    let key = args.key_from_env.as_deref().map(env::key).transpose()?;
    let reply = get(url, &path, key.as_deref())
        .map_err(|error| {
            anyhow!(
                "cannot ask {}: {error:#}\nhint: start the server with chatmock-server, or pass --url URL",
                sanitize::text(url)
            )
        })?;
    let (head, body) = reply.split_once("\r\n\r\n").context("the answer is no HTTP")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status == "401" {
        bail!("{} wants an API key: pass --key-from-env NAME", sanitize::text(url));
    }
    let report = UsageReport::read(body.as_bytes()).filter(|_| status == "200");
    report.ok_or_else(|| {
        anyhow!(
            "{} has no usage to show: {}",
            sanitize::text(url),
            sanitize::text(head.lines().next().unwrap_or_default())
        )
    })
}

/// Sends a GET over HTTP/1.0, whose answer ends with the connection; returns it as it came.
fn get(url: &str, path: &str, key: Option<&str>) -> anyhow::Result<String> {
    let rest = url.strip_prefix("http://").context("the address must begin with http://")?;
    let authority = rest.trim_end_matches('/').trim_end_matches("/v1");
    let target = if authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
    {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    let address = target.to_socket_addrs()?.next().context("the name has no address")?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let key = key.map(|key| format!("authorization: Bearer {key}\r\n")).unwrap_or_default();
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {authority}\r\n{key}\r\n")?;
    let mut reply = String::new();
    stream.take(MAX).read_to_string(&mut reply)?;
    Ok(reply)
}
