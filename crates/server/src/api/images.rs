//! `POST /v1/images/generations` and `POST /v1/images/edits`: pictures, the latter from a form or from JSON.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chatmock_protocol::json::{RawObject, RawValue, raw};
use chatmock_translate::{Failure, FailureKind, ImageEdit, ImageGeneration};
use futures::future::BoxFuture;
use serde::Serialize;

use super::family::Serve;
use super::{Exchange, Explain, Handling, model_of_path, run_turn, serve_turn};
use crate::http::memory_budget::HeldBody;
use crate::http::multipart::{self, Part};
use crate::state::SharedState;
use crate::tasks;
use crate::turn::{self, Explanation, TurnRequest, TurnServices};

/// The members that are numbers; a form has texts alone.
const NUMBERS: [&str; 3] = ["n", "output_compression", "partial_images"];

/// A picture in JSON.
#[derive(Serialize)]
struct Address {
    image_url: String,
}

/// How requests for pictures are served and explained.
pub(super) const GENERATIONS: (Serve, Explain) = (generate, explain_generation);

/// How requests for changed pictures are served and explained.
pub(super) const EDITS: (Serve, Explain) = (edit, explain_edit);

/// The backend's tool that makes pictures.
const TOOL: &str = "image_generation";

/// Answers with pictures.
fn generate(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        if let Err(refused) = has_tool(&exchange.context.services.state) {
            let bodies = &exchange.context.services.bodies;
            bodies.discard(exchange.body, &exchange.head.headers).await;
            return Err(refused);
        }
        serve_turn::<ImageGeneration>(exchange).await
    })
}

/// Refuses pictures where the backend has no tool for them: a turn without it would cost as much, and make none.
fn has_tool(state: &SharedState) -> Result<(), Failure> {
    let route = state.client.route();
    if route.takes_tool(TOOL) {
        return Ok(());
    }
    let message = format!(
        "the backend of the route {} has no image tool ({TOOL}); that of --route codex has",
        route.name()
    );
    Err(Failure::new(FailureKind::BadRequest, message).with_code("images_not_supported"))
}

/// Answers with changed pictures.
fn edit(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, head, body, variable } = exchange;
        if let Err(refused) = has_tool(&context.services.state) {
            context.services.bodies.discard(body, &head.headers).await;
            return Err(refused);
        }
        let model = model_of_path(variable)?;
        let boundary = multipart::boundary(&head.headers);
        let body = context.read_body(&head.headers, body).await?;
        let body = match boundary? {
            Some(boundary) => in_json(body, boundary).await?,
            None => body,
        };
        run_turn::<ImageEdit>(context, head, body, model).await
    })
}

/// Explains a request for pictures.
fn explain_generation(
    turns: &Arc<TurnServices>,
    request: TurnRequest,
) -> BoxFuture<'_, Result<Explanation, Failure>> {
    Box::pin(async move {
        has_tool(&turns.state)?;
        turn::explain::<ImageGeneration>(turns, request).await
    })
}

/// Explains a request for changed pictures.
fn explain_edit(
    turns: &Arc<TurnServices>,
    mut request: TurnRequest,
) -> BoxFuture<'_, Result<Explanation, Failure>> {
    Box::pin(async move {
        has_tool(&turns.state)?;
        if let Some(boundary) = multipart::boundary(&request.headers)? {
            let (form, mut reservation) = (request.body, request.reservation.take());
            let json = tasks::compute(move || {
                if let Some(reservation) = &mut reservation {
                    reservation.grow(room_for_json(&form))?;
                }
                Ok((written(&multipart::parts(&form, &boundary)?)?, reservation))
            });
            (request.body, request.reservation) = json.await?;
        }
        turn::explain::<ImageEdit>(turns, request).await
    })
}

/// Answers that pictures are not varied.
pub(super) fn no_variations(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, head, body, .. } = exchange;
        context.services.bodies.discard(body, &head.headers).await;
        let message = "the backend makes no variations of pictures, which only dall-e-2 did: \
                       send the picture and a prompt to /v1/images/edits";
        Err(Failure::new(FailureKind::NotFound, message).with_code("unknown_url"))
    })
}

