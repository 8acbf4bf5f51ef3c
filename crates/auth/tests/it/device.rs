//! Device sign-in against the simulated issuer, by script and by itself.

use std::time::{Duration, Instant};

use chatmock_auth::{Device, DeviceRefusal, DeviceStep, EndpointError};
use chatmock_simulator::{Endpoint, Script, Settings};
use serde_json::json;

use crate::harness::Harness;

fn refusal(status: u16, code: &str) -> Script {
    Script::json(status, &json!({"error": {"code": code, "message": "x"}}))
}

/// Polls once, with a clock of the test's.
async fn poll(harness: &Harness, device: &mut Device, now: Instant) -> DeviceStep {
    let reply = harness.endpoint.poll_device(device.code()).await.unwrap();
    device.next(&reply, now)
}

#[tokio::test]
async fn a_device_sign_in_waits_until_it_is_approved() {
    let harness = Harness::with(Settings { device_pending: 1, ..Settings::default() }).await;
    let code = harness.endpoint.device_code().await.unwrap();
    assert_eq!(code.page(), format!("{}/codex/device", harness.simulator.issuer()));
    assert!(code.user_code().starts_with("SIMU-"));
    let mut device = Device::new(code, Instant::now());
    let exchange = harness.sign_in().await_device(&mut device).await.unwrap();
    let obtained = harness.sign_in().obtain(&exchange).await.unwrap();
    obtained.save(async |_| true).await.unwrap();
    assert!(harness.stored().is_some());
    assert_eq!(harness.simulator.stats().count("POST /api/accounts/deviceauth/token"), 2);
    let calls = harness.simulator.requests();
    let poll = calls.iter().find(|call| call.path.ends_with("deviceauth/token")).unwrap();
    let names: Vec<String> = poll.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["device_auth_id", "user_code"]);
}

#[tokio::test]
async fn each_reply_of_a_device_poll_has_its_meaning() {
    let harness = Harness::new().await;
    let code = harness.endpoint.device_code().await.unwrap();
    let now = Instant::now();
    let wait = |seconds| DeviceStep::Wait(Duration::from_secs(seconds));
    for (name, script, expected) in [
        ("pending", refusal(403, "deviceauth_authorization_pending"), wait(1)),
        ("slow down", refusal(403, "deviceauth_slow_down"), wait(6)),
        ("too many", Script::json(429, &json!({})), wait(6)),
        ("403", Script::json(403, &json!({})), wait(1)),
        ("404", Script::json(404, &json!({})), wait(1)),
        ("503", Script::json(503, &json!({})), wait(1)),
        (
            "expired",
            refusal(404, "deviceauth_expired_token"),
            DeviceStep::Refused(DeviceRefusal::Expired),
        ),
        (
            "denied",
            refusal(403, "deviceauth_access_denied"),
            DeviceStep::Refused(DeviceRefusal::Denied),
        ),
        (
            "unknown",
            refusal(404, "deviceauth_not_found"),
            DeviceStep::Refused(DeviceRefusal::Unknown),
        ),
        ("400", Script::json(400, &json!({})), wait(1)),
        ("a new word", refusal(403, "deviceauth_authorization_unknown"), wait(1)),
    ] {
        harness.simulator.enqueue_at(Endpoint::DeviceToken, script);
        let mut device = Device::new(code.clone(), now);
        assert_eq!(poll(&harness, &mut device, now).await, expected, "{name}");
    }
    assert_eq!(harness.token_calls(), 0);
}

#[tokio::test]
async fn an_issuer_that_is_away_for_a_moment_is_asked_again() {
    let harness = Harness::new().await;
    let code = harness.endpoint.device_code().await.unwrap();
    let Harness { simulator, endpoint, .. } = harness;
    drop(simulator);
    let mut device = Device::new(code, Instant::now());
    let reply = endpoint.poll_device(device.code()).await.unwrap();
    assert!(matches!(device.next(&reply, Instant::now()), DeviceStep::Wait(_)));
}

#[tokio::test]
async fn an_issuer_without_device_sign_in_is_told_from_a_broken_one() {
    let harness = Harness::new().await;
    let words = json!({"error": {"message": "Device codes are off in this workspace."}});
    for (status, body) in [
        (404, json!({})),
        (403, words),
        (400, json!({})),
        (429, json!({})),
        (500, json!({})),
        (200, json!({"user_code": "A"})),
    ] {
        harness.simulator.enqueue_at(Endpoint::DeviceCode, Script::json(status, &body));
        let error = harness.endpoint.device_code().await.unwrap_err();
        let told = match status {
            403 => error.to_string().contains("(it says: Device codes are off in this workspace.)"),
            400 | 404 => matches!(error, EndpointError::NoDeviceSignIn(_)),
            429 | 500 => matches!(error, EndpointError::Status(told) if told == status),
            _ => matches!(error, EndpointError::Unreadable),
        };
        assert!(told, "{status}: {error:?}");
    }
}
