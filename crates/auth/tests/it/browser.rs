//! A sign-in from beginning to end, with a client in the browser's place.

use chatmock_auth::{
    CallbackVerdict, LoginOutcome, Loopback, LoopbackError, LoopbackSettings, Redirect,
    RedirectHost,
};
use chatmock_simulator::Settings;

use crate::harness::Harness;
use crate::http::{get, path_of};

#[tokio::test]
async fn a_browser_sign_in_ends_saved_and_with_a_page_that_says_so() {
    let harness = Harness::new().await;
    let under_way = harness.begin().await;
    let back = under_way.approved().await;
    assert!(back.starts_with(&format!("http://{}/auth/callback?code=", under_way.address)));
    let (address, path) = (under_way.address, path_of(&back));
    let browser = tokio::spawn(async move { get(address, &path, "").await });

    let exchange = under_way.attempt.code().await.unwrap();
    let obtained = harness.sign_in().obtain(&exchange).await.unwrap();
    assert_eq!(obtained.account().email.as_deref(), Some("demo@example.invalid"));
    assert_eq!(obtained.account().plan.as_deref(), Some("plus"));
    assert_eq!(harness.stored(), None, "nothing is saved before it was shown");
    assert!(!browser.is_finished(), "the page waits for the end");
    let signed_in = obtained.save(async |_| panic!("nobody is there to replace")).await.unwrap();
    assert_eq!(signed_in.place, harness.folder.path().join("auth.json").display().to_string());
    assert!(signed_in.account.active && signed_in.expires.is_some());
    assert!(harness.stored().is_some());
    under_way.attempt.settle(LoginOutcome::SignedIn);
    under_way.listening.close().await;

    let page = browser.await.unwrap();
    assert_eq!(page.status, 200);
    assert!(page.body.contains("ChatMock is signed in"), "{}", page.body);
    let session = harness.keeper().current().await.unwrap();
    assert_eq!(session.email.as_deref(), Some("demo@example.invalid"));
    let file = std::fs::read_to_string(harness.folder.path().join("auth.json")).unwrap();
    let file: serde_json::Value = serde_json::from_str(&file).unwrap();
    assert_eq!(file["route"], "codex");
    assert_eq!(file["tokens"]["oauth_provenance"]["issuer"], harness.simulator.issuer());
    assert_eq!(file["tokens"]["account_id"], session.account_id.clone().unwrap());
    assert!(harness.folder.path().join("generation").exists());
}

#[tokio::test]
async fn the_exchange_is_worded_as_the_issuer_knows_it() {
    let harness = Harness::new().await;
    harness.signed_in(Default::default()).await;
    let calls = harness.simulator.requests();
    let call = calls.iter().find(|call| call.path == "/oauth/token").unwrap();
    assert_eq!(call.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(call.header("accept"), Some("*/*"));
    let body = String::from_utf8(call.body.to_vec()).unwrap();
    let names: Vec<&str> = body.split('&').filter_map(|pair| pair.split('=').next()).collect();
    assert_eq!(names, ["grant_type", "client_id", "code", "redirect_uri", "code_verifier"]);
    let verifier = body.rsplit_once('=').unwrap().1;
    assert_eq!(verifier.len(), 86);
}

#[tokio::test]
async fn a_page_with_a_link_works_as_well() {
    let harness = Harness::with(Settings { approve_sign_in: false, ..Settings::default() }).await;
    let under_way = harness.begin().await;
    let issuer = harness.simulator.address();
    let page = get(issuer, &path_of(&under_way.url), "Connection: close\r\n").await;
    let link = page.body.split('"').find(|part| part.starts_with("/oauth/authorize/continue?"));
    let link = link.unwrap().replace("&amp;", "&");
    let reply = get(issuer, &link, "Connection: close\r\n").await;
    let back = reply.header("location").unwrap();
    assert_eq!(under_way.attempt.offer(back), CallbackVerdict::Accepted);
    harness.sign_in().obtain(&under_way.attempt.code().await.unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_pasted_address_ends_the_sign_in_on_a_machine_without_a_browser() {
    let harness = Harness::new().await;
    let under_way = harness.begin().await;
    assert!(matches!(under_way.attempt.offer("what?"), CallbackVerdict::Unexpected(_)));
    under_way.paste().await;
    let exchange = under_way.attempt.code().await.unwrap();
    harness.sign_in().obtain(&exchange).await.unwrap().save(async |_| true).await.unwrap();
    assert!(harness.stored().is_some());
    under_way.listening.close().await;
}

#[tokio::test]
async fn two_sign_ins_at_once_do_not_meet() {
    let harness = Harness::new().await;
    let (first, second) = (harness.begin().await, harness.begin().await);
    let (for_first, for_second) = (first.approved().await, second.approved().await);
    assert!(matches!(first.attempt.offer(&for_second), CallbackVerdict::Unexpected(_)));
    assert_eq!(first.attempt.offer(&for_first), CallbackVerdict::Accepted);
    assert_eq!(second.attempt.offer(&for_second), CallbackVerdict::Accepted);
    for under_way in [first, second] {
        let exchange = under_way.attempt.code().await.unwrap();
        harness.sign_in().obtain(&exchange).await.unwrap();
    }
}

#[tokio::test]
async fn localhost_is_listened_for_on_both_families() {
    let settings = LoopbackSettings {
        host: RedirectHost::Localhost,
        ports: vec![0],
        ..LoopbackSettings::default()
    };
    let loopback = Loopback::bind(&settings).await.unwrap();
    let Redirect { host: RedirectHost::Localhost, port } = loopback.redirect() else {
        panic!("localhost was asked for")
    };
    let addresses = loopback.addresses();
    assert!(addresses.iter().all(|address| address.ip().is_loopback() && address.port() == port));
    let has_v6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    assert_eq!(addresses.len(), if has_v6 { 2 } else { 1 });
}

#[tokio::test]
async fn a_taken_port_is_never_spoken_to() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    taken.set_nonblocking(true).unwrap();
    let port = taken.local_addr().unwrap().port();
    let next = LoopbackSettings { ports: vec![port, 0], ..LoopbackSettings::default() };
    let loopback = Loopback::bind(&next).await.unwrap();
    assert_ne!(loopback.redirect().port, port);
    let full = LoopbackSettings { ports: vec![port, port], ..LoopbackSettings::default() };
    let error = Loopback::bind(&full).await.unwrap_err();
    assert!(matches!(&error, LoopbackError::Taken(ports) if ports.len() == 2));
    assert!(error.to_string().contains("chatmock-auth login --device"), "{error}");
    assert_eq!(taken.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
