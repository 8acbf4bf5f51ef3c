//! What a file says, keeps and becomes.

use time::Duration;

use super::*;
use crate::claims::sample::{ACCOUNT, jwt};

const FULL: &str = r#"{
  "future_top": {"z": 1E2, "a": [12345678901234567890123]},
  "auth_mode": "chatgpt", "OPENAI_API_KEY": null,
  "tokens": {"x_first": "\u00e9", "id_token": "i", "access_token": "a",
    "refresh_token": "r", "oauth_provenance": {"issuer": "https://x", "client_id": "app"},
    "login_owner_id": "own", "account_id": "acc"},
  "last_refresh": "2026-11-22T09:10:11.123456789Z", "agent_identity": 1.50 }"#;

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap()
}

#[test]
fn the_known_members_are_read() {
    let file = AuthFile::parse(FULL.as_bytes()).unwrap();
    let tokens = file.tokens().unwrap();
    assert_eq!(tokens.id_token().unwrap().expose(), "i");
    assert_eq!(tokens.access_token().unwrap().expose(), "a");
    assert_eq!(tokens.refresh_token().unwrap().expose(), "r");
    assert_eq!(tokens.account_id().as_deref(), Some("acc"));
    assert_eq!(file.auth_mode().as_deref(), Some("chatgpt"));
    assert_eq!(file.last_refresh().unwrap().nanosecond(), 123_456_789);
}

#[test]
fn unknown_members_survive_a_renewal_by_value_and_order() {
    let file = AuthFile::parse(FULL.as_bytes()).unwrap();
    let grant = Grant { access_token: Some(Secret::new("new")), ..Grant::default() };
    let text = file.renewed(&grant, now()).render();
    let places: Vec<usize> = [
        r#""future_top": {"z": 1E2, "a": [12345678901234567890123]}"#,
        r#""auth_mode": "chatgpt""#,
        r#""OPENAI_API_KEY": null"#,
        r#""x_first": "\u00e9""#,
        r#""id_token": "i""#,
        r#""access_token": "new""#,
        r#""refresh_token": "r""#,
        r#""oauth_provenance": {"issuer": "https://x", "client_id": "app"}"#,
        r#""login_owner_id": "own""#,
        r#""account_id": "acc""#,
        r#""last_refresh": "2027-01-15T08:00:00Z""#,
        r#""agent_identity": 1.50"#,
    ]
    .iter()
    .map(|part| text.find(part).unwrap_or_else(|| panic!("{part} in {}", &*text)))
    .collect();
    assert!(places.is_sorted());
}

#[test]
fn a_rendered_file_parses_to_itself() {
    let file = AuthFile::parse(FULL.as_bytes()).unwrap();
    let once = AuthFile::parse(file.render().as_bytes()).unwrap();
    assert_eq!(once.render(), file.render());
}

#[test]
fn the_minimal_old_form_is_a_sign_in() {
    let text = br#"{"tokens":{"id_token":"i","access_token":"a","refresh_token":"r"},
        "last_refresh":"2026-11-22T09:10:11Z"}"#;
    assert!(AuthFile::parse(text).unwrap().tokens().is_some());
}

#[test]
fn a_file_without_tokens_is_no_sign_in() {
    for text in [
        r#"{"OPENAI_API_KEY":"sk-x"}"#,
        r#"{"auth_mode":"apikey","OPENAI_API_KEY":"sk-x","tokens":null}"#,
        r#"{"tokens":{"id_token":"i","access_token":"","refresh_token":null}}"#,
        "{}",
    ] {
        assert!(AuthFile::parse(text.as_bytes()).unwrap().tokens().is_none(), "{text}");
    }
}

#[test]
fn other_shapes_are_malformed() {
    for text in [
        "",
        " ",
        "null",
        "[]",
        "{",
        "{}x",
        r#"{"tokens":5}"#,
        r#"{"tokens":{"access_token":5}}"#,
        "{\"tokens\":{\"access_token\":\"cut",
        "\u{feff}",
    ] {
        assert!(AuthFile::parse(text.as_bytes()).is_err(), "{text}");
    }
    assert!(AuthFile::parse(b"{\"a\":\"\xff\"}").is_err());
}

#[test]
fn empty_tokens_in_a_grant_replace_nothing() {
    let file = AuthFile::parse(FULL.as_bytes()).unwrap();
    let grant = Grant { refresh_token: Some(Secret::new("")), ..Grant::default() };
    let next = file.renewed(&grant, now());
    assert_eq!(next.tokens().unwrap().refresh_token().unwrap().expose(), "r");
}

#[test]
fn a_new_sign_in_takes_the_workspace_from_the_claims() {
    let file = AuthFile::signed_in(&sample::grant(1_900_000_000, "refresh"), now());
    assert_eq!(file.tokens().unwrap().account_id().as_deref(), Some(ACCOUNT));
    let again = AuthFile::parse(file.render().as_bytes()).unwrap();
    assert_eq!(again.render(), file.render());
    assert_eq!(again.auth_mode().as_deref(), Some("chatgpt"));
}

