//! Requests for embeddings and their answers, between both APIs.

use serde_json::{Value, json};

use super::*;

use EmbeddingsApi::{Ollama, OllamaLegacy, OpenAi};

const TOOK: Duration = Duration::from_nanos(7);

fn read(body: &Value, api: EmbeddingsApi, server: EmbeddingsServer) -> Result<Embeddings, Failure> {
    Embeddings::read(body.to_string().as_bytes(), None, (api, server))
}

fn sent(embeddings: &Embeddings) -> Value {
    serde_json::from_slice(embeddings.body.as_deref().unwrap()).unwrap()
}

fn answered(embeddings: &Embeddings, body: &Value) -> Value {
    let answer = embeddings.answer(body.to_string().as_bytes(), TOOK).unwrap();
    serde_json::from_slice(&answer).unwrap()
}

fn noted(embeddings: &Embeddings) -> Vec<(&str, &str)> {
    embeddings.notices.iter().map(|notice| (&*notice.field, notice.kind.as_str())).collect()
}

/// The answer of a server of OpenAI's API, in an order of its own.
fn of_openai() -> Value {
    json!({"object": "list", "model": "m-1", "data": [
        {"object": "embedding", "index": 1, "embedding": [0.5, -1]},
        {"object": "embedding", "index": 0, "embedding": [1e-3, 2]},
    ], "usage": {"prompt_tokens": 9, "total_tokens": 9}})
}

fn of_ollama() -> Value {
    json!({"model": "m", "embeddings": [[0.001, 2], [0.5, -1]], "prompt_eval_count": 9, "total_duration": 5})
}

#[test]
fn what_both_sides_speak_alike_passes_as_it_is() {
    let body =
        json!({"model": "m", "input": [[1, 2], [3]], "dimensions": 8, "user": "ada", "x": 1});
    let read = read(&body, OpenAi, EmbeddingsServer::OpenAi).unwrap();
    assert_eq!((read.path, sent(&read), noted(&read)), ("embeddings", body, Vec::new()));
    let body = json!({"model": "m", "input": ["a", "b"], "truncate": false, "options": {"num_ctx": 9}, "keep_alive": "1m"});
    let read = self::read(&body, Ollama, EmbeddingsServer::Ollama).unwrap();
    assert_eq!((read.path, sent(&read), noted(&read)), ("embed", body, Vec::new()));
    assert_eq!(answered(&read, &of_ollama()), of_ollama());
    let body = json!({"model": "m", "prompt": "a", "options": {"num_ctx": 9}});
    let read = self::read(&body, OllamaLegacy, EmbeddingsServer::Ollama).unwrap();
    assert_eq!((read.path, sent(&read)), ("embeddings", body));
    assert_eq!(answered(&read, &json!({"embedding": [1]})), json!({"embedding": [1]}));
}

#[test]
fn a_client_of_openai_gets_its_shape_from_ollama() {
    let body = json!({"model": "m", "input": ["a", "b"], "encoding_format": "float", "dimensions": 2, "user": "ada"});
    let read = read(&body, OpenAi, EmbeddingsServer::Ollama).unwrap();
    assert_eq!(read.path, "embed");
    assert_eq!(sent(&read), json!({"model": "m", "input": ["a", "b"], "dimensions": 2}));
    assert_eq!(noted(&read), [("user", "ignored")]);
    let answer = answered(&read, &of_ollama());
    assert_eq!(
        answer["data"][1],
        json!({"object": "embedding", "index": 1, "embedding": [0.5, -1]})
    );
    assert_eq!(answer["usage"], json!({"prompt_tokens": 9, "total_tokens": 9}));
    assert_eq!((&answer["object"], &answer["model"]), (&json!("list"), &json!("m")));
}

#[test]
fn a_client_of_ollama_gets_its_shape_from_openai() {
    let body = json!({"model": "m:latest", "input": ["a", "b"], "truncate": false, "options": {"x": 1}, "keep_alive": 5, "dimensions": 2});
    let read = read(&body, Ollama, EmbeddingsServer::OpenAi).unwrap();
    assert_eq!(sent(&read), json!({"model": "m:latest", "input": ["a", "b"], "dimensions": 2}));
    assert_eq!(noted(&read), [("truncate", "ignored"), ("options", "ignored")]);
    let answer = answered(&read, &of_openai());
    let expected = json!({"model": "m:latest", "embeddings": [[0.001, 2], [0.5, -1]],
        "total_duration": 7, "load_duration": 1, "prompt_eval_count": 9});
    assert_eq!(answer, expected);
    let body = json!({"model": "m", "prompt": "a", "keep_alive": 5});
    let read = self::read(&body, OllamaLegacy, EmbeddingsServer::OpenAi).unwrap();
    assert_eq!(sent(&read), json!({"model": "m", "input": "a"}));
    let one = json!({"data": [{"index": 0, "embedding": [3]}]});
    assert_eq!(answered(&read, &one), json!({"embedding": [3]}));
}

