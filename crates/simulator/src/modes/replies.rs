//! The modes that end well, in ways that clients often handle wrongly.

use serde_json::json;

use super::{Mode, ModeContext, half_a_message};
use crate::composer::Composer;
use crate::default_answer;
use crate::json::{Json, members, object};
use crate::output_items::{ToolCall, message, part_position, pieces, with_member};
use crate::pictures;
use crate::script::{Script, Step};

/// Returns the script of a mode, if it is one of these.
pub(super) fn script(mode: Mode, context: &ModeContext<'_>) -> Option<Script> {
    let mut composer = context.begin();
    if !matches!(mode, Mode::Reasoning | Mode::EmptyOutput | Mode::Rerouted | Mode::CatalogChanged)
    {
        composer.reasoning(&[]);
    }
    match mode {
        Mode::Reasoning => {
            composer.reasoning(&["**First thought**\n\nOne.", "**Second thought**\n\nTwo."]);
            composer.message("Thought through.", "final_answer");
        }
        Mode::Refusal => refusal(&mut composer),
        Mode::Separators => {
            composer.message("a\u{2028}b\u{2029}c\u{85}d\re\nf\tg\u{0}h\"i\\j </script>", "");
        }
        Mode::Echo => composer.message(&(context.request_json)(), "final_answer"),
        Mode::EmptyOutput => {}
        Mode::NoUsage => return Some(without_usage(context, composer)),
        Mode::IncompleteLength => {
            half_a_message(&mut composer, "This text is cut at the");
            return Some(composer.incomplete("max_output_tokens"));
        }
        Mode::IncompleteFilter => {
            half_a_message(&mut composer, "This text is");
            return Some(composer.incomplete("content_filter"));
        }
        Mode::Keepalive => noise(context, &mut composer),
        Mode::AfterEnd => return Some(after_end(composer)),
        Mode::Rerouted => {
            let other = if context.request.model() == "gpt-5.5" { "gpt-6-luna" } else { "gpt-5.5" };
            return Some(
                default_answer::answer(context.request, context.meta)
                    .with_header("openai-model", other),
            );
        }
        Mode::CatalogChanged => return Some(default_answer::answer(context.request, context.meta)),
        Mode::TurnStateEvent => {
            let headers = object! {"x-codex-turn-state": &context.meta.turn_state};
            metadata(context, &mut composer, headers);
            composer.message("The state came in an event.", "final_answer");
            return Some(composer.complete().without_header("x-codex-turn-state"));
        }
        Mode::Search => default_answer::search(&mut composer, &context.request.last_user_text()),
        Mode::Image => {
            pictures::pixel(&mut composer);
            composer.message("Here it is.", "final_answer");
        }
        _ => calls(mode, context, &mut composer)?,
    }
    Some(composer.complete())
}

/// Returns the script of a mode that calls tools.
fn calls(mode: Mode, context: &ModeContext<'_>, composer: &mut Composer) -> Option<()> {
    let mut call = context.call(0);
    match mode {
        Mode::ParallelCalls => composer.calls(&[call, context.call(1)]),
        Mode::Argless => {
            let open = composer.open_call(&call);
            composer.call_text_done(&open, &call);
            composer.close_call(&open, &call);
        }
        Mode::Deltaless => {
            let open = composer.reserve("fc");
            composer.close_call(&open, &call);
        }
        Mode::TextBeforeCall => {
            composer.message("Let me look that up.", "");
            composer.calls(&[call]);
        }
        Mode::CustomCall => composer.calls(&[custom(context)]),
        Mode::BadArguments => {
            call.text = "{\"city\": Oslo".to_owned();
            composer.calls(&[call]);
        }
        Mode::LongCallId => {
            call.call_id = format!("call_{:064x}", context.meta.serial);
            composer.calls(&[call]);
        }
        Mode::Commentary => {
            composer.message("First I look it up.", "commentary");
            composer.calls(&[call]);
            composer.message("It will be there soon.", "final_answer");
        }
        _ => return None,
    }
    Some(())
}

fn custom(context: &ModeContext<'_>) -> ToolCall {
    let tool = context.request.tools().into_iter().find(|tool| tool.schema.is_none());
    let (name, namespace) =
        tool.map_or_else(|| ("apply_patch".to_owned(), None), |tool| (tool.name, tool.namespace));
    let text = "*** Begin Patch\n*** Add File: a.txt\n+ä \"quoted\"\n*** End Patch".to_owned();
    ToolCall {
        call_id: default_answer::call_id(context.meta, 0),
        name,
        namespace,
        text,
        custom: true,
    }
}

fn refusal(composer: &mut Composer) {
    let text = "I can't help with that.";
    let phase = "final_answer";
    let open = composer.open("msg", |id| message(id, "in_progress", phase, Vec::new()));
    let place = part_position(&open);
    let part = |text: &str| object! {"type": "refusal", "refusal": text};
    composer.emit("response.content_part.added", with_member(&place, "part", part("")));
    for piece in pieces(text) {
        composer.emit("response.refusal.delta", with_member(&place, "delta", piece.into()));
    }
    composer.emit("response.refusal.done", with_member(&place, "refusal", text.into()));
    composer.emit("response.content_part.done", with_member(&place, "part", part(text)));
    composer.close(&open, message(&open.id, "completed", phase, vec![part(text)]));
}

/// Writes events that no client needs, before and inside a message.
fn noise(context: &ModeContext<'_>, composer: &mut Composer) {
    if context.backend.rules().codex {
        codex_noise(context, composer);
    }
    composer.emit("keepalive", Vec::new());
    let open = composer.open_message("final_answer");
    let text = "Still here.";
    for piece in pieces(text) {
        composer.text_delta(&open, piece);
        composer.emit("keepalive", Vec::new());
        composer.emit("response.unheard_of", members! {"delta": "not text"});
        composer.step(Step::Raw(": a comment\n\n".into()));
    }
    composer.close_message(&open, text, Vec::new());
}

/// Writes limits and headers as events.
fn codex_noise(context: &ModeContext<'_>, composer: &mut Composer) {
    let limits = json!({"plan_type": "plus", "rate_limits": {"allowed": true,
        "limit_reached": false, "primary": {"used_percent": 12, "window_minutes": 10080,
        "reset_after_seconds": 400_000, "reset_at": 1_795_740_000}, "secondary": null},
        "credits": {"has_credits": false, "unlimited": false, "balance": null}});
    let limits =
        ["plan_type", "rate_limits", "credits"].map(|name| (name, limits[name].clone().into()));
    composer.emit("codex.rate_limits", limits.into());
    metadata(context, composer, object! {"x-codex-turn-state": "turn-from-an-event"});
}

/// Writes headers as events, under both names that clients know.
fn metadata(context: &ModeContext<'_>, composer: &mut Composer, headers: Json) {
    let id = context.meta.response_id();
    let members = members! {"response_id": id, "headers": headers.clone()};
    composer.emit("response.metadata", members);
    composer.emit("codex.response.metadata", members! {"headers": headers});
}

fn without_usage(context: &ModeContext<'_>, mut composer: Composer) -> Script {
    composer.message("No usage follows.", "final_answer");
    let members = members! {"response": object! {
        "id": context.meta.response_id(), "object": "response", "status": "completed",
        "output": Vec::new(),
    }};
    composer.emit("response.completed", members);
    composer.stop()
}

fn after_end(mut composer: Composer) -> Script {
    composer.message("The end.", "final_answer");
    let end = Step::Event(composer.terminal("completed", Vec::new()));
    composer.step(end.clone());
    half_a_message(&mut composer, "Too late.");
    composer.step(end);
    composer.stop()
}
