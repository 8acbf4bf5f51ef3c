//! Embeddings: requests and answers between OpenAI's shape and Ollama's.
//!
//! The backend makes no vectors, so a request is passed on to a server that does, which may speak another API than
//! the client. What both speak alike passes as it is.

mod answer;
mod input;
mod models;

use std::borrow::Cow;
use std::time::Duration;

use chatmock_protocol::json::{self, RawObject, RawValue, Text};
use chatmock_protocol::ollama::embed::{LegacyRequest, Request as OllamaRequest};
use chatmock_protocol::openai::embeddings::Request as OpenAiRequest;

use self::answer::Form;
use self::input::Input;
use crate::failure::Failure;
use crate::notice::{self, Notice, NoticeKind};

pub use self::models::listed_models;

/// Why a member has no effect at a server of OpenAI's API.
const NOT_OF_OPENAI: &str = "the server that makes embeddings has no such option";

/// Why a member has no effect at Ollama.
const NOT_OF_OLLAMA: &str = "Ollama has no such option";

/// The API in which embeddings are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbeddingsApi {
    /// `POST /v1/embeddings`.
    OpenAi,
    /// `POST /api/embed`.
    Ollama,
    /// `POST /api/embeddings`, with one vector.
    OllamaLegacy,
}

/// The API of the server that makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbeddingsServer {
    /// OpenAI's.
    OpenAi,
    /// Ollama's.
    Ollama,
}

/// A request for embeddings, ready to be passed on.
#[derive(Debug)]
pub struct Embeddings {
    /// The last segment of the path at the server that makes them.
    pub path: &'static str,
    /// The body for it; `None` where nothing is to be embedded.
    pub body: Option<Vec<u8>>,
    /// Members that were ignored, changed or emulated.
    pub notices: Vec<Notice>,
    form: Form,
}

impl Embeddings {
    /// Reads a client's request; a `model` that the path names holds whatever the body says.
    ///
    /// # Errors
    /// When the body is not of the API's shape, or the server cannot do what it asks for.
    pub fn read(
        body: &[u8],
        model: Option<&str>,
        (api, server): (EmbeddingsApi, EmbeddingsServer),
    ) -> Result<Self, Failure> {
        let mut members: RawObject<'_> = json::read(body)?;
        if let Some(model) = model {
            members.set("model", model)?;
        }
        match api {
            EmbeddingsApi::OpenAi => openai(&json::read(body)?, members, server),
            EmbeddingsApi::Ollama => ollama(&json::read(body)?, &members, server),
            EmbeddingsApi::OllamaLegacy => legacy(json::read(body)?, &members, server),
        }
    }

    /// Returns the name of the model that is asked for.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.form.model
    }

    /// Words the server's answer for the client; `took` is the time since the request arrived.
    ///
    /// # Errors
    /// When it is not what was asked for.
    pub fn answer(&self, body: &[u8], took: Duration) -> Result<Vec<u8>, Failure> {
        self.form.write(body, took)
    }

    /// Words the answer to a request of which nothing is to be embedded.
    ///
    /// # Errors
    /// Only where it cannot be written.
    pub fn empty_answer(&self, took: Duration) -> Result<Vec<u8>, Failure> {
        self.form.empty(took)
    }
}

/// The name of the model, which must be there.
fn model(members: &RawObject<'_>) -> Result<String, Failure> {
    let name = members.text("model").filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| Failure::param("model", "model is required"))?;
    Ok(name.into_owned())
}

fn openai(
    request: &OpenAiRequest<'_>,
    mut members: RawObject<'_>,
    server: EmbeddingsServer,
) -> Result<Embeddings, Failure> {
    let input = Input::read(members.present("input"))?;
    let base64 = match request.encoding_format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(word) => {
            let shown: String = word.chars().take(32).collect();
            let message = format!("encoding_format is float or base64, not {shown:?}");
            return Err(Failure::param("encoding_format", message).with_code("invalid_value"));
        }
    };
    let form = Form {
        api: EmbeddingsApi::OpenAi,
        server,
        base64,
        count: input.count(),
        model: model(&members)?,
    };
    let mut notices = Vec::new();
    if base64 {
        // Not every server has it, and some give numbers all the same.
        let how = "the numbers are written in base64 here";
        notices.push(Notice::new("encoding_format", NoticeKind::Emulated, how));
    }
    members.remove("encoding_format");
    if server == EmbeddingsServer::Ollama {
        input.refuse_tokens()?;
        report(&mut notices, &[("user", request.user.is_some())], NOT_OF_OLLAMA);
        notice::unknown(&mut notices, "", &request.unknown, NOT_OF_OLLAMA);
        members = only(&members, &["model", "input", "dimensions"]);
    }
    let body = Some(serde_json::to_vec(&members)?);
    Ok(Embeddings { path: path(server), body, notices, form })
}