#[test]
fn freshness_follows_the_table() {
    let at = |seconds: i64| format!(r#"{{"exp":{}}}"#, 1_800_000_000 + seconds);
    let day = 86_400;
    for (payload, age, expected) in [
        (at(400), Some(0), Freshness::Fresh),
        (at(301), Some(33 * day), Freshness::Fresh),
        (at(300), Some(0), Freshness::Stale),
        (at(200), None, Freshness::Stale),
        (at(1), None, Freshness::Stale),
        (at(0), None, Freshness::Expired),
        (at(-10), Some(0), Freshness::Expired),
        (r#"{"exp":-1}"#.into(), Some(0), Freshness::Expired),
        (r#"{"exp":1e300}"#.into(), Some(9 * day), Freshness::Fresh),
        ("{}".into(), Some(7 * day), Freshness::Fresh),
        ("{}".into(), Some(9 * day), Freshness::Stale),
        ("{}".into(), None, Freshness::Fresh),
        (r#"{"exp":"1"}"#.into(), Some(9 * day), Freshness::Stale),
        (r#"{"exp":1e400}"#.into(), Some(9 * day), Freshness::Stale),
        (r#"{"exp":1e400}"#.into(), Some(-day), Freshness::Fresh),
    ] {
        let grant = Grant { access_token: Some(jwt(&payload)), ..Grant::default() };
        let mut file = AuthFile::signed_in(&grant, now());
        match age {
            Some(age) => set_time(&mut file.members, now() - Duration::seconds(age)),
            None => file.members.set_raw("last_refresh", "null".into()),
        }
        assert_eq!(file.lifetime().freshness(now()), expected, "{payload} {age:?}");
    }
}

/// A sign-in whose access token says nothing of itself.
fn opaque(expires_in: Option<i64>, earliest: Option<i64>) -> AuthFile {
    let grant = Grant {
        access_token: Some(Secret::new("opaque")),
        refresh_token: Some(Secret::new("r")),
        expires_in,
        earliest_refresh_at: earliest.map(|seconds| now().unix_timestamp() + seconds),
        ..Grant::default()
    };
    AuthFile::signed_in(&grant, now())
}

#[test]
fn an_access_token_that_says_nothing_ends_when_its_issuer_said() {
    for (life, expected) in
        [(3600, Freshness::Fresh), (300, Freshness::Stale), (0, Freshness::Expired)]
    {
        let file = AuthFile::parse(opaque(Some(life), None).render().as_bytes()).unwrap();
        assert_eq!(file.lifetime().expires(), Some(1_800_000_000 + life));
        assert_eq!(file.lifetime().freshness(now()), expected, "{life}");
    }
    let renewed = opaque(Some(3600), Some(60)).renewed(
        &Grant { access_token: Some(jwt(r#"{"exp":1800000400}"#)), ..Grant::default() },
        now(),
    );
    assert_eq!(renewed.lifetime().expires(), Some(1_800_000_400));
    assert!(renewed.lifetime().may_be_renewed(now()), "what was said before is over");
    let spoken = Grant {
        access_token: Some(jwt(r#"{"exp":1800000400}"#)),
        expires_in: Some(99),
        ..Grant::default()
    };
    let spoken = AuthFile::signed_in(&spoken, now());
    assert_eq!(spoken.lifetime().expires(), Some(1_800_000_400));
    assert!(!spoken.render().contains("expires_at"));
}

#[test]
fn the_earliest_renewal_holds_back_until_the_access_token_has_ended() {
    for (life, earliest, at, may, expected) in [
        (300, 60, 0, false, Freshness::Fresh),
        (300, 60, 59, false, Freshness::Fresh),
        (300, 60, 60, true, Freshness::Stale),
        (300, 9999, 299, false, Freshness::Fresh),
        (300, 9999, 300, true, Freshness::Expired),
    ] {
        let (file, moment) = (opaque(Some(life), Some(earliest)), now() + Duration::seconds(at));
        assert_eq!(file.lifetime().may_be_renewed(moment), may, "{life} {earliest} {at}");
        assert_eq!(file.lifetime().freshness(moment), expected, "{life} {earliest} {at}");
    }
}

#[test]
fn only_the_route_that_needs_a_scope_asks_for_it() {
    let scoped = |scope: Option<&str>, route: SignInRoute| {
        let provenance = Provenance { route, issuer: None, client_id: None };
        let grant = Grant {
            refresh_token: Some(Secret::new("r")),
            scope: scope.map(str::to_owned),
            ..Grant::default()
        };
        AuthFile::signed_in(&grant, now()).with_provenance(&provenance).is_usable()
    };
    let all = "openid resource.invoke chatgpt.tokens.use.direct";
    assert!(scoped(Some(all), SignInRoute::PLAN) && scoped(None, SignInRoute::CODEX));
    for scope in [None, Some(""), Some("openid"), Some("chatgpt.tokens.use.direct2")] {
        assert!(!scoped(scope, SignInRoute::PLAN), "{scope:?}");
    }
}

#[test]
fn a_file_with_only_a_refresh_token_needs_a_renewal() {
    let grant = Grant { refresh_token: Some(Secret::new("r")), ..Grant::default() };
    let file = AuthFile::signed_in(&grant, now());
    assert_eq!(file.lifetime().freshness(now()), Freshness::Expired);
}

#[test]
fn nothing_prints_a_token() {
    let file = AuthFile::signed_in(&sample::grant(1_900_000_000, "canary"), now());
    let malformed = AuthFile::parse(br#"{"tokens":{"access_token":["canary"]}}"#).unwrap_err();
    let shown = format!("{file:?} {:?} {malformed} {malformed:?}", file.tokens().unwrap());
    let access = file.tokens().unwrap().access_token().unwrap();
    assert!(!shown.contains("canary") && !shown.contains(access.expose()), "{shown}");
}
