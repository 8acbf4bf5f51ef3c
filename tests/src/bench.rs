//! The bench: a simulated backend, a home with a sign-in, and the program over both.

use std::net::SocketAddr;

use chatmock_simulator::{Settings, Simulator, Stats};
use tempfile::TempDir;

use crate::Fault;
use crate::client::{Reply, Wire, soon};
use crate::process::Program;

/// What a check works on; each has one of its own, so that figures do not mix.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) program: Program,
    pub(crate) simulator: Simulator,
    _home: TempDir,
}

impl Bench {
    pub(crate) async fn start() -> Result<Self, Fault> {
        Self::over(None).await
    }

    /// A bench whose program calls another backend; the simulator only signs it in.
    pub(crate) async fn over(backend: Option<SocketAddr>) -> Result<Self, Fault> {
        // No more of the requests than the last few, or this process would hold them all.
        let settings = Settings { keep_requests: 4, ..Settings::default() };
        let simulator = Simulator::start(settings).await?;
        let home = tempfile::tempdir()?;
        std::fs::write(home.path().join("auth.json"), simulator.auth_json())?;
        let mut flags = vec!["--max-connections=12000".to_owned()];
        flags.push(format!("--issuer={}", simulator.issuer()));
        match backend {
            Some(address) => flags.extend([
                format!("--upstream-url=http://{address}/backend-api/codex"),
                "--model-sync=false".to_owned(),
            ]),
            None => flags.push(format!("--upstream-url={}", simulator.upstream_url())),
        }
        let program = Program::start(home.path(), &flags).await?;
        Ok(Self { program, simulator, _home: home })
    }

    /// Sends one request on a connection of its own.
    pub(crate) async fn ask(&self, request: &[u8]) -> Result<Reply, Fault> {
        Wire::open(self.program.address).await?.ask(request).await
    }

    /// Waits until the backend's counters are such.
    pub(crate) async fn wait_for(&self, met: impl FnMut(&Stats) -> bool) -> Result<Stats, Fault> {
        Ok(soon(self.simulator.wait_for(met)).await?)
    }
}
