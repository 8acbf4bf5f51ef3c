//! Traces and metrics for a collector, by OTLP: where the environment asks for them, in builds with the feature `otlp`.

#[cfg(feature = "otlp")]
mod measures;
#[cfg(feature = "otlp")]
mod observer;
#[cfg(feature = "otlp")]
mod spans;

use chatmock_server::Settings;

use crate::env::TelemetryVariables;

/// What is exported while the program runs.
#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    #[cfg(feature = "otlp")]
    observer: Option<std::sync::Arc<observer::Observer>>,
}

impl Telemetry {
    /// Begins to export what the environment asks for. What cannot be is a warning, as OpenTelemetry wants it: a
    /// program must not fail because nobody watches it.
    pub(crate) fn start(settings: &mut Settings) -> Self {
        let (wanted, warnings) = TelemetryVariables::read();
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        if wanted.traces || wanted.metrics {
            Self::export(&wanted, settings)
        } else {
            Self::default()
        }
    }

    #[cfg(not(feature = "otlp"))]
    fn export(_wanted: &TelemetryVariables, _settings: &mut Settings) -> Self {
        tracing::warn!(
            "the variables of OpenTelemetry ask for traces or metrics, which needs a program that is built with --features otlp"
        );
        Self::default()
    }

    #[cfg(feature = "otlp")]
    fn export(wanted: &TelemetryVariables, settings: &mut Settings) -> Self {
        let observer = observer::Observer::start(wanted, settings.upstream.route.host_and_port());
        let observer = std::sync::Arc::new(observer);
        settings.http.admin.observer = Some(observer.clone());
        Self { observer: Some(observer) }
    }

    /// Sends what is left, for a few seconds at most.
    #[cfg_attr(
        not(feature = "otlp"),
        allow(clippy::unused_async, reason = "only an exporter waits")
    )]
    pub(crate) async fn finish(self) {
        #[cfg(feature = "otlp")]
        if let Some(observer) = self.observer {
            observer.finish().await;
        }
    }
}
