//! What comes back from the sign-in page: no code without the state of this attempt.

#![no_main]

use chatmock_auth::{
    CLIENT_ID, ISSUER, Login, LoginSettings, Redirect, RedirectHost, Rejected, Route,
};
use libfuzzer_sys::fuzz_target;

/// Stands for the state of the attempt, which no one can guess.
const STATE: &str = "STATE";

fuzz_target!(|text: &str| {
    let settings = LoginSettings {
        route: &Route::CODEX,
        registration: None,
        issuer: ISSUER,
        client_id: CLIENT_ID,
        originator: "chatmock",
        redirect: Redirect { host: RedirectHost::Localhost, port: 1455 },
        workspaces: &[],
    };
    let (login, address) = Login::begin(settings).expect("the issuer's address is one");
    let state = address.query_pairs().find(|(name, _)| name == "state").expect("a state").1;
    let answer = text.replace(STATE, &state);
    match login.redeem(&answer) {
        Ok(_) => assert!(text.contains(STATE), "a code without the state"),
        Err(Rejected::Ended(denial)) => {
            assert!(text.contains(STATE), "an end without the state");
            assert!(!denial.to_string().contains(char::is_control), "{denial}");
        }
        Err(Rejected::Stray { stray, .. }) => assert!(!stray.to_string().is_empty()),
    }
});
