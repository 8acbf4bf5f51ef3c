//! Remedies: what a person can do about a failure, in the words of these programs' command lines.
//!
//! The crates below know what is wrong and not which command or flag fixes it, so that they can be
//! embedded elsewhere; the words are chosen here.

use chatmock_auth::SignInRoute;
use chatmock_translate::Remedies;
use chatmock_upstream::Hint;

/// Remedies for failures that the backend names with these codes.
pub(crate) const BY_CODE: Remedies = Remedies::new(&[
    ("subscription_sharing_invalid_user", "sign in again: chatmock-auth login --route plan"),
    (
        "subscription_sharing_user_not_eligible",
        "plan usage needs a personal Plus or Pro plan; no other try will help",
    ),
    (
        "subscription_sharing_route_not_supported",
        "this program called a wrong address, which is a fault in it: please report it",
    ),
    (
        "subscription_sharing_usage_limit_exceeded",
        "the plan's or this program's limit is reached: see https://chatgpt.com/settings/usage",
    ),
    ("subscription_sharing_usage_unavailable", "this passes: try again in a moment"),
    ("subscription_sharing_user_unavailable", "this passes: try again in a moment"),
    ("chatpass_v2_scope_not_authorized", NO_PLAN_USAGE),
    ("chatpass_v2_invalid_authorization_context", NO_PLAN_USAGE),
]);

const NO_PLAN_USAGE: &str =
    "the sign-in does not allow plan usage: chatmock-auth login --route plan";

/// The remedy when the backend refuses a key.
const KEY: &str = "check the key in the file of --upstream-key-file, or OPENAI_API_KEY";

/// The remedy when the stored sign-in cannot be used.
pub(crate) const SIGN_IN: &str = "sign in again: chatmock-auth login";

/// The remedy when nothing can be reached at an address that a person set.
pub(crate) const ADDRESS: &str = "is --upstream-url right?";

/// The words for a server beside the backend: what it is, and which settings it has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CompanionWords {
    /// What it is called, and the start of its codes.
    pub(crate) name: &'static str,
    /// The setting of its address.
    pub(crate) url: &'static str,
    /// The setting of its key.
    pub(crate) key: &'static str,
}

/// The words for the server that makes embeddings.
pub(crate) const EMBEDDINGS: CompanionWords =
    CompanionWords { name: "embeddings", url: "--embeddings-url", key: "--embeddings-key-file" };

/// The words for the server that reads and makes speech.
pub(crate) const AUDIO: CompanionWords =
    CompanionWords { name: "audio", url: "--audio-url", key: "--audio-key-file" };

/// Returns the remedy when the backend refuses the credentials of a provider route.
pub(crate) fn for_credentials(route: &str) -> String {
    let route = SignInRoute::named(route);
    // A route without sign-ins is called with a key.
    match route.profile() {
        Some(_) => format!("sign in again: {}", route.login_command()),
        None => KEY.to_owned(),
    }
}

/// Returns the remedy for a probable cause.
pub(crate) fn for_hint(hint: Hint) -> Option<String> {
    match hint {
        Hint::Credentials { route } => Some(for_credentials(route)),
        Hint::Address => Some("is the path of --upstream-url right, such as …/v1?".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use chatmock_upstream::{ApiFlavor, UpstreamRoute};

    use super::*;

    #[test]
    fn refused_credentials_are_renewed_by_what_the_route_signs_in_with() {
        let remedy = |route: UpstreamRoute| for_hint(Hint::Credentials { route: route.name() });
        assert_eq!(remedy(UpstreamRoute::codex()).as_deref(), Some(SIGN_IN));
        let plan = "sign in again: chatmock-auth login --route plan";
        assert_eq!(remedy(UpstreamRoute::plan()).as_deref(), Some(plan));
        for flavor in [ApiFlavor::OpenAi, ApiFlavor::Generic] {
            assert_eq!(remedy(UpstreamRoute::api(flavor)).as_deref(), Some(KEY));
        }
    }
}
