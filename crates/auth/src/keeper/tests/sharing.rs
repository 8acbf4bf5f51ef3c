//! One renewal for all who need one.

use tokio::task::JoinSet;

use super::*;

#[tokio::test]
async fn a_fresh_token_is_handed_out_without_a_call() {
    let issuer = rotating().await;
    let (_home, store) = home(&lasting(HOUR, "rt-1"));
    let file = std::fs::File::options().write(true).open(store.path()).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let keeper = keeper(&issuer, store);
    let first = keeper.current().await.unwrap();
    let second = keeper.current().await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(first.account_id.as_deref(), Some(ACCOUNT));
    assert_eq!(first.email.as_deref(), Some("user@example.org"));
    assert_eq!(first.plan.as_deref(), Some("plus"));
    assert!(!first.fedramp);
    assert_eq!(issuer.posts().len(), 0);
}

#[tokio::test]
async fn the_renewal_call_is_worded_as_the_issuer_knows_it() {
    let issuer = rotating().await;
    let (_home, store) = home(&lasting(-10, "rt-1"));
    keeper(&issuer, store).current().await.unwrap();
    let [post] = &issuer.posts()[..] else { panic!("one call expected") };
    assert_eq!(
        post.body,
        r#"{"client_id":"app_test","grant_type":"refresh_token","refresh_reason":"proactive_expiry","refresh_token":"rt-1"}"#
    );
    let head = post.head.to_ascii_lowercase();
    assert!(head.starts_with("post /oauth/token http/1.1\r\n"), "{head}");
    for line in [
        "content-type: application/json",
        "originator: chatmock-test",
        "user-agent: chatmock-test/1.0",
        "accept: */*",
    ] {
        assert_eq!(head.lines().filter(|seen| *seen == line).count(), 1, "{line} in {head}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_callers_with_an_ended_token_cost_one_renewal() {
    let issuer = Issuer::held(|number, post| rotate(number, &post.body)).await;
    let (_home, store) = home(&lasting(-10, "rt-1"));
    let keeper = keeper(&issuer, store.clone());
    let mut callers = JoinSet::new();
    for _ in 0..200 {
        let keeper = keeper.clone();
        callers.spawn(async move { keeper.current().await.unwrap() });
    }
    issuer.arrival(1).await;
    issuer.release();
    let sessions = callers.join_all().await;
    assert_eq!(sessions.len(), 200);
    assert!(sessions.iter().all(|session| session.access_token == sessions[0].access_token));
    assert_eq!(issuer.posts().len(), 1);
    assert_eq!(refresh_token(&store), "rt-2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_programs_one_renews_and_the_other_adopts() {
    let issuer = rotating().await;
    let (_home, store) = home(&lasting(-10, "rt-1"));
    let keepers = [keeper(&issuer, store.clone()), keeper(&issuer, store.clone())];
    let mut callers = JoinSet::new();
    for index in 0..50 {
        let keeper = keepers[index % 2].clone();
        callers.spawn(async move { keeper.current().await.unwrap() });
    }
    let sessions = callers.join_all().await;
    assert!(sessions.iter().all(|session| session.access_token == sessions[0].access_token));
    assert_eq!(issuer.posts().len(), 1);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_for_all_who_saw_it_refused() {
    let issuer = rotating().await;
    let (_home, store) = home(&lasting(HOUR, "rt-1"));
    let keeper = keeper(&issuer, store.clone());
    let stale = keeper.current().await.unwrap().access_token.clone();
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let (keeper, stale) = (keeper.clone(), stale.clone());
        callers.spawn(async move { keeper.renew(&stale).await.unwrap() });
    }
    for session in callers.join_all().await {
        assert_ne!(session.access_token, stale);
    }
    let late = keeper.renew(&stale).await.unwrap();
    assert_eq!(late.access_token, keeper.current().await.unwrap().access_token);
    assert_eq!(issuer.posts().len(), 1);
    assert!(issuer.posts()[0].body.contains("unauthorized_recovery"));
    assert_eq!(refresh_token(&store), "rt-2");
}

#[tokio::test]
async fn a_refused_token_gives_way_to_a_newer_one_in_the_file() {
    let issuer = rotating().await;
    let (_home, store) = home(&lasting(HOUR, "rt-1"));
    let keeper = keeper(&issuer, store.clone());
    let stale = keeper.current().await.unwrap().access_token.clone();
    store.save(&lasting(HOUR, "theirs")).unwrap();
    let session = keeper.renew(&stale).await.unwrap();
    assert_eq!(session.access_token, access_token(&store.load().unwrap().unwrap()));
    assert_eq!(issuer.posts().len(), 0);
}

#[tokio::test]
async fn a_refused_token_never_gives_way_to_another_account() {
    let issuer = rotating().await;
    let (_home, store) = home(&lasting(HOUR, "rt-1"));
    let keeper = keeper(&issuer, store.clone());
    let stale = keeper.current().await.unwrap().access_token.clone();
    let token = jwt(&payload(now() + HOUR, "other", "x"));
    let other = Grant { id_token: None, access_token: Some(token), ..fresh_grant("theirs") };
    store.save(&AuthFile::signed_in(&other, OffsetDateTime::now_utc())).unwrap();
    assert!(matches!(keeper.renew(&stale).await, Err(KeeperError::AccountChanged)));
    assert_eq!(keeper.current().await.unwrap().account_id.as_deref(), Some("other"));
    assert!(matches!(keeper.renew(&stale).await, Err(KeeperError::AccountChanged)));
    assert_eq!(issuer.posts().len(), 0);
}

#[tokio::test]
async fn a_caller_that_leaves_does_not_stop_the_renewal() {
    let issuer = Issuer::held(|number, post| rotate(number, &post.body)).await;
    let (_home, store) = home(&lasting(-10, "rt-1"));
    let keeper = keeper(&issuer, store.clone());
    let caller = {
        let keeper = keeper.clone();
        tokio::spawn(async move { keeper.current().await })
    };
    issuer.arrival(1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    issuer.release();
    keeper.finish().await;
    assert_eq!(refresh_token(&store), "rt-2");
    keeper.current().await.unwrap();
    assert_eq!(issuer.posts().len(), 1);
}

#[tokio::test]
async fn a_token_that_ends_soon_is_used_while_it_is_renewed() {
    let issuer = Issuer::held(|number, post| rotate(number, &post.body)).await;
    let file = lasting(200, "rt-1");
    let (_home, store) = home(&file);
    let keeper = keeper(&issuer, store.clone());
    for _ in 0..3 {
        assert_eq!(keeper.current().await.unwrap().access_token, access_token(&file));
    }
    issuer.arrival(1).await;
    issuer.release();
    keeper.finish().await;
    let renewed = keeper.current().await.unwrap();
    assert_ne!(renewed.access_token, access_token(&file));
    assert_eq!(issuer.posts().len(), 1);
    assert!(issuer.posts()[0].body.contains("proactive_expiry"));
}

#[tokio::test]
async fn a_token_without_a_date_is_renewed_by_schedule() {
    let issuer = rotating().await;
    let grant = Grant { access_token: Some(crate::Secret::new("opaque")), ..fresh_grant("rt-1") };
    let old = OffsetDateTime::now_utc() - time::Duration::days(9);
    let (_home, store) = home(&AuthFile::signed_in(&grant, old));
    let keeper = keeper(&issuer, store.clone());
    assert_eq!(keeper.current().await.unwrap().access_token.expose(), "opaque");
    keeper.finish().await;
    assert_eq!(refresh_token(&store), "rt-2");
    assert!(issuer.posts()[0].body.contains(r#""refresh_reason":"scheduled""#));
}

#[tokio::test]
async fn tokens_that_are_always_short_lived_are_not_renewed_with_each_request() {
    let issuer = Issuer::start(|number, _| {
        Answer::grant(&sample::grant(now() + 100, &format!("rt-{}", number + 1)))
    })
    .await;
    let (_home, store) = home(&lasting(100, "rt-1"));
    let keeper = keeper(&issuer, store);
    for _ in 0..5 {
        keeper.current().await.unwrap();
        keeper.finish().await;
    }
    assert_eq!(issuer.posts().len(), 1);
}

#[test]
fn work_that_was_lost_with_its_runtime_is_started_anew() {
    let serving = tokio::runtime::Runtime::new().unwrap();
    let issuer = serving.block_on(Issuer::held(|_, _| Answer::grant(&fresh_grant("rt-2"))));
    let (_home, store) = home(&lasting(-10, "rt-1"));
    let keeper = keeper(&issuer, store);
    let lost = tokio::runtime::Runtime::new().unwrap();
    let caller = keeper.clone();
    lost.spawn(async move { caller.current().await });
    serving.block_on(issuer.arrival(1));
    drop(lost);
    issuer.release();
    serving.block_on(keeper.current()).unwrap();
    assert_eq!(issuer.posts().len(), 2);
}
