//! Changes of the stores take effect at once.

use super::*;
use crate::lock::HomeLock;
use crate::store::{BorrowedStore, MemoryStore};

fn borrowing(issuer: &Issuer, own: &FileStore, theirs: &FileStore) -> TokenKeeper {
    let borrowed = BorrowedStore::new(theirs.path());
    TokenKeeper::new(&settings(issuer), Arc::new(own.clone()), Some(Arc::new(borrowed))).unwrap()
}

#[tokio::test]
async fn without_a_sign_in_the_message_says_what_to_do() {
    let issuer = rotating().await;
    let home = tempfile::tempdir().unwrap();
    let store = FileStore::new(home.path());
    let keeper = keeper(&issuer, store.clone());
    let error = keeper.current().await.unwrap_err();
    assert_eq!(error.to_string(), "sign in first: chatmock-auth login");
    std::fs::write(store.path(), r#"{"OPENAI_API_KEY":"sk-x","tokens":null}"#).unwrap();
    assert!(matches!(keeper.current().await, Err(KeeperError::SignedOut { .. })));
    assert!(matches!(keeper.current().await, Err(KeeperError::SignedOut { .. })));
    let renewal = keeper.renew(&crate::Secret::new("x")).await;
    assert!(matches!(renewal, Err(KeeperError::SignedOut { .. })));
}

#[tokio::test]
async fn a_sign_in_or_sign_out_elsewhere_counts_at_once() {
    let issuer = rotating().await;
    let (_home, store) = home(&lasting(HOUR, "a"));
    let keeper = keeper(&issuer, store.clone());
    let first = keeper.current().await.unwrap();
    store.save(&lasting(HOUR, "b")).unwrap();
    let second = keeper.current().await.unwrap();
    assert_ne!(first.access_token, second.access_token);
    std::fs::remove_file(store.path()).unwrap();
    assert!(matches!(keeper.current().await, Err(KeeperError::SignedOut { .. })));
    store.save(&lasting(HOUR, "c")).unwrap();
    keeper.current().await.unwrap();
    assert_eq!(issuer.posts().len(), 0);
}

#[tokio::test]
async fn a_renewal_keeps_what_other_programs_wrote_and_closes_the_file() {
    let issuer = rotating().await;
    let access = jwt(&payload(now() - 10, ACCOUNT, "x"));
    let home = tempfile::tempdir().unwrap();
    let store = FileStore::new(home.path());
    let text = format!(
        r#"{{"agent_identity":{{"n":1E2}},"tokens":{{"login_owner_id":"own","access_token":"{}",
        "refresh_token":"rt-1","account_id":"from-file"}},"zz":[1.0]}}"#,
        access.expose()
    );
    std::fs::write(store.path(), text).unwrap();
    let session = keeper(&issuer, store.clone()).current().await.unwrap();
    assert_eq!(session.account_id.as_deref(), Some("from-file"));
    let text = std::fs::read_to_string(store.path()).unwrap();
    for part in [
        r#""agent_identity": {"n":1E2}"#,
        r#""login_owner_id": "own""#,
        r#""refresh_token": "rt-2""#,
        r#""zz": [1.0]"#,
        r#""last_refresh": "#,
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(store.path().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_damaged_file_is_named_and_left_alone() {
    let issuer = rotating().await;
    let home = tempfile::tempdir().unwrap();
    let store = FileStore::new(home.path());
    std::fs::write(store.path(), "{\"tokens\":").unwrap();
    let error = keeper(&issuer, store.clone()).current().await.unwrap_err();
    let KeeperError::Corrupt { place } = &error else { panic!("{error}") };
    assert_eq!(*place, store.path().display().to_string());
    assert!(error.to_string().ends_with("sign in again: chatmock-auth login"), "{error}");
    assert_eq!(std::fs::read_to_string(store.path()).unwrap(), "{\"tokens\":");
}

#[tokio::test]
async fn a_file_damaged_later_does_not_end_a_living_token() {
    let issuer = rotating().await;
    let (_home, store) = home(&lasting(HOUR, "rt-1"));
    let keeper = keeper(&issuer, store.clone());
    let session = keeper.current().await.unwrap();
    std::fs::write(store.path(), "").unwrap();
    assert_eq!(keeper.current().await.unwrap().access_token, session.access_token);
    let renewal = keeper.renew(&session.access_token).await;
    assert!(matches!(renewal, Err(KeeperError::Corrupt { .. })));
    assert_eq!(issuer.posts().len(), 0);
}

#[tokio::test]
async fn a_directory_in_the_files_place_is_an_error_of_the_store() {
    let issuer = rotating().await;
    let home = tempfile::tempdir().unwrap();
    let store = FileStore::new(home.path());
    std::fs::create_dir(store.path()).unwrap();
    let error = keeper(&issuer, store).current().await.unwrap_err();
    assert!(matches!(error, KeeperError::Store(_)));
    assert!(error.to_string().ends_with("is not a plain file: move it away"), "{error}");
}

#[tokio::test]
async fn a_borrowed_sign_in_is_used_and_never_renewed() {
    let issuer = rotating().await;
    let own_home = tempfile::tempdir().unwrap();
    let own = FileStore::new(own_home.path());
    let (_their_home, theirs) = home(&lasting(100, "rt-1"));
    let keeper = borrowing(&issuer, &own, &theirs);
    let session = keeper.current().await.unwrap();
    keeper.finish().await;
    let renewal = keeper.renew(&session.access_token).await;
    assert!(matches!(renewal, Err(KeeperError::BorrowedExpired)));

    let newer = lasting(HOUR, "rt-2");
    std::fs::write(theirs.path(), newer.render().as_bytes()).unwrap();
    assert_eq!(keeper.current().await.unwrap().access_token, access_token(&newer));
    let adopted = keeper.renew(&session.access_token).await.unwrap();
    assert_eq!(adopted.access_token, access_token(&newer));

    let ended = lasting(-10, "rt-3").render();
    std::fs::write(theirs.path(), ended.as_bytes()).unwrap();
    let error = keeper.current().await.unwrap_err();
    assert!(matches!(error, KeeperError::BorrowedExpired));
    assert!(error.to_string().contains("run `codex` to renew it"), "{error}");

    assert_eq!(issuer.posts().len(), 0);
    assert_eq!(std::fs::read_to_string(theirs.path()).unwrap(), *ended);
    assert!(own_home.path().read_dir().unwrap().next().is_none());
}

#[tokio::test]
async fn a_damaged_file_of_another_program_is_named_as_that_program_s() {
    let issuer = rotating().await;
    let (own, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (own, theirs) = (FileStore::new(own.path()), FileStore::new(theirs.path()));
    std::fs::create_dir_all(theirs.path().parent().unwrap()).unwrap();
    std::fs::write(theirs.path(), "{").unwrap();
    let error = borrowing(&issuer, &own, &theirs).current().await.unwrap_err();
    assert!(matches!(error, KeeperError::BorrowedCorrupt { .. }), "{error:?}");
    assert!(error.to_string().contains("run `codex login` to replace it"), "{error}");
}

#[tokio::test]
async fn our_own_sign_in_comes_before_a_borrowed_one() {
    let issuer = rotating().await;
    let own_home = tempfile::tempdir().unwrap();
    let own = FileStore::new(own_home.path());
    let (_their_home, theirs) = home(&lasting(HOUR, "theirs"));
    let keeper = borrowing(&issuer, &own, &theirs);
    keeper.current().await.unwrap();
    let ours = lasting(HOUR, "ours");
    own.save(&ours).unwrap();
    assert_eq!(keeper.current().await.unwrap().access_token, access_token(&ours));
}

#[tokio::test]
async fn a_sign_in_made_during_a_renewal_stands() {
    let issuer = Issuer::held(|number, post| rotate(number, &post.body)).await;
    let (_home, store) = home(&lasting(-10, "rt-1"));
    let keeper = keeper(&issuer, store.clone());
    let caller = tokio::spawn(async move { keeper.current().await });
    issuer.arrival(1).await;
    let newer = lasting(HOUR, "newer");
    store.save(&newer).unwrap();
    issuer.release();
    assert_eq!(caller.await.unwrap().unwrap().access_token, access_token(&newer));
    assert_eq!(refresh_token(&store), "newer");
}

#[tokio::test]
async fn a_sign_out_made_during_a_renewal_stands() {
    let issuer = Issuer::held(|number, post| rotate(number, &post.body)).await;
    let (_home, store) = home(&lasting(-10, "rt-1"));
    let keeper = keeper(&issuer, store.clone());
    let caller = tokio::spawn(async move { keeper.current().await });
    issuer.arrival(1).await;
    std::fs::remove_file(store.path()).unwrap();
    issuer.release();
    assert!(matches!(caller.await.unwrap(), Err(KeeperError::SignedOut { .. })));
    assert_eq!(store.load().unwrap(), None);
}

#[tokio::test]
async fn a_lock_that_stays_held_ends_the_wait_without_a_call() {
    let issuer = rotating().await;
    let (_home, store) = home(&lasting(-10, "rt-1"));
    let _held = HomeLock::acquire(&store.lock_files().unwrap(), Duration::ZERO).await.unwrap();
    let settings = KeeperSettings { lock_wait: Duration::from_millis(20), ..settings(&issuer) };
    let keeper = TokenKeeper::new(&settings, Arc::new(store.clone()), None).unwrap();
    assert!(is_unavailable(&keeper.current().await));
    assert_eq!(issuer.posts().len(), 0);
}

#[tokio::test]
async fn a_store_in_memory_serves_as_well() {
    let issuer = rotating().await;
    let store = MemoryStore::new(Some(lasting(-10, "rt-1")));
    let keeper = keeper(&issuer, store.clone());
    keeper.current().await.unwrap();
    assert_eq!(refresh_token(&store), "rt-2");
    store.clear();
    assert!(matches!(keeper.current().await, Err(KeeperError::SignedOut { .. })));
}
