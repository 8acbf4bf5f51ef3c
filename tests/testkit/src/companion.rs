//! A small server of OpenAI's API or of Ollama's, for what the backend does not do: embeddings and speech.
//!
//! It answers by the model that is asked for: `nope` is not there, `limit` is limited, `moved` is elsewhere, `page` is a
//! page, `cut` breaks off, and any other is served. Each connection has a thread, so that tests of every kind can use it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// The API of a [`Companion`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompanionKind {
    /// OpenAI's.
    OpenAi,
    /// Ollama's.
    Ollama,
}

/// A request that a [`Companion`] got.
#[derive(Clone, Debug)]
pub struct Passed {
    /// The method and the path.
    pub line: String,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Passed {
    /// Returns a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Reads the body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// The server, which listens until its process ends.
#[derive(Clone, Debug)]
pub struct Companion {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Passed>>>,
}

impl Companion {
    /// Starts a server that asks for a key, where one is given.
    ///
    /// # Errors
    ///
    /// Whatever the system reports.
    pub fn start(kind: CompanionKind, key: Option<&'static str>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let companion = Self { address: listener.local_addr()?, requests: Arc::default() };
        let served = companion.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let served = served.clone();
                std::thread::spawn(move || served.serve(socket, kind, key));
            }
        });
        Ok(companion)
    }

    /// The address, without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Passed> {
        self.requests.lock().unwrap().clone()
    }

    /// The last request that was no look at lists or versions.
    #[must_use]
    pub fn last(&self) -> Option<Passed> {
        self.requests().into_iter().rfind(|request| request.line.starts_with("POST"))
    }

    fn serve(&self, mut socket: TcpStream, kind: CompanionKind, key: Option<&str>) {
        let Ok(request) = read(&mut socket) else { return };
        self.requests.lock().unwrap().push(request.clone());
        let named = format!("Bearer {}", key.unwrap_or_default());
        let answer = match key {
            Some(_) if request.header("authorization") != Some(&named) => {
                let error = json!({"message": "Incorrect API key", "type": "invalid_request_error", "code": "invalid_api_key"});
                json_answer("401 Unauthorized", &json!({"error": error}))
            }
            _ => answer(&request, kind),
        };
        // A client that left is no fault.
        let _ = socket.write_all(&answer);
    }
}

fn read(socket: &mut TcpStream) -> io::Result<Passed> {
    let mut reader = BufReader::new(socket);
    let (mut line, mut headers) = (String::new(), Vec::new());
    reader.read_line(&mut line)?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut request = Passed { line, headers, body: Vec::new() };
    let length = request.header("content-length").and_then(|length| length.parse().ok());
    request.body.resize(length.unwrap_or(0), 0);
    reader.read_exact(&mut request.body)?;
    Ok(request)
}

fn json_answer(status: &str, body: &Value) -> Vec<u8> {
    with_type(status, "application/json", body.to_string().as_bytes())
}

