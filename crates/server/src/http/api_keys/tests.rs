//! Tests of inbound keys: which headers let a request in.

use std::hash::BuildHasher;

use super::*;

fn keys() -> ApiKeys {
    ApiKeys::new(vec![ApiKey::new("ann", "first-key"), ApiKey::new("ben", "other:key")], 1000)
}

fn label(headers: &[(&'static str, &str)]) -> Result<String, u16> {
    let header = |(name, value): &(&'static str, &str)| {
        (http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    let mut map = HeaderMap::new();
    for (name, value) in headers.iter().map(header) {
        map.append(name, value);
    }
    let caller = keys().check(&map).map_err(|failure| {
        assert_eq!(failure.code.as_deref(), Some("invalid_api_key"));
        for secret in ["first-key", "other:key", "wrong-key"] {
            assert!(!failure.message.contains(secret), "{failure}");
        }
        failure.status()
    })?;
    Ok(caller.label().unwrap().to_owned())
}

#[test]
fn every_key_lets_its_holder_in_by_either_header() {
    for (key, holder) in [("first-key", "ann"), ("other:key", "ben")] {
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let authorization = format!("{scheme} {key}");
            assert_eq!(label(&[("authorization", &authorization)]).as_deref(), Ok(holder));
        }
        assert_eq!(label(&[("x-api-key", key)]).as_deref(), Ok(holder));
        let both = [("authorization", &*format!("Bearer {key}")), ("x-api-key", key)];
        assert_eq!(label(&both).as_deref(), Ok(holder));
    }
}

#[test]
fn anything_else_does_not() {
    let long = "x".repeat(10_000);
    for headers in [
        &[][..],
        &[("authorization", "Bearer wrong-key")],
        &[("authorization", "Bearer first-key2")],
        &[("authorization", "Bearer first-ke")],
        &[("authorization", "Bearer FIRST-KEY")],
        &[("authorization", "Bearer ")],
        &[("authorization", "Bearer")],
        &[("authorization", "Bearerfirst-key")],
        &[("authorization", "first-key")],
        &[("authorization", "Basic S0VZ")],
        &[("authorization", "Basic first-key")],
        &[("authorization", "")],
        &[("authorization", &long)],
        &[("x-api-key", &long)],
        &[("x-api-key", "")],
        &[("x-api-key", "Bearer first-key")],
        &[("authorization", "Bearer first-key"), ("authorization", "Bearer first-key")],
        &[("authorization", "Bearer first-key"), ("authorization", "Bearer wrong-key")],
        &[("x-api-key", "first-key"), ("x-api-key", "first-key")],
        &[("authorization", "Bearer first-key"), ("x-api-key", "wrong-key")],
        &[("authorization", "Bearer wrong-key"), ("x-api-key", "first-key")],
        &[("api-key", "wrong-key")],
        &[("api-key", "first-key"), ("x-api-key", "wrong-key")],
        &[("api-key", "first-key"), ("api-key", "first-key")],
        // first-key without a colon, :, x:wrong-key, first-key:wrong-key and x:first-key with a character too many.
        &[("authorization", "Basic Zmlyc3Qta2V5")],
        &[("authorization", "Basic Og==")],
        &[("authorization", "Basic eDp3cm9uZy1rZXk=")],
        &[("authorization", "Basic Zmlyc3Qta2V5Ondyb25nLWtleQ==")],
        &[("authorization", "Basic eDpmaXJzdC1rZXk=!")],
        &[("cookie", "first-key")],
    ] {
        assert_eq!(label(headers), Err(401), "{headers:?}");
    }
}

#[test]
fn a_client_with_a_field_for_the_address_alone_sends_its_key_in_it() {
    for (credentials, holder) in [
        // lan:first-key, :first-key, first-key:, lan:other:key; without the last two characters, too.
        ("bGFuOmZpcnN0LWtleQ==", "ann"),
        ("bGFuOmZpcnN0LWtleQ", "ann"),
        ("OmZpcnN0LWtleQ==", "ann"),
        ("Zmlyc3Qta2V5Og==", "ann"),
        ("bGFuOm90aGVyOmtleQ==", "ben"),
    ] {
        for scheme in ["Basic", "BASIC"] {
            let authorization = format!("{scheme} {credentials}");
            assert_eq!(label(&[("authorization", &authorization)]).as_deref(), Ok(holder));
        }
    }
    assert_eq!(label(&[("api-key", "first-key")]).as_deref(), Ok("ann"));
}

#[test]
fn replaced_keys_apply_at_once_and_no_list_opens_or_closes_a_server() {
    let keys = ApiKeys::new(vec![ApiKey::new("ann", "first-key")], u32::MAX);
    let ask = |key: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", HeaderValue::from_static(key));
        keys.check(&headers).is_ok()
    };
    keys.switch().replace(vec![ApiKey::new("ben", "second-key")]);
    assert!(!ask("first-key") && ask("second-key"));
    keys.switch().replace(Vec::new());
    assert!(ask("second-key") && !keys.are_none());
    let open = ApiKeys::new(Vec::new(), u32::MAX);
    open.switch().replace(vec![ApiKey::new("ann", "first-key")]);
    assert!(open.are_none());
}

#[test]
fn without_keys_everybody_may_ask() {
    let none = ApiKeys::new(Vec::new(), 0);
    let mut headers = HeaderMap::new();
    assert_eq!(none.check(&headers), Ok(Caller::default()));
    headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer anything"));
    assert_eq!(none.check(&headers), Ok(Caller::default()));
}

/// Compares keys of which none and all but the last byte are right. A difference that is there
/// shows each time; one that other work on the machine makes does not.
#[test]
fn the_time_of_a_check_does_not_tell_how_much_of_a_key_was_right() {
    let seen: Vec<f64> = (0..3).map(|_| difference()).take_while(|t| t.abs() >= 4.5).collect();
    assert!(seen.len() < 3, "t = {seen:?}");
}

/// Welch's t of 100,000 checks of each kind, in an order of chance.
fn difference() -> f64 {
    const CHECKS: u32 = 200_000;
    let right = "0123456789abcdef0123456789abcdef";
    let keys = ApiKeys::new(vec![ApiKey::new("ann", right)], u32::MAX);
    let sent = ["x".repeat(32), format!("{}x", &right[..31])].map(|key| format!("Bearer {key}"));
    let mut times = [Vec::new(), Vec::new()];
    let chance = std::hash::RandomState::new();
    for check in 0..CHECKS {
        let which = usize::from(chance.hash_one(check) % 2 == 1);
        // Made anew each time, so that both kinds lie in the same places of the memory.
        let authorization = HeaderValue::from_str(&sent[which]).unwrap();
        let headers = HeaderMap::from_iter([(AUTHORIZATION, authorization)]);
        let began = std::time::Instant::now();
        assert!(keys.check(&headers).is_err());
        times[which].push(began.elapsed().as_secs_f64());
    }
    let t = welch(&unhindered(times));
    eprintln!("t = {t:.2} over {CHECKS} checks");
    t
}

/// Leaves out the slowest tenth, in which other programs had the processor.
fn unhindered(times: [Vec<f64>; 2]) -> [Vec<f64>; 2] {
    let mut all = times.concat();
    all.sort_by(f64::total_cmp);
    let limit = all[all.len() / 10 * 9];
    times.map(|times| times.into_iter().filter(|time| *time < limit).collect())
}

/// How many standard errors lie between two means.
fn welch(samples: &[Vec<f64>; 2]) -> f64 {
    let [a, b] = samples.each_ref().map(|sample| {
        let count = sample.len() as f64;
        let mean = sample.iter().sum::<f64>() / count;
        let spread = sample.iter().map(|time| (time - mean).powi(2)).sum::<f64>();
        (mean, spread / (count - 1.0) / count)
    });
    (a.0 - b.0) / (a.1 + b.1).sqrt()
}

#[test]
fn a_key_does_not_print_itself() {
    let shown = format!("{:?} {:?}", ApiKey::new("ann", "first-key"), keys());
    assert!(shown.contains("ann") && !shown.contains("first-key"), "{shown}");
    assert!(!shown.contains("digest"), "{shown}");
}
