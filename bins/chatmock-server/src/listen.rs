//! The listening addresses of a host, or a path, and the sockets bound to them.
//!
//! A name may mean several addresses, and `localhost` means two. A client picks one of them,
//! so the server listens on all that this machine has, with the same port on each. Binding the
//! first alone would fail clients that try `::1` first. The price is the retry below: a port that
//! is free on one address may be taken on another.

#[cfg(unix)]
pub(crate) mod unix_socket;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::path::PathBuf;

use anyhow::{Context, anyhow, ensure};
use chatmock_server::Listener;

use crate::exit::ExitError;
use crate::port_owner::PortOwner;

/// The number of free ports that are tried when one is taken on another address.
const ATTEMPTS: u32 = 8;

/// The number of connections that may wait to be accepted, if the system allows it.
///
/// The 128 of the standard library overflow in a burst of clients, which then wait for a second
/// before they try again.
#[cfg(unix)]
const BACKLOG: i32 = 4096;

/// The addresses and the port to listen on, and the path.
#[derive(Debug, Default)]
pub(crate) struct ListenTarget {
    addresses: Vec<IpAddr>,
    port: u16,
    name: Option<String>,
    /// Sockets that the service manager bound, which replace the addresses.
    sockets: Vec<TcpListener>,
    /// A socket in the file system.
    path: Option<PathBuf>,
}

/// The sockets that are listened on.
#[derive(Debug)]
pub(crate) struct BoundSockets {
    /// Those with an address.
    pub(crate) tcp: Vec<TcpListener>,
    /// The one with a path.
    #[cfg(unix)]
    pub(crate) unix: Option<unix_socket::UnixSocket>,
    /// The one of the figures, where they have one of their own.
    metrics: Option<TcpListener>,
}

/// The address at which clients find the server.
#[derive(Clone, Debug)]
pub(crate) enum Endpoint {
    /// At an address.
    Address(SocketAddr),
    /// At a path.
    #[cfg(unix)]
    Path(PathBuf),
}

impl Endpoint {
    /// Returns the address, if it is one.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Address(address) => Some(*address),
            #[cfg(unix)]
            Self::Path(_) => None,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "http://{address}"),
            #[cfg(unix)]
            Self::Path(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl BoundSockets {
    /// Listens on the address of the figures, too.
    pub(crate) fn with_metrics(self, address: Option<SocketAddr>) -> Result<Self, ExitError> {
        let listen = |address| match listen_on(address) {
            Ok((listener, _)) => Ok(listener),
            Err(error) => Err(BindError { address, error }.into_exit_error()),
        };
        Ok(Self { metrics: address.map(listen).transpose()?, ..self })
    }

    /// Returns the socket of the figures for a server, inside its runtime, and its address.
    pub(crate) fn metrics(&self) -> io::Result<Option<(tokio::net::TcpListener, SocketAddr)>> {
        let Some(socket) = &self.metrics else { return Ok(None) };
        let address = socket.local_addr()?;
        Ok(Some((tokio::net::TcpListener::from_std(socket.try_clone()?)?, address)))
    }

    /// Returns the sockets for a server, inside its runtime, and where clients find them, addresses first.
    pub(crate) fn listeners(&self) -> io::Result<(Vec<Listener>, Vec<Endpoint>)> {
        let (mut listeners, mut endpoints) = (Vec::new(), Vec::new());
        for socket in &self.tcp {
            endpoints.push(Endpoint::Address(socket.local_addr()?));
            listeners.push(tokio::net::TcpListener::from_std(socket.try_clone()?)?.into());
        }
        #[cfg(unix)]
        if let Some(socket) = &self.unix {
            endpoints.push(Endpoint::Path(socket.path().to_owned()));
            listeners.push(tokio::net::UnixListener::from_std(socket.listener()?)?.into());
        }
        Ok((listeners, endpoints))
    }
}

impl ListenTarget {
    /// Resolves a host to its addresses.
    pub(crate) fn resolve(host: &str, port: u16) -> anyhow::Result<Self> {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let (addresses, name) = match bare.parse::<IpAddr>() {
            Ok(address) => (vec![address.to_canonical()], None),
            Err(_) if host.eq_ignore_ascii_case("localhost") => {
                (vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()], None)
            }
            Err(_) => (addresses_of(host)?, Some(host.to_ascii_lowercase())),
        };
        Ok(Self { addresses, port, name, ..Self::default() })
    }

    /// Uses sockets that are listening already.
    pub(crate) fn from_sockets(sockets: Vec<TcpListener>) -> anyhow::Result<Self> {
        let addresses: io::Result<Vec<IpAddr>> = sockets
            .iter()
            .map(|socket| socket.local_addr().map(|address| address.ip().to_canonical()))
            .collect();
        let addresses = addresses.context("a socket from the service manager has no address")?;
        Ok(Self { addresses, sockets, ..Self::default() })
    }

    /// Adds a socket in the file system.
    pub(crate) fn with_path(self, path: Option<PathBuf>) -> Self {
        Self { path, ..self }
    }

    /// Returns the first address that other machines may reach, formatted for a message.
    pub(crate) fn exposed_address(&self) -> Option<String> {
        let address = self.addresses.iter().find(|address| !address.is_loopback())?;
        Some(match &self.name {
            Some(name) => format!("{name} ({address})"),
            None => address.to_string(),
        })
    }

    /// Returns the name that requests for this host carry, unless every server accepts it anyway.
    pub(crate) fn host_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Binds the path, and every address that this machine has, of which at least one must succeed.
    pub(crate) fn bind(self) -> Result<BoundSockets, ExitError> {
        #[cfg(unix)]
        let unix = self.path.as_deref().map(unix_socket::UnixSocket::bind).transpose()?;
        let tcp = self.bind_addresses()?;
        Ok(BoundSockets {
            tcp,
            #[cfg(unix)]
            unix,
            metrics: None,
        })
    }

    fn bind_addresses(self) -> Result<Vec<TcpListener>, ExitError> {
        if !self.sockets.is_empty() {
            return Ok(self.sockets);
        }
        let mut bound = self.bind_all();
        for _ in 1..ATTEMPTS {
            match &bound {
                // A port that is free on one address may be taken on the next.
                Err(failed) if self.port == 0 && failed.is_taken() => bound = self.bind_all(),
                _ => break,
            }
        }
        bound.map_err(BindError::into_exit_error)
    }

    fn bind_all(&self) -> Result<Vec<TcpListener>, BindError> {
        let (mut port, mut listeners, mut failed) = (self.port, Vec::new(), None);
        for ip in &self.addresses {
            let address = SocketAddr::new(*ip, port);
            match listen_on(address) {
                Ok((listener, bound)) => {
                    port = bound;
                    listeners.push(listener);
                }
                Err(error) => {
                    let why = BindError { address, error };
                    // Clients would reach the other program there, so this is an error even if
                    // other addresses are free.
                    if why.is_taken() {
                        return Err(why);
                    }
                    failed.get_or_insert(why);
                }
            }
        }
        match failed {
            Some(failed) if listeners.is_empty() => Err(failed),
            _ => Ok(listeners),
        }
    }
}

