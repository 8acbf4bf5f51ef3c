//! Where the server listens, and who may send requests.

use std::net::TcpListener;

use anyhow::{Context, bail, ensure};
use chatmock_server::HttpSettings;

use crate::api_keys::LoadedKeys;
use crate::cli::{AccessArgs, ListenArgs};
use crate::listen::ListenTarget;
use crate::value_parsers::SocketPath;

/// Resolves the addresses and the limits of what they take.
pub(super) fn http(
    args: ListenArgs,
    sockets: Vec<TcpListener>,
) -> anyhow::Result<(ListenTarget, HttpSettings)> {
    let ListenArgs {
        host,
        port,
        is_port_set,
        listen: path,
        workers,
        max_body,
        max_connections,
        max_turns,
        max_turns_per_label,
        drain,
        rejoin,
        ollama_version,
        state_dir,
    } = args;
    let listen = match (sockets.is_empty(), &path) {
        (false, _) => ListenTarget::from_sockets(sockets)?,
        (true, Some(_)) if !is_port_set => ListenTarget::default(),
        (true, _) => ListenTarget::resolve(&host, port)?,
    };
    let listen = listen.with_path(path.map(|SocketPath(path)| path));
    let hosts: Result<_, String> = listen.host_name().into_iter().map(str::parse).collect();
    let hosts = hosts.map_err(anyhow::Error::msg).context("--host")?;
    let mut http = HttpSettings { workers, ollama_version, ..HttpSettings::default() };
    http.admission.hosts = hosts;
    (http.sizes.max_body, http.sizes.max_connections) = (max_body, max_connections);
    (http.turns.max, http.turns.max_per_label) = (max_turns, max_turns_per_label);
    http.timeouts.drain = drain;
    http.streams.rejoin = rejoin;
    http.responses.directory = state_dir;
    Ok((listen, http))
}

/// Refuses budgets of labels that no key has.
pub(super) fn budgets(http: &HttpSettings) -> anyhow::Result<()> {
    let keys = &http.admission.keys;
    let known = |label: &str| label == "*" || keys.iter().any(|key| key.label() == label);
    match http.admin.budgets.iter().find(|budget| keys.is_empty() || !known(budget.label())) {
        Some(budget) if keys.is_empty() => {
            bail!(
                "--budget {}: budgets are of keys' labels, and no key is set (--api-key-file)",
                budget.label()
            )
        }
        Some(budget) => bail!("--budget: no key has the label {}", budget.label()),
        None => Ok(()),
    }
}

/// Resolves who may send requests; returns the warnings.
pub(super) fn access(
    args: AccessArgs,
    listen: &ListenTarget,
    http: &mut HttpSettings,
) -> anyhow::Result<Vec<String>> {
    let AccessArgs { api_key, api_key_file, allow_unauthenticated, allow_host, allow_origin } =
        args;
    let LoadedKeys { keys, mut warnings } = LoadedKeys::read(&api_key, api_key_file.as_deref())?;
    if let Some(address) = listen.exposed_address().filter(|_| keys.is_empty()) {
        ensure!(
            allow_unauthenticated,
            "cannot listen on {address}: an address that other machines can reach needs an inbound \
             key (--api-key-file FILE)\nhint: make a key with  openssl rand -hex 24 > keys && chmod 600 keys ; use \
             --host 127.0.0.1 for this machine alone, or --allow-unauthenticated if you trust everyone who can connect"
        );
        warnings.push(format!(
            "--allow-unauthenticated: anyone who can connect to {address} can use your account"
        ));
    }
    let others = allow_host.iter().find(|host| !host.is_of_this_machine());
    if let Some(host) = others.filter(|_| keys.is_empty()) {
        ensure!(
            allow_unauthenticated,
            "--allow-host {host}: a name that other machines may use needs an inbound key: add the \
             line  api-key-file = \"keys\"  to the configuration file, or pass --api-key-file FILE; \
             or pass --allow-unauthenticated if you trust everyone who can reach {host}"
        );
        warnings.push(format!(
            "--allow-unauthenticated: anyone who can reach {host} can use your account"
        ));
    }
    if let Some(origin) = allow_origin.iter().find(|origin| keys.is_empty() && origin.needs_key()) {
        bail!(
            "--allow-origin {}: every extension of the browser has such an origin, so a key is needed: add the line  \
             api-key-file = \"keys\"  to the configuration file, or pass --api-key-file FILE; or list the one extension by \
             its id",
            origin.as_str()
        );
    }
    http.admission.unauthenticated = allow_unauthenticated;
    http.admission.hosts.extend(allow_host);
    http.admission.origins = allow_origin;
    http.admission.keys = keys;
    Ok(warnings)
}