fn ollama(
    request: &OllamaRequest<'_>,
    members: &RawObject<'_>,
    server: EmbeddingsServer,
) -> Result<Embeddings, Failure> {
    let input = match members.present("input") {
        Some(input) => Input::read(Some(input))?,
        None => Input::Texts(0),
    };
    input.refuse_tokens()?;
    let is_empty = input.is_empty(members.present("input"));
    let count = input.count();
    let form =
        Form { api: EmbeddingsApi::Ollama, server, base64: false, count, model: model(members)? };
    let mut notices = Vec::new();
    if server == EmbeddingsServer::Ollama {
        let body = Some(serde_json::to_vec(members)?);
        // Ollama embeds an empty text or nothing as it sees fit.
        let form = Form { count: if is_empty { None } else { form.count }, ..form };
        return Ok(Embeddings { path: "embed", body, notices, form });
    }
    let lost = [
        // To cut what is too long is what is wanted by default.
        ("truncate", request.truncate == Some(false)),
        ("options", request.options.is_some_and(|options| options.text() != "{}")),
    ];
    report(&mut notices, &lost, NOT_OF_OPENAI);
    notice::unknown(&mut notices, "", &request.unknown, NOT_OF_OPENAI);
    let body = match is_empty {
        true => None,
        false => Some(serde_json::to_vec(&only(members, &["model", "input", "dimensions"]))?),
    };
    Ok(Embeddings { path: path(server), body, notices, form })
}

fn legacy(
    request: LegacyRequest<'_>,
    members: &RawObject<'_>,
    server: EmbeddingsServer,
) -> Result<Embeddings, Failure> {
    let (api, model) = (EmbeddingsApi::OllamaLegacy, model(members)?);
    let prompt = request.prompt.unwrap_or(Text(Cow::Borrowed("")));
    let mut notices = Vec::new();
    let form = Form { api, server, base64: false, count: Some(1), model };
    if server == EmbeddingsServer::Ollama {
        let body = Some(serde_json::to_vec(members)?);
        return Ok(Embeddings { path: "embeddings", body, notices, form });
    }
    let lost = [("options", request.options.is_some_and(|options| options.text() != "{}"))];
    report(&mut notices, &lost, NOT_OF_OPENAI);
    notice::unknown(&mut notices, "", &request.unknown, NOT_OF_OPENAI);
    let mut sent = only(members, &["model"]);
    sent.set("input", &*prompt)?;
    let body = if prompt.is_empty() { None } else { Some(serde_json::to_vec(&sent)?) };
    Ok(Embeddings { path: path(server), body, notices, form })
}

fn path(server: EmbeddingsServer) -> &'static str {
    match server {
        EmbeddingsServer::OpenAi => "embeddings",
        EmbeddingsServer::Ollama => "embed",
    }
}

/// The members of these names, as they were written.
fn only<'b>(members: &RawObject<'_>, names: &[&'static str]) -> RawObject<'b> {
    let mut kept = RawObject::default();
    for name in names {
        if let Some(value) = members.present(name) {
            kept.put(*name, Cow::Owned(RawValue::to_owned(value)));
        }
    }
    kept
}

/// Reports the members that have no effect at the server.
fn report(notices: &mut Vec<Notice>, members: &[(&'static str, bool)], why: &'static str) {
    let lost = members.iter().filter(|(_, lost)| *lost);
    notices.extend(lost.map(|(name, _)| Notice::ignored(*name, why)));
}

#[cfg(test)]
mod tests;
