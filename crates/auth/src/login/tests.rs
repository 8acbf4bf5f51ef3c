//! The address that is opened, and what may come back.

use std::collections::HashMap;

use super::*;

static CODEX: SignInRoute = SignInRoute::CODEX;

fn settings(workspaces: &[String]) -> LoginSettings<'_> {
    LoginSettings {
        route: &CODEX,
        registration: None,
        issuer: "https://issuer.test/",
        client_id: "app_test",
        originator: "chatmock",
        redirect: Redirect { host: RedirectHost::Ip, port: 1455 },
        workspaces,
    }
}

fn begin() -> (Login, String) {
    let (login, url) = Login::begin(settings(&[])).unwrap();
    let state = parameters(&url)["state"].clone();
    (login, state)
}

fn parameters(url: &Url) -> HashMap<String, String> {
    url.query_pairs().into_owned().collect()
}

fn unexpected(outcome: Result<CodeExchange, CallbackRejection>) -> (Login, UnexpectedCallback) {
    match outcome {
        Err(CallbackRejection::Unexpected { login, cause }) => (*login, cause),
        other => panic!("an unexpected callback was expected, not {other:?}"),
    }
}

#[test]
fn the_address_has_the_parameters_in_the_issuers_order() {
    let workspaces = ["ws-1".to_owned(), "ws-2".to_owned()];
    let (_, url) = Login::begin(settings(&workspaces)).unwrap();
    let names: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    let known: Vec<&str> =
        ORDER.into_iter().filter(|name| names.iter().any(|n| n == name)).collect();
    assert_eq!((names.len(), &names), (11, &known.into_iter().map(String::from).collect()));
    assert_eq!(url.as_str().split('?').next(), Some("https://issuer.test/oauth/authorize"));
    let given = parameters(&url);
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "app_test"),
        ("redirect_uri", "http://127.0.0.1:1455/auth/callback"),
        ("code_challenge_method", "S256"),
        ("scope", "openid profile email offline_access"),
        ("id_token_add_organizations", "true"),
        ("codex_cli_simplified_flow", "true"),
        ("originator", "chatmock"),
        ("allowed_workspace_id", "ws-1,ws-2"),
    ] {
        assert_eq!(given[name], value, "{name}");
    }
    assert!(url.as_str().contains("scope=openid+profile+email+offline_access"));
}

#[test]
fn state_and_verifier_are_long_random_and_fit() {
    let (login, url) = Login::begin(settings(&[])).unwrap();
    let given = parameters(&url);
    assert_eq!(given["state"].len(), 43);
    assert_eq!(login.verifier.expose().len(), 86);
    let digest = sha2::Sha256::digest(login.verifier.expose());
    use base64::Engine;
    use sha2::Digest;
    let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest);
    assert_eq!(given["code_challenge"], challenge);
    assert!(!given.contains_key("allowed_workspace_id"));
    assert_ne!(begin().1, begin().1);
}

#[test]
fn an_answer_may_come_as_a_query_or_as_the_whole_address() {
    for form in [
        "code=ac_1&state=STATE",
        "?code=ac_1&state=STATE",
        "  http://127.0.0.1:1455/auth/callback?scope=x&state=STATE&code=ac_1#fragment \n",
        "localhost:1455/auth/callback?code=ac%5F1&state=STATE",
    ] {
        let (login, state) = begin();
        let exchange = login.redeem(&form.replace("STATE", &state)).unwrap();
        assert_eq!(exchange.code.expose(), "ac_1", "{form}");
        assert_eq!(exchange.redirect_uri, "http://127.0.0.1:1455/auth/callback");
    }
}

#[test]
fn what_is_not_the_answer_leaves_the_sign_in_alive() {
    let (mut login, state) = begin();
    for (text, expected) in [
        (String::new(), UnexpectedCallback::State),
        ("code=ac_1".to_owned(), UnexpectedCallback::State),
        ("code=ac_1&state=".to_owned(), UnexpectedCallback::State),
        (format!("code=ac_1&state={state}x"), UnexpectedCallback::State),
        (format!("code=ac_1&state={}", &state[..42]), UnexpectedCallback::State),
        ("error=access_denied".to_owned(), UnexpectedCallback::State),
        ("error=access_denied&state=other".to_owned(), UnexpectedCallback::State),
        (format!("state={state}"), UnexpectedCallback::NoCode),
        (format!("state={state}&code="), UnexpectedCallback::NoCode),
        (format!("state={state}&state={state}&code=ac_1"), UnexpectedCallback::Malformed),
        (format!("state={state}&code=ac_1&code=ac_2"), UnexpectedCallback::Malformed),
        (format!("state={state}&code={}", "a".repeat(100_000)), UnexpectedCallback::TooLong),
    ] {
        let (same, cause) = unexpected(login.redeem(&text));
        assert_eq!(cause, expected, "{}", &text[..text.len().min(99)]);
        login = same;
    }
    assert!(login.redeem(&format!("code=ac_1&state={state}")).is_ok());
}

