//! Measures of turns, for the collector.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use chatmock_server::EndedTurn;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter, MeterProvider as _};
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use tokio::runtime::Handle;

use super::observer::{SCOPE, failure_of};

/// The most models and codes that are measured by themselves; the rest is one.
const MAX_NAMES: usize = 60;

/// The name under which OpenTelemetry adds up what has none of its own.
const OTHER: &str = "_OTHER";

/// The bounds that OpenTelemetry wants for times, in seconds.
const SECONDS: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];

/// The bounds that it wants for tokens.
const TOKENS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// What is measured.
#[derive(Debug)]
pub(super) struct Measures {
    provider: SdkMeterProvider,
    tokens: Histogram<u64>,
    durations: Histogram<f64>,
    first_chunks: Histogram<f64>,
    /// What every measure says.
    common: Vec<KeyValue>,
    models: Names,
    codes: Names,
}

impl Measures {
    /// Begins to measure; a thread of its own sends the sums in the pace of `OTEL_METRIC_EXPORT_INTERVAL`.
    pub(super) fn start(
        exporter: MetricExporter,
        resource: Resource,
        common: Vec<KeyValue>,
    ) -> Self {
        let exporter = InRuntime { exporter, runtime: Handle::current() };
        let reader = PeriodicReader::builder(exporter).build();
        let provider =
            SdkMeterProvider::builder().with_resource(resource).with_reader(reader).build();
        let meter = provider.meter(SCOPE);
        let tokens = meter
            .u64_histogram("gen_ai.client.token.usage")
            .with_unit("{token}")
            .with_description("Number of input and output tokens used.")
            .with_boundaries(TOKENS.to_vec())
            .build();
        Self {
            tokens,
            durations: seconds(&meter, "gen_ai.client.operation.duration", "Time of a turn."),
            first_chunks: seconds(
                &meter,
                "gen_ai.client.operation.time_to_first_chunk",
                "Time to the first output of a stream.",
            ),
            provider,
            common,
            models: Names::default(),
            codes: Names::default(),
        }
    }

    /// Measures a turn.
    pub(super) fn note(&self, turn: &EndedTurn<'_>) {
        let mut labels = self.common.clone();
        labels.push(KeyValue::new("gen_ai.request.model", self.models.fold(turn.model)));
        labels.push(KeyValue::new("chatmock.dialect", turn.dialect.to_owned()));
        for (kind, count) in [("input", turn.input_tokens), ("output", turn.output_tokens)] {
            if count > 0 {
                let mut labels = labels.clone();
                labels.push(KeyValue::new("gen_ai.token.type", kind));
                self.tokens.record(count, &labels);
            }
        }
        if let Some(first) = turn.first_output.filter(|_| turn.stream) {
            self.first_chunks.record(first.as_secs_f64(), &labels);
        }
        if let Some(failure) = failure_of(turn) {
            labels.push(KeyValue::new("error.type", self.codes.fold(&failure)));
        }
        self.durations.record(turn.duration.as_secs_f64(), &labels);
    }

    /// Sends what is left. It may take as long as `limit`.
    pub(super) async fn finish(&self, limit: Duration) {
        let provider = self.provider.clone();
        let last = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(limit));
        // The thread may hang on a collector that does not answer; the program ends all the same.
        let _ = tokio::time::timeout(limit, last).await;
    }
}

fn seconds(meter: &Meter, name: &'static str, meaning: &'static str) -> Histogram<f64> {
    let built = meter.f64_histogram(name).with_unit("s").with_description(meaning);
    built.with_boundaries(SECONDS.to_vec()).build()
}

/// Names that clients can make up, of which only the first get measures of their own.
#[derive(Debug, Default)]
struct Names(Mutex<BTreeSet<String>>);

impl Names {
    fn fold(&self, name: &str) -> String {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = known.contains(name) || known.len() < MAX_NAMES && known.insert(name.to_owned());
        if fits { name.to_owned() } else { OTHER.to_owned() }
    }
}

/// An exporter whose connections are the runtime's, though the library calls it on a thread of its own.
struct InRuntime {
    exporter: MetricExporter,
    runtime: Handle,
}

impl PushMetricExporter for InRuntime {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let mut exporting = Box::pin(self.exporter.export(metrics));
        std::future::poll_fn(|cx| {
            let _entered = self.runtime.enter();
            match exporting.as_mut().poll(cx) {
                Poll::Ready(Err(error)) => {
                    let why = chatmock_server::sanitize::text(&error.to_string());
                    tracing::warn!(why, "the collector does not take metrics");
                    Poll::Ready(Err(error))
                }
                other => other,
            }
        })
        .await
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}