/// Writes a form as the JSON of the same request, with its files in base64.
async fn in_json(body: HeldBody, boundary: String) -> Result<HeldBody, Failure> {
    tasks::compute(move || {
        let HeldBody { bytes, mut reservation } = body;
        reservation.grow(room_for_json(&bytes))?;
        let json = written(&multipart::parts(&bytes, &boundary)?)?;
        Ok(HeldBody { bytes: json, reservation })
    })
    .await
}

/// The size that a form has as JSON, at most: base64 takes four bytes for three.
fn room_for_json(form: &[u8]) -> usize {
    form.len() / 3 * 4 + 4096
}

fn written(parts: &[Part<'_>]) -> Result<Bytes, Failure> {
    let (mut members, mut images) = (RawObject::default(), Vec::new());
    for part in parts {
        let name = part.name.trim_end_matches("[]").to_owned();
        match (&*name, part.is_file) {
            ("image" | "images", _) => images.push(address(part)?),
            ("mask", _) => members.put(name, Cow::Owned(raw(&address(part)?)?)),
            (_, true) => {
                let message = format!("the form has a file named {name}: image and mask are meant");
                return Err(Failure::param(name, message));
            }
            (_, false) => {
                let text = text(part)?;
                let value = match (NUMBERS.contains(&&*name), text) {
                    (true, text) if is_number(text) => text.to_owned(),
                    (_, "true" | "false") if name == "stream" => text.to_owned(),
                    _ => serde_json::to_string(text)?,
                };
                members.put(name, Cow::Owned(RawValue::from_string(value)?));
            }
        }
    }
    if !images.is_empty() {
        members.set("images", &images)?;
    }
    Ok(serde_json::to_vec(&members)?.into())
}

/// The address of a file's data, or the address that a text is.
fn address(part: &Part<'_>) -> Result<Address, Failure> {
    if !part.is_file {
        return Ok(Address { image_url: text(part)?.trim().to_owned() });
    }
    let named = part.media_type.as_deref().filter(|kind| kind.starts_with("image/"));
    let named = named.unwrap_or("application/octet-stream");
    let mut image_url = format!("data:{named};base64,");
    STANDARD.encode_string(part.data, &mut image_url);
    Ok(Address { image_url })
}

fn text<'b>(part: &Part<'b>) -> Result<&'b str, Failure> {
    std::str::from_utf8(part.data)
        .map_err(|_| Failure::param(part.name.clone(), "a field of the form is not UTF-8"))
}

/// Whether a text is a number that JSON would have; anything else is named by the reader of the request.
fn is_number(text: &str) -> bool {
    text.parse::<u32>().is_ok_and(|number| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn part<'b>(name: &str, is_file: bool, data: &'b [u8]) -> Part<'b> {
        let media_type = is_file.then(|| "image/png".to_owned());
        Part { name: name.to_owned(), is_file, media_type, data }
    }

    #[test]
    fn a_form_becomes_the_json_of_the_same_request() {
        let parts = [
            part("prompt", false, "ein \"Hut\" \u{e9}".as_bytes()),
            part("image[]", true, b"ab"),
            part("image", false, b" https://example.org/a.png "),
            part("mask", true, b"c"),
            part("n", false, b"2"),
            part("size", false, b"1024x1024"),
            part("stream", false, b"true"),
            part("partial_images", false, b"01"),
        ];
        let json: Value = serde_json::from_slice(&written(&parts).unwrap()).unwrap();
        let expected = json!({
            "prompt": "ein \"Hut\" \u{e9}",
            "mask": {"image_url": "data:image/png;base64,Yw=="},
            "n": 2, "size": "1024x1024", "stream": true, "partial_images": "01",
            "images": [{"image_url": "data:image/png;base64,YWI="}, {"image_url": "https://example.org/a.png"}],
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn what_is_no_text_or_no_picture_of_this_request_is_named() {
        for (part, param) in
            [(part("prompt", false, b"\xff"), "prompt"), (part("x", true, b"a"), "x")]
        {
            let failure = written(&[part]).unwrap_err();
            assert_eq!((failure.status(), failure.param.as_deref()), (400, Some(param)));
        }
    }
}
