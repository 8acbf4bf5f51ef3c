//! Renewed tokens outlive a store that cannot take them.

use std::sync::atomic::Ordering;

use super::failing_store::FailingStore;
use super::*;
use crate::store::MemoryStore;

fn store(file: AuthFile) -> FailingStore {
    FailingStore { inner: MemoryStore::new(Some(file)), ..FailingStore::default() }
}

/// A keeper that tries again only when told to.
fn patient(issuer: &Issuer, store: &FailingStore) -> TokenKeeper {
    let settings = KeeperSettings { save_again: Duration::from_secs(3600), ..settings(issuer) };
    TokenKeeper::new(&settings, Arc::new(store.clone()), None).unwrap()
}

#[tokio::test]
async fn tokens_that_cannot_be_saved_are_used_and_saved_later() {
    let issuer = rotating().await;
    let store = store(lasting(-10, "rt-1"));
    store.no_commit.store(true, Ordering::SeqCst);
    let keeper = patient(&issuer, &store);
    let first = keeper.current().await.unwrap();
    let second = keeper.current().await.unwrap();
    assert_eq!(first.access_token, second.access_token);
    assert!(!keeper.finish().await, "a stop now would lose them");
    assert_eq!((refresh_token(&store).as_str(), issuer.posts().len()), ("rt-1", 1));

    store.no_commit.store(false, Ordering::SeqCst);
    assert!(keeper.finish().await);
    assert_eq!(refresh_token(&store), "rt-2");
    assert_eq!(keeper.current().await.unwrap().access_token, first.access_token);
    assert_eq!(issuer.posts().len(), 1);
}

#[tokio::test]
async fn saving_is_tried_again_by_itself() {
    let issuer = rotating().await;
    let store = store(lasting(-10, "rt-1"));
    store.no_commit.store(true, Ordering::SeqCst);
    let keeper = keeper(&issuer, store.clone());
    keeper.current().await.unwrap();
    let before = store.stamp().unwrap();
    store.no_commit.store(false, Ordering::SeqCst);
    while store.stamp().unwrap() == before {
        tokio::task::yield_now().await;
    }
    assert_eq!(refresh_token(&store), "rt-2");
    drop(keeper);
}

#[tokio::test]
async fn unsaved_tokens_are_renewed_and_saved_over_the_file_they_came_from() {
    let issuer = rotating().await;
    let store = store(lasting(-10, "rt-1"));
    store.no_commit.store(true, Ordering::SeqCst);
    let keeper = patient(&issuer, &store);
    let first = keeper.current().await.unwrap();
    store.no_commit.store(false, Ordering::SeqCst);
    assert_ne!(keeper.refresh().await.unwrap().access_token, first.access_token);
    assert_eq!((refresh_token(&store).as_str(), issuer.posts().len()), ("rt-3", 2));
    keeper.finish().await;
    assert_eq!(refresh_token(&store), "rt-3");
}

#[tokio::test]
async fn a_new_sign_in_displaces_unsaved_tokens() {
    let issuer = rotating().await;
    let store = store(lasting(-10, "rt-1"));
    store.no_commit.store(true, Ordering::SeqCst);
    let keeper = patient(&issuer, &store);
    keeper.current().await.unwrap();
    let newer = lasting(HOUR, "newer");
    store.save(&newer).unwrap();
    store.no_commit.store(false, Ordering::SeqCst);
    keeper.finish().await;
    assert_eq!(keeper.current().await.unwrap().access_token, access_token(&newer));
    assert_eq!(refresh_token(&store), "newer");
}

#[tokio::test]
async fn without_room_a_living_token_is_not_renewed() {
    let issuer = rotating().await;
    let file = lasting(200, "rt-1");
    let store = store(file.clone());
    store.no_room.store(true, Ordering::SeqCst);
    let keeper = patient(&issuer, &store);
    for _ in 0..2 {
        assert_eq!(keeper.current().await.unwrap().access_token, access_token(&file));
        keeper.finish().await;
    }
    assert_eq!(issuer.posts().len(), 0);
}

#[tokio::test]
async fn without_room_an_ended_token_is_renewed_in_memory() {
    let issuer = rotating().await;
    let store = store(lasting(-10, "rt-1"));
    store.no_room.store(true, Ordering::SeqCst);
    let keeper = patient(&issuer, &store);
    keeper.current().await.unwrap();
    store.no_room.store(false, Ordering::SeqCst);
    keeper.finish().await;
    assert_eq!(refresh_token(&store), "rt-2");
}
