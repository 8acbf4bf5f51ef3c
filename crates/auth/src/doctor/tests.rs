//! Checks that need no network.

use super::*;
use crate::store::StoreChoice;
use crate::tokens::sample;

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap()
}

fn file(left: i64) -> AuthFile {
    AuthFile::signed_in(&sample::grant(now().unix_timestamp() + left, "canary"), now())
}

fn home() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::with_keyring(folder.path(), StoreChoice::File, None);
    (folder, home)
}

#[test]
fn a_clock_may_be_a_minute_off() {
    for (seconds, expected) in
        [(0, Health::Ok), (59, Health::Ok), (-60, Health::Ok), (61, Health::Fail)]
    {
        let check = clock(now(), now() + time::Duration::seconds(seconds));
        assert_eq!(check.health, expected, "{seconds}");
    }
    let check = clock(now(), now() - time::Duration::days(3650));
    assert_eq!(check.detail, "315360000 s behind the sign-in service's");
}

#[test]
fn the_sign_in_is_judged_by_what_is_left_of_it() {
    for (loaded, expected) in [
        (Ok(None), Health::Fail),
        (Ok(Some(file(7200))), Health::Ok),
        (Ok(Some(file(-5))), Health::Warn),
        (Err(StoreError::Corrupt { place: "x".to_owned() }), Health::Fail),
    ] {
        let reported = format!("{loaded:?}");
        assert_eq!(sign_in(loaded, now()).health, expected, "{reported}");
    }
    let check = sign_in(Ok(Some(file(7200))), now());
    assert_eq!(check.detail, "user@example.org: 2 h left, then renewed");
    assert_eq!(check.fix, None);
    let text = br#"{"tokens":{"access_token":"a"}}"#;
    let check = sign_in(Ok(Some(AuthFile::parse(text).unwrap())), now());
    assert_eq!(check.health, Health::Warn);
}

#[tokio::test]
async fn a_taken_port_is_told_from_a_free_one() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    assert_eq!(callback_port(&[port]).await.health, Health::Fail);
    let another = callback_port(&[port, 0]).await;
    assert_eq!(another.health, Health::Ok);
    assert!(another.detail.ends_with("is taken; any other port works"), "{another:?}");
    drop(taken);
    assert_eq!(callback_port(&[0]).await.health, Health::Ok);
}

#[test]
fn a_proxys_password_is_not_shown() {
    let named = |value: &str| vec![("HTTPS_PROXY".to_owned(), value.to_owned())];
    let [proxy, _] = network(&named("http://me:canary@proxy.test:3128"));
    assert_eq!(proxy.detail, "HTTPS_PROXY=proxy.test:3128");
    assert_eq!(network(&[])[0].detail, "none");
}

#[tokio::test]
async fn the_same_refresh_token_elsewhere_is_found() {
    let (_folder, home) = home();
    let other = tempfile::tempdir().unwrap();
    let theirs = other.path().join("auth.json");
    let others = [other.path().join("none.json"), theirs.clone()];
    assert_eq!(sharing(&home, &others).await.health, Health::Ok);
    home.active().save(&file(10)).unwrap();
    assert_eq!(sharing(&home, &others).await.health, Health::Ok);
    std::fs::write(&theirs, file(99).render().as_bytes()).unwrap();
    let check = sharing(&home, &others).await;
    assert_eq!(check.health, Health::Fail);
    assert!(!format!("{check:?}").contains("canary"));
    let _lock = home.lock().await.unwrap();
    assert_eq!(sharing(&home, &[]).await.health, Health::Warn);
}

