//! The doctor's checks that call out.

use chatmock_auth::doctor::{self, Health};

use crate::harness::{Harness, endpoint};

#[tokio::test]
async fn an_issuer_that_answers_tells_the_time() {
    let harness = Harness::new().await;
    let [issuer, clock] = doctor::issuer(&harness.endpoint).await;
    assert_eq!((issuer.health, clock.health), (Health::Ok, Health::Ok), "{issuer:?} {clock:?}");
    for call in harness.simulator.requests() {
        assert!(call.header("authorization").is_none() && call.body.is_empty());
    }
}

#[tokio::test]
async fn an_issuer_and_a_backend_that_are_away_are_failures_with_a_fix() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let [issuer, clock] = doctor::issuer(&endpoint(&address)).await;
    assert_eq!((issuer.health, clock.health), (Health::Fail, Health::Warn));
    assert!(issuer.fix.is_some());
    let backend = doctor::backend(&address).await;
    assert_eq!(backend.health, Health::Fail);
    assert_eq!(doctor::backend("no address").await.health, Health::Fail);
}

#[tokio::test]
async fn a_backend_that_answers_anything_is_there() {
    let harness = Harness::new().await;
    let backend = doctor::backend(&harness.simulator.upstream_url()).await;
    assert_eq!(backend.health, Health::Ok, "{backend:?}");
}