fn with_type(status: &str, media_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\nset-cookie: a=b\r\n\
         retry-after: 7\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn answer(request: &Passed, kind: CompanionKind) -> Vec<u8> {
    let sent = String::from_utf8_lossy(&request.body);
    if let Some(refusal) = refusal(request, &sent, kind) {
        return refusal;
    }
    match kind {
        CompanionKind::OpenAi => of_openai(request, &sent),
        CompanionKind::Ollama => of_ollama(request),
    }
}

/// The answer to those models that are not served.
fn refusal(request: &Passed, sent: &str, kind: CompanionKind) -> Option<Vec<u8>> {
    let asks = |model: &str| {
        request.json()["model"] == model || sent.contains(&format!("\"model\"\r\n\r\n{model}\r\n"))
    };
    let known = ["nope", "limit", "moved", "page", "cut"].into_iter().find(|model| asks(model))?;
    Some(match (known, kind) {
        ("nope", CompanionKind::Ollama) => json_answer("404 Not Found", &json!({"error": MISSING})),
        ("nope", CompanionKind::OpenAi) => {
            let error = json!({"message": MISSING, "type": "invalid_request_error", "param": "model", "code": "model_not_found"});
            json_answer("404 Not Found", &json!({"error": error}))
        }
        ("limit", _) => {
            let error = json!({"message": "slow down", "type": "rate_limit_error"});
            json_answer("429 Too Many Requests", &json!({"error": error}))
        }
        ("moved", _) => {
            let head = "HTTP/1.1 307 Temporary Redirect\r\nlocation: /elsewhere\r\n";
            format!("{head}content-length: 0\r\nconnection: close\r\n\r\n").into()
        }
        ("page", _) => with_type("200 OK", "text/html", b"<script>alert(1)</script>"),
        _ => format!("{CHUNKED}\r\n3\r\nabc\r\n").into(),
    })
}

/// What is said of a model that is not there.
const MISSING: &str = "model \"nope\" not found, try pulling it first";

/// The head of sound that comes in chunks.
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\nconnection: close\r\n";

fn of_openai(request: &Passed, sent: &str) -> Vec<u8> {
    match request.line.as_str() {
        "GET /v1/models" => {
            let model = |id: &str| json!({"id": id, "object": "model"});
            let models = [model("text-embedding-3-small"), model("whisper-1")];
            json_answer("200 OK", &json!({"data": models}))
        }
        "POST /v1/embeddings" => json_answer("200 OK", &openai(&request.json())),
        "POST /v1/audio/speech" => {
            let sound: Vec<u8> = (0..=255).cycle().take(3000).collect();
            let mut answer = format!("{CHUNKED}\r\n").into_bytes();
            for piece in sound.chunks(1000) {
                answer.extend(format!("{:x}\r\n", piece.len()).bytes());
                answer.extend(piece);
                answer.extend(b"\r\n");
            }
            answer.extend(b"0\r\n\r\n");
            answer
        }
        "POST /v1/audio/transcriptions" | "POST /v1/audio/translations" => transcription(sent),
        _ => nothing(),
    }
}

fn of_ollama(request: &Passed) -> Vec<u8> {
    match request.line.as_str() {
        "GET /api/version" => json_answer("200 OK", &json!({"version": "0.33.0"})),
        "GET /api/tags" => {
            let embeds = json!({"name": "nomic-embed-text:latest", "capabilities": ["embedding"]});
            let talks = json!({"name": "llama3:latest", "capabilities": ["completion"]});
            json_answer("200 OK", &json!({"models": [embeds, talks]}))
        }
        "POST /api/embed" => {
            let sent = request.json();
            let vectors = vectors(&sent);
            let tokens = vectors.len() * 3;
            let answer =
                json!({"model": sent["model"], "embeddings": vectors, "prompt_eval_count": tokens});
            json_answer("200 OK", &answer)
        }
        "POST /api/embeddings" => {
            let text = request.json()["prompt"].clone();
            json_answer("200 OK", &json!({"embedding": vector(&text, 3)}))
        }
        _ => nothing(),
    }
}

fn nothing() -> Vec<u8> {
    json_answer("404 Not Found", &json!({"error": {"message": "404 page not found"}}))
}

fn transcription(sent: &str) -> Vec<u8> {
    let field = |name: &str, value: &str| sent.contains(&format!("\"{name}\"\r\n\r\n{value}\r\n"));
    if field("stream", "true") {
        let events = "data: {\"type\":\"transcript.text.delta\",\"delta\":\"a cat\"}\n\n\
                      data: {\"type\":\"transcript.text.done\",\"text\":\"a cat\"}\n\n";
        return with_type("200 OK", "text/event-stream", events.as_bytes());
    }
    if field("response_format", "text") {
        return with_type("200 OK", "text/plain; charset=utf-8", b"a cat\n");
    }
    json_answer("200 OK", &json!({"text": "a cat"}))
}

fn openai(sent: &Value) -> Value {
    let vectors = vectors(sent);
    let tokens = vectors.len() * 3;
    let data = vectors.into_iter().enumerate().map(
        |(index, embedding)| json!({"object": "embedding", "index": index, "embedding": embedding}),
    );
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    json!({"object": "list", "model": sent["model"], "data": data.collect::<Vec<_>>(), "usage": usage})
}

/// One vector for each text or list of token ids.
fn vectors(sent: &Value) -> Vec<Value> {
    let length = sent["dimensions"].as_u64().unwrap_or(3);
    match &sent["input"] {
        Value::Array(items) if !items.iter().all(Value::is_u64) => {
            items.iter().map(|item| vector(item, length)).collect()
        }
        one => vec![vector(one, length)],
    }
}

/// A vector that begins with the length of its text.
fn vector(text: &Value, length: u64) -> Value {
    let first = text.as_str().map_or_else(|| text.as_array().map_or(0, Vec::len), str::len);
    let rest = (1..length).map(|index| json!(0.5 / f64::from(u32::try_from(index).unwrap_or(1))));
    std::iter::once(json!(first)).chain(rest).collect()
}
