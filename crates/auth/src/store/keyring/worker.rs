//! The one thread that talks to the keyring, so that a hung one holds up nothing else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, channel, sync_channel,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use super::{KeyringError, KeyringLimits, Maker, Vault, VaultError};

type Job = Box<dyn FnOnce(&mut Owner) + Send>;

/// Hands work to the thread, and gives up on it in time.
pub(super) struct Worker {
    maker: Arc<Maker>,
    limits: KeyringLimits,
    desk: Mutex<Desk>,
    /// A call that was given up on is still under way.
    stuck: Arc<AtomicBool>,
}

#[derive(Default)]
struct Desk {
    jobs: Option<Sender<Job>>,
    fault: Option<(KeyringError, Instant)>,
}

/// What only the thread touches: a vault that is made anew after a fault, because a library may
/// keep its first failure for ever.
struct Owner {
    maker: Arc<Maker>,
    vault: Option<Box<dyn Vault>>,
}

impl Owner {
    fn vault(&mut self) -> Result<&dyn Vault, VaultError> {
        let vault = match self.vault.take() {
            Some(vault) => vault,
            None => (self.maker)()?,
        };
        Ok(&**self.vault.insert(vault))
    }
}

impl Worker {
    pub(super) fn new(maker: Arc<Maker>, limits: KeyringLimits) -> Self {
        Self { maker, limits, desk: Mutex::default(), stuck: Arc::default() }
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
        let gone = Arc::new(AtomicBool::new(false));
        let freeing = Freeing(Arc::clone(&self.stuck));
        self.submit(job(work, reply, (Arc::clone(&gone), freeing)))?;
        let outcome = match replied.recv_timeout(self.limits.wait) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout) => {
                gone.store(true, Ordering::SeqCst);
                self.stuck.store(true, Ordering::SeqCst);
                self.overdue(&replied)
            }
            // The thread panicked inside the library; the next call gets another one.
            Err(RecvTimeoutError::Disconnected) => {
                self.desk().jobs = None;
                Err(VaultError::Failed.into())
            }
        };
        self.note(&outcome);
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
        let mut desk = self.desk();
        if let Some((error, until)) = desk.fault {
            if Instant::now() < until {
                return Err(error);
            }
            desk.fault = None;
        }
        let job = match &desk.jobs {
            None => job,
            Some(jobs) => match jobs.send(job) {
                Ok(()) => return Ok(()),
                Err(unsent) => unsent.0,
            },
        };
        let jobs = self.hire()?;
        let sent = jobs.send(job).map_err(|_| KeyringError::Vault(VaultError::Failed));
        desk.jobs = Some(jobs);
        sent
    }

    fn hire(&self) -> Result<Sender<Job>, KeyringError> {
        let (jobs, waiting) = channel::<Job>();
        let maker = Arc::clone(&self.maker);
        let started = thread::Builder::new().name("keyring".to_owned()).spawn(move || {
            let mut owner = Owner { maker, vault: None };
            for job in waiting {
                job(&mut owner);
            }
        });
        started.map(|_| jobs).map_err(|_| VaultError::Failed.into())
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note<T>(&self, outcome: &Result<T, KeyringError>) {
        let Err(error) = outcome else { return };
        if matches!(error, KeyringError::Damaged | KeyringError::Vault(VaultError::TooLong)) {
            return;
        }
        self.desk().fault = Some((*error, Instant::now() + self.limits.rest));
    }
}

/// Wraps work into a job that answers, drops a vault that failed, and is not begun when nobody
/// waits for it any more.
fn job<T: Send + 'static>(
    work: impl FnOnce(&dyn Vault) -> Result<T, KeyringError> + Send + 'static,
    reply: SyncSender<Result<T, KeyringError>>,
    (gone, freeing): (Arc<AtomicBool>, Freeing),
) -> Job {
    Box::new(move |owner| {
        let _freeing = freeing;
        if gone.load(Ordering::SeqCst) {
            return;
        }
        let outcome = owner.vault().map_err(KeyringError::from).and_then(work);
        if outcome.is_err() {
            owner.vault = None;
        }
        // The buffer takes it also when nobody waits.
        let _ = reply.send(outcome);
    })
}

/// Says that nothing is stuck, once its call has ended in whatever way.
struct Freeing(Arc<AtomicBool>);

impl Drop for Freeing {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}
