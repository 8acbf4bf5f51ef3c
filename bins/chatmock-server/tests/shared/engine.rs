//! The engine by itself: records, fences, leases and tables in a real Redis.

use std::time::{Duration, Instant};

use chatmock_shared::{Fenced, Name, SealKeys, Shared, SharedError, SharedSettings, Write};
use chatmock_testkit::redis::Redis;
use tokio::runtime::Builder;

pub(crate) const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const OTHER_KEY: &str = "f00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

const MINUTE: Duration = Duration::from_secs(60);

pub(crate) const CASES: &[(&str, fn())] = &[
    ("a_record_is_sealed_in_the_engine_and_cannot_be_moved_there", sealed),
    ("a_record_ends_with_its_life_and_with_its_deletion", lives),
    ("an_older_fence_never_takes_the_place_of_a_newer_one", fences),
    ("one_holder_has_the_lease_until_it_lets_go_or_its_time_is_over", leases),
    ("a_table_has_a_field_for_each_server", tables),
    ("an_engine_that_is_away_fails_in_time_and_then_at_once", away),
    ("an_engine_speaks_tls_under_a_private_authority_to_a_user_of_its_own", tls),
];

fn name(id: &str) -> Name<'_> {
    Name { kind: "note", account: "me", id }
}

fn open(url: &str, key: &str) -> Shared {
    let settings = SharedSettings::new(url, SealKeys::parse(key).unwrap()).unwrap();
    let (lease, patience) = (Duration::from_millis(600), Duration::from_millis(500));
    Shared::open(SharedSettings { lease, patience, ..settings }).unwrap()
}

/// Runs a case with a Redis and an engine over it.
fn with_engine(case: impl AsyncFnOnce(&Redis, &Shared)) {
    let redis = Redis::start().unwrap();
    let shared = open(&redis.url(), KEY);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(case(&redis, &shared));
}

fn keys(redis: &Redis, pattern: &str) -> Vec<String> {
    redis.ask(&["KEYS", pattern]).unwrap().lines().map(str::to_owned).collect()
}

fn sealed() {
    with_engine(async |redis, shared| {
        shared.put(&name("one"), b"canary one", MINUTE).await.unwrap();
        let [one] = keys(redis, "*").try_into().unwrap();
        shared.put(&name("two"), b"canary two", MINUTE).await.unwrap();
        let raw = std::process::Command::new("redis-cli")
            .args(["-p", &redis.port().to_string(), "GET", &one])
            .output()
            .unwrap();
        assert!(!String::from_utf8_lossy(&raw.stdout).contains("canary"));
        let two = keys(redis, "*").into_iter().find(|key| *key != one).unwrap();
        redis.ask(&["COPY", &one, &two, "REPLACE"]).unwrap();
        assert_eq!(shared.get(&name("one")).await.unwrap().unwrap().as_slice(), b"canary one");
        let moved = shared.get(&name("two")).await.unwrap_err();
        assert_eq!(moved, SharedError::NotGenuine { kind: "note".to_owned() });
        assert_eq!(shared.fault(), Some(moved));
        let found = shared.get_all(&[name("one"), name("two"), name("none")]).await.unwrap();
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false]);
        let other = open(&redis.url(), OTHER_KEY).get(&name("one")).await.unwrap_err();
        assert_eq!(other, SharedError::OtherKey { kind: "note".to_owned() });
        let both = open(&redis.url(), &format!("{OTHER_KEY}\n{KEY}"));
        assert!(both.get(&name("one")).await.unwrap().is_some());
    });
}

