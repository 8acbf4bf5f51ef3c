//! Ollama's chat and generate.

use serde_json::{Value, json};

use super::stream::lines;
use super::target::{Target, good, json_of};
use super::{cases, holds, same};

const CHAT_PATH: &str = "/api/chat";

const GENERATE_PATH: &str = "/api/generate";

cases!(
    CHAT,
    "ollama-chat",
    a_whole_answer_has_its_shape,
    a_stream_is_lines_and_ends_once,
    a_call_has_its_shape,
    the_result_of_a_tool_is_taken,
    an_answer_keeps_to_a_schema,
    an_answer_is_cut_at_its_most_tokens,
    models_are_listed_and_shown,
    the_version_is_numbers,
    errors_have_the_shape_of_the_api,
    answers_fit_the_description,
);

cases!(
    GENERATE,
    "ollama-generate",
    a_prompt_is_answered,
    a_prompt_is_answered_in_lines,
    a_model_is_loaded_without_a_prompt,
    a_prompt_that_is_none_is_refused,
);

fn said(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": text}]})
}

/// Asks for a whole answer, which this API gives only when told.
async fn whole(target: &Target, path: &str, body: &Value) -> Result<Value, String> {
    let mut body = body.clone();
    body["stream"] = json!(false);
    target.ask(path, &body).await
}

/// Asks for the lines of an answer, of which the last is the end.
async fn streamed(target: &Target, path: &str, body: &Value) -> Result<Vec<Value>, String> {
    // A stream is what comes where nothing is said about it.
    let reply = target.post(path, &target.asking(body)).await?;
    good(&reply, "application/x-ndjson")?;
    let lines = lines(&reply)?;
    let (last, before) = lines.split_last().ok_or("no lines")?;
    holds(before.iter().all(|line| line["done"] == false), || "an end before the end".into())?;
    is_end(last)?;
    Ok(lines)
}

fn is_end(line: &Value) -> Result<(), String> {
    same(&line["done"], &json!(true), "done")?;
    holds(line["model"].is_string(), || "no model".into())?;
    let at = line["created_at"].as_str().unwrap_or_default();
    holds(at.contains('T') && at.len() >= 20, || format!("created_at is {at:?}"))?;
    holds(line["done_reason"].is_string(), || "no done_reason".into())?;
    for member in ["total_duration", "prompt_eval_count", "eval_count"] {
        holds(line[member].is_u64(), || format!("{member} is {}", line[member]))?;
    }
    Ok(())
}

async fn a_whole_answer_has_its_shape(target: &Target) -> Result<(), String> {
    let answer = whole(target, CHAT_PATH, &said("Say hello.")).await?;
    is_end(&answer)?;
    same(&answer["message"]["role"], &json!("assistant"), "role")?;
    holds(answer["message"]["content"].as_str().is_some_and(|text| !text.is_empty()), || {
        "no text".into()
    })
}

async fn a_stream_is_lines_and_ends_once(target: &Target) -> Result<(), String> {
    let lines = streamed(target, CHAT_PATH, &said("Say hello.")).await?;
    let text: String =
        lines.iter().filter_map(|line| line["message"]["content"].as_str()).collect();
    holds(!text.is_empty(), || "no text".into())
}

fn calling() -> Value {
    let parameters =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let function = json!({"name": "get_weather", "description": "The weather of a city", "parameters": parameters});
    let mut body = said("Call get_weather for Oslo, city=Oslo");
    body["tools"] = json!([{"type": "function", "function": function}]);
    body
}

fn is_call(call: &Value) -> Result<(), String> {
    same(&call["function"]["name"], &json!("get_weather"), "name")?;
    let arguments = &call["function"]["arguments"];
    holds(arguments["city"].is_string(), || format!("arguments are {arguments}"))
}

async fn a_call_has_its_shape(target: &Target) -> Result<(), String> {
    let answer = whole(target, CHAT_PATH, &calling()).await?;
    is_call(&answer["message"]["tool_calls"][0])?;
    let lines = streamed(target, CHAT_PATH, &calling()).await?;
    let mut calls = lines.iter().filter_map(|line| line["message"]["tool_calls"].get(0));
    is_call(calls.next().ok_or("no call in the lines")?)
}

async fn the_result_of_a_tool_is_taken(target: &Target) -> Result<(), String> {
    let mut body = calling();
    let answer = whole(target, CHAT_PATH, &body).await?;
    if let Some(messages) = body["messages"].as_array_mut() {
        messages.push(answer["message"].clone());
        messages.push(json!({"role": "tool", "tool_name": "get_weather", "content": "12 C"}));
    }
    let answer = whole(target, CHAT_PATH, &body).await?;
    holds(answer["message"]["content"].as_str().is_some_and(|text| !text.is_empty()), || {
        "no text".into()
    })
}

