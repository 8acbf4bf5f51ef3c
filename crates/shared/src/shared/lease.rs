//! A lease: one holder at a time, for as long as it is renewed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{Shared, random_name};
use crate::command::{Answer, Command, LEASE, RELEASE, RENEW};
use crate::error::SharedError;

/// A held lease. It is renewed at a third of its time, and dropping it ends it.
pub struct Lease {
    fence: u64,
    lost: Arc<AtomicBool>,
    /// Ends the renewals, and then the lease.
    _end: oneshot::Sender<()>,
}

impl Lease {
    pub(crate) async fn take(
        shared: &Shared,
        key: String,
        (counter, known): (String, u64),
    ) -> Result<Option<Self>, SharedError> {
        let (owner, time) = (random_name()?, shared.lease_time());
        let take = Command::script(LEASE, vec![key.clone(), counter]);
        let take = take.with(owner.clone()).number(time.as_millis()).number(known.into());
        let Some(fence) = shared.call(take).await?.number() else { return Ok(None) };
        let (end, ended) = oneshot::channel();
        let lost = Arc::new(AtomicBool::new(false));
        let held = Held { shared: shared.clone(), key, owner, time, lost: Arc::clone(&lost) };
        shared.spawn(held.keep(ended));
        Ok(Some(Self { fence, lost, _end: end }))
    }

    /// The number that a record is written with under this lease.
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.fence
    }

    /// Returns whether the lease is another's by now: what is done under it comes too late.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("fence", &self.fence).finish_non_exhaustive()
    }
}

/// The part of a lease that renews it.
struct Held {
    shared: Shared,
    key: String,
    owner: String,
    time: Duration,
    lost: Arc<AtomicBool>,
}

impl Held {
    async fn keep(self, mut ended: oneshot::Receiver<()>) {
        let mut renewed = Instant::now();
        while tokio::time::timeout(self.time / 3, &mut ended).await.is_err() {
            let renew = Command::script(RENEW, vec![self.key.clone()]).with(self.owner.clone());
            let begun = Instant::now();
            match self.shared.call(renew.number(self.time.as_millis())).await {
                Ok(Answer::Number(1)) => renewed = begun,
                Ok(_) => self.lost.store(true, Ordering::Relaxed),
                // It holds until its time is over, whoever can be reached.
                Err(_) => self.lost.store(renewed.elapsed() >= self.time, Ordering::Relaxed),
            }
        }
        let release = Command::script(RELEASE, vec![self.key.clone()]).with(self.owner.clone());
        if let Err(error) = self.shared.call(release).await {
            tracing::debug!(%error, "a lease ends by itself");
        }
    }
}
