//! The chain of programs: the server under test, the proxy behind it, the provider behind that.

use std::io::Write;
use std::path::Path;

use tempfile::{NamedTempFile, TempDir};

use crate::background::BackgroundProgram;
use crate::environment::Problem;
use crate::litellm;
use crate::process::{Running, demo, program};
use crate::reply::Reply;

/// The key of the provider.
const KEY: &str = "a-key-of-the-provider-behind";

/// The programs, which are killed when dropped.
pub(crate) struct Harness {
    /// The server under test.
    pub(crate) front: Running,
    /// LiteLLM's proxy.
    pub(crate) proxy: BackgroundProgram,
    /// The provider: another server, whose simulated backend is the public API's.
    pub(crate) provider: Running,
    folder: TempDir,
}

impl Harness {
    /// Starts them, the provider first.
    pub(crate) fn start() -> Result<Self, Problem> {
        let folder = TempDir::new()?;
        let provider = Running::start(demo().args(["--route", "api"]).env("CHATMOCK_API_KEY", KEY));
        let proxy = litellm::start(&provider.address, KEY, folder.path())?;
        let front = front(folder.path(), &format!("{}/v1", proxy.url), litellm::KEY);
        Ok(Self { front, proxy, provider, folder })
    }

    /// Returns the answer to a POST.
    pub(crate) fn post(&self, path: &str, body: &serde_json::Value) -> Reply {
        Reply::of(self.front.open("POST", path, &body.to_string()))
    }

    /// Starts another server under test, with another address or key.
    pub(crate) fn other(&self, upstream: &str, key: &str) -> Running {
        front(self.folder.path(), upstream, key)
    }
}

fn front(folder: &Path, upstream: &str, key: &str) -> Running {
    let mut file = NamedTempFile::new_in(folder).unwrap();
    file.write_all(key.as_bytes()).unwrap();
    let (_, file) = file.keep().unwrap();
    let mut command = program(&["--route", "api", "--port", "0", "--upstream-url", upstream]);
    command.arg("--upstream-key-file").arg(file).arg("--home").arg(folder.join("home"));
    Running::start(&mut command)
}
