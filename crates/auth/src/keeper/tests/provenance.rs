//! A token goes to the hosts of its own route and issuer, and nowhere else.

use super::*;
use crate::provenance::Provenance;
use crate::sign_in_route::SignInRoute;

fn provenance(issuer: &Issuer, route: SignInRoute) -> Provenance {
    Provenance { route, ..settings(issuer).provenance() }
}

#[tokio::test]
async fn a_sign_in_of_another_route_is_neither_handed_out_nor_renewed() {
    let issuer = rotating().await;
    for seconds in [HOUR, -10] {
        let file =
            lasting(seconds, "rt-1").with_provenance(&provenance(&issuer, SignInRoute::PLAN));
        let (_home, store) = home(&file);
        let keeper = keeper(&issuer, store);
        let error = keeper.current().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the stored sign-in is for another route: pass --route plan to use it, or sign in for \
             this one: chatmock-auth login"
        );
        let renewal = keeper.renew(&access_token(&file)).await;
        assert!(matches!(renewal, Err(KeeperError::OtherRoute { .. })));
        assert!(matches!(keeper.refresh().await, Err(KeeperError::OtherRoute { .. })));
    }
    assert_eq!(issuer.posts().len(), 0);
}

#[tokio::test]
async fn a_keeper_of_another_route_does_not_hand_out_ours() {
    let issuer = rotating().await;
    for file in [
        lasting(HOUR, "rt-1"),
        lasting(HOUR, "rt-1").with_provenance(&provenance(&issuer, SignInRoute::CODEX)),
    ] {
        let (_home, store) = home(&file);
        let settings = KeeperSettings { route: SignInRoute::PLAN, ..settings(&issuer) };
        let keeper = TokenKeeper::new(&settings, Arc::new(store), None).unwrap();
        let error = keeper.current().await.unwrap_err();
        assert!(error.to_string().contains("pass --route codex to use it"), "{error}");
        assert!(error.to_string().ends_with("chatmock-auth login --route plan"), "{error}");
    }
}

#[tokio::test]
async fn a_sign_in_of_another_issuer_or_client_is_not_used() {
    let issuer = rotating().await;
    let ours = provenance(&issuer, SignInRoute::CODEX);
    let elsewhere = Provenance { issuer: Some("https://other.test".to_owned()), ..ours.clone() };
    let someone = Provenance { client_id: Some("other".to_owned()), ..ours.clone() };
    for (provenance, good) in [(ours, true), (elsewhere, false), (someone, false)] {
        let (_home, store) = home(&lasting(-10, "rt-1").with_provenance(&provenance));
        let outcome = keeper(&issuer, store).current().await;
        assert_eq!(outcome.is_ok(), good, "{provenance:?}");
    }
    assert_eq!(issuer.posts().len(), 1);
}

#[tokio::test]
async fn a_sign_in_of_another_route_ends_the_one_held_before() {
    let issuer = rotating().await;
    let (_home, store) = home(&lasting(HOUR, "rt-1"));
    let keeper = keeper(&issuer, store.clone());
    keeper.current().await.unwrap();
    store
        .save(&lasting(HOUR, "theirs").with_provenance(&provenance(&issuer, SignInRoute::PLAN)))
        .unwrap();
    for _ in 0..3 {
        assert!(matches!(keeper.current().await, Err(KeeperError::OtherRoute { .. })));
    }
    store.save(&lasting(HOUR, "rt-2")).unwrap();
    keeper.current().await.unwrap();
}

#[tokio::test]
async fn a_borrowed_sign_in_of_another_route_is_not_used_either() {
    let issuer = rotating().await;
    let own = tempfile::tempdir().unwrap();
    let own = FileStore::new(own.path());
    let file = lasting(HOUR, "theirs").with_provenance(&provenance(&issuer, SignInRoute::PLAN));
    let (_home, theirs) = home(&file);
    let borrowed = crate::store::BorrowedStore::new(theirs.path());
    let keeper =
        TokenKeeper::new(&settings(&issuer), Arc::new(own), Some(Arc::new(borrowed))).unwrap();
    assert!(matches!(keeper.current().await, Err(KeeperError::OtherRoute { .. })));
}

#[tokio::test]
async fn a_renewal_on_demand_spends_the_token_at_once() {
    let issuer = rotating().await;
    let (_home, store) = home(&lasting(HOUR, "rt-1"));
    let keeper = keeper(&issuer, store.clone());
    let before = keeper.current().await.unwrap();
    let after = keeper.refresh().await.unwrap();
    assert_ne!(before.access_token, after.access_token);
    assert_eq!((issuer.posts().len(), refresh_token(&store).as_str()), (1, "rt-2"));
}
