//! A completion request, lowered to a draft.

use std::borrow::Cow;

use chatmock_protocol::json::{Text, raw};
use chatmock_protocol::openai::completions::{Prompt, Request};
use chatmock_protocol::responses::item::{ContentPart, InputItem, Role};

use super::CompletionsShape;
use crate::draft::{
    self, Draft, Drafted, NO_SAMPLING, NOT_ACCEPTED, NOT_STORED, ParamName, UNKNOWN_MEMBER,
};
use crate::failure::Failure;
use crate::format;
use crate::notice::{self, Notice, NoticeKind};
use crate::stop::{self, StopCriteria};

/// Lowers a request: each prompt becomes a person's message of its own.
pub(super) fn draft(mut request: Request<'_>) -> Result<Drafted<'_, CompletionsShape>, Failure> {
    let mut draft = Draft { choices: draft::choices(request.n)?, ..Draft::default() };
    if request.logit_bias.is_some_and(|bias| !bias.is_object()) {
        return Err(Failure::param("logit_bias", "logit_bias must be an object"));
    }
    report_ignored(&request, &mut draft);
    optional_params(&mut request, &mut draft)?;
    draft.model.name = draft::model(request.model.take())?;
    draft.stream = request.stream.unwrap_or(false);
    let stream_usage = draft.stream_options(request.stream_options.take());
    draft.caps.stop = StopCriteria {
        sequences: stop::sequences(request.stop.take(), "stop")?,
        max_tokens: draft::token_cap("max_tokens", request.max_tokens)?,
    };
    draft.caps.max_tokens_member = Some("max_tokens");
    draft.report_emulated("stop");
    let prompts = prompts(request.prompt.take())?;
    let echo = if request.echo == Some(true) {
        prompts.iter().map(|prompt| prompt.0.clone().into_owned()).collect()
    } else {
        Vec::new()
    };
    let suffix = request.suffix.take().filter(|text| !text.is_empty());
    if suffix.is_some() {
        let why = "the model is asked to fill the place between prompt and suffix";
        draft.notices.push(Notice::new("suffix", NoticeKind::Emulated, why));
        draft.request.set("instructions", format::FILL_IN)?;
    }
    for (index, Text(prompt)) in prompts.into_iter().enumerate() {
        let text = match &suffix {
            Some(suffix) => Cow::Owned(format::fill_in(&prompt, suffix)),
            None => prompt,
        };
        let content = vec![ContentPart::InputText { text: text.into() }];
        let input = raw(&[InputItem::Message { role: Role::User, content }])?;
        if index == 0 {
            draft.request.put("input", Cow::Owned(input));
        } else {
            draft.more_inputs.push(input);
        }
    }
    let choices_per_prompt = draft.choices;
    Ok(Drafted { draft, own: CompletionsShape { stream_usage, echo, choices_per_prompt } })
}

/// The prompts; a request without one continues nothing, as an empty prompt does.
fn prompts(prompt: Option<Prompt<'_>>) -> Result<Vec<Text<'_>>, Failure> {
    let prompts = match prompt {
        None => vec![Text::from("")],
        Some(Prompt::Texts(texts)) => texts,
        Some(Prompt::Tokens) => {
            let message = "token ids cannot be read here: send the prompt as text";
            return Err(Failure::param("prompt", message).with_code("unsupported_value"));
        }
    };
    if prompts.is_empty() || prompts.len() > draft::MAX_CHOICES as usize {
        let message = format!("prompt must hold 1 to {} texts", draft::MAX_CHOICES);
        return Err(Failure::param("prompt", message));
    }
    Ok(prompts)
}

fn report_ignored(request: &Request<'_>, draft: &mut Draft<'_>) {
    let some = |penalty: Option<f64>| penalty.is_some_and(|penalty| penalty != 0.0);
    draft.report_ignored("presence_penalty", some(request.presence_penalty), NO_SAMPLING);
    draft.report_ignored("frequency_penalty", some(request.frequency_penalty), NO_SAMPLING);
    draft.report_ignored("seed", request.seed.is_some(), NO_SAMPLING);
    let biased = request.logit_bias.is_some_and(|bias| bias.text() != "{}");
    draft.report_ignored("logit_bias", biased, NO_SAMPLING);
    draft.report_ignored("best_of", request.best_of.is_some_and(|n| n > 1), NO_SAMPLING);
    let why = "the backend gives no log probabilities";
    draft.report_ignored("logprobs", request.logprobs.is_some(), why);
    notice::unknown(&mut draft.notices, "", &request.unknown, UNKNOWN_MEMBER);
}

/// Notes the members that some backends accept.
fn optional_params<'b>(request: &mut Request<'b>, draft: &mut Draft<'b>) -> Result<(), Failure> {
    let not_default = |value: &f64| *value != 1.0;
    let temperature = ParamName::new("temperature", NO_SAMPLING);
    draft.optional_param(temperature, request.temperature, not_default)?;
    draft.optional_param(ParamName::new("top_p", NO_SAMPLING), request.top_p, not_default)?;
    draft.optional_param(ParamName::new("user", NOT_ACCEPTED), request.user.take(), |_| true)?;
    // This API stores nothing.
    draft.optional_param(ParamName::new("store", NOT_STORED), Some(false), |_| false)
}
