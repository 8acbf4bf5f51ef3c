//! What each reply means, without a clock.

use super::*;

fn code_of(interval: &str) -> DeviceCode {
    let body = format!(
        r#"{{"device_auth_id":"deviceauth_canary","user_code":"ABCD-12345","interval":{interval},
        "expires_at":"2026-11-22T10:15:00Z"}}"#
    );
    DeviceCode::read(body.as_bytes(), "https://issuer.test").unwrap()
}

fn device() -> (Device, Instant) {
    let now = Instant::now();
    (Device::new(code_of("\"5\""), now), now)
}

fn reply(status: u16, body: &str) -> DeviceReply {
    DeviceReply::new(status, Zeroizing::new(body.as_bytes().to_vec()))
}

fn refusal(status: u16, code: &str) -> DeviceReply {
    reply(status, &format!(r#"{{"error":{{"code":"{code}","message":"x"}}}}"#))
}

const FIVE: Duration = Duration::from_secs(5);

#[test]
fn a_code_is_read_in_both_spellings_and_nothing_else() {
    let code = code_of("\"5\"");
    assert_eq!(code.user_code(), "ABCD-12345");
    assert_eq!(code.page(), "https://issuer.test/codex/device");
    let other = br#"{"device_auth_id":"d","usercode":"AB"}"#;
    assert_eq!(DeviceCode::read(other, "i").unwrap().user_code(), "AB");
    for bad in [
        "",
        "{}",
        r#"{"device_auth_id":"d"}"#,
        r#"{"device_auth_id":"d","user_code":""}"#,
        r#"{"device_auth_id":"d","user_code":"\u001b[2J"}"#,
        r#"{"device_auth_id":"d","user_code":"go to evil.test"}"#,
    ] {
        assert!(DeviceCode::read(bad.as_bytes(), "i").is_none(), "{bad}");
    }
}

#[test]
fn the_interval_is_text_or_number_and_clamped() {
    for (interval, seconds) in [
        ("\"5\"", 5),
        ("\" 7 \"", 7),
        ("3", 3),
        ("2.9", 2),
        ("0", 1),
        ("-4", 1),
        ("\"x\"", 5),
        ("null", 5),
        ("[]", 5),
        ("1e300", 60),
        ("\"99999\"", 60),
    ] {
        assert_eq!(code_of(interval).interval, Duration::from_secs(seconds), "{interval}");
    }
}

#[test]
fn a_word_that_is_not_known_means_to_ask_again() {
    for word in ["deviceauth_authorization_unknown", "authorization_unknown", "something_new"] {
        for status in [400, 401, 403, 404, 409, 500] {
            let (mut device, now) = device();
            let step = device.next(&refusal(status, word), now);
            assert_eq!(step, DeviceStep::Wait(FIVE), "{status} {word}");
        }
    }
}

#[test]
fn pending_waits_and_the_code_decides_not_the_status() {
    for waiting in [
        refusal(403, "deviceauth_authorization_pending"),
        refusal(404, "authorization_pending"),
        refusal(400, "authorization_pending"),
        reply(403, ""),
        reply(404, "<html>"),
        reply(403, "{}"),
        reply(500, ""),
        reply(503, "{}"),
        reply(400, ""),
        reply(302, ""),
        reply(200, "{}"),
        reply(200, r#"{"status":"pending"}"#),
        reply(200, r#"{"authorization_code":"","code_verifier":"v"}"#),
        DeviceReply::lost(),
    ] {
        let (mut device, now) = device();
        assert_eq!(device.next(&waiting, now), DeviceStep::Wait(FIVE), "{waiting:?}");
    }
    for (ending, expected) in [
        (refusal(403, "deviceauth_access_denied"), DeviceRefusal::Denied),
        (refusal(400, "access_denied"), DeviceRefusal::Denied),
        (refusal(404, "deviceauth_not_found"), DeviceRefusal::Unknown),
        (refusal(404, "deviceauth_expired_token"), DeviceRefusal::Expired),
        (reply(400, r#"{"error":"expired_token"}"#), DeviceRefusal::Expired),
        (refusal(403, "deviceauth_authorization_declined"), DeviceRefusal::Denied),
        (refusal(400, "deviceauth_authorization_expired"), DeviceRefusal::Expired),
    ] {
        let (mut device, now) = device();
        assert_eq!(device.next(&ending, now), DeviceStep::Refused(expected), "{ending:?}");
    }
}

#[test]
fn slow_down_adds_five_seconds_each_time_and_for_good() {
    let (mut device, now) = device();
    for (reply, seconds) in [
        (refusal(403, "deviceauth_slow_down"), 10),
        (refusal(400, "slow_down"), 15),
        (reply(429, ""), 20),
        (refusal(429, "rate_limited"), 25),
        (refusal(403, "deviceauth_authorization_pending"), 25),
    ] {
        let step = device.next(&reply, now);
        assert_eq!(step, DeviceStep::Wait(Duration::from_secs(seconds)), "{reply:?}");
    }
}

#[test]
fn a_code_is_waited_for_for_fifteen_minutes() {
    let (mut device, start) = device();
    let pending = refusal(403, "deviceauth_authorization_pending");
    let late = start + DEVICE_CODE_LIFE - Duration::from_secs(6);
    assert_eq!(device.next(&pending, late), DeviceStep::Wait(FIVE));
    let too_late = late + Duration::from_secs(2);
    assert_eq!(device.next(&pending, too_late), DeviceStep::Refused(DeviceRefusal::Expired));
}

#[test]
fn an_approved_code_is_redeemed_with_the_issuers_verifier() {
    let (mut device, now) = device();
    let body = r#"{"authorization_code":"ac_canary","code_challenge":"c","code_verifier":"ver"}"#;
    let DeviceStep::Done(exchange) = device.next(&reply(200, body), now) else {
        panic!("a code expected")
    };
    assert_eq!(
        *exchange.form("app"),
        "grant_type=authorization_code&client_id=app&code=ac_canary&redirect_uri=\
         https%3A%2F%2Fissuer.test%2Fdeviceauth%2Fcallback&code_verifier=ver"
    );
    let text = format!("{device:?} {:?} {exchange:?} {:?}", device.code(), reply(200, body));
    assert!(!text.contains("canary"), "{text}");
}