async fn an_answer_keeps_to_a_schema(target: &Target) -> Result<(), String> {
    let schema =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let mut body = said("Describe Oslo as JSON.");
    body["format"] = schema;
    let answer = whole(target, CHAT_PATH, &body).await?;
    let content = answer["message"]["content"].as_str().unwrap_or_default();
    let value: Value =
        serde_json::from_str(content).map_err(|_| format!("the answer is no JSON: {content:?}"))?;
    holds(value["city"].is_string(), || format!("it does not fit: {value}"))
}

async fn an_answer_is_cut_at_its_most_tokens(target: &Target) -> Result<(), String> {
    let mut body =
        said("Repeat this: one two three four five six seven eight nine ten eleven twelve");
    body["options"] = json!({"num_predict": 4});
    let answer = whole(target, CHAT_PATH, &body).await?;
    same(&answer["done_reason"], &json!("length"), "done_reason")
}

async fn models_are_listed_and_shown(target: &Target) -> Result<(), String> {
    let reply = target.get("/api/tags").await?;
    good(&reply, "application/json")?;
    let tags = json_of(&reply)?;
    target.ollama.fits("ListResponse", &tags)?;
    let models =
        tags["models"].as_array().filter(|models| !models.is_empty()).ok_or("no models")?;
    for model in models {
        for member in ["name", "model", "modified_at", "digest"] {
            holds(model[member].is_string(), || format!("a model has no {member}: {model}"))?;
        }
        holds(model["size"].is_u64() && model["details"].is_object(), || format!("{model}"))?;
    }
    let shown = target
        .post("/api/show", &json!({"model": models.first().map(|model| &model["name"])}))
        .await?;
    good(&shown, "application/json")?;
    let shown = json_of(&shown)?;
    holds(shown["details"].is_object() && shown["capabilities"].is_array(), || format!("{shown}"))
}

async fn the_version_is_numbers(target: &Target) -> Result<(), String> {
    let version = json_of(&target.get("/api/version").await?)?["version"].clone();
    let text = version.as_str().unwrap_or_default();
    holds(text.split('.').filter(|part| part.parse::<u32>().is_ok()).count() >= 2, || {
        format!("it is {version}")
    })
}

fn is_error(value: &Value) -> Result<(), String> {
    holds(value["error"].as_str().is_some_and(|text| !text.is_empty()), || {
        "error is no text".into()
    })
}

async fn errors_have_the_shape_of_the_api(target: &Target) -> Result<(), String> {
    let unknown = json!({"model": "no-such-model", "messages": [{"role": "user", "content": "a"}]});
    target.refuses(("POST", CHAT_PATH), &unknown, (&[404], is_error)).await?;
    for body in [json!({"messages": []}), json!({"model": target.model, "messages": 5})] {
        target.refuses(("POST", CHAT_PATH), &body, (&[400, 404], is_error)).await?;
    }
    let shown = json!({"model": "no-such-model"});
    target.refuses(("POST", "/api/show"), &shown, (&[404], is_error)).await
}

async fn answers_fit_the_description(target: &Target) -> Result<(), String> {
    for body in [said("Say hello."), calling()] {
        let answer = whole(target, CHAT_PATH, &body).await?;
        target.ollama.fits("ChatResponse", &answer)?;
        for line in streamed(target, CHAT_PATH, &body).await? {
            target.ollama.fits("ChatStreamEvent", &line)?;
        }
    }
    let answer = whole(target, GENERATE_PATH, &json!({"prompt": "Say hello."})).await?;
    target.ollama.fits("GenerateResponse", &answer)
}

async fn a_prompt_is_answered(target: &Target) -> Result<(), String> {
    let answer = whole(target, GENERATE_PATH, &json!({"prompt": "Say hello."})).await?;
    is_end(&answer)?;
    holds(answer["response"].as_str().is_some_and(|text| !text.is_empty()), || "no text".into())
}

async fn a_prompt_is_answered_in_lines(target: &Target) -> Result<(), String> {
    let lines = streamed(target, GENERATE_PATH, &json!({"prompt": "Say hello."})).await?;
    let text: String = lines.iter().filter_map(|line| line["response"].as_str()).collect();
    holds(!text.is_empty(), || "no text".into())
}

async fn a_model_is_loaded_without_a_prompt(target: &Target) -> Result<(), String> {
    let answer = whole(target, GENERATE_PATH, &json!({})).await?;
    same(&answer["done"], &json!(true), "done")?;
    same(&answer["response"], &json!(""), "response")?;
    same(&answer["done_reason"], &json!("load"), "done_reason")
}

async fn a_prompt_that_is_none_is_refused(target: &Target) -> Result<(), String> {
    let body = json!({"model": target.model, "prompt": 5});
    target.refuses(("POST", GENERATE_PATH), &body, (&[400], is_error)).await?;
    let unknown = json!({"model": "no-such-model", "prompt": "a"});
    target.refuses(("POST", GENERATE_PATH), &unknown, (&[404], is_error)).await
}
