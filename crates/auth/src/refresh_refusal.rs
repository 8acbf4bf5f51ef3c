//! The reasons for which a sign-in cannot be renewed any more.

/// Why a sign-in cannot be renewed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshRefusal {
    /// `refresh_token_expired` or `token_expired`.
    #[error("its refresh token has expired")]
    Expired,
    /// `refresh_token_reused`.
    #[error("its refresh token was already used, perhaps by another program")]
    Reused,
    /// `refresh_token_invalidated`.
    #[error("its refresh token was withdrawn")]
    Invalidated,
    /// `invalid_grant`, on the Codex route with status 400, or `invalid_refresh_token`.
    #[error("its refresh token is not accepted")]
    InvalidGrant,
    /// Status 401 without such a code.
    #[error("the sign-in service refused it")]
    Unauthorized,
    /// There was nothing to send.
    #[error("it has no refresh token")]
    NoRefreshToken,
    /// The file does not name the client that it was issued to, which the issuer asks for.
    #[error("it does not name the client that it was issued to")]
    NoClient,
    /// The renewed tokens belong to somebody else and were thrown away.
    #[error("the sign-in service answered for another account")]
    OtherAccount,
}
