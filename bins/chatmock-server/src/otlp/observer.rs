//! Turns as spans and measures, with the names of OpenTelemetry's conventions for generative AI (version 1.41).
//!
//! A turn is two spans: of the request that a client sent, in the trace that it named, and below it of the call of the model. None of
//! them goes on to a backend, whose operator has no part in the trace.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chatmock_server::{EndedTurn, TraceHeaders, TurnObserver};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{Span, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::task::JoinHandle;

use super::measures::Measures;
use super::spans;
use crate::env::TelemetryVariables;

/// The name of what makes the spans and measures.
pub(super) const SCOPE: &str = "chatmock";

/// The time for what is left at the end.
const LAST: Duration = Duration::from_secs(3);

/// The exporter of turns.
#[derive(Debug)]
pub(super) struct Observer {
    traces: Option<Traces>,
    measures: Option<Measures>,
    lost: Arc<AtomicU64>,
    /// What every call of the model says.
    common: Vec<KeyValue>,
}

/// What makes spans, and the task that sends them.
#[derive(Debug)]
struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    delivery: Mutex<Option<JoinHandle<()>>>,
}

impl Observer {
    /// Begins to export the turns of a backend. What cannot be exported is a warning.
    pub(super) fn start(wanted: &TelemetryVariables, backend: Option<(String, u16)>) -> Self {
        // An exporter over TLS finds it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut common = vec![
            KeyValue::new("gen_ai.operation.name", "chat"),
            KeyValue::new("gen_ai.provider.name", "openai"),
        ];
        if let Some((host, port)) = backend {
            common.push(KeyValue::new("server.address", host));
            common.push(KeyValue::new("server.port", i64::from(port)));
        }
        let lost = Arc::<AtomicU64>::default();
        let traces = wanted.traces.then(|| Traces::start(wanted, &lost)).flatten();
        let exporter = || warned("metrics", MetricExporter::builder().with_http().build());
        let exporter = wanted.metrics.then(exporter).flatten();
        let measures =
            exporter.map(|exporter| Measures::start(exporter, resource(), common.clone()));
        Self { traces, measures, lost, common }
    }

    /// Sends what is left.
    pub(super) async fn finish(&self) {
        let traces = async {
            let Some(traces) = &self.traces else { return };
            // It only closes the queue, whose other end then sends the rest.
            let _ = traces.provider.shutdown_with_timeout(LAST);
            let delivery = traces.delivery.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(delivery) = delivery {
                let _ = tokio::time::timeout(LAST, delivery).await;
            }
        };
        let measures = async {
            if let Some(measures) = &self.measures {
                measures.finish(LAST).await;
            }
        };
        tokio::join!(traces, measures);
    }

    /// Makes the spans of a turn.
    fn trace(&self, tracer: &SdkTracer, turn: &EndedTurn<'_>) {
        let end = turn.started + turn.duration;
        let remote = turn.trace.map(context).unwrap_or_default();
        let method = if turn.over_socket { "GET" } else { "POST" };
        let request = tracer
            .span_builder(format!("{method} {}", turn.path))
            .with_kind(SpanKind::Server)
            .with_start_time(turn.started)
            .with_attributes(request_attributes(turn, method));
        let mut request = tracer.build_with_context(request, &remote);
        if turn.status >= 500 || turn.outcome == "broken" {
            request.set_status(Status::error(""));
        }
        if !turn.model.is_empty() {
            let within = remote.with_remote_span_context(request.span_context().clone());
            let call = tracer
                .span_builder(format!("chat {}", turn.model))
                .with_kind(SpanKind::Client)
                .with_start_time(turn.started)
                .with_attributes(self.call_attributes(turn));
            let mut call = tracer.build_with_context(call, &within);
            if failure_of(turn).is_some() {
                call.set_status(Status::error(""));
            }
            call.end_with_timestamp(end);
        }
        request.end_with_timestamp(end);
    }

    /// What is known of the call of the model.
    fn call_attributes(&self, turn: &EndedTurn<'_>) -> Vec<KeyValue> {
        let mut all = self.common.clone();
        all.push(KeyValue::new("openai.api.type", "responses"));
        all.push(KeyValue::new("gen_ai.request.model", turn.model.to_owned()));
        all.push(KeyValue::new("gen_ai.request.stream", turn.stream));
        let counts = [
            ("gen_ai.usage.input_tokens", turn.input_tokens),
            ("gen_ai.usage.cache_read.input_tokens", turn.cached_tokens),
            ("gen_ai.usage.output_tokens", turn.output_tokens),
            ("gen_ai.usage.reasoning.output_tokens", turn.reasoning_tokens),
            ("chatmock.retries", u64::from(turn.retries)),
        ];
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let counts = counts.into_iter().filter(|(_, number)| *number > 0);
        all.extend(counts.map(|(name, number)| KeyValue::new(name, count(number))));
        if let Some(first) = turn.first_output.filter(|_| turn.stream) {
            all.push(KeyValue::new("gen_ai.response.time_to_first_chunk", first.as_secs_f64()));
        }
        let words = [
            ("openai.request.service_tier", turn.tier.map(str::to_owned)),
            ("chatmock.reasoning.effort", turn.effort.map(str::to_owned)),
            ("error.type", failure_of(turn)),
        ];
        all.extend(words.into_iter().filter_map(|(name, word)| Some(KeyValue::new(name, word?))));
        all
    }
}

