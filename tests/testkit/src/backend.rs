//! A simulated backend on a thread of its own, with a home that is signed in to it.

use std::io;
use std::path::PathBuf;

use chatmock_simulator::{Claims, Settings, Simulator, Stats};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::client::DEADLINE;

/// A backend and a home, for programs that run as processes of their own.
#[derive(Debug)]
pub struct Backend {
    /// The backend and the issuer.
    pub simulator: Simulator,
    home: TempDir,
    runtime: Option<Runtime>,
}

impl Backend {
    /// A backend whose home is empty.
    ///
    /// # Errors
    ///
    /// Whatever the system reports.
    pub fn start(settings: Settings) -> io::Result<Self> {
        // One thread, so that the backend competes with the program under test as another program would.
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (sender, started) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            // Nobody waits any more only where this thread is gone.
            sender.send(Simulator::start(settings).await).ok();
        });
        let simulator = started.recv().map_err(io::Error::other)??;
        Ok(Self { simulator, home: TempDir::new()?, runtime: Some(runtime) })
    }

    /// A backend whose home has a sign-in.
    ///
    /// # Errors
    ///
    /// Whatever the system reports.
    pub fn signed_in(settings: Settings) -> io::Result<Self> {
        let backend = Self::start(settings)?;
        backend.sign_in(Claims::default())?;
        Ok(backend)
    }

    /// The folder of the sign-in.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.home.path().to_owned()
    }

    /// Puts a sign-in into the home.
    ///
    /// # Errors
    ///
    /// Whatever the system reports.
    pub fn sign_in(&self, claims: Claims) -> io::Result<()> {
        std::fs::write(
            self.home.path().join("auth.json"),
            self.simulator.tokens(claims).auth_json(),
        )
    }

    /// The flags that lead a server to this backend and home.
    #[must_use]
    pub fn flags(&self) -> [String; 3] {
        [
            format!("--home={}", self.home.path().display()),
            format!("--issuer={}", self.simulator.issuer()),
            format!("--upstream-url={}", self.simulator.upstream_url()),
        ]
    }

    /// Waits until the backend's counters satisfy a condition, or for the deadline of a test.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::TimedOut`] where they do not in time.
    pub fn wait_for(&self, met: impl FnMut(&Stats) -> bool) -> io::Result<Stats> {
        let Some(runtime) = &self.runtime else { return Err(io::ErrorKind::NotConnected.into()) };
        let met = async { tokio::time::timeout(DEADLINE, self.simulator.wait_for(met)).await };
        Ok(runtime.block_on(met)?)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
