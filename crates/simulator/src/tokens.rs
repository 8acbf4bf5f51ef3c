//! Tokens of made-up sign-ins, and the `auth.json` that holds them.

use serde_json::Value;
use time::OffsetDateTime;

use crate::json::{Json, members, object};
use crate::timestamps::rfc3339;

mod issued;

pub(crate) use issued::IssuedTokens;

/// The client id of the Codex programs.
pub const CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";

/// A person who signs in, and the lifetime of their access token.
#[derive(Clone, Debug)]
pub struct Claims {
    /// The e-mail address.
    pub email: String,
    /// The plan.
    pub plan: String,
    /// The workspace, sent as `chatgpt-account-id`.
    pub account_id: String,
    /// The user.
    pub user_id: String,
    /// Seconds until the access token expires, negative for an expired one; `None` leaves `exp`
    /// out.
    pub expires_in: Option<i64>,
    /// True if the workspace is a FedRAMP one.
    pub fedramp: bool,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            email: "demo@example.invalid".to_owned(),
            plan: "plus".to_owned(),
            account_id: "11111111-2222-3333-4444-555555555555".to_owned(),
            user_id: "user-demo".to_owned(),
            expires_in: Some(864_000),
            fedramp: false,
        }
    }
}

impl Claims {
    /// Returns the default person, with an access token that expires in this many seconds.
    pub fn expiring_in(seconds: i64) -> Self {
        Self { expires_in: Some(seconds), ..Self::default() }
    }

    /// Returns the default person in another workspace.
    pub fn of_account(account_id: &str) -> Self {
        Self { account_id: account_id.to_owned(), ..Self::default() }
    }
}

/// The tokens of one sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// A JWT that identifies the person.
    pub id_token: String,
    /// A JWT that the backend accepts.
    pub access_token: String,
    /// An opaque token, valid for one refresh.
    pub refresh_token: String,
    /// The workspace.
    pub account_id: String,
    /// The issuer's origin.
    pub issuer: String,
    /// The grant of the plan route; `None` for the Codex route.
    pub plan: Option<PlanGrant>,
}

/// The members that the plan route returns with its tokens, which are opaque.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanGrant {
    /// The client that was issued to the installation.
    pub client_id: String,
    /// The granted scopes, separated by spaces.
    pub scope: String,
    /// When the access token expires, in seconds since 1970.
    pub expires_at: i64,
    /// The earliest time of a refresh, in seconds since 1970.
    pub earliest_refresh_at: i64,
}

impl Tokens {
    /// Returns the content of an `auth.json` with these tokens: as the Codex programs write it, or
    /// for the plan route as ChatMock does.
    pub fn auth_json(&self) -> String {
        let client = self.plan.as_ref().map_or(CLIENT_ID, |plan| &plan.client_id);
        let mut tokens = members! {
            "id_token": &self.id_token,
            "access_token": &self.access_token,
            "refresh_token": &self.refresh_token,
            "oauth_provenance": object! {"issuer": &self.issuer, "client_id": client},
        };
        tokens.extend(match &self.plan {
            None => members! {
                "login_owner_id": "simulatedsimulatedsimulatedsimulatedsimulat",
                "account_id": &self.account_id,
            },
            Some(plan) => members! {"scope": &plan.scope, "expires_at": plan.expires_at},
        });
        let mut file = members! {
            "auth_mode": "chatgpt",
            "OPENAI_API_KEY": Value::Null,
            "tokens": Json::Object(tokens),
            "last_refresh": rfc3339(OffsetDateTime::now_utc()),
        };
        file.extend(self.plan.iter().map(|_| ("route", Json::from("plan"))));
        serde_json::to_string_pretty(&Json::Object(file)).unwrap_or_default()
    }
}
