//! Kept responses in a draft: the items that it names, and the conversation that it continues.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use chatmock_protocol::json::{self, RawValue};
use chatmock_translate::openai::stored_chat::KeptRequest;
use chatmock_translate::{Draft, Failure, resend};

use super::{Extent, LARGE};
use crate::clock::unix_now;
use crate::state::responses::{Owner, StoredResponse, conversation_name, unknown_conversation};
use crate::turn::TurnServices;
use crate::turn::store_on_complete::{GrowingConversation, SentInput};

/// The member that continues a stored response.
const PREVIOUS: &str = "previous_response_id";

/// Puts into a draft what it names of kept responses and what it continues; `latest` is the response that only
/// the connection keeps. Returns whether it did, as it does not where that takes long.
///
/// # Errors
/// Where something that it names is not kept.
pub(super) fn fill(
    services: &TurnServices,
    (owner, latest): (&Owner, Option<Arc<StoredResponse>>),
    draft: &mut Draft<'_>,
    extent: Extent,
) -> Result<bool, Failure> {
    Ok(find_items(services, (owner, latest.as_deref()), draft, extent)?
        && continue_response(services, (owner, latest), draft, extent)?)
}

/// Puts the items of kept responses in the places where a draft names them; returns whether it did, as it does
/// not where that takes a search of much.
///
/// # Errors
/// 404 for a reference to an item that is not kept, or not this owner's.
fn find_items(
    services: &TurnServices,
    (owner, kept): (&Owner, Option<&StoredResponse>),
    draft: &mut Draft<'_>,
    extent: Extent,
) -> Result<bool, Failure> {
    if services.policy.backend.accepts("store") {
        return Ok(true);
    }
    let mut named: BTreeSet<String> = resend::named_items(draft).into_iter().collect();
    if named.is_empty() {
        return Ok(true);
    }
    let mut found = BTreeMap::new();
    // What only its connection keeps is in no store.
    if let Some(kept) = kept {
        kept.find_items(&mut named, &mut found);
    }
    let most = if extent == Extent::Short { LARGE } else { usize::MAX };
    if !services.state.responses.find_items(owner, (&mut named, &mut found), most) {
        return Ok(false);
    }
    resend::fill_named(draft, &found)?;
    Ok(true)
}

/// Puts the conversation that a draft continues before its input, or leaves that to the backend where the
/// backend stores responses itself; returns whether it did, as it does not with one that is too long.
fn continue_response(
    services: &TurnServices,
    (owner, kept): (&Owner, Option<Arc<StoredResponse>>),
    draft: &mut Draft<'_>,
    extent: Extent,
) -> Result<bool, Failure> {
    let Some(id) = draft.storage.previous_response_id.take() else { return Ok(true) };
    if kept.is_none() {
        services.state.responses.recall_now(owner, &id);
    }
    let here = || services.state.responses.is_kept(owner, &id, unix_now());
    if kept.is_none() && services.policy.backend.accepts(PREVIOUS) && !here() {
        if owner.key.is_some() {
            services.state.responses.previous(owner, &id, unix_now())?;
        }
        draft.request.set(PREVIOUS, &id)?;
        return Ok(true);
    }
    let stored = match kept {
        Some(kept) => kept,
        None => services.state.responses.previous(owner, &id, unix_now())?,
    };
    if extent == Extent::Short && stored.size() > LARGE {
        return Ok(false);
    }
    let input = draft.request.get("input").map(|input| stored.followed_by(input)).transpose()?;
    let mut input = input.unwrap_or_else(|| RawValue::NULL.to_owned());
    if services.policy.backend.accepts("store") {
        input = without_references(&input)?;
    }
    draft.request.put("input", Cow::Owned(input));
    Ok(true)
}

/// Leaves out the reasoning that a backend would look for among what it keeps itself.
fn without_references(input: &RawValue) -> Result<Box<RawValue>, Failure> {
    let mut items: Vec<&RawValue> = serde_json::from_str(input.get())?;
    items.retain(|item| {
        let has = |name: &str, value: &str| {
            json::members(item.get()).any(|(own, text)| own == name && text.starts_with(value))
        };
        !has("type", "\"reasoning\"") || has("encrypted_content", "\"")
    });
    Ok(json::raw(&items)?)
}

/// Takes what is kept of a request with its answer: the items that go to the backend, or, of a completion of chat, its
/// messages and the members that it repeats.
pub(super) fn sent(draft: &Draft<'_>, body: &[u8]) -> Option<SentInput> {
    if draft.storage.as_completion {
        let KeptRequest { messages, repeated } = KeptRequest::of(std::str::from_utf8(body).ok()?);
        return Some(SentInput { input: messages.into(), repeated: Some(repeated) });
    }
    let input = draft.request.get("input")?;
    Some(SentInput { input: Bytes::copy_from_slice(input.get().as_bytes()), repeated: None })
}

/// Puts the items of the conversation that a draft belongs to before its input.
pub(super) fn continue_conversation(
    services: &TurnServices,
    owner: &Owner,
    draft: &mut Draft<'_>,
) -> Result<Option<GrowingConversation>, Failure> {
    let Some(id) = draft.storage.conversation.take() else { return Ok(None) };
    if services.policy.backend.accepts(PREVIOUS) {
        let message =
            "conversations are not served on this route: its backend keeps responses itself";
        return Err(Failure::param("conversation", message).with_code("unsupported_parameter"));
    }
    services.state.responses.recall_now(owner, &conversation_name(&id));
    let kept = services.state.responses.get(owner, &conversation_name(&id), unix_now());
    let kept = kept.ok_or_else(|| unknown_conversation(&id))?;
    let before = kept.items()?.len();
    let input = draft.request.get("input").map(|input| kept.followed_by(input)).transpose()?;
    draft.request.put("input", Cow::Owned(input.unwrap_or_else(|| RawValue::NULL.to_owned())));
    Ok(Some(GrowingConversation { owner: owner.clone(), id, before }))
}