#[test]
fn an_error_with_the_right_state_ends_it_in_harmless_words() {
    let (login, state) = begin();
    let text = format!(
        "error=access_denied&error_description=%3Cscript%3E%1b%5B2J%0A\u{202e}ok%00{}&state={state}",
        "x".repeat(999)
    );
    let Err(CallbackRejection::Denied(denial)) = login.redeem(&text) else {
        panic!("an end expected")
    };
    let Denial::Refused { code, detail: Some(detail) } = &denial else { panic!("{denial:?}") };
    assert_eq!(code, "access_denied");
    assert!(detail.starts_with("<script>?[2J??ok?xx"), "{detail}");
    assert_eq!(detail.len(), 256);
    assert!(denial.to_string().starts_with("the sign-in service refused: access_denied (<script>"));

    let (login, state) = begin();
    let Err(CallbackRejection::Denied(denial)) = login.redeem(&format!("error=&state={state}"))
    else {
        panic!("an end expected")
    };
    assert_eq!(denial.to_string(), "the sign-in service refused: no reason given");
}

#[test]
fn the_form_has_its_fields_in_order() {
    let exchange = CodeExchange {
        code: Secret::new("ac 1"),
        verifier: Secret::new("v"),
        redirect_uri: Redirect { host: RedirectHost::Localhost, port: 1457 }.to_string(),
        profile: SignInRoute::CODEX.profile().unwrap(),
        client_id: None,
        nonce: None,
    };
    assert_eq!(
        *exchange.form("app"),
        "grant_type=authorization_code&client_id=app&code=ac+1&redirect_uri=\
         http%3A%2F%2Flocalhost%3A1457%2Fauth%2Fcallback&code_verifier=v"
    );
}

/// An installation, registered or not.
fn host(client_id: Option<&str>) -> Registration {
    let host_id = "urn:uuid:9b2f6d0c-5d0e-4a39-8f0a-0d6a4c1f2e3b".to_owned();
    let host = Registration { host_id, ..Registration::default() };
    match client_id {
        Some(client_id) => host.issued("https://issuer.test", client_id),
        None => host,
    }
}

fn begin_plan(host: &Registration) -> (Login, Url) {
    let route = SignInRoute::PLAN;
    let settings = settings(&[]);
    let registration = Some(host);
    Login::begin(LoginSettings { route: &route, registration, ..settings }).unwrap()
}

#[test]
fn a_first_sign_in_of_the_plan_route_asks_to_be_registered_and_later_ones_do_not() {
    let (login, url) = begin_plan(&host(None));
    assert_eq!(url.path(), "/api/accounts/authorize");
    let first = parameters(&url);
    for (name, value) in [
        ("client_id", "dynamic_agent_client"),
        ("agent_name_hint", "chatmock"),
        ("ext_agent_host_id", "urn:uuid:9b2f6d0c-5d0e-4a39-8f0a-0d6a4c1f2e3b"),
        ("response_type", "code"),
        ("resource", "https://api.openai.com/v1"),
        ("redirect_uri", "http://127.0.0.1:1455/auth/callback"),
        ("code_challenge_method", "S256"),
        ("scope", "openid profile email offline_access resource.invoke chatgpt.tokens.use.direct"),
    ] {
        assert_eq!(first[name], value, "{name}");
    }
    assert_eq!((first.len(), first["nonce"].len(), first["state"].len()), (11, 43, 43));
    assert_eq!(first["nonce"], login.nonce.as_ref().unwrap().expose());
    let (_, url) = begin_plan(&host(Some("oaiapp_1")));
    let later = parameters(&url);
    assert_eq!((later.len(), later["client_id"].as_str()), (10, "oaiapp_1"));
    assert!(!later.contains_key("agent_name_hint"));
    assert_ne!((&later["nonce"], &later["state"]), (&first["nonce"], &first["state"]));
}