#[test]
fn base64_is_made_here_and_undone_where_nobody_asked_for_it() {
    let body = json!({"model": "m", "input": ["a", "b"], "encoding_format": "base64"});
    let both = [(EmbeddingsServer::OpenAi, of_openai()), (EmbeddingsServer::Ollama, of_ollama())];
    for (server, answer) in both {
        let read = read(&body, OpenAi, server).unwrap();
        assert_eq!(sent(&read).get("encoding_format"), None);
        assert_eq!(noted(&read), [("encoding_format", "emulated")]);
        let answer = answered(&read, &answer);
        // The numbers 0.5 and -1 as IEEE 754 writes them.
        assert_eq!(answer["data"][1]["embedding"], "AAAAPwAAgL8=");
    }
    let coded = json!({"data": [{"index": 0, "embedding": "AAAAPwAAgL8="}], "model": "m"});
    let read =
        read(&json!({"model": "m", "input": "a"}), OpenAi, EmbeddingsServer::OpenAi).unwrap();
    assert_eq!(answered(&read, &coded)["data"][0]["embedding"], json!([0.5, -1.0]));
}

#[test]
fn nothing_to_embed_asks_nobody() {
    for input in [json!(""), json!([]), json!(null)] {
        let body = json!({"model": "m", "input": input});
        let read = read(&body, Ollama, EmbeddingsServer::OpenAi).unwrap();
        assert!(read.body.is_none());
        let answer: Value = serde_json::from_slice(&read.empty_answer(TOOK).unwrap()).unwrap();
        assert_eq!((&answer["embeddings"], &answer["model"]), (&json!([]), &json!("m")));
    }
    let read = read(&json!({"model": "m"}), OllamaLegacy, EmbeddingsServer::OpenAi).unwrap();
    assert_eq!(read.empty_answer(TOOK).unwrap(), br#"{"embedding":[]}"#);
}

#[test]
fn what_cannot_be_meant_is_refused_at_its_member() {
    let both = [EmbeddingsServer::OpenAi, EmbeddingsServer::Ollama];
    for (body, param) in [
        (json!({"input": "a"}), "model"),
        (json!({"model": " ", "input": "a"}), "model"),
        (json!({"model": "m"}), "input"),
        (json!({"model": "m", "input": 5}), "input"),
        (json!({"model": "m", "input": ["a", 5]}), "input"),
        (json!({"model": "m", "input": {"a": 1}}), "input"),
        (json!({"model": "m", "input": "a", "encoding_format": "hex"}), "encoding_format"),
        (json!({"model": "m", "input": "a", "dimensions": -1}), "dimensions"),
    ] {
        for server in both {
            let failure = read(&body, OpenAi, server).unwrap_err();
            assert_eq!((failure.status(), failure.param.as_deref()), (400, Some(param)), "{body}");
        }
    }
    for input in [json!([1, 2]), json!([[1], [2]])] {
        let body = json!({"model": "m", "input": input});
        assert!(read(&body, OpenAi, EmbeddingsServer::OpenAi).is_ok());
        let failure = read(&body, OpenAi, EmbeddingsServer::Ollama).unwrap_err();
        assert!(failure.message.contains("token ids"), "{failure}");
    }
}

#[test]
fn the_model_of_the_path_holds() {
    let body = json!({"model": "other", "input": "a"}).to_string();
    let pair = (OpenAi, EmbeddingsServer::OpenAi);
    let read = Embeddings::read(body.as_bytes(), Some("m"), pair).unwrap();
    assert_eq!(sent(&read)["model"], "m");
    assert!(Embeddings::read(br#"{"input":"a"}"#, Some("m"), pair).is_ok());
}

#[test]
fn an_answer_that_is_none_or_of_another_length_is_a_failure() {
    let read =
        read(&json!({"model": "m", "input": "a"}), OpenAi, EmbeddingsServer::OpenAi).unwrap();
    for answer in ["", "{}", "<html>", r#"{"data":[{"embedding":["x"]},{"embedding":[1]}]}"#] {
        let failure = read.answer(answer.as_bytes(), TOOK).unwrap_err();
        assert_eq!(failure.code.as_deref(), Some("embeddings_unexpected"), "{answer}");
        assert_eq!(failure.status(), 502);
    }
}
