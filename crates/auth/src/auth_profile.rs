//! The one table of what differs between the sign-ins of the provider routes.
//!
//! Two routes differ in a dozen points: addresses, scopes, ports, which refusals are final. A trait
//! with two implementations would spread them over as many methods, and an `if route == PLAN` at
//! each place could not be checked. As one row of constants for each route they are read side by
//! side, and a third route is a third row.

use crate::refresh_refusal::RefreshRefusal;

/// The ports that the issuer lets a browser come back to on the Codex route, in the order in which
/// they are tried.
pub const CALLBACK_PORTS: [u16; 2] = [1455, 1457];

/// The properties in which the sign-ins of the routes differ.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthProfile {
    /// The route's name.
    pub name: &'static str,
    /// The words that the issuer prescribes for a link or button that begins the sign-in.
    pub label: Option<&'static str>,
    /// The ports that the browser may come back to, in the order in which they are tried; 0 is any
    /// free one.
    pub callback_ports: &'static [u16],
    /// True if the browser may come back to `localhost` as well as to `127.0.0.1`.
    pub localhost: bool,
    /// True if the issuer gives codes to be typed at a page.
    pub device_codes: bool,
    /// True if a sign-in can be limited to workspaces.
    pub workspaces: bool,
    /// True if every installation has an OAuth client of its own, issued at its first sign-in;
    /// otherwise all share one.
    pub registers: bool,
    /// The path of the sign-in page.
    pub(crate) authorize_path: &'static str,
    /// The path where codes and refresh tokens are spent.
    pub(crate) token_path: &'static str,
    /// The scopes that a sign-in asks for.
    pub(crate) scopes: &'static [&'static str],
    /// The scope without which the tokens are of no use.
    pub(crate) needed_scope: Option<&'static str>,
    /// Parameters of every sign-in address, by name and value.
    pub(crate) fixed_parameters: &'static [(&'static str, &'static str)],
    /// The resource that the tokens are for, named in every request for tokens.
    pub(crate) resource: Option<&'static str>,
    /// True if the issuer publishes a description of itself: the keys of id tokens, which are then
    /// verified, and the address where tokens are revoked.
    pub(crate) discovery: bool,
    /// The error codes that end a sign-in for good.
    pub(crate) terminal: &'static [TerminalCode],
    /// True if tokens that were refused for good are deleted.
    pub(crate) deletes_ended: bool,
}

/// An error code of the issuer that ends a sign-in for good.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TerminalCode {
    code: &'static str,
    /// The only status with which the code has this meaning; `None` for any.
    status: Option<u16>,
    refusal: RefreshRefusal,
}

impl TerminalCode {
    const fn any(code: &'static str, refusal: RefreshRefusal) -> Self {
        Self { code, status: None, refusal }
    }
}

impl AuthProfile {
    /// Returns the refusal that an error code and a status mean, where that is final.
    pub(crate) fn refusal(&self, code: &str, status: u16) -> Option<RefreshRefusal> {
        let matches = |known: &&TerminalCode| {
            known.code == code && known.status.is_none_or(|expected| expected == status)
        };
        self.terminal.iter().find(matches).map(|known| known.refusal)
    }

    /// Returns whether the issuer has an error code for a refusal.
    pub(crate) fn has_code_for(&self, refusal: RefreshRefusal) -> bool {
        self.terminal.iter().any(|known| known.refusal == refusal)
    }
}

/// The client of a first sign-in, on routes where every installation registers.
pub(crate) const UNREGISTERED: &str = "dynamic_agent_client";

/// The profiles of all routes that sign-ins can be made for.
pub(crate) static ALL: [&AuthProfile; 2] = [&CODEX, &PLAN];

/// The profile of the Codex route.
pub(crate) static CODEX: AuthProfile = AuthProfile {
    name: "codex",
    label: None,
    callback_ports: &CALLBACK_PORTS,
    localhost: true,
    device_codes: true,
    workspaces: true,
    registers: false,
    authorize_path: "/oauth/authorize",
    token_path: "/oauth/token",
    // The person's name and tokens that can be renewed. The Codex CLI asks for its connectors as
    // well, which no model call needs.
    scopes: &["openid", "profile", "email", "offline_access"],
    needed_scope: None,
    fixed_parameters: &[
        ("id_token_add_organizations", "true"),
        ("codex_cli_simplified_flow", "true"),
    ],
    resource: None,
    discovery: false,
    terminal: &[
        TerminalCode::any("refresh_token_expired", RefreshRefusal::Expired),
        TerminalCode::any("refresh_token_reused", RefreshRefusal::Reused),
        TerminalCode::any("refresh_token_invalidated", RefreshRefusal::Invalidated),
        TerminalCode {
            code: "invalid_grant",
            status: Some(400),
            refusal: RefreshRefusal::InvalidGrant,
        },
    ],
    // Another program may use the same file.
    deletes_ended: false,
};

/// The profile of the plan route.
static PLAN: AuthProfile = AuthProfile {
    name: "plan",
    label: Some("Continue with ChatGPT"),
    callback_ports: &[1455, 0],
    localhost: false,
    device_codes: false,
    workspaces: false,
    registers: true,
    authorize_path: "/api/accounts/authorize",
    token_path: "/api/accounts/oauth/token",
    scopes: &[
        "openid",
        "profile",
        "email",
        "offline_access",
        "resource.invoke",
        "chatgpt.tokens.use.direct",
    ],
    needed_scope: Some("chatgpt.tokens.use.direct"),
    fixed_parameters: &[],
    resource: Some("https://api.openai.com/v1"),
    discovery: true,
    terminal: &[
        TerminalCode::any("invalid_grant", RefreshRefusal::InvalidGrant),
        TerminalCode::any("invalid_refresh_token", RefreshRefusal::InvalidGrant),
        TerminalCode::any("token_expired", RefreshRefusal::Expired),
        TerminalCode::any("refresh_token_expired", RefreshRefusal::Expired),
        TerminalCode::any("refresh_token_invalidated", RefreshRefusal::Invalidated),
        TerminalCode::any("refresh_token_reused", RefreshRefusal::Reused),
    ],
    deletes_ended: true,
};
