//! The harness: a simulated backend, a home with a sign-in, and the program over both.

use chatmock_simulator::{Settings, Simulator, Stats};
use chatmock_testkit::backend::Backend;
use chatmock_testkit::client::{Connection, Reply, with_deadline};

use crate::BoxError;
use crate::process::Program;

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
        let program = Program::counted(&backend.home(), &flags(&backend))?;
        Ok(Self { program, backend })
    }

    fn over(settings: Settings) -> Result<Self, BoxError> {
        let backend = backend(settings)?;
        if let Some(certificate) = backend.simulator.certificate() {
            std::fs::write(backend.home().join(CERTIFICATE), certificate)?;
        }
        let program = program(&backend)?;
        Ok(Self { program, backend })
    }

    /// Ends the program and starts another over the same backend and home.
    pub(crate) fn restart(&mut self) -> Result<(), BoxError> {
        self.program = program(&self.backend)?;
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

fn backend(settings: Settings) -> Result<Backend, BoxError> {
    // No more of the requests than the last few, or this process would hold them all.
    Ok(Backend::signed_in(Settings { keep_requests: 4, ..settings })?)
}

fn program(backend: &Backend) -> Result<Program, BoxError> {
    let certificate = backend.home().join(CERTIFICATE);
    let trusted = certificate.is_file().then_some(certificate);
    Program::start(&backend.home(), &flags(backend), trusted.as_deref())
}

fn flags(backend: &Backend) -> Vec<String> {
    // What is measured is a call for each answer: the backend counts those, and not answers over one socket.
    let mut flags =
        ["--max-connections=12000", "--upstream-transport=http"].map(str::to_owned).to_vec();
    flags.extend(backend.flags());
    flags
}