/// Asks the system for the addresses of a name, without duplicates.
fn addresses_of(host: &str) -> anyhow::Result<Vec<IpAddr>> {
    let found = (host, 0).to_socket_addrs();
    let found = found.with_context(|| format!("the host {host:?} cannot be resolved"))?;
    let mut addresses = Vec::new();
    for address in found.map(|found| found.ip().to_canonical()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    ensure!(!addresses.is_empty(), "the host {host:?} has no address");
    Ok(addresses)
}

fn listen_on(address: SocketAddr) -> io::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind(address)?;
    #[cfg(unix)]
    rustix::net::listen(&listener, BACKLOG)?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// An error of binding an address.
#[derive(Debug)]
struct BindError {
    address: SocketAddr,
    error: io::Error,
}

impl BindError {
    fn is_taken(&self) -> bool {
        self.error.kind() == io::ErrorKind::AddrInUse
    }

    fn into_exit_error(self) -> ExitError {
        let (ip, port) = (self.address.ip(), self.address.port());
        if self.is_taken() {
            let owner = PortOwner::find(self.address);
            let hint = owner.hint(port);
            return ExitError::PortTaken(anyhow!(
                "port {port} on {ip} is in use{owner}\nhint: {hint}"
            ));
        }
        if self.error.kind() == io::ErrorKind::PermissionDenied {
            return ExitError::PortTaken(anyhow!(
                "this system lets no program like this one listen on port {port} on {ip}: choose \
                 another port with --port (0 picks a free one)"
            ));
        }
        let failed = format!("cannot listen on {}", self.address);
        ExitError::Other(anyhow!(self.error).context(failed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_both_loopback_addresses_without_a_resolver() {
        let listen = ListenTarget::resolve("LocalHost", 1).unwrap();
        assert_eq!(listen.addresses, [IpAddr::from([127, 0, 0, 1]), Ipv6Addr::LOCALHOST.into()]);
        assert_eq!(listen.host_name(), None);
    }

    #[test]
    fn addresses_are_read_in_every_notation() {
        let only = |host| ListenTarget::resolve(host, 1).unwrap().addresses;
        assert_eq!(only("127.0.0.1"), [IpAddr::from([127, 0, 0, 1])]);
        assert_eq!(only("127.8.9.1"), [IpAddr::from([127, 8, 9, 1])]);
        assert_eq!(only("::1"), [IpAddr::from(Ipv6Addr::LOCALHOST)]);
        assert_eq!(only("[::1]"), [IpAddr::from(Ipv6Addr::LOCALHOST)]);
        assert_eq!(only("::ffff:127.0.0.1"), [IpAddr::from([127, 0, 0, 1])]);
    }

    #[test]
    fn what_others_can_reach_is_told_apart() {
        for host in ["0.0.0.0", "::", "192.0.2.1", "[2001:db8::1]", "::ffff:192.0.2.1"] {
            assert!(ListenTarget::resolve(host, 1).unwrap().exposed_address().is_some(), "{host}");
        }
        for host in ["localhost", "127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(ListenTarget::resolve(host, 1).unwrap().exposed_address(), None, "{host}");
        }
    }

    #[test]
    fn a_name_is_what_others_can_reach_as_soon_as_one_of_its_addresses_is() {
        let [here, there] = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([192, 0, 2, 1])];
        for (addresses, beyond) in [
            (vec![here], None),
            (vec![here, there], Some("box (192.0.2.1)")),
            (vec![there, here], Some("box (192.0.2.1)")),
        ] {
            let name = Some("box".to_owned());
            let listen = ListenTarget { addresses, port: 1, name, ..ListenTarget::default() };
            assert_eq!(listen.exposed_address().as_deref(), beyond);
        }
    }

    #[test]
    fn a_free_port_is_the_same_on_both_addresses() {
        let listeners = ListenTarget::resolve("localhost", 0).unwrap().bind().unwrap().tcp;
        let port = listeners[0].local_addr().unwrap().port();
        assert!(listeners.iter().all(|listener| listener.local_addr().unwrap().port() == port));
    }

    #[test]
    fn a_port_in_use_is_told_apart() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = held.local_addr().unwrap().port();
        let fault = ListenTarget::resolve("127.0.0.1", port).unwrap().bind().unwrap_err();
        assert!(
            matches!(fault, ExitError::PortTaken(error) if error.to_string().contains("in use"))
        );
    }
}
