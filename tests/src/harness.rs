//! The harness: a simulated backend, a home with a sign-in, and the program over both.

use std::time::Duration;

use chatmock_simulator::{Settings, Simulator, Stats};
use chatmock_testkit::backend::Backend;
use chatmock_testkit::client::{Connection, Reply, with_deadline};

use crate::BoxError;
use crate::process::Program;
use crate::relay::Relay;

/// A program and its backend; each check has its own, so that figures do not mix.
#[derive(Debug)]
pub(crate) struct Harness {
    pub(crate) program: Program,
    backend: Backend,
}

impl Harness {
    /// Starts a harness whose backend checks what the real one checks.
    pub(crate) fn start() -> Result<Self, BoxError> {
        Self::over(Settings::default())
    }

    /// Starts a harness whose backend also gives fast answers.
    pub(crate) fn fast() -> Result<Self, BoxError> {
        Self::over(Settings { fast: true, ..Settings::default() })
    }

    /// Starts a harness whose backend also gives fast answers, and speaks HTTP/2 over TLS alone.
    pub(crate) fn secure() -> Result<Self, BoxError> {
        Self::over(Settings { fast: true, tls: true, ..Settings::default() })
    }

    /// Starts a harness whose backend gives fast answers, and whose program runs under callgrind.
    pub(crate) fn counted() -> Result<Self, BoxError> {
        let backend = backend(Settings { fast: true, ..Settings::default() })?;
        let program = Program::counted(&backend.home(), &flags(&backend, &[]))?;
        Ok(Self { program, backend })
    }

    fn over(settings: Settings) -> Result<Self, BoxError> {
        let backend = backend(settings)?;
        let program = program(&backend, &[])?;
        Ok(Self { program, backend })
    }

    /// Starts a harness whose turns go over kept sockets where that is of use.
    pub(crate) fn by_sockets() -> Result<Self, BoxError> {
        let backend = backend(Settings::default())?;
        let program = program(&backend, &["--upstream-transport=auto".to_owned()])?;
        Ok(Self { program, backend })
    }

    /// Ends the program and starts another over the same backend and home.
    pub(crate) fn restart(&mut self) -> Result<(), BoxError> {
        self.program = program(&self.backend, &[])?;
        Ok(())
    }

    /// The backend.
    pub(crate) fn simulator(&self) -> &Simulator {
        &self.backend.simulator
    }

    /// Sends one request on a connection of its own.
    pub(crate) async fn ask(&self, request: &[u8]) -> Result<Reply, BoxError> {
        Ok(Connection::open(self.program.address).await?.exchange(request).await?)
    }

    /// Waits until the backend's counters are such.
    pub(crate) async fn wait_for(
        &self,
        met: impl FnMut(&Stats) -> bool,
    ) -> Result<Stats, BoxError> {
        Ok(with_deadline(self.simulator().wait_for(met)).await?)
    }
}

/// The backend's certificate, in the home of whoever is to trust it.
const CERTIFICATE: &str = "backend.pem";

/// A harness whose backend speaks TLS from far away.
#[derive(Debug)]
pub(crate) struct Distant {
    pub(crate) harness: Harness,
    pub(crate) relay: Relay,
}

impl Distant {
    /// Starts one; each byte takes `delay` in each direction.
    pub(crate) async fn start(transport: &str, delay: Duration) -> Result<Self, BoxError> {
        let backend = backend(Settings { tls: true, ..Settings::default() })?;
        let relay = Relay::start(backend.simulator.address(), delay).await?;
        let direct = format!(":{}/", backend.simulator.address().port());
        let address = backend.simulator.upstream_url();
        let address = address.replace(&direct, &format!(":{}/", relay.address.port()));
        let flags =
            [format!("--upstream-transport={transport}"), format!("--upstream-url={address}")];
        let program = program(&backend, &flags)?;
        Ok(Self { harness: Harness { program, backend }, relay })
    }
}

/// Starts a backend that keeps no more of the requests than the last few, or this process would hold them all.
fn backend(settings: Settings) -> Result<Backend, BoxError> {
    let backend = Backend::signed_in(Settings { keep_requests: 4, ..settings })?;
    if let Some(certificate) = backend.simulator.certificate() {
        std::fs::write(backend.home().join(CERTIFICATE), certificate)?;
    }
    Ok(backend)
}

fn program(backend: &Backend, own: &[String]) -> Result<Program, BoxError> {
    let certificate = backend.home().join(CERTIFICATE);
    let trusted = certificate.is_file().then_some(certificate);
    Program::start(&backend.home(), &flags(backend, own), trusted.as_deref())
}

fn flags(backend: &Backend, own: &[String]) -> Vec<String> {
    let mut flags = vec!["--max-connections=12000".to_owned()];
    let name = |flag: &str| flag.split('=').next().unwrap_or_default().to_owned();
    // What is measured is a call for each answer, where nothing else is said: the backend counts those.
    let usual = ["--upstream-transport=http".to_owned()].into_iter().chain(backend.flags());
    flags.extend(usual.filter(|flag| !own.iter().any(|own| name(own) == name(flag))));
    flags.extend_from_slice(own);
    flags
}
