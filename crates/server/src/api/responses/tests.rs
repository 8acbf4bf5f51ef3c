//! Tests of the handlers, over a server that is signed in or not.

use std::path::Path;
use std::sync::Arc;

use chatmock_auth::KeeperSettings;
use http_body_util::BodyExt;

use super::*;
use crate::app::App;
use crate::settings::{
    Access, CompanionSettings, HttpSettings, ModelSettings, Settings, SignInSettings,
};
use crate::state::responses::StoredResponse;
use crate::{Server, StoreSettings};

const SIGN_IN: &str = r#"{"auth_mode":"chatgpt","tokens":{"id_token":"i","access_token":"a",
    "refresh_token":"r","account_id":"acct-1"}}"#;

const RESPONSE: &str = r#"{"id":"resp_1", "object" : "response","n":1E2}"#;

fn settings(home: &Path) -> Settings {
    let keeper = KeeperSettings::new("chatmock", "chatmock/test");
    Settings {
        http: HttpSettings::default(),
        policy: Default::default(),
        upstream: Default::default(),
        access: Access::SignIn(SignInSettings {
            home: home.to_owned(),
            borrow_codex: None,
            keeper,
        }),
        models: ModelSettings { sync: false, ..ModelSettings::default() },
        companions: CompanionSettings::default(),
    }
}

fn app(home: &Path) -> Arc<App> {
    let app = Server::new(settings(home)).unwrap().app;
    let state = &app.state;
    let input = r#"[{"id":"msg_1"},{"id":"msg_2"}]"#;
    let stored = || StoredResponse::new(1, input.into(), RESPONSE.into());
    let owner = |account: &str| Owner { account: Some(account.to_owned()), key: None };
    state.responses.insert(owner("acct-1").key("resp_1"), stored(), unix_now());
    state.responses.insert(owner("acct-2").key("resp_2"), stored(), unix_now());
    app
}

fn signed_in(home: &Path) -> Arc<App> {
    std::fs::write(home.join("auth.json"), SIGN_IN).unwrap();
    app(home)
}

async fn mine(app: &App) -> Owner {
    owner(&app.state, &Caller::default()).await.unwrap()
}

async fn text(reply: Result<HttpResponse, Failure>) -> String {
    let body = reply.unwrap().into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_response_is_given_byte_for_byte_until_it_is_deleted() {
    let home = tempfile::tempdir().unwrap();
    let app = signed_in(home.path());
    let mine = mine(&app).await;
    assert_eq!(
        text(read(&app.endpoints, &mine, "resp_1", Some("stream=false&include[]=x"))).await,
        RESPONSE
    );
    assert_eq!(
        text(remove(&app.state, &mine, "resp_1").await).await,
        r#"{"id":"resp_1","object":"response","deleted":true}"#
    );
    assert_eq!(read(&app.endpoints, &mine, "resp_1", None).unwrap_err().status(), 404);
    assert_eq!(remove(&app.state, &mine, "resp_1").await.unwrap_err().status(), 404);
}

#[tokio::test]
async fn its_input_items_are_listed() {
    let home = tempfile::tempdir().unwrap();
    let app = signed_in(home.path());
    let mine = mine(&app).await;
    assert_eq!(
        text(list_items(&app.state, &mine, "resp_1", Some("limit=1"))).await,
        r#"{"object":"list","data":[{"id":"msg_2","type":"message","status":"completed"}],"first_id":"msg_2","last_id":"msg_2","has_more":true}"#
    );
}

#[tokio::test]
async fn another_accounts_response_is_not_found() {
    let home = tempfile::tempdir().unwrap();
    let app = signed_in(home.path());
    let mine = mine(&app).await;
    for failure in [
        read(&app.endpoints, &mine, "resp_2", None).unwrap_err(),
        remove(&app.state, &mine, "resp_2").await.unwrap_err(),
        list_items(&app.state, &mine, "resp_2", None).unwrap_err(),
    ] {
        let path = "/v1/responses/resp_2";
        let family = crate::api::route::family(path, &http::HeaderMap::new());
        let body = crate::api::error_response(&failure, family, path)
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes();
        assert_eq!(
            body,
            concat!(
                r#"{"error":{"message":"Response with id 'resp_2' not found.","#,
                r#""type":"invalid_request_error","param":null,"code":null}}"#
            )
        );
        assert_eq!(failure.status(), 404);
    }
}

#[tokio::test]
async fn a_kept_response_is_streamed_again_from_where_a_client_left() {
    let home = tempfile::tempdir().unwrap();
    let app = signed_in(home.path());
    let mine = mine(&app).await;
    let query = Some("starting_after=3&stream=true");
    let again = read(&app.endpoints, &mine, "resp_1", query).unwrap();
    let kind = again.headers().get("content-type").unwrap().to_str().unwrap();
    assert_eq!((again.status().as_u16(), kind), (200, "text/event-stream; charset=utf-8"));
}

#[tokio::test]
async fn who_is_not_signed_in_sees_and_deletes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let app = app(home.path());
    assert_eq!(owner(&app.state, &Caller::default()).await.unwrap_err().status(), 401);
}

#[tokio::test]
async fn a_server_keeps_on_disk_what_it_is_given_a_directory_for() {
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("state");
    let mut settings = settings(home.path());
    settings.http.responses =
        StoreSettings { directory: Some(state.clone()), ..StoreSettings::default() };
    let server = Server::new(settings.clone()).unwrap();
    assert!(state.join("responses.redb").exists());
    let error = Server::new(settings.clone()).unwrap_err();
    assert!(error.to_string().contains("in use by another process"), "{error}");
    drop(server);
    Server::new(settings).unwrap();
}
