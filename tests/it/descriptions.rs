//! Answers against the descriptions that OpenAI and Ollama give of their APIs.

use chatmock_testkit::client::Reply;
use chatmock_tests::schemas::Schemas;
use serde_json::{Value, json};

use crate::harness::{CHAT, Harness};

/// Leaves out the one member that OpenAI's own answers have as `null` and its description as a text.
fn without_fingerprint(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        assert_eq!(members.remove("system_fingerprint"), Some(Value::Null));
    }
    value
}

/// Requests of which each brings another part of an answer.
fn requests() -> Vec<Value> {
    let said = |text: &str| json!([{"role": "user", "content": text}]);
    let tool = json!({"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}});
    vec![
        json!({"messages": said("hello")}),
        json!({"messages": said("hello"), "n": 2}),
        json!({"messages": said("call weather"), "tools": [tool], "tool_choice": "required"}),
        json!({"messages": said("MODE:search")}),
        json!({"messages": said("MODE:reasoning"), "reasoning_effort": "high"}),
        json!({"messages": said("hello there, my friend"), "max_tokens": 1}),
    ]
}

/// The lines of a stream of lines.
fn lines(reply: &Reply) -> Vec<Value> {
    reply.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn chat_completions_fit_openai_s_description() {
    let (harness, schemas) = (Harness::new().await, Schemas::open("openai.schema.json"));
    for mut request in requests() {
        request["model"] = json!("gpt-5.5");
        let reply = harness.server.post(CHAT, &request).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        schemas.check("CreateChatCompletionResponse", &without_fingerprint(reply.json()));
        request["stream"] = json!(true);
        request["stream_options"] = json!({"include_usage": true});
        let events = harness.server.post(CHAT, &request).await.events();
        assert!(events.len() > 2, "{events:?}");
        for chunk in events {
            schemas.check("CreateChatCompletionStreamResponse", &without_fingerprint(chunk));
        }
    }
}

#[tokio::test]
async fn completions_models_and_errors_fit_openai_s_description() {
    let (harness, schemas) = (Harness::new().await, Schemas::open("openai.schema.json"));
    let mut request = json!({"model": "gpt-5.5", "prompt": "hello"});
    let whole = harness.server.post("/v1/completions", &request).await.json();
    schemas.check("CreateCompletionResponse", &whole);
    request["stream"] = json!(true);
    for chunk in harness.server.post("/v1/completions", &request).await.events() {
        // The description knows no chunk whose text has not ended yet.
        if chunk["choices"][0]["finish_reason"].is_string() {
            schemas.check("CreateCompletionResponse", &chunk);
        }
    }
    schemas.check("ListModelsResponse", &harness.server.get("/v1/models").await.json());
    schemas.check("Model", &harness.server.get("/v1/models/gpt-5.5").await.json());
    for body in [json!({}), json!({"model": "nope", "messages": []}), json!({"model": 5})] {
        let refused = harness.server.post(CHAT, &body).await;
        assert!((400..500).contains(&refused.status));
        schemas.check("ErrorResponse", &refused.json());
    }
}

#[tokio::test]
async fn compactions_and_counts_fit_openai_s_description() {
    let harness = Harness::new().await;
    let body = json!({"model": "gpt-5.5", "input": [{"role": "user", "content": "hello"}]});
    let compacted = harness.server.post("/v1/responses/compact", &body).await.json();
    let counted = harness.server.post("/v1/responses/input_tokens", &body).await.json();
    let openai = Schemas::open("openai.schema.json");
    openai.check("TokenCountsResource", &counted);
    for schemas in [openai, Schemas::open("openresponses.schema.json")] {
        schemas.check("CompactResource", &compacted);
    }
}

#[tokio::test]
async fn ollama_s_answers_fit_its_description() {
    let (harness, schemas) = (Harness::new().await, Schemas::open("ollama.schema.json"));
    for mut request in requests() {
        request["model"] = json!("gpt-5.5");
        for name in ["n", "tool_choice", "max_tokens", "reasoning_effort"] {
            request.as_object_mut().unwrap().remove(name);
        }
        request["stream"] = json!(false);
        let reply = harness.server.post("/api/chat", &request).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        schemas.check("ChatResponse", &reply.json());
        request["stream"] = json!(true);
        let lines = lines(&harness.server.post("/api/chat", &request).await);
        lines.iter().for_each(|line| schemas.check("ChatStreamEvent", line));
        schemas.check("ChatResponse", lines.last().unwrap());
    }
    let mut prompt = json!({"model": "gpt-5.5", "prompt": "hello", "stream": false});
    let whole = harness.server.post("/api/generate", &prompt).await.json();
    schemas.check("GenerateResponse", &whole);
    prompt["stream"] = json!(true);
    let streamed = harness.server.post("/api/generate", &prompt).await;
    lines(&streamed).iter().for_each(|line| schemas.check("GenerateStreamEvent", line));
    for (path, name) in [
        ("/api/tags", "ListResponse"),
        ("/api/ps", "PsResponse"),
        ("/api/version", "VersionResponse"),
    ] {
        schemas.check(name, &harness.server.get(path).await.json());
    }
    let shown = harness.server.post("/api/show", &json!({"model": "gpt-5.5"})).await;
    schemas.check("ShowResponse", &shown.json());
    let refused = harness.server.post("/api/chat", &json!({"model": "nope"})).await;
    schemas.check("ErrorResponse", &refused.json());
}
