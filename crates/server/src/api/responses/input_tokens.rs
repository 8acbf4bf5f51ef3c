//! `POST /v1/responses/input_tokens`: the number of tokens that a request has for the model to read.

use std::sync::Arc;

use bytes::Bytes;
use chatmock_protocol::json::{self, RawObject};
use chatmock_translate::tokens::Tokenizer;
use chatmock_translate::{
    Dialect, Failure, Notice, NoticeKind, ReasoningSeal, Responses, input_tokens,
};
use serde::Serialize;

use super::{Exchange, Handling, RequestContext, owner};
use crate::clock::unix_now;
use crate::http::memory_budget::HeldBody;
use crate::http::response::{self, HttpResponse, ReplyHeaders};
use crate::state::responses::StoredResponse;
use crate::{tasks, turn};

/// The reasons for which the count may differ from the backend's.
const EXACT: &str = "the text was counted here; pictures and files were estimated, and encrypted \
                     reasoning was not counted";
const ESTIMATED: &str = "the text was estimated here, at four characters a token, and so were \
                         pictures and files; encrypted reasoning was not counted";

#[derive(Serialize)]
struct Counted {
    object: &'static str,
    input_tokens: u64,
}

/// Answers `POST /v1/responses/input_tokens`.
pub(in crate::api) fn count(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, head, body, .. } = exchange;
        let body = context.read_body(&head.headers, body).await?;
        counted(context, body).await
    })
}

async fn counted(context: &RequestContext<'_>, body: HeldBody) -> Result<HttpResponse, Failure> {
    let (state, policy) = (&context.services.state, &context.services.turns.policy);
    state.models.ready().await;
    let first = state.models.current().catalog().entries().first().map(|e| e.model.slug.clone());
    let HeldBody { bytes, reservation } = body;
    let (bytes, replaced) = turn::without_lone_surrogates(bytes, policy);
    let bytes = with_model(&bytes, first.as_deref())?.unwrap_or(bytes);
    let previous = match previous(&bytes)? {
        Some(id) => {
            let owner = owner(state, context.caller).await?;
            state.responses.recall(&owner, &id).await;
            Some(state.responses.previous(&owner, &id, unix_now())?)
        }
        None => None,
    };
    let large = bytes.len() > turn::LARGE;
    let tokenizer = Arc::clone(&policy.tokenizer);
    let exact = tokenizer.is_exact();
    let work = move || {
        // The memory is in use until the work is done, also when nobody waits for it any more.
        let _reservation = reservation;
        tokens(&bytes, previous.as_deref(), &*tokenizer)
    };
    let (input_tokens, mut notices) = if large { tasks::compute(work).await? } else { work()? };
    let why = if exact { EXACT } else { ESTIMATED };
    notices.extend(replaced);
    notices.push(Notice::new("input_tokens", NoticeKind::Emulated, why));
    policy.refuse_ignored(&notices)?;
    let headers = ReplyHeaders { notices, ..ReplyHeaders::default() };
    response::json(headers, &Counted { object: "response.input_tokens", input_tokens })
}

/// Counts the tokens of a request that may continue a stored response.
fn tokens(
    body: &[u8],
    previous: Option<&StoredResponse>,
    tokenizer: &dyn Tokenizer,
) -> Result<(u64, Vec<Notice>), Failure> {
    // Nothing in this API is sealed.
    let draft = Responses::draft(Responses::read(body)?, &ReasoningSeal::default())?.draft;
    let input = draft.request.get("input");
    let whole = match (previous, input) {
        (Some(previous), Some(input)) => Some(previous.followed_by(input)?),
        (Some(previous), None) => Some(previous.followed_by(serde_json::from_str("[]")?)?),
        (None, _) => None,
    };
    let count = input_tokens(&draft.request, whole.as_deref().or(input), tokenizer);
    Ok((count, draft.notices))
}

/// Returns a body with a model, which this endpoint does not demand; `None` where it has one.
///
/// # Errors
/// When the body is no JSON object.
fn with_model(body: &[u8], model: Option<&str>) -> Result<Option<Bytes>, Failure> {
    let mut members: RawObject<'_> = json::read(body)?;
    let Some(model) = model.filter(|_| members.present("model").is_none()) else {
        return Ok(None);
    };
    members.set("model", model)?;
    Ok(Some(serde_json::to_vec(&members)?.into()))
}

/// Returns the id of the response that a request continues.
fn previous(body: &[u8]) -> Result<Option<String>, Failure> {
    let members: RawObject<'_> = json::read(body)?;
    Ok(members.text("previous_response_id").map(std::borrow::Cow::into_owned))
}
