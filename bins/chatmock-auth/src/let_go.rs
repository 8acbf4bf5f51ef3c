//! The outcome for tokens that were given up, in words.

use chatmock_auth::{LeftBehind, Relinquished, Revocation};

use crate::screen::{self, Screen};

/// The way to revoke a sign-in by hand.
const BY_HAND: &str =
    "to revoke them now, use \"Log out of all devices\" in ChatGPT's settings, under Security";

/// Says what became of tokens whose place others took; nothing where there were none.
pub(crate) fn tell_replaced(screen: Screen, issuer: &str, replaced: &Relinquished) {
    if !matches!(replaced.revocation, Revocation::Nothing) {
        tell_revocation(screen, issuer, &replaced.revocation, "the former tokens");
    }
    tell_rest(&replaced.left_behind, &replaced.unread);
}

/// Says what the issuer did with these tokens.
pub(crate) fn tell_revocation(screen: Screen, issuer: &str, revocation: &Revocation, tokens: &str) {
    match revocation {
        Revocation::Done => screen.line(format_args!("{issuer} has ended {tokens}, too.")),
        Revocation::Nothing => screen.line("There was no token to revoke at the sign-in service."),
        Revocation::OtherIssuer => screen::warn(format_args!(
            "{tokens} came from another sign-in service than {issuer} and were not revoked there; {BY_HAND}"
        )),
        Revocation::Failed(error) => screen::warn(format_args!(
            "{error}, so {tokens} stay valid there until they end; {BY_HAND}"
        )),
        _ => screen::warn(format_args!(
            "{tokens} were not revoked at the sign-in service; {BY_HAND}"
        )),
    }
}

/// Says which copies stay, and what could not be read and so not be ended.
pub(crate) fn tell_rest(left_behind: &[LeftBehind], unread: &[LeftBehind]) {
    for left in left_behind {
        screen::warn(format_args!("tokens stay on this machine: {left}"));
    }
    for place in unread {
        screen::warn(format_args!(
            "no token could be read, so a token that was there is not ended at the sign-in service \
             and stays valid until it ends: {place}; {BY_HAND}"
        ));
    }
}
