//! What each failure of the issuer comes to.

use super::*;
use crate::refresh_refusal::RefreshRefusal;

#[tokio::test]
async fn a_final_refusal_ends_the_sign_in_until_the_file_changes() {
    for (status, body, expected) in [
        (401, "", RefreshRefusal::Unauthorized),
        (400, r#"{"error":"invalid_grant"}"#, RefreshRefusal::InvalidGrant),
        (400, r#"{"error":{"code":"refresh_token_reused"}}"#, RefreshRefusal::Reused),
        (403, r#"{"error":{"code":"refresh_token_expired"}}"#, RefreshRefusal::Expired),
        (500, r#"{"code":"refresh_token_invalidated"}"#, RefreshRefusal::Invalidated),
    ] {
        let issuer = Issuer::start(move |_, _| Answer::new(status, body)).await;
        let file = lasting(-10, "rt-1");
        let (_home, store) = home(&file);
        let keeper = keeper(&issuer, store.clone());
        for _ in 0..3 {
            let Err(KeeperError::SignInExpired { refusal, .. }) = keeper.current().await else {
                panic!("{body}: an ended sign-in expected")
            };
            assert_eq!(refusal, expected, "{body}");
        }
        let renewal = keeper.renew(&access_token(&file)).await;
        assert!(matches!(renewal, Err(KeeperError::SignInExpired { .. })), "{body}");
        assert_eq!(issuer.posts().len(), 1, "{body}");
        assert_eq!(store.load().unwrap().unwrap().render(), file.render(), "{body}");

        store.save(&lasting(HOUR, "rt-9")).unwrap();
        keeper.current().await.unwrap();
        assert_eq!(issuer.posts().len(), 1, "{body}");
    }
}

#[tokio::test]
async fn a_passing_failure_is_tried_again_with_the_next_request() {
    for (status, body) in [
        (429, "{}"),
        (500, ""),
        (503, "<html>"),
        (403, "<html>"),
        (0, ""),
        (200, "<html>"),
        (200, r#"{"access_token":5}"#),
    ] {
        let issuer = Issuer::start(move |number, post| match number {
            1 => Answer::new(status, body),
            _ => rotate(number - 1, &post.body),
        })
        .await;
        let (_home, store) = home(&lasting(-10, "rt-1"));
        let keeper = keeper(&issuer, store);
        assert!(is_unavailable(&keeper.current().await), "{status} {body}");
        keeper.current().await.unwrap();
        assert_eq!(issuer.posts().len(), 2, "{status} {body}");
    }
}

#[tokio::test]
async fn a_failed_early_renewal_leaves_a_living_token_in_use() {
    for (status, body) in [(503, ""), (0, ""), (401, ""), (400, r#"{"error":"invalid_grant"}"#)] {
        let issuer = Issuer::start(move |_, _| Answer::new(status, body)).await;
        let file = lasting(200, "rt-1");
        let (_home, store) = home(&file);
        let keeper = keeper(&issuer, store);
        for _ in 0..4 {
            let session = keeper.current().await.unwrap();
            assert_eq!(session.access_token, access_token(&file), "{status}");
            keeper.finish().await;
        }
        assert_eq!(issuer.posts().len(), 1, "{status}: a pause is kept");
    }
}

#[tokio::test]
async fn a_refused_token_is_not_given_out_again_by_a_failed_renewal() {
    let issuer = Issuer::start(|_, _| Answer::new(503, "")).await;
    let (_home, store) = home(&lasting(HOUR, "rt-1"));
    let keeper = keeper(&issuer, store);
    let stale = keeper.current().await.unwrap().access_token.clone();
    assert!(is_unavailable(&keeper.renew(&stale).await));
}

#[tokio::test]
async fn a_redirect_does_not_carry_the_token_along() {
    let other = rotating().await;
    let location = format!("location: {}/oauth/token\r\n", other.address);
    let issuer =
        Issuer::start(move |_, _| Answer { headers: location.clone(), ..Answer::new(307, "") })
            .await;
    let (_home, store) = home(&lasting(-10, "rt-1"));
    assert!(is_unavailable(&keeper(&issuer, store).current().await));
    assert_eq!((issuer.posts().len(), other.posts().len()), (1, 0));
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let issuer = Issuer::start(|_, _| Answer::new(200, &" ".repeat(3 << 20))).await;
    let (_home, store) = home(&lasting(-10, "rt-1"));
    assert!(is_unavailable(&keeper(&issuer, store).current().await));
}

#[tokio::test]
async fn an_answer_without_a_refresh_token_keeps_the_old_one() {
    let issuer = Issuer::start(|_, _| {
        Answer::grant(&Grant { refresh_token: None, id_token: None, ..fresh_grant("x") })
    })
    .await;
    let before = lasting(-10, "rt-1");
    let (_home, store) = home(&before);
    keeper(&issuer, store.clone()).current().await.unwrap();
    let after = store.load().unwrap().unwrap();
    assert_eq!(refresh_token(&store), "rt-1");
    assert_eq!(after.tokens().unwrap().id_token(), before.tokens().unwrap().id_token());
    assert_ne!(access_token(&after), access_token(&before));
    assert!(after.last_refresh() > before.last_refresh());
}

#[tokio::test]
async fn an_answer_without_an_access_token_saves_the_rest_and_is_no_success() {
    let issuer = Issuer::start(|number, post| match number {
        1 => Answer::grant(&Grant { access_token: None, ..fresh_grant("rt-2") }),
        _ => rotate(number, &post.body),
    })
    .await;
    let (_home, store) = home(&lasting(-10, "rt-1"));
    let keeper = keeper(&issuer, store.clone());
    assert!(is_unavailable(&keeper.current().await));
    assert_eq!(refresh_token(&store), "rt-2");
    keeper.current().await.unwrap();
    assert_eq!(refresh_token(&store), "rt-3");
}

#[tokio::test]
async fn renewed_tokens_of_another_account_are_thrown_away() {
    let issuer = Issuer::start(|_, _| {
        let id = jwt(&payload(now() + HOUR, "someone-else", "x"));
        Answer::grant(&Grant { id_token: Some(id), ..fresh_grant("rt-2") })
    })
    .await;
    let file = lasting(-10, "rt-1");
    let (_home, store) = home(&file);
    let keeper = keeper(&issuer, store.clone());
    for _ in 0..2 {
        assert!(matches!(
            keeper.current().await,
            Err(KeeperError::SignInExpired { refusal: RefreshRefusal::OtherAccount, .. })
        ));
    }
    assert_eq!(issuer.posts().len(), 1);
    let [revoked] = &issuer.revoked()[..] else { panic!("one revocation expected") };
    assert!(revoked.body.contains(r#""token":"rt-2""#), "{}", revoked.body);
    assert_eq!(store.load().unwrap().unwrap().render(), file.render());
}

#[tokio::test]
async fn a_reused_token_is_no_error_when_another_program_renewed() {
    let issuer = Issuer::held(|_, _| Answer::new(401, r#"{"error":"refresh_token_reused"}"#)).await;
    let (_home, store) = home(&lasting(-10, "rt-1"));
    let keeper = keeper(&issuer, store.clone());
    let caller = tokio::spawn(async move { keeper.current().await });
    issuer.arrival(1).await;
    let theirs = lasting(HOUR, "rt-2");
    std::fs::write(store.path(), theirs.render().as_bytes()).unwrap();
    issuer.release();
    assert_eq!(caller.await.unwrap().unwrap().access_token, access_token(&theirs));
}

#[tokio::test]
async fn a_sign_in_without_a_refresh_token_lasts_as_long_as_its_access_token() {
    let issuer = rotating().await;
    for (seconds, usable) in [(100, true), (-10, false)] {
        let grant = Grant { refresh_token: None, ..sample::grant(now() + seconds, "x") };
        let (_home, store) = home(&AuthFile::signed_in(&grant, OffsetDateTime::now_utc()));
        assert_eq!(keeper(&issuer, store).current().await.is_ok(), usable);
    }
    assert_eq!(issuer.posts().len(), 0);
}

#[tokio::test]
async fn no_message_shows_a_token() {
    let echo = |post: &issuer::Post| format!("{} {}", post.head, post.body);
    let bodies: [fn(String) -> String; 3] = [
        |text| text,
        |text| serde_json::json!({"error": {"code": text, "message": text}}).to_string(),
        |text| serde_json::json!({"access_token": [text]}).to_string(),
    ];
    for status in [200, 400, 401, 503] {
        for body in bodies {
            let issuer = Issuer::start(move |_, post| Answer::new(status, &body(echo(post)))).await;
            let (_home, store) = home(&lasting(-10, "canary"));
            let keeper = keeper(&issuer, store.clone());
            let error = keeper.current().await.unwrap_err();
            let mut shown = format!("{error:?} {error} {keeper:?} {store:?}");
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                shown += &format!(" {cause} {cause:?}");
                source = cause.source();
            }
            let access = access_token(&store.load().unwrap().unwrap());
            assert!(!shown.contains("canary") && !shown.contains(access.expose()), "{shown}");
        }
    }
}