impl TurnObserver for Observer {
    fn turn_ended(&self, turn: &EndedTurn<'_>) {
        if let Some(Traces { tracer, .. }) = &self.traces {
            self.trace(tracer, turn);
        }
        if let Some(measures) = self.measures.as_ref().filter(|_| !turn.model.is_empty()) {
            measures.note(turn);
        }
    }

    fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Traces {
    fn start(wanted: &TelemetryVariables, lost: &Arc<AtomicU64>) -> Option<Self> {
        let exporter = warned("traces", SpanExporter::builder().with_http().build())?;
        let resource = resource();
        let (queue, delivery) = spans::queue(exporter, &resource, wanted.batches, lost);
        let delivery = Mutex::new(Some(tokio::spawn(delivery.run())));
        let provider =
            SdkTracerProvider::builder().with_resource(resource).with_span_processor(queue).build();
        Some(Self { tracer: provider.tracer(SCOPE), provider, delivery })
    }
}

/// Who sends: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`, else this program's name.
fn resource() -> Resource {
    let built = Resource::builder();
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let built = if crate::env::names_service() {
        built
    } else {
        built.with_service_name("chatmock-server")
    };
    built.with_attribute(version).build()
}

fn warned<E, F: std::fmt::Display>(what: &str, built: Result<E, F>) -> Option<E> {
    let why = built.as_ref().err().map(|error| chatmock_server::sanitize::text(&error.to_string()));
    if let Some(why) = why {
        tracing::warn!("{what} are not exported: {why}");
    }
    built.ok()
}

/// What is known of the request.
fn request_attributes(turn: &EndedTurn<'_>, method: &'static str) -> Vec<KeyValue> {
    let mut all = vec![
        KeyValue::new("http.request.method", method),
        KeyValue::new("url.path", turn.path.to_owned()),
        KeyValue::new("http.route", turn.path.to_owned()),
        KeyValue::new("http.response.status_code", i64::from(turn.status)),
        KeyValue::new("user_agent.name", turn.client.to_owned()),
        KeyValue::new("chatmock.dialect", turn.dialect.to_owned()),
        KeyValue::new("chatmock.outcome", turn.outcome.to_owned()),
        KeyValue::new("chatmock.request.id", turn.request_id.to_owned()),
    ];
    let label = turn.label.map(str::to_owned);
    let words = [("chatmock.key.label", label), ("error.type", failure_of(turn))];
    all.extend(words.into_iter().filter_map(|(name, word)| Some(KeyValue::new(name, word?))));
    all
}

/// Returns the word for why a turn failed, if it did.
pub(super) fn failure_of(turn: &EndedTurn<'_>) -> Option<String> {
    let failed = turn.status >= 400 || turn.outcome == "broken";
    let word = || turn.code.map_or_else(|| turn.status.to_string(), str::to_owned);
    failed.then(word)
}

/// The place in the trace that a client named; the root of a new one where it cannot be read.
fn context(headers: &TraceHeaders) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Named(headers))
}

/// The headers, as the library wants to look for them.
struct Named<'h>(&'h TraceHeaders);

impl Extractor for Named<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        match name {
            "traceparent" => Some(&self.0.parent),
            "tracestate" => Some(&self.0.state).filter(|state| !state.is_empty()).map(|s| &**s),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}
