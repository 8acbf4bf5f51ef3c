//! A messages request, lowered to a draft.

use chatmock_protocol::anthropic::request::{Request, Thread};
use chatmock_protocol::json::Text;

use super::family::{NO_SUCH_THREAD, NO_THREADS};
use super::lowering::{self, Lowered};
use super::{MessagesShape, ShownThinking, options, tools};
use crate::draft::{self, Draft, Drafted, NOT_ACCEPTED, NOT_STORED, ParamName, Reasoning};
use crate::end::Finish;
use crate::failure::{Failure, FailureKind};
use crate::format;
use crate::input_tokens::estimate;
use crate::notice::{Notice, NoticeKind};
use crate::reasoning_seal::ReasoningSeal;

/// Lowers a request: only what the client said, no policy.
pub(super) fn draft<'b>(
    request: Request<'b>,
    seal: &ReasoningSeal,
) -> Result<Drafted<'b, MessagesShape>, Failure> {
    let Some(max_tokens) = request.max_tokens else {
        return Err(Failure::param("max_tokens", "max_tokens is required"));
    };
    let mut drafted = lower(request, seal)?;
    drafted.draft.caps.stop.max_tokens = Some(max_tokens);
    if max_tokens == 0 {
        // Nothing but the cache is to be warmed, which the backend does by itself.
        drafted.draft.immediate_finish = Some(Finish::Length);
    }
    Ok(drafted)
}

/// Lowers a request whose tokens may only be counted, and which then has no `max_tokens`.
pub(super) fn lower<'b>(
    mut request: Request<'b>,
    seal: &ReasoningSeal,
) -> Result<Drafted<'b, MessagesShape>, Failure> {
    refuse(&request)?;
    let mut draft = Draft {
        choices: 1,
        stream: request.stream.unwrap_or(false),
        reasoning: Reasoning {
            effort_member: Some("output_config.effort"),
            own_field: true,
            ..Reasoning::default()
        },
        ..Draft::default()
    };
    draft.model.name = draft::model(request.model.take())?;
    draft.model.families = true;
    options::report_ignored(&mut request, &mut draft)?;
    options::stop_sequences(&mut request, &mut draft);
    let format = options::format(&mut request, &mut draft)?;
    let Lowered { conversation, offered, effort } = lowering::lower(&mut request, seal)?;
    let thinking = options::reasoning(&mut request, effort, &mut draft)?;
    keep_nothing(thinking, &mut draft)?;
    conversation.finish(&mut draft)?;
    let tools = tools::offer(&mut request, &offered, &mut draft)?;
    let only_searches = draft.web_search == Some(true) && tools.tools.len() == 1;
    tools.put(&mut draft)?;
    format::put(format, None, &mut draft)?;
    let fast = options::speed(&mut request, &mut draft);
    let input_tokens = estimate(&draft.request);
    let seal = seal.clone();
    let own = MessagesShape { thinking, seal, input_tokens, fast, only_searches };
    Ok(Drafted { draft, own })
}

/// This API stores nothing, so that reasoning comes back only where it is handed out; a backend that could
/// store it is asked for that.
fn keep_nothing(thinking: ShownThinking, draft: &mut Draft<'_>) -> Result<(), Failure> {
    draft.optional_param(ParamName::new("store", NOT_STORED), Some(false), |_| false)?;
    let reasoning = (thinking != ShownThinking::None).then_some(["reasoning.encrypted_content"]);
    draft.optional_param(ParamName::new("include", NOT_ACCEPTED), reasoning, |_| false)
}

/// Refuses what cannot be left out: without it, another question would be answered.
fn refuse(request: &Request<'_>) -> Result<(), Failure> {
    if request.mcp_servers.as_ref().is_some_and(|servers| !servers.is_empty()) {
        let why = "remote MCP servers are not called from here";
        return Err(Failure::param("mcp_servers", why).with_code("not_supported"));
    }
    if request.compaction.is_some() {
        let why = "a conversation is not summarised here: ask for it in a message";
        return Err(Failure::param("compaction", why).with_code("not_supported"));
    }
    match &request.thread {
        Some(thread) => Err(no_thread(thread)),
        None => Ok(()),
    }
}

/// Clients send the whole conversation once they are told so by the right code.
fn no_thread(thread: &Thread<'_>) -> Failure {
    let message = "conversations are not kept here: send all messages";
    if thread.kind.as_deref() == Some("continue") {
        let id = thread.previous_message_id.as_deref().unwrap_or_default();
        let message = format!("no conversation is kept under {id:?}; {message}");
        return Failure::new(FailureKind::NotFound, message).with_code(NO_SUCH_THREAD);
    }
    Failure::param("thread", message).with_code(NO_THREADS)
}

/// Reports that the last message is the model's own, which it does not go on with.
pub(super) fn prefill(index: usize, notices: &mut Vec<Notice>) {
    let why = "the model answers the conversation instead of going on with its last message";
    notices.push(Notice::new(format!("messages[{index}]"), NoticeKind::Changed, why));
}

/// The text of an optional member.
pub(super) fn word<'t>(text: Option<&'t Text<'_>>) -> &'t str {
    text.map_or("", |text| text)
}
