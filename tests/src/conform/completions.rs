//! Legacy completions.

use serde_json::{Value, json};

use super::chat::{counts, is_error};
use super::stream::events;
use super::target::Target;
use super::{cases, holds, same};

const PATH: &str = "/v1/completions";

cases!(
    CASES,
    "completions",
    a_whole_answer_has_its_shape,
    a_stream_is_framed_and_ends_once,
    every_prompt_is_answered,
    an_answer_is_cut_at_its_most_tokens,
    errors_have_the_shape_of_the_api,
    answers_fit_the_description,
);

async fn a_whole_answer_has_its_shape(target: &Target) -> Result<(), String> {
    let answer = target.ask(PATH, &json!({"prompt": "Say hello."})).await?;
    same(&answer["object"], &json!("text_completion"), "object")?;
    let choice = &answer["choices"][0];
    holds(choice["text"].as_str().is_some_and(|text| !text.is_empty()), || "no text".into())?;
    same(&choice["index"], &json!(0), "index")?;
    holds(choice["finish_reason"].is_string(), || "no finish_reason".into())?;
    counts(&answer["usage"])
}

async fn a_stream_is_framed_and_ends_once(target: &Target) -> Result<(), String> {
    let reply = target.stream(PATH, &json!({"prompt": "Say hello."}), "text/event-stream").await?;
    let (events, done) = events(&reply)?;
    holds(done, || "no [DONE] at the end".into())?;
    let (mut text, mut ends) = (String::new(), 0);
    for event in &events {
        same(&event.data["object"], &json!("text_completion"), "object")?;
        let choice = &event.data["choices"][0];
        text.push_str(choice["text"].as_str().unwrap_or_default());
        ends += usize::from(choice["finish_reason"].is_string());
    }
    holds(!text.is_empty(), || "no text".into())?;
    same(&ends, &1, "the number of ends")
}

async fn every_prompt_is_answered(target: &Target) -> Result<(), String> {
    let answer = target.ask(PATH, &json!({"prompt": ["Say hello.", "Say bye."]})).await?;
    let choices = answer["choices"].as_array().ok_or("no choices")?;
    let indices: Vec<&Value> = choices.iter().map(|choice| &choice["index"]).collect();
    same(&indices, &vec![&json!(0), &json!(1)], "the numbers of the choices")
}

async fn an_answer_is_cut_at_its_most_tokens(target: &Target) -> Result<(), String> {
    let prompt = "Repeat this: one two three four five six seven eight nine ten eleven twelve";
    let answer = target.ask(PATH, &json!({"prompt": prompt, "max_tokens": 4})).await?;
    same(&answer["choices"][0]["finish_reason"], &json!("length"), "finish_reason")
}

async fn errors_have_the_shape_of_the_api(target: &Target) -> Result<(), String> {
    let client = (&[400, 404, 422][..], is_error as fn(&Value) -> _);
    for body in [
        json!({"model": "no-such-model", "prompt": "a"}),
        json!({"model": target.model, "prompt": {"a": 1}}),
    ] {
        target.refuses(("POST", PATH), &body, client).await?;
    }
    Ok(())
}

async fn answers_fit_the_description(target: &Target) -> Result<(), String> {
    let answer = target.ask(PATH, &json!({"prompt": "Say hello."})).await?;
    target.openai.fits("CreateCompletionResponse", &answer)
}
