//! The program as a child process: started, measured from outside, stopped.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use chatmock_testkit::process::{self, Reading};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::BoxError;

/// The program under test, ended when dropped.
#[derive(Debug)]
pub(crate) struct Program {
    child: process::Program,
    /// The address at which it listens.
    pub(crate) address: SocketAddr,
    /// The thread that reads its log to the end, as a person does who keeps it.
    log: Option<JoinHandle<()>>,
    /// Where callgrind writes what it counts.
    counts: Option<Counts>,
}

/// The files that callgrind writes, one each time it is asked to.
#[derive(Debug)]
struct Counts {
    file: PathBuf,
    dumps: usize,
}

impl Counts {
    /// Reads the total of the next file; callgrind begins anew at zero with each.
    fn next(&mut self) -> Result<u64, BoxError> {
        self.dumps += 1;
        let text = std::fs::read_to_string(format!("{}.{}", self.file.display(), self.dumps))?;
        let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
        Ok(total.ok_or("callgrind wrote no total")?.trim().parse()?)
    }
}

/// A command without the variables of this process: none of them, such as a proxy, may steer the program.
fn bare(program: impl AsRef<OsStr>, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", home);
    command
}

impl Program {
    /// Starts the program that was built next to this one, and waits until it listens.
    ///
    /// It trusts the certificates of one file alone, where there is such.
    pub(crate) fn start(
        home: &Path,
        flags: &[String],
        trusted: Option<&Path>,
    ) -> Result<Self, BoxError> {
        let mut command = bare(path()?, home);
        command.envs(trusted.map(|file| ("SSL_CERT_FILE", file)));
        Self::run(command, flags)
    }

    /// Starts the program under callgrind, which counts its instructions.
    pub(crate) fn counted(home: &Path, flags: &[String]) -> Result<Self, BoxError> {
        let counts = home.join("instructions");
        let mut command = bare("valgrind", home);
        command.args(["--tool=callgrind", "--quiet"]);
        command.arg(format!("--callgrind-out-file={}", counts.display())).arg(path()?);
        Ok(Self { counts: Some(Counts { file: counts, dumps: 0 }), ..Self::run(command, flags)? })
    }

    fn run(mut command: Command, flags: &[String]) -> Result<Self, BoxError> {
        command.args(["--port", "0"]).args(flags);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = process::Program::start(&mut command, Reading::Eager)?;
        let address = child.err.listening()?.parse()?;
        let log = Some(child.err.discard());
        Ok(Self { child, address, log, counts: None })
    }

    /// The instructions since the last question, of a program that was started to be counted.
    pub(crate) fn instructions(&mut self) -> Result<u64, BoxError> {
        let id = self.id().to_string();
        let counts = self.counts.as_mut().ok_or("its instructions are not counted")?;
        let asked = Command::new("callgrind_control").args(["--dump", &id]).output()?;
        if !asked.status.success() {
            return Err(String::from_utf8_lossy(&asked.stderr).into_owned().into());
        }
        counts.next()
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        self.child.signal("TERM");
    }

    /// Waits for its end; returns the exit code.
    pub(crate) async fn ended(&mut self, limit: Duration) -> Result<Option<i32>, BoxError> {
        let log = self.log.take().ok_or("it has ended already")?;
        // The log ends with the program.
        let ended = tokio::task::spawn_blocking(move || log.join());
        tokio::time::timeout(limit, ended).await??.map_err(|_| "the log could not be read")?;
        Ok(self.child.child.wait()?.code())
    }

    /// Returns whether the process that was started still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.child.try_wait(), Ok(None))
    }

    fn id(&self) -> u32 {
        self.child.child.id()
    }

    /// The memory it has in use, in bytes.
    pub(crate) fn memory(&self) -> Result<u64, BoxError> {
        self.status("VmRSS:")
    }

    /// The most memory it ever had in use, in bytes.
    pub(crate) fn peak(&self) -> Result<u64, BoxError> {
        self.status("VmHWM:")
    }

    /// The number of files and connections that it has open.
    pub(crate) fn files(&self) -> Result<usize, BoxError> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.id()))?.count())
    }

    /// The processor time that it has used.
    pub(crate) fn processor_time(&self) -> Result<Duration, BoxError> {
        let mut time = Duration::ZERO;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.id()))? {
            time += thread_time(&thread?.path())?;
        }
        Ok(time)
    }

    /// The number of times that its threads have gone to sleep.
    pub(crate) fn sleeps(&self) -> Result<u64, BoxError> {
        let mut sleeps = 0;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.id()))? {
            sleeps += figure(&thread?.path(), "voluntary_ctxt_switches:")?;
        }
        Ok(sleeps)
    }

    fn status(&self, member: &str) -> Result<u64, BoxError> {
        Ok(figure(format!("/proc/{}", self.id()).as_ref(), member)? * 1024)
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

/// The program under test: the one that `CHATMOCK_TEST_PROGRAM` names, or the one in this program's folder, which has
/// the same profile.
pub(crate) fn path() -> Result<PathBuf, BoxError> {
    if let Some(named) = std::env::var_os("CHATMOCK_TEST_PROGRAM") {
        return Ok(named.into());
    }
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