#[tokio::test]
async fn a_registration_that_is_damaged_or_does_not_fit_the_sign_in_is_found() {
    let (folder, home) = home();
    let unregistered = registration(&home).await;
    assert_eq!(unregistered.health, Health::Ok);
    assert!(unregistered.detail.starts_with("none"), "{unregistered:?}");
    let known = crate::Registration::of(&home).await.unwrap().issued("https://i.test", "oaiapp_1");
    let path = folder.path().join("registration.json");
    known.save(&path).unwrap();
    assert_eq!(registration(&home).await.detail, "oaiapp_1, issued by https://i.test");
    let provenance = |client: &str| crate::Provenance {
        route: crate::SignInRoute::PLAN,
        issuer: Some("https://i.test".to_owned()),
        client_id: Some(client.to_owned()),
    };
    for (client, expected) in [("oaiapp_1", Health::Ok), ("oaiapp_2", Health::Warn)] {
        home.active().save(&file(99).with_provenance(&provenance(client))).unwrap();
        assert_eq!(registration(&home).await.health, expected, "{client}");
    }
    std::fs::write(&path, "{").unwrap();
    let damaged = registration(&home).await;
    assert_eq!(damaged.health, Health::Fail);
    assert!(damaged.fix.unwrap().contains("remove"));
}

#[test]
fn a_sign_in_that_may_not_use_the_plan_is_found() {
    let provenance =
        crate::Provenance { route: crate::SignInRoute::PLAN, issuer: None, client_id: None };
    let check = sign_in(Ok(Some(file(7200).with_provenance(&provenance))), now());
    assert_eq!(check.health, Health::Fail);
    assert!(check.fix.unwrap().starts_with("chatmock-auth login --route plan"));
}

#[tokio::test]
async fn a_home_without_a_keyring_is_a_warning() {
    let (_folder, home) = home();
    assert_eq!(keyring(&home).await.health, Health::Warn);
}

#[cfg(unix)]
#[test]
fn files_that_others_can_read_are_found() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    let (folder, home) = home();
    set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    home.active().save(&file(10)).unwrap();
    home.park_active().unwrap();
    assert_eq!(files(&home).health, Health::Ok);
    set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    assert_eq!(files(&home).health, Health::Warn);
    let path = folder.path().join("auth.json");
    set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let check = files(&home);
    assert_eq!(check.health, Health::Fail);
    assert!(check.detail.ends_with("auth.json has mode 644: other users have access"), "{check:?}");
    assert!(check.fix.unwrap().starts_with("chmod 600 "));
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    assert_eq!(files(&home).health, Health::Fail);
}

#[cfg(unix)]
#[test]
fn every_file_of_ours_in_a_home_is_looked_at() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};
    let (folder, home) = home();
    set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    home.active().save(&file(10)).unwrap();
    let at = |name: &str| folder.path().join(name);
    let pipe = |path: &Path| {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    std::fs::write(at("notes of the person"), "").unwrap();
    for name in ["limits.json", "chatmock_models_cache.json", "auth.lock", "registration.json"] {
        pipe(&at(name));
        let check = files(&home);
        assert_eq!(check.health, Health::Fail, "{name}");
        assert!(check.detail.contains(name) && check.detail.ends_with("is not a plain file"));
        std::fs::remove_file(at(name)).unwrap();
    }
    for name in ["auth.json.corrupt", ".auth.json.1-0-1.tmp"] {
        std::fs::write(at(name), "{").unwrap();
        let check = files(&home);
        assert_eq!(check.health, Health::Fail, "{check:?}");
        assert!(check.fix.unwrap().starts_with("chmod 600 "), "{name}");
        set_permissions(at(name), Permissions::from_mode(0o600)).unwrap();
        let check = files(&home);
        assert_eq!(check.health, Health::Warn, "{check:?}");
        assert!(check.detail.contains(name) && check.fix.unwrap().contains("logout"));
        std::fs::remove_file(at(name)).unwrap();
    }
    // A link of the person to a file of theirs is as it should be.
    let dotfiles = tempfile::tempdir().unwrap();
    std::fs::rename(at("auth.json"), dotfiles.path().join("kept.json")).unwrap();
    symlink(dotfiles.path().join("kept.json"), at("auth.json")).unwrap();
    assert_eq!(files(&home).health, Health::Ok, "{:?}", files(&home));
    set_permissions(dotfiles.path(), Permissions::from_mode(0o777)).unwrap();
    assert_eq!(files(&home).health, Health::Fail);
}
