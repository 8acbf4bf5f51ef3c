//! Tests of the keeper against a real socket and real files.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::{KeeperError, KeeperSettings, TokenKeeper};
use crate::claims::sample::{ACCOUNT, jwt, payload};
use crate::store::{FileStore, TokenStore};
use crate::tokens::sample;
use crate::tokens::{AuthFile, Grant};

mod clock;
mod failing_store;
mod failures;
mod issuer;
mod provenance;
mod saving;
mod sharing;
mod stores;
mod torture;

use issuer::{Answer, Issuer};

const HOUR: i64 = 3600;

fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

/// A sign-in whose access token ends `seconds` from now.
fn lasting(seconds: i64, refresh: &str) -> AuthFile {
    AuthFile::signed_in(&sample::grant(now() + seconds, refresh), OffsetDateTime::now_utc())
}

fn fresh_grant(refresh: &str) -> Grant {
    sample::grant(now() + HOUR, refresh)
}

/// An issuer that renews `rt-1` to `rt-2` to `rt-3`, and knows each token once.
async fn rotating() -> Issuer {
    Issuer::start(|number, post| rotate(number, &post.body)).await
}

fn rotate(number: usize, body: &str) -> Answer {
    if !body.contains(&format!("\"refresh_token\":\"rt-{number}\"")) {
        return Answer::new(400, r#"{"error":{"code":"refresh_token_reused"}}"#);
    }
    Answer::grant(&fresh_grant(&format!("rt-{}", number + 1)))
}

fn settings(issuer: &Issuer) -> KeeperSettings {
    KeeperSettings {
        issuer: issuer.address.clone(),
        client_id: "app_test".to_owned(),
        save_again: Duration::from_millis(5),
        ..KeeperSettings::new("chatmock-test", "chatmock-test/1.0")
    }
}

fn keeper(issuer: &Issuer, store: impl TokenStore + 'static) -> TokenKeeper {
    TokenKeeper::new(&settings(issuer), Arc::new(store), None).unwrap()
}

/// A home that holds a sign-in.
fn home(file: &AuthFile) -> (tempfile::TempDir, FileStore) {
    let home = tempfile::tempdir().unwrap();
    let store = FileStore::new(home.path());
    store.save(file).unwrap();
    (home, store)
}

fn refresh_token(store: &dyn TokenStore) -> String {
    let file = store.load().unwrap().unwrap();
    file.tokens().unwrap().refresh_token().unwrap().expose().to_owned()
}

fn access_token(file: &AuthFile) -> crate::Secret {
    file.tokens().unwrap().access_token().unwrap()
}

fn is_unavailable<T>(outcome: &Result<T, KeeperError>) -> bool {
    matches!(outcome, Err(KeeperError::Unavailable(_)))
}
