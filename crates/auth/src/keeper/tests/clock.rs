//! A clock that is wrong, and renewals that do not help.

use std::sync::Mutex;

use super::*;
use crate::keeper::Stores;
use crate::keeper::clock::Clock;

/// The parts of an issuer's answer that say how long a token lasts.
#[derive(Clone, Copy)]
struct Says {
    issued: bool,
    expires_in: bool,
    date: bool,
}

/// An issuer that rotates `rt-1`, `rt-2`, and so on, with tokens of one hour.
async fn issuer_that(says: Says) -> Issuer {
    Issuer::start(move |number, post| {
        if !post.body.contains(&format!("\"refresh_token\":\"rt-{number}\"")) {
            return Answer::new(400, r#"{"error":{"code":"refresh_token_reused"}}"#);
        }
        let issued = if says.issued { format!(r#""iat":{},"#, now()) } else { String::new() };
        let claims = format!(r#"{{{issued}"exp":{},"n":{number}}}"#, now() + HOUR);
        let life = if says.expires_in { r#""expires_in":3600,"# } else { "" };
        let body = format!(
            r#"{{{life}"access_token":"{}","refresh_token":"rt-{}"}}"#,
            jwt(&claims).expose(),
            number + 1
        );
        let date = httpdate::fmt_http_date(std::time::SystemTime::now());
        let headers = if says.date { format!("date: {date}\r\n") } else { String::new() };
        Answer { headers, ..Answer::new(200, &body) }
    })
    .await
}

/// A clock that is ahead, by an amount that a test may change.
#[derive(Clone, Default)]
struct Ahead(Arc<Mutex<time::Duration>>);

impl Ahead {
    fn by(duration: time::Duration) -> Self {
        Self(Arc::new(Mutex::new(duration)))
    }

    fn clock(&self) -> Clock {
        let ahead = self.clone();
        Clock::over(move || OffsetDateTime::now_utc() + *ahead.0.lock().unwrap())
    }
}

fn keeper_with(issuer: &Issuer, store: &FileStore, clock: Clock) -> TokenKeeper {
    let stores = Stores { own: Arc::new(store.clone()), borrowed: None };
    TokenKeeper::with_clock(&settings(issuer), stores, clock).unwrap()
}

#[tokio::test]
async fn a_fresh_token_is_used_whatever_the_clock_says() {
    for hours in [1, 2, 24 * 400] {
        for (issued, expires_in, date) in
            [(true, false, false), (false, true, false), (false, false, true), (true, true, true)]
        {
            let issuer = issuer_that(Says { issued, expires_in, date }).await;
            let (_home, store) = home(&lasting(HOUR, "rt-1"));
            let clock = Ahead::by(time::Duration::hours(hours));
            let keeper = keeper_with(&issuer, &store, clock.clock());
            for _ in 0..10 {
                keeper.current().await.unwrap();
                keeper.finish().await;
            }
            assert_eq!(issuer.posts().len(), 1, "{hours} h, {issued} {expires_in} {date}");
            // The clock is set right, and later put wrong the other way.
            for ahead in [time::Duration::ZERO, time::Duration::hours(-3)] {
                *clock.0.lock().unwrap() = ahead;
                keeper.current().await.unwrap();
            }
            assert_eq!(issuer.posts().len(), 1, "{hours} h, {issued} {expires_in} {date}");
        }
    }
}

#[tokio::test]
async fn the_next_program_with_the_same_clock_uses_the_token_as_well() {
    let issuer = issuer_that(Says { issued: true, expires_in: false, date: false }).await;
    let (_home, store) = home(&lasting(HOUR, "rt-1"));
    for _ in 0..5 {
        let clock = Ahead::by(time::Duration::hours(2)).clock();
        keeper_with(&issuer, &store, clock).current().await.unwrap();
    }
    assert_eq!(issuer.posts().len(), 1);
}

#[tokio::test]
async fn without_any_word_of_the_issuer_three_renewals_are_the_most() {
    let issuer = issuer_that(Says { issued: false, expires_in: false, date: false }).await;
    let (_home, store) = home(&lasting(HOUR, "rt-1"));
    // Each is a program of its own, so only the note in the lock file is left of the one before.
    for _ in 0..10 {
        let clock = Ahead::by(time::Duration::hours(2)).clock();
        keeper_with(&issuer, &store, clock).current().await.unwrap();
    }
    assert_eq!(issuer.posts().len(), 3);
}

#[tokio::test]
async fn tokens_that_have_ended_as_they_come_cost_three_renewals_at_most() {
    for life in [0, -HOUR] {
        let issuer = Issuer::start(move |number, _| {
            let claims = format!(r#"{{"iat":{0},"exp":{1},"n":{number}}}"#, now(), now() + life);
            let token = jwt(&claims);
            let body = format!(
                r#"{{"expires_in":{life},"access_token":"{}","refresh_token":"rt-{}"}}"#,
                token.expose(),
                number + 1
            );
            Answer::new(200, &body)
        })
        .await;
        let (_home, store) = home(&lasting(-HOUR, "rt-1"));
        let one = keeper(&issuer, store.clone());
        for _ in 0..5 {
            one.current().await.unwrap();
        }
        assert_eq!(issuer.posts().len(), 1, "{life}");
        for _ in 0..10 {
            keeper(&issuer, store.clone()).current().await.unwrap();
        }
        assert_eq!(issuer.posts().len(), 3, "{life}");
    }
}

#[tokio::test]
async fn a_token_that_is_refused_at_once_is_not_renewed_again() {
    let issuer = rotating().await;
    let (_home, store) = home(&lasting(HOUR, "rt-1"));
    let keeper = keeper(&issuer, store.clone());
    let first = keeper.current().await.unwrap().access_token.clone();
    let second = keeper.renew(&first).await.unwrap().access_token.clone();
    for _ in 0..5 {
        assert!(matches!(keeper.renew(&second).await, Err(KeeperError::StillRefused)));
        assert_eq!(keeper.current().await.unwrap().access_token, second);
    }
    assert_eq!(issuer.posts().len(), 1);
    // Once it was accepted, a refusal is news.
    keeper.accepted(second.expose());
    let third = keeper.renew(&second).await.unwrap().access_token.clone();
    assert_ne!(third, second);
    // A person who asks for a renewal gets one.
    assert_ne!(keeper.refresh().await.unwrap().access_token, third);
    assert_eq!(issuer.posts().len(), 3);
}

#[tokio::test]
async fn renewals_that_do_not_help_are_counted_over_all_programs() {
    let issuer = rotating().await;
    let (_home, store) = home(&lasting(HOUR, "rt-1"));
    let mut refused = 0;
    for _ in 0..10 {
        let keeper = keeper(&issuer, store.clone());
        let stale = keeper.current().await.unwrap().access_token.clone();
        match keeper.renew(&stale).await {
            Ok(_) => {}
            Err(KeeperError::StillRefused) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((issuer.posts().len(), refused), (3, 7));
    // Somebody signs in anew, and all begins again.
    store.save(&lasting(2 * HOUR, "rt-4")).unwrap();
    let keeper = keeper(&issuer, store.clone());
    let stale = keeper.current().await.unwrap().access_token.clone();
    keeper.renew(&stale).await.unwrap();
    assert_eq!(issuer.posts().len(), 4);
}

#[tokio::test]
async fn an_issuer_that_fails_is_asked_three_times_and_then_once_a_minute() {
    let issuer = Issuer::start(|_, _| Answer::new(503, "")).await;
    let (_home, store) = home(&lasting(-10, "rt-1"));
    let keeper = keeper(&issuer, store);
    for _ in 0..10 {
        assert!(is_unavailable(&keeper.current().await));
    }
    assert_eq!(issuer.posts().len(), 3);
}
