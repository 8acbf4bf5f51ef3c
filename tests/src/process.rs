//! The program as a child process: started, measured from outside, told to stop.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use chatmock_testkit::client::with_deadline;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::BoxError;

/// The child; killed when dropped.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    id: u32,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Program {
    /// Starts the program that was built beside this one, and waits until it listens.
    ///
    /// It trusts the certificates of one file alone, where there is such.
    pub(crate) async fn start(
        home: &Path,
        flags: &[String],
        trusted: Option<&Path>,
    ) -> Result<Self, BoxError> {
        let mut child = Command::new(path()?)
            .args(["--port", "0", "--home"])
            .arg(home)
            .args(flags)
            // Nothing that is set here may steer it, proxies among them.
            .env_clear()
            .env("HOME", home)
            .envs(trusted.map(|file| ("SSL_CERT_FILE", file)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let id = child.id().ok_or("the program ended at once")?;
        let stderr = child.stderr.take().ok_or("no standard error")?;
        let mut lines = BufReader::new(stderr).lines();
        let mut seen = String::new();
        let address = loop {
            let line = with_deadline(lines.next_line()).await??;
            let line = line.ok_or_else(|| format!("the program did not start: {seen}"))?;
            if let Some((_, address)) = line.split_once("listening on http://") {
                break address.trim().parse()?;
            }
            seen.push_str(&line);
        };
        // The log is read to its end, as by a person who keeps it.
        tokio::spawn(async move { while matches!(lines.next_line().await, Ok(Some(_))) {} });
        Ok(Self { child, id, address })
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) -> Result<(), BoxError> {
        let id = i32::try_from(self.id)?;
        Ok(kill_process(Pid::from_raw(id).ok_or("no process")?, Signal::TERM)?)
    }

    /// Waits for its end; gives the exit code.
    pub(crate) async fn ended(&mut self, limit: Duration) -> Result<Option<i32>, BoxError> {
        Ok(tokio::time::timeout(limit, self.child.wait()).await??.code())
    }

    /// Whether it is the process that was started, and runs.
    pub(crate) fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The memory it has in use, in bytes.
    pub(crate) fn memory(&self) -> Result<u64, BoxError> {
        self.status("VmRSS:")
    }

    /// The most memory it ever had in use, in bytes.
    pub(crate) fn peak(&self) -> Result<u64, BoxError> {
        self.status("VmHWM:")
    }

    /// How many files and connections it has open.
    pub(crate) fn files(&self) -> Result<usize, BoxError> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.id))?.count())
    }

    /// The processor time that it has used.
    pub(crate) fn processor_time(&self) -> Result<Duration, BoxError> {
        let mut time = Duration::ZERO;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.id))? {
            time += thread_time(&thread?.path())?;
        }
        Ok(time)
    }

    /// How often one of its threads has gone to sleep.
    pub(crate) fn sleeps(&self) -> Result<u64, BoxError> {
        let mut sleeps = 0;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.id))? {
            sleeps += figure(&thread?.path(), "voluntary_ctxt_switches:")?;
        }
        Ok(sleeps)
    }

    fn status(&self, member: &str) -> Result<u64, BoxError> {
        Ok(figure(format!("/proc/{}", self.id).as_ref(), member)? * 1024)
    }
}

/// The processor time that this thread has used.
pub(crate) fn own_time() -> Result<Duration, BoxError> {
    thread_time("/proc/thread-self".as_ref())
}

fn thread_time(folder: &Path) -> Result<Duration, BoxError> {
    let text = std::fs::read_to_string(folder.join("schedstat"))?;
    let nanoseconds = text.split_whitespace().next().ok_or("no times in /proc")?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}

fn figure(folder: &Path, member: &str) -> Result<u64, BoxError> {
    let text = std::fs::read_to_string(folder.join("status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(member));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no such figure in /proc")?.parse()?)
}

/// The program in this program's folder, which has the same profile.
pub(crate) fn path() -> Result<PathBuf, BoxError> {
    let own = std::env::current_exe()?;
    let path = own.with_file_name("chatmock-server");
    if path.is_file() {
        return Ok(path);
    }
    let release = if cfg!(debug_assertions) { "" } else { " --release" };
    Err(format!("build the program first: cargo build{release} -p chatmock-server-bin").into())
}

/// Raises the limit of open files as far as it goes, for this process and its children.
pub(crate) fn raise_file_limit() -> Result<u64, BoxError> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}
