//! How each route's sign-ins are asked for, proved, renewed and ended: the one table of it.

use crate::endpoint::RefreshRefusal;

/// The ports that the issuer lets a browser come back to on the Codex route, in the order in which
/// they are tried.
pub const CALLBACK_PORTS: [u16; 2] = [1455, 1457];

/// What differs between the sign-ins of one route and of another.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthProfile {
    /// The route's word.
    pub name: &'static str,
    /// What the issuer wants a link or button to say that begins the sign-in.
    pub label: Option<&'static str>,
    /// The ports that the browser may come back to, in the order in which they are tried; 0 is any
    /// free one.
    pub callback_ports: &'static [u16],
    /// Whether the browser may come back to `localhost` as well as to `127.0.0.1`.
    pub localhost: bool,
    /// Whether there are codes to be typed at a page.
    pub device_codes: bool,
    /// Whether a sign-in can be limited to workspaces.
    pub workspaces: bool,
    /// Whether every installation has an OAuth client of its own, issued at its first sign-in. Else
    /// one is known to all.
    pub registers: bool,
    /// The path of the sign-in page.
    pub(crate) authorize: &'static str,
    /// The path where codes and refresh tokens are spent.
    pub(crate) token: &'static str,
    /// What is asked for.
    pub(crate) scopes: &'static [&'static str],
    /// The scope without which the tokens are of no use.
    pub(crate) needed: Option<&'static str>,
    /// Parameters that stand in every sign-in address.
    pub(crate) constants: &'static [(&'static str, &'static str)],
    /// What the tokens are for, named wherever some are asked for.
    pub(crate) resource: Option<&'static str>,
    /// Whether the issuer describes itself: the keys of id tokens, which are then verified, and
    /// where tokens are revoked.
    pub(crate) discovery: bool,
    /// What an ended sign-in is told by, with the status where it counts.
    pub(crate) terminal: &'static [(&'static str, Option<u16>, RefreshRefusal)],
    /// Whether tokens that are refused for good are deleted.
    pub(crate) drops_ended: bool,
}

/// The client of a first sign-in, where every installation registers.
pub(crate) const UNREGISTERED: &str = "dynamic_agent_client";

/// All routes that sign-ins can be made for.
pub(crate) static ALL: [&AuthProfile; 2] = [&CODEX, &PLAN];

/// The Codex route's.
pub(crate) static CODEX: AuthProfile = AuthProfile {
    name: "codex",
    label: None,
    callback_ports: &CALLBACK_PORTS,
    localhost: true,
    device_codes: true,
    workspaces: true,
    registers: false,
    authorize: "/oauth/authorize",
    token: "/oauth/token",
    // Who it is, and tokens that can be renewed. The Codex CLI asks for its connectors as
    // well, which no model call needs.
    scopes: &["openid", "profile", "email", "offline_access"],
    needed: None,
    constants: &[("id_token_add_organizations", "true"), ("codex_cli_simplified_flow", "true")],
    resource: None,
    discovery: false,
    terminal: &[
        ("refresh_token_expired", None, RefreshRefusal::Expired),
        ("refresh_token_reused", None, RefreshRefusal::Reused),
        ("refresh_token_invalidated", None, RefreshRefusal::Invalidated),
        ("invalid_grant", Some(400), RefreshRefusal::InvalidGrant),
    ],
    // The file may be another program's, too.
    drops_ended: false,
};

/// The plan route's.
static PLAN: AuthProfile = AuthProfile {
    name: "plan",
    label: Some("Continue with ChatGPT"),
    callback_ports: &[1455, 0],
    localhost: false,
    device_codes: false,
    workspaces: false,
    registers: true,
    authorize: "/api/accounts/authorize",
    token: "/api/accounts/oauth/token",
    scopes: &[
        "openid",
        "profile",
        "email",
        "offline_access",
        "resource.invoke",
        "chatgpt.tokens.use.direct",
    ],
    needed: Some("chatgpt.tokens.use.direct"),
    constants: &[],
    resource: Some("https://api.openai.com/v1"),
    discovery: true,
    terminal: &[
        ("invalid_grant", None, RefreshRefusal::InvalidGrant),
        ("invalid_refresh_token", None, RefreshRefusal::InvalidGrant),
        ("token_expired", None, RefreshRefusal::Expired),
        ("refresh_token_expired", None, RefreshRefusal::Expired),
        ("refresh_token_invalidated", None, RefreshRefusal::Invalidated),
        ("refresh_token_reused", None, RefreshRefusal::Reused),
    ],
    drops_ended: true,
};
