//! Spans on their way to the collector: a bounded queue, and a task that empties it.
//!
//! The library's own queue has a thread and does not say how much it lost, so this one replaces it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter as _, SpanProcessor};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, timeout, timeout_at};

use crate::env::BatchVariables;

/// Where spans go once they have ended.
#[derive(Debug)]
pub(super) struct SpanQueue {
    /// Gone once there is nothing more to come.
    sender: Mutex<Option<Sender<SpanData>>>,
    lost: Arc<AtomicU64>,
}

/// The task that empties the queue.
#[derive(Debug)]
pub(super) struct Delivery {
    queue: Receiver<SpanData>,
    exporter: SpanExporter,
    batches: BatchVariables,
    lost: Arc<AtomicU64>,
    failing: bool,
}

/// Makes a queue and the task for its other end; both count in `lost`.
pub(super) fn queue(
    mut exporter: SpanExporter,
    resource: &Resource,
    batches: BatchVariables,
    lost: &Arc<AtomicU64>,
) -> (SpanQueue, Delivery) {
    exporter.set_resource(resource);
    let (sender, queue) = channel(batches.queue);
    let lost = || Arc::clone(lost);
    let delivery = Delivery { queue, exporter, batches, lost: lost(), failing: false };
    (SpanQueue { sender: Mutex::new(Some(sender)), lost: lost() }, delivery)
}

impl SpanProcessor for SpanQueue {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if sender.as_ref().is_none_or(|sender| sender.try_send(span).is_err()) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(())
    }
}

impl Delivery {
    /// Sends batches until nothing more can come.
    pub(super) async fn run(mut self) {
        let mut batch = Vec::new();
        while self.fill(&mut batch).await {
            self.send(std::mem::take(&mut batch)).await;
        }
    }

    /// Waits for a first span, and then until the batch is full or it is time; false at the end.
    async fn fill(&mut self, batch: &mut Vec<SpanData>) -> bool {
        let most = self.batches.batch;
        if self.queue.recv_many(batch, most).await == 0 {
            return false;
        }
        let end = Instant::now() + self.batches.delay;
        while batch.len() < most {
            let more = self.queue.recv_many(batch, most - batch.len());
            if !matches!(timeout_at(end, more).await, Ok(1..)) {
                break;
            }
        }
        true
    }

    async fn send(&mut self, batch: Vec<SpanData>) {
        let count = batch.len() as u64;
        let why = match timeout(self.batches.limit, self.exporter.export(batch)).await {
            Ok(Ok(())) => {
                if std::mem::take(&mut self.failing) {
                    tracing::info!("the collector takes traces again");
                }
                return;
            }
            Ok(Err(error)) => chatmock_server::sanitize::text(&error.to_string()),
            Err(_) => "it did not answer in time".to_owned(),
        };
        self.lost.fetch_add(count, Ordering::Relaxed);
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(
                why,
                "the collector of OTEL_EXPORTER_OTLP_ENDPOINT does not take traces"
            );
        }
    }
}
