//! The harness: a simulated backend, a home with a sign-in, and the program over both.

use chatmock_simulator::{Settings, Simulator, Stats};
use chatmock_testkit::client::{Connection, Reply, with_deadline};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::BoxError;
use crate::process::Program;

/// What a check works on; each has one of its own, so that figures do not mix.
#[derive(Debug)]
pub(crate) struct Harness {
    pub(crate) program: Program,
    pub(crate) simulator: Simulator,
    home: TempDir,
    _worker: Worker,
}

impl Harness {
    /// Starts a harness whose backend checks what the real one checks.
    pub(crate) async fn start() -> Result<Self, BoxError> {
        Self::over(Settings::default()).await
    }

    /// Starts a harness whose backend also gives fast answers.
    pub(crate) async fn fast() -> Result<Self, BoxError> {
        Self::over(Settings { fast: true, ..Settings::default() }).await
    }

    /// Starts a harness whose backend also gives fast answers, and speaks HTTP/2 over TLS alone.
    pub(crate) async fn secure() -> Result<Self, BoxError> {
        Self::over(Settings { fast: true, tls: true, ..Settings::default() }).await
    }

    async fn over(settings: Settings) -> Result<Self, BoxError> {
        // No more of the requests than the last few, or this process would hold them all.
        let settings = Settings { keep_requests: 4, ..settings };
        let worker = Worker::new()?;
        let simulator = worker.0.as_ref().ok_or("no worker")?.spawn(Simulator::start(settings));
        let simulator = simulator.await??;
        let home = tempfile::tempdir()?;
        std::fs::write(home.path().join("auth.json"), simulator.auth_json())?;
        if let Some(certificate) = simulator.certificate() {
            std::fs::write(home.path().join(CERTIFICATE), certificate)?;
        }
        let program = program(&home, &simulator).await?;
        Ok(Self { program, simulator, home, _worker: worker })
    }

    /// Ends the program and starts another over the same backend and home.
    pub(crate) async fn restart(&mut self) -> Result<(), BoxError> {
        self.program = program(&self.home, &self.simulator).await?;
        Ok(())
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
        Ok(with_deadline(self.simulator.wait_for(met)).await?)
    }
}

/// The backend's certificate, in the home of whoever is to trust it.
const CERTIFICATE: &str = "backend.pem";

async fn program(home: &TempDir, simulator: &Simulator) -> Result<Program, BoxError> {
    let certificate = home.path().join(CERTIFICATE);
    let trusted = certificate.is_file().then_some(certificate);
    let flags = [
        "--max-connections=12000".to_owned(),
        format!("--issuer={}", simulator.issuer()),
        format!("--upstream-url={}", simulator.upstream_url()),
    ];
    Program::start(home.path(), &flags, trusted.as_deref()).await
}

/// A thread of its own for the backend, so that it competes with the clients as another program would.
#[derive(Debug)]
struct Worker(Option<Runtime>);

impl Worker {
    fn new() -> Result<Self, BoxError> {
        Ok(Self(Some(Builder::new_multi_thread().worker_threads(1).enable_all().build()?)))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