#[test]
fn the_plan_route_needs_a_registration_and_a_route_must_be_known() {
    let (plan, other) = (SignInRoute::PLAN, SignInRoute::named("other"));
    let begun = Login::begin(LoginSettings { route: &plan, ..settings(&[]) });
    assert!(matches!(begun, Err(EndpointError::NoRegistration)));
    let begun = Login::begin(LoginSettings { route: &other, ..settings(&[]) });
    assert!(matches!(begun, Err(EndpointError::UnknownRoute)));
}

#[test]
fn an_answer_must_bring_this_installations_client() {
    let long = "a".repeat(129);
    for (own, named, expected) in [
        (None, "&client_id=oaiapp_1", Ok("oaiapp_1")),
        (None, "", Err(Denial::NotRegistered)),
        (None, "&client_id=", Err(Denial::NotRegistered)),
        (None, "&client_id=dynamic_agent_client", Err(Denial::NotRegistered)),
        (None, "&client_id=a%0Ab", Err(Denial::NotRegistered)),
        (None, &*format!("&client_id={long}"), Err(Denial::NotRegistered)),
        (Some("oaiapp_1"), "", Ok("oaiapp_1")),
        (Some("oaiapp_1"), "&client_id=oaiapp_1", Ok("oaiapp_1")),
        (Some("oaiapp_1"), "&client_id=oaiapp_2", Err(Denial::OtherClient)),
        (Some("oaiapp_1"), "&client_id=", Err(Denial::OtherClient)),
    ] {
        let (login, url) = begin_plan(&host(own));
        let state = parameters(&url)["state"].clone();
        let got = match login.redeem(&format!("code=ac&state={state}{named}")) {
            Ok(exchange) => Ok(exchange.client_id.unwrap()),
            Err(CallbackRejection::Denied(denial)) => Err(denial),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(got, expected.map(str::to_owned), "{own:?} {named}");
    }
    let (login, url) = begin_plan(&host(None));
    let state = parameters(&url)["state"].clone();
    let (_, cause) =
        unexpected(login.redeem(&format!("code=a&state={state}&client_id=a&client_id=b")));
    assert_eq!(cause, UnexpectedCallback::Malformed);
}

#[test]
fn the_plan_routes_form_names_its_own_client_and_the_resource() {
    let (login, url) = begin_plan(&host(Some("oaiapp_1")));
    let state = parameters(&url)["state"].clone();
    let form = login.redeem(&format!("code=ac&state={state}")).unwrap().form("app_known_to_all");
    assert!(form.starts_with("grant_type=authorization_code&client_id=oaiapp_1&code=ac&"));
    assert!(form.ends_with("&resource=https%3A%2F%2Fapi.openai.com%2Fv1"), "{}", &*form);
}

#[test]
fn only_an_https_or_local_issuer_is_opened() {
    let plain = LoginSettings { issuer: "http://issuer.test", ..settings(&[]) };
    assert!(matches!(Login::begin(plain), Err(EndpointError::Issuer(_))));
}

#[test]
fn nothing_of_a_sign_in_under_way_is_printed() {
    let (login, state) = begin();
    let verifier = login.verifier.expose().to_owned();
    let attempt_text;
    let exchange = {
        let mut seen = format!("{login:?}");
        let exchange = login.redeem(&format!("code=canary&state={state}")).unwrap();
        seen.push_str(&format!("{exchange:?} {exchange:#?}"));
        attempt_text = seen;
        exchange
    };
    for secret in [state.as_str(), &verifier, exchange.code.expose()] {
        assert!(!attempt_text.contains(secret), "{attempt_text}");
    }
}

#[tokio::test]
async fn the_first_right_answer_of_an_attempt_counts() {
    let (login, state) = begin();
    let attempt = LoginAttempt::new(login);
    assert_eq!(
        attempt.offer("code=a&state=x"),
        CallbackVerdict::Unexpected(UnexpectedCallback::State)
    );
    assert_eq!(attempt.offer(&format!("code=first&state={state}")), CallbackVerdict::Accepted);
    assert_eq!(attempt.offer(&format!("code=second&state={state}")), CallbackVerdict::Repeated);
    assert_eq!(
        attempt.offer("code=a&state=x"),
        CallbackVerdict::Unexpected(UnexpectedCallback::State)
    );
    assert_eq!(attempt.code().await.unwrap().code.expose(), "first");
    assert_eq!(attempt.clone().code().await.unwrap().code.expose(), "first");
    assert_eq!(format!("{attempt:?}"), "LoginAttempt { open: false }");
}
