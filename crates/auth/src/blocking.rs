//! Blocking work, off the runtime's own threads.

/// The work was cut off, because it panicked or the runtime ended.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the work was cut off")]
pub struct LostTask;

/// Runs blocking work to its end, even if the caller goes away.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, LostTask> {
    tokio::task::spawn_blocking(work).await.map_err(|_| LostTask)
}
