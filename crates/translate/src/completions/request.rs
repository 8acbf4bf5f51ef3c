//! A completion request, lowered to a draft.

use std::borrow::Cow;

use chatmock_protocol::json::{Text, raw};
use chatmock_protocol::openai::completions::{Prompt, Request};
use chatmock_protocol::responses::item::{ContentPart, InputItem, Role};

use crate::draft::{self, Draft, NOT_OF_API, NOT_SENT, NOT_STORED, SAMPLING};
use crate::failure::Failure;
use crate::format;
use crate::notice::{self, Notice, NoticeKind};
use crate::stop::{self, StopCriteria};

/// Lowers a request: each prompt becomes a person's message of its own.
pub(super) fn draft(mut request: Request<'_>) -> Result<Draft<'_>, Failure> {
    let mut draft = Draft { choices: draft::choices(request.n)?, ..Draft::default() };
    ignored(&request, &mut draft);
    optional_params(&mut request, &mut draft)?;
    draft.model = draft::model(request.model.take())?;
    draft.stream = request.stream.unwrap_or(false);
    draft.read_stream_options(request.stream_options.take());
    draft.stop = StopCriteria {
        sequences: stop::sequences(request.stop.take(), "stop")?,
        max_tokens: request.max_tokens,
    };
    draft.cap_member = "max_tokens";
    draft.note_emulated("stop");
    let prompts = prompts(request.prompt.take())?;
    if request.echo == Some(true) {
        draft.echo = prompts.iter().map(|prompt| prompt.0.clone().into_owned()).collect();
    }
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
    Ok(draft)
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
    if prompts.is_empty() || prompts.len() > draft::MOST_CHOICES as usize {
        let message = format!("prompt must hold 1 to {} texts", draft::MOST_CHOICES);
        return Err(Failure::param("prompt", message));
    }
    Ok(prompts)
}

fn ignored(request: &Request<'_>, draft: &mut Draft<'_>) {
    draft.note_ignored(&[
        ("presence_penalty", request.presence_penalty.is_some_and(|p| p != 0.0), SAMPLING),
        ("frequency_penalty", request.frequency_penalty.is_some_and(|p| p != 0.0), SAMPLING),
        ("seed", request.seed.is_some(), SAMPLING),
        ("logit_bias", request.logit_bias.is_some_and(|b| b.text() != "{}"), SAMPLING),
        ("best_of", request.best_of.is_some_and(|n| n > 1), SAMPLING),
        ("logprobs", request.logprobs.is_some(), "the backend gives no log probabilities"),
    ]);
    notice::unknown(&mut draft.notices, "", &request.unknown, NOT_OF_API);
}

/// Members that some backends take.
fn optional_params<'b>(request: &mut Request<'b>, draft: &mut Draft<'b>) -> Result<(), Failure> {
    let (says, sampling) = (|value: &f64| *value != 1.0, SAMPLING);
    draft.optional_param(("temperature", "temperature"), request.temperature, (says, sampling))?;
    draft.optional_param(("top_p", "top_p"), request.top_p, (says, sampling))?;
    draft.optional_param(("user", "user"), request.user.take(), (|_: &_| true, NOT_SENT))?;
    // This API keeps nothing.
    draft.optional_param(("store", "store"), Some(false), (|_: &_| false, NOT_STORED))
}
