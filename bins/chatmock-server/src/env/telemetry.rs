//! The variables of OpenTelemetry that this program reads itself; its exporters read the rest, such as addresses and headers.

use std::time::Duration;

/// One of the two things that can be exported.
#[derive(Clone, Copy, Debug)]
struct Signal {
    name: &'static str,
    exporter: &'static str,
    endpoint: &'static str,
    protocol: &'static str,
}

const TRACES: Signal = Signal {
    name: "traces",
    exporter: "OTEL_TRACES_EXPORTER",
    endpoint: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    protocol: "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
};

const METRICS: Signal = Signal {
    name: "metrics",
    exporter: "OTEL_METRICS_EXPORTER",
    endpoint: "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    protocol: "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
};

/// The variables for both.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const DISABLED: &str = "OTEL_SDK_DISABLED";

/// The one protocol that is spoken.
const SPOKEN: &str = "http/protobuf";

/// The largest queue that is made, whatever is asked for: a span takes about a kilobyte.
const MAX_QUEUE: u64 = 65_536;

/// What is to be exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "only an exporter needs all of it"))]
pub(crate) struct TelemetryVariables {
    pub(crate) traces: bool,
    pub(crate) metrics: bool,
    pub(crate) batches: BatchVariables,
}

/// How spans are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "only an exporter needs it"))]
pub(crate) struct BatchVariables {
    /// The most spans that wait.
    pub(crate) queue: usize,
    /// The most spans that are sent at once.
    pub(crate) batch: usize,
    /// The time for which a batch waits for more.
    pub(crate) delay: Duration,
    /// The time that sending may take.
    pub(crate) limit: Duration,
}

impl Default for BatchVariables {
    fn default() -> Self {
        let (delay, limit) = (Duration::from_secs(5), Duration::from_secs(30));
        Self { queue: 2_048, batch: 512, delay, limit }
    }
}

impl TelemetryVariables {
    /// Reads them; returns also what is wrong with them, in words.
    pub(crate) fn read() -> (Self, Vec<String>) {
        Self::of(&|name| super::value(name).and_then(|value| value.into_string().ok()))
    }

    fn of(variable: &dyn Fn(&str) -> Option<String>) -> (Self, Vec<String>) {
        let mut warnings = Vec::new();
        if variable(DISABLED).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return (Self::default(), warnings);
        }
        let mut wanted = |signal: Signal| match signal.is_wanted(variable) {
            Ok(wanted) => wanted,
            Err(warning) => {
                warnings.push(warning);
                false
            }
        };
        let (traces, metrics) = (wanted(TRACES), wanted(METRICS));
        let batches =
            if traces { batches(variable, &mut warnings) } else { BatchVariables::default() };
        (Self { traces, metrics, batches }, warnings)
    }
}

impl Signal {
    /// Returns whether it is to be exported, or why it cannot be.
    fn is_wanted(self, variable: &dyn Fn(&str) -> Option<String>) -> Result<bool, String> {
        let Self { name, exporter, endpoint, protocol } = self;
        let wanted = match variable(exporter).as_deref().map(str::trim) {
            None => variable(endpoint).or_else(|| variable(ENDPOINT)).is_some(),
            Some("none") => false,
            Some("otlp") => true,
            Some(_) => {
                return Err(format!("{name} are not exported: {exporter} can be otlp or none"));
            }
        };
        let spoken = variable(protocol).or_else(|| variable(PROTOCOL));
        match spoken.as_deref().map(str::trim) {
            Some(other) if wanted && other != SPOKEN => Err(format!(
                "{name} are not exported: {protocol} and {PROTOCOL} can be {SPOKEN} alone"
            )),
            _ => Ok(wanted),
        }
    }
}

fn batches(
    variable: &dyn Fn(&str) -> Option<String>,
    warnings: &mut Vec<String>,
) -> BatchVariables {
    let standard = BatchVariables::default();
    let mut number = |name: &str, most: u64| {
        let value = variable(name)?;
        let number = value.trim().parse().ok().filter(|number| (1..=most).contains(number));
        if number.is_none() {
            warnings.push(format!("{name} is ignored: it can be a number from 1 to {most}"));
        }
        number
    };
    let queue = number("OTEL_BSP_MAX_QUEUE_SIZE", MAX_QUEUE);
    let batch = number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", MAX_QUEUE);
    let delay = number("OTEL_BSP_SCHEDULE_DELAY", 3_600_000);
    let limit = number("OTEL_BSP_EXPORT_TIMEOUT", 3_600_000);
    let size = |size: Option<u64>| size.and_then(|size| usize::try_from(size).ok());
    let queue = size(queue).unwrap_or(standard.queue);
    BatchVariables {
        queue,
        batch: size(batch).unwrap_or(standard.batch).min(queue),
        delay: delay.map_or(standard.delay, Duration::from_millis),
        limit: limit.map_or(standard.limit, Duration::from_millis),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> (TelemetryVariables, Vec<String>) {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        TelemetryVariables::of(&|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn what_is_exported_follows_the_usual_variables() {
        let address = "http://127.0.0.1:4318";
        for (variables, traces, metrics) in [
            (&[][..], false, false),
            (&[(ENDPOINT, address)], true, true),
            (&[(TRACES.endpoint, address)], true, false),
            (&[(METRICS.endpoint, address)], false, true),
            (&[(TRACES.exporter, "otlp")], true, false),
            (&[(ENDPOINT, address), (TRACES.exporter, "none")], false, true),
            (&[(ENDPOINT, address), (DISABLED, "TRUE")], false, false),
            (&[(ENDPOINT, address), (PROTOCOL, SPOKEN)], true, true),
        ] {
            let (read, warnings) = read(variables);
            assert_eq!((read.traces, read.metrics), (traces, metrics), "{variables:?}");
            assert!(warnings.is_empty(), "{warnings:?}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_said_and_does_not_end_the_start() {
        let address = (ENDPOINT, "http://127.0.0.1:4318");
        let (wanted, warnings) = read(&[address, (PROTOCOL, "grpc"), (METRICS.protocol, SPOKEN)]);
        assert_eq!((wanted.traces, wanted.metrics, warnings.len()), (false, true, 1));
        assert!(warnings[0].contains("http/protobuf alone"), "{warnings:?}");
        let (wanted, warnings) = read(&[address, (TRACES.exporter, "zipkin")]);
        assert_eq!((wanted.traces, wanted.metrics, warnings.len()), (false, true, 1));
        let (wanted, warnings) = read(&[address, ("OTEL_BSP_MAX_QUEUE_SIZE", "lots")]);
        assert_eq!((wanted.batches, warnings.len()), (BatchVariables::default(), 1));
        let (wanted, _) = read(&[address, ("OTEL_BSP_MAX_QUEUE_SIZE", "8")]);
        assert_eq!((wanted.batches.queue, wanted.batches.batch), (8, 8));
    }
}
