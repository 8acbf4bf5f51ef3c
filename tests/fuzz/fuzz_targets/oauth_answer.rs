//! What comes back from the sign-in page: no code without the state of this attempt.

#![no_main]

use chatmock_auth::{
    CLIENT_ID, CallbackRejection, ISSUER, Login, LoginSettings, Redirect, RedirectHost,
    Registration, SignInRoute,
};
use libfuzzer_sys::fuzz_target;

/// Stands for the state of the attempt, which no one can guess.
const STATE: &str = "STATE";

/// An installation that is not registered yet.
const HOST: &str = r#"{"host_id":"urn:uuid:9b2f6d0c-5d0e-4a39-8f0a-0d6a4c1f2e3b"}"#;

fuzz_target!(|text: &str| {
    let registration: Registration = serde_json::from_str(HOST).expect("a registration");
    for route in [SignInRoute::CODEX, SignInRoute::PLAN] {
        answer(text, &route, &registration);
    }
});

fn answer(text: &str, route: &SignInRoute, registration: &Registration) {
    let settings = LoginSettings {
        route,
        issuer: ISSUER,
        client_id: CLIENT_ID,
        registration: Some(registration),
        originator: "chatmock",
        redirect: Redirect { host: RedirectHost::Localhost, port: 1455 },
        workspaces: &[],
    };
    let (login, address) = Login::begin(settings).expect("the issuer's address is one");
    let state = address.query_pairs().find(|(name, _)| name == "state").expect("a state").1;
    let answer = text.replace(STATE, &state);
    match login.redeem(&answer) {
        Ok(_) => assert!(text.contains(STATE), "a code without the state"),
        Err(CallbackRejection::Denied(denial)) => {
            assert!(text.contains(STATE), "an end without the state");
            assert!(!denial.to_string().contains(char::is_control), "{denial}");
        }
        Err(CallbackRejection::Unexpected { cause, .. }) => assert!(!cause.to_string().is_empty()),
    }
}
