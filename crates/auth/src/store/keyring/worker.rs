//! The one thread that talks to the keyring, so that a hung one holds up nothing else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, channel, sync_channel,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use super::{KeyringError, KeyringLimits, Maker, Vault, VaultError};

type Job = Box<dyn FnOnce(&mut VaultHolder) + Send>;

/// Hands work to the thread, and gives up on it in time.
pub(super) struct Worker {
    maker: Arc<Maker>,
    limits: KeyringLimits,
    state: Mutex<State>,
    /// A call that was given up on is still under way.
    stuck: Arc<AtomicBool>,
}

#[derive(Default)]
struct State {
    jobs: Option<Sender<Job>>,
    fault: Option<(KeyringError, Instant)>,
}

/// The vault, touched by the thread alone and made anew after a fault, because a library may
/// keep its first failure for ever.
struct VaultHolder {
    maker: Arc<Maker>,
    vault: Option<Box<dyn Vault>>,
}

impl VaultHolder {
    fn vault(&mut self) -> Result<&dyn Vault, VaultError> {
        let vault = match self.vault.take() {
            Some(vault) => vault,
            None => (self.maker)()?,
        };
        Ok(&**self.vault.insert(vault))
    }
}

impl Worker {
    #[cfg(any(feature = "keyring", test))]
    pub(super) fn new(maker: Arc<Maker>, limits: KeyringLimits) -> Self {
        Self { maker, limits, state: Mutex::default(), stuck: Arc::default() }
    }

    /// Does some work on the keyring's thread and waits for it, but not for long.
    pub(super) fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Vault) -> Result<T, KeyringError> + Send + 'static,
    ) -> Result<T, KeyringError> {
        if self.stuck.load(Ordering::SeqCst) {
            return Err(KeyringError::Hung);
        }
        let (reply, replied) = sync_channel(1);
        let abandoned = Arc::new(AtomicBool::new(false));
        let clearing = ClearStuck(Arc::clone(&self.stuck));
        self.submit(job(work, reply, Call { abandoned: Arc::clone(&abandoned), clearing }))?;
        let outcome = match replied.recv_timeout(self.limits.wait) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout) => {
                abandoned.store(true, Ordering::SeqCst);
                self.stuck.store(true, Ordering::SeqCst);
                self.overdue(&replied)
            }
            // The thread panicked inside the library; the next call gets another one.
            Err(RecvTimeoutError::Disconnected) => {
                self.state().jobs = None;
                Err(VaultError::Failed.into())
            }
        };
        self.remember_fault(&outcome);
        outcome
    }

    /// The call may have ended at the very moment at which it was given up on, and then nothing
    /// is stuck.
    fn overdue<T>(&self, replied: &Receiver<Result<T, KeyringError>>) -> Result<T, KeyringError> {
        match replied.try_recv() {
            Err(TryRecvError::Empty) => Err(KeyringError::Hung),
            ended => {
                self.stuck.store(false, Ordering::SeqCst);
                ended.unwrap_or(Err(VaultError::Failed.into()))
            }
        }
    }

    fn submit(&self, job: Job) -> Result<(), KeyringError> {
        let mut state = self.state();
        if let Some((error, until)) = state.fault {
            if Instant::now() < until {
                return Err(error);
            }
            state.fault = None;
        }
        let job = match &state.jobs {
            None => job,
            Some(jobs) => match jobs.send(job) {
                Ok(()) => return Ok(()),
                Err(unsent) => unsent.0,
            },
        };
        let jobs = self.start_thread()?;
        let sent = jobs.send(job).map_err(|_| KeyringError::Vault(VaultError::Failed));
        state.jobs = Some(jobs);
        sent
    }

    fn start_thread(&self) -> Result<Sender<Job>, KeyringError> {
        let (jobs, waiting) = channel::<Job>();
        let maker = Arc::clone(&self.maker);
        let started = thread::Builder::new().name("keyring".to_owned()).spawn(move || {
            let mut holder = VaultHolder { maker, vault: None };
            for job in waiting {
                job(&mut holder);
            }
        });
        started.map(|_| jobs).map_err(|_| VaultError::Failed.into())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember_fault<T>(&self, outcome: &Result<T, KeyringError>) {
        let Err(error) = outcome else { return };
        if matches!(error, KeyringError::Damaged | KeyringError::Vault(VaultError::TooLong)) {
            return;
        }
        self.state().fault = Some((*error, Instant::now() + self.limits.rest));
    }
}

/// Wraps work in a job that answers, drops a vault that failed, and is not begun when nobody
/// waits for it any more.
fn job<T: Send + 'static>(
    work: impl FnOnce(&dyn Vault) -> Result<T, KeyringError> + Send + 'static,
    reply: SyncSender<Result<T, KeyringError>>,
    call: Call,
) -> Job {
    Box::new(move |holder| {
        let Call { abandoned, clearing: _clearing } = call;
        if abandoned.load(Ordering::SeqCst) {
            return;
        }
        let outcome = holder.vault().map_err(KeyringError::from).and_then(work);
        if outcome.is_err() {
            holder.vault = None;
        }
        // The buffer takes it also when nobody waits.
        let _ = reply.send(outcome);
    })
}

/// One call as its job knows it.
struct Call {
    /// Nobody waits for it any more.
    abandoned: Arc<AtomicBool>,
    clearing: ClearStuck,
}

/// Says that nothing is stuck, once its call has ended in whatever way.
struct ClearStuck(Arc<AtomicBool>);

impl Drop for ClearStuck {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}
