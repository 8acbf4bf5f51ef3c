//! The figures for Prometheus: what they count, in both formats, and who gets them.

use chatmock_server::ApiKey;
use chatmock_testkit::client::{Reply, Request};

use crate::dialects::ways;
use crate::harness::{CHAT, Harness, Running, chat};

async fn page(server: &Running) -> String {
    let reply = server.get("/metrics").await;
    assert_eq!(reply.status, 200);
    reply.text()
}

/// The value of the sample with this name and these labels.
fn value(page: &str, sample: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {sample} in {page}")).trim().parse().unwrap()
}

#[tokio::test]
async fn turns_tokens_failures_and_limits_are_counted() {
    let harness = Harness::new().await;
    for (dialect, stream) in ways() {
        let request = Request::post(dialect.path, dialect.ask("hello", stream).to_string());
        let reply = harness.server.send(request.with("user-agent", "agent/7")).await;
        assert_eq!(reply.status, 200);
    }
    harness.server.post(CHAT, &chat("MODE:429", false)).await;
    let page = page(&harness.server).await;
    for (sample, expected) in [
        ("chatmock_requests_total{dialect=\"chat\",model=\"gpt-5.5\",status=\"2xx\"}", 2.0),
        ("chatmock_requests_total{dialect=\"chat\",model=\"gpt-5.5\",status=\"4xx\"}", 1.0),
        ("chatmock_client_requests_total{client=\"agent\"}", ways().len() as f64),
        ("chatmock_failures_total{code=\"usage_limit_reached\"}", 1.0),
        ("chatmock_turn_duration_seconds_count{dialect=\"chat\"}", 3.0),
        ("chatmock_turn_duration_seconds_bucket{le=\"+Inf\",dialect=\"chat\"}", 3.0),
        ("chatmock_first_output_seconds_count{dialect=\"responses\"}", 2.0),
        ("chatmock_upstream_attempts_total", ways().len() as f64 + 1.0),
        ("chatmock_upstream_retries_total", 0.0),
        ("chatmock_fault{code=\"limit_reached\"}", 1.0),
        ("chatmock_fault{code=\"signed_out\"}", 0.0),
        ("chatmock_refreshes_total{outcome=\"renewed\"}", 0.0),
        ("chatmock_usage_records_lost_total", 0.0),
        ("chatmock_connections", 1.0),
    ] {
        assert_eq!(value(&page, sample), expected, "{sample} in {page}");
    }
    let usage = harness.server.get("/usage?by=model").await.json();
    let tokens = |kind: &str| {
        value(&page, &format!("chatmock_tokens_total{{model=\"gpt-5.5\",kind=\"{kind}\"}}"))
    };
    assert_eq!(Some(tokens("input") as u64), usage["total"]["input_tokens"].as_u64());
    assert_eq!(Some(tokens("output") as u64), usage["total"]["output_tokens"].as_u64());
    assert!(page.contains("chatmock_limit_used_ratio{limit=\"main\",window_minutes=\""), "{page}");
    assert!(page.contains("chatmock_build_info{version=\""), "{page}");
}

#[tokio::test]
async fn open_metrics_is_served_where_it_is_asked_for() {
    let harness = Harness::new().await;
    harness.server.say("hello").await;
    let ask = |accept: &str| Request::get("/metrics").with("accept", accept);
    let open = harness
        .server
        .send(ask("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"))
        .await;
    let plain = harness.server.send(ask("*/*")).await;
    let kind = |reply: &Reply| reply.header("content-type").unwrap().to_owned();
    assert!(kind(&open).starts_with("application/openmetrics-text; version=1.0.0"), "{open:?}");
    assert!(kind(&plain).starts_with("text/plain; version=0.0.4"), "{plain:?}");
    let (open, plain) = (open.text(), plain.text());
    assert!(
        open.ends_with("# EOF\n") && open.contains("# TYPE chatmock_requests counter\n"),
        "{open}"
    );
    assert!(open.contains("# TYPE chatmock_build info\n"), "{open}");
    assert!(
        !plain.contains("# EOF") && plain.contains("# TYPE chatmock_requests_total counter\n"),
        "{plain}"
    );
    assert!(plain.contains("# TYPE chatmock_build_info gauge\n"), "{plain}");
    assert!(plain.contains("# HELP chatmock_requests_total Turns by"), "{plain}");
}

#[tokio::test]
async fn with_keys_the_figures_need_one_unless_they_are_open() {
    for open in [false, true] {
        let harness = Harness::with(|s| {
            s.http.admission.keys = vec![ApiKey::new("ann", "canary-key-of-ann-0123")];
            s.http.admission.metrics_open = open;
        })
        .await;
        let status = harness.server.get("/metrics").await.status;
        assert_eq!(status, if open { 200 } else { 401 });
        let keyed = Request::get("/metrics").with("x-api-key", "canary-key-of-ann-0123");
        let reply = harness.server.send(keyed).await;
        assert!(reply.status == 200 && !reply.text().contains("canary"), "{}", reply.text());
        assert_eq!(harness.server.get("/usage").await.status, 401);
    }
}
