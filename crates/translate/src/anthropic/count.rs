//! The tokens of a request, for clients that ask.

use chatmock_protocol::json;

use super::request;
use crate::catalog::Catalog;
use crate::failure::Failure;
use crate::input_tokens::input_tokens;
use crate::notice::{Notice, NoticeKind};
use crate::policy::Policy;
use crate::reasoning_seal::ReasoningSeal;
use crate::settle::{Turn, settle};

/// Counts the tokens of a request, as its body would be answered; nobody is asked for it.
///
/// # Errors
/// What an answer to the same request would fail with before the backend is called.
pub fn count_tokens(
    body: &[u8],
    seal: &ReasoningSeal,
    catalog: &Catalog,
    policy: &Policy,
) -> Result<(u64, Vec<Notice>), Failure> {
    let drafted = request::lower(json::read(body)?, seal)?;
    let Turn { request, mut notices, .. } = settle(drafted, catalog, policy, 0)?;
    let tokens = input_tokens(&request, request.get("input"), &*policy.tokenizer);
    let how = "the tokens are counted here, and the backend may count others";
    notices.push(Notice::new("input_tokens", NoticeKind::Emulated, how));
    Ok((tokens, notices))
}