fn lives() {
    with_engine(async |redis, shared| {
        shared.put(&name("short"), b"x", Duration::from_millis(50)).await.unwrap();
        shared.put(&name("long"), b"x", MINUTE).await.unwrap();
        let begun = Instant::now();
        while shared.get(&name("short")).await.unwrap().is_some() {
            assert!(begun.elapsed() < MINUTE);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(shared.delete(&[name("short"), name("long")]).await.unwrap(), 1);
        assert_eq!(keys(redis, "*"), [""; 0]);
    });
}

fn fences() {
    with_engine(async |redis, shared| {
        let record = |fence, text: &str| Fenced { fence, text: text.as_bytes().to_vec().into() };
        let put = async |fence, text| shared.put_fenced(&name("r"), &record(fence, text)).await;
        assert_eq!(shared.fenced(&name("r")).await.unwrap(), None);
        assert_eq!(put(5, "five").await.unwrap(), Write::Done);
        assert_eq!(put(4, "four").await.unwrap(), Write::Older(5));
        assert_eq!(put(5, "other").await.unwrap(), Write::Older(5));
        assert_eq!(shared.fenced(&name("r")).await.unwrap(), Some(record(5, "five")));
        assert_eq!(shared.fence(&name("r")).await.unwrap(), Some(5));
        // The counter has not fallen behind what was written, and does not with an engine that forgot all.
        assert_eq!(shared.next_fence(&name("r"), 0).await.unwrap(), 6);
        let before = shared.identity().await.unwrap();
        assert_eq!(shared.identity().await.unwrap(), before);
        redis.ask(&["FLUSHALL"]).unwrap();
        assert_ne!(shared.identity().await.unwrap(), before);
        assert_eq!(shared.next_fence(&name("r"), 6).await.unwrap(), 7);
        assert_eq!(put(6, "six").await.unwrap(), Write::Done);
        assert_eq!(shared.next_fence(&name("r"), 0).await.unwrap(), 8);
    });
}

fn leases() {
    with_engine(async |redis, shared| {
        let first = shared.lease(&name("r"), 0).await.unwrap().unwrap();
        assert_eq!(first.fence(), 1);
        // It is renewed, so it lasts for longer than its time.
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert!(shared.lease(&name("r"), 0).await.unwrap().is_none());
        assert!(!first.is_lost());
        drop(first);
        let begun = Instant::now();
        let second = loop {
            if let Some(lease) = shared.lease(&name("r"), 0).await.unwrap() {
                break lease;
            }
            assert!(begun.elapsed() < Duration::from_millis(500), "it is let go at once");
        };
        assert_eq!(second.fence(), 2);
        // Another takes it away: the holder learns so, and does not end the other's.
        let lease = keys(redis, "*:lease").remove(0);
        redis.ask(&["SET", &lease, "another"]).unwrap();
        while !second.is_lost() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        drop(second);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(redis.ask(&["GET", &lease]).unwrap(), "another");
    });
}

fn tables() {
    with_engine(async |redis, shared| {
        let other = open(&redis.url(), KEY);
        shared.tally(&name("t"), ("a", b"1"), MINUTE).await.unwrap();
        other.tally(&name("t"), ("b", b"2"), MINUTE).await.unwrap();
        let mut all = shared.tally(&name("t"), ("a", b"3"), MINUTE).await.unwrap();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        let all: Vec<_> = all.iter().map(|(field, text)| (field.as_str(), &***text)).collect();
        assert_eq!(all, [("a", b"3".as_slice()), ("b", b"2")]);
        assert_eq!(shared.table(&name("t")).await.unwrap().len(), 2);
    });
}

fn away() {
    let mut redis = Redis::start().unwrap();
    let shared = open(&redis.url(), KEY);
    let get = || shared.wait(shared.get(&name("one")));
    assert!(get().unwrap().is_none());
    redis.pause();
    let begun = Instant::now();
    let error = get().unwrap_err();
    assert!(error.is_passing() && begun.elapsed() < Duration::from_secs(3), "{error}");
    let begun = Instant::now();
    assert!(get().is_err() && begun.elapsed() < Duration::from_millis(100));
    redis.go_on();
    until_it_answers(&get);
    assert_eq!(shared.fault(), None);
    redis.stop();
    assert!(get().unwrap_err().is_passing());
    redis.start_again().unwrap();
    until_it_answers(&get);
    redis.ask(&["REPLICAOF", "127.0.0.1", "1"]).unwrap();
    let error = shared.wait(shared.put(&name("one"), b"x", MINUTE)).unwrap_err();
    assert!(matches!(error, SharedError::ReadOnly(_)), "{error}");
    let error = shared.wait(shared.next_fence(&name("one"), 0)).unwrap_err();
    assert!(matches!(error, SharedError::ReadOnly(_)), "{error}");
}

fn until_it_answers(get: &impl Fn() -> Result<Option<zeroize::Zeroizing<Vec<u8>>>, SharedError>) {
    let begun = Instant::now();
    while get().is_err() {
        assert!(begun.elapsed() < MINUTE);
        #[expect(clippy::disallowed_methods, reason = "the engine announces nothing")]
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn tls() {
    let certified =
        |names: &[&str], issuer: Option<&rcgen::CertifiedIssuer<'_, rcgen::KeyPair>>| {
            let key = rcgen::KeyPair::generate().unwrap();
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let params = rcgen::CertificateParams::new(names).unwrap();
            (params.signed_by(&key, issuer.unwrap()).unwrap().pem(), key.serialize_pem())
        };
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    // With the usual name, the certificates of both would look signed by themselves.
    params.distinguished_name.push(rcgen::DnType::CommonName, "authority");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority =
        rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
    let (certificate, key) = certified(&["localhost"], Some(&authority));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (ca, cert, key) = (
        write("ca", authority.as_ref().pem().as_str()),
        write("cert", &certificate),
        write("key", &key),
    );
    let options = [
        "--port",
        "0",
        "--tls-port",
        "PORT",
        "--tls-auth-clients",
        "no",
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &ca,
        "--user",
        "default",
        "off",
        "--user",
        "chatmock",
        "on",
        ">p@ss",
        "~chatmock:*",
        "+@all",
        "-@dangerous",
        "+info",
    ];
    let client =
        ["--tls", "--cacert", &ca, "--sni", "localhost", "--user", "chatmock", "--pass", "p@ss"];
    let redis = Redis::with(&options, &client).unwrap();
    let url = |user: &str| format!("rediss://{user}@localhost:{}", redis.port());
    crate::renewals::serves_with(&url("chatmock:p%40ss"), Some(&ca), None);
    crate::renewals::serves_with(&url("chatmock:p%40ss"), None, Some("shared_unreachable"));
    crate::renewals::is_refused(&url("chatmock:wrong"), &ca);
}
