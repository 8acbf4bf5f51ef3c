//! The conformance kit against this server: every contract holds, and a server that keeps none is told so.

use chatmock_testkit::companion::{Companion, CompanionKind};
use chatmock_tests::conform::{Options, outcomes, table};

use crate::harness::Harness;

#[tokio::test]
async fn every_contract_of_the_kit_holds_here() {
    let harness = Harness::new().await;
    let url = format!("http://{}", harness.server.address);
    let options = Options { url, model: Some("gpt-5.5".into()), ..Options::default() };
    let outcomes = outcomes(&options).await.unwrap();
    assert!(outcomes.len() > 60, "only {} contracts", outcomes.len());
    let faults = outcomes.iter().filter(|outcome| outcome.fault.is_some()).count();
    assert_eq!(faults, 0, "{}", table(&outcomes));
}

#[tokio::test]
async fn a_server_of_another_kind_keeps_few_of_them_and_each_says_why() {
    let other = Companion::start(CompanionKind::OpenAi, None).unwrap();
    let options = Options { url: format!("{}/v1/", other.url()), ..Options::default() };
    let outcomes = outcomes(&options).await.unwrap();
    let kept = outcomes.iter().filter(|outcome| outcome.fault.is_none()).count();
    assert!(kept < 5, "{}", table(&outcomes));
    let table = table(&outcomes);
    assert!(table.contains("NOT OK  chat") && table.contains("status 404"), "{table}");
    let nobody = Options { url: "http://127.0.0.1:1".into(), ..Options::default() };
    assert!(chatmock_tests::conform::outcomes(&nobody).await.is_err());
    let https = Options { url: "https://example.org".into(), ..Options::default() };
    assert!(chatmock_tests::conform::outcomes(&https).await.unwrap_err().contains("http://"));
}
