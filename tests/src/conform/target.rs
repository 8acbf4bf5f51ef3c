//! The server that is asked.

use chatmock_testkit::client::{Connection, Reply, Request, WebSocket, web_socket};
use serde_json::{Value, json};

use super::options::Options;
use crate::schemas::Schemas;

/// Says what is wrong with an error, if anything is.
pub(super) type ErrorCheck = fn(&Value) -> Result<(), String>;

/// A server, with how it is asked.
pub(super) struct Target {
    /// Host and port.
    address: String,
    /// The path before `/v1` and `/api`.
    prefix: String,
    key: Option<String>,
    /// The model.
    pub(super) model: String,
    /// The description of OpenAI's API.
    pub(super) openai: Schemas,
    /// That of Open Responses.
    pub(super) open_responses: Schemas,
    /// That of Ollama's.
    pub(super) ollama: Schemas,
}

impl Target {
    /// Finds the server, and a model where none is named.
    pub(super) async fn open(options: &Options) -> Result<Self, String> {
        let rest = options.url.strip_prefix("http://").ok_or(
            "the address must begin with http://: for https, put a tunnel before the server",
        )?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let path = path.trim_end_matches('/').trim_end_matches("v1").trim_end_matches('/');
        let prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
        let open = |file: &str| match &options.schemas {
            Some(folder) => Schemas::open_in(folder, file),
            None => Schemas::open(file),
        };
        let mut target = Self {
            address,
            prefix,
            key: options.key.clone(),
            model: String::new(),
            openai: open("openai.schema.json"),
            open_responses: open("openresponses.schema.json"),
            ollama: open("ollama.schema.json"),
        };
        target.model = match &options.model {
            Some(model) => model.clone(),
            None => target.first_model().await?,
        };
        Ok(target)
    }

    async fn first_model(&self) -> Result<String, String> {
        for (path, list, name) in [("/v1/models", "data", "id"), ("/api/tags", "models", "name")] {
            let Ok(reply) = self.get(path).await else { continue };
            let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
            let mut models = body[list].as_array().into_iter().flatten();
            let talks = |model: &&Value| {
                model["capabilities"]
                    .as_array()
                    .is_none_or(|all| all.contains(&json!("completion")))
            };
            if let Some(model) = models.find(talks).and_then(|model| model[name].as_str()) {
                return Ok(model.to_owned());
            }
        }
        Err(format!("{} lists no models: name one with --model", self.address))
    }

    fn with_key(&self, request: Request) -> Request {
        let request = request.with("host", &self.address).with("accept", "*/*");
        match &self.key {
            // Anthropic's clients send the one, all others the other.
            Some(key) => {
                request.with("authorization", &format!("Bearer {key}")).with("x-api-key", key)
            }
            None => request,
        }
    }

    /// Makes a request with a JSON body, as a client of the path's API makes it.
    pub(super) fn request(&self, method: &str, path: &str, body: &Value) -> Request {
        let request = Request::new(method, &format!("{}{path}", self.prefix));
        let request = self.with_key(request).with("content-type", "application/json");
        let request = match path.starts_with("/v1/messages") {
            true => request.with("anthropic-version", "2023-06-01"),
            false => request,
        };
        request.body(body.to_string())
    }

    pub(super) async fn send(&self, request: &Request) -> Result<Reply, String> {
        let sent = async {
            let mut connection = self.connect().await?;
            connection.send(request).await.map_err(|error| error.to_string())
        };
        sent.await.map_err(|error| format!("no answer: {error}"))
    }

    pub(super) async fn connect(&self) -> Result<Connection, String> {
        Connection::open(&self.address).await.map_err(|error| format!("no connection: {error}"))
    }

    pub(super) async fn get(&self, path: &str) -> Result<Reply, String> {
        let request = Request::get(&format!("{}{path}", self.prefix));
        self.send(&self.with_key(request)).await
    }

    /// Asks, and returns whatever is answered.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Reply, String> {
        self.send(&self.request("POST", path, body)).await
    }

    /// Asks with this server's model; the answer must be whole JSON.
    pub(super) async fn ask(&self, path: &str, body: &Value) -> Result<Value, String> {
        let reply = self.post(path, &self.asking(body)).await?;
        good(&reply, "application/json")?;
        json_of(&reply)
    }

    /// Asks for a stream of this media type.
    pub(super) async fn stream(
        &self,
        path: &str,
        body: &Value,
        media_type: &str,
    ) -> Result<Reply, String> {
        let mut body = self.asking(body);
        body["stream"] = json!(true);
        let reply = self.post(path, &body).await?;
        good(&reply, media_type)?;
        Ok(reply)
    }

    /// Returns a body with the model of this run, where it names none.
    pub(super) fn asking(&self, body: &Value) -> Value {
        let mut body = body.clone();
        if body["model"].is_null() {
            body["model"] = json!(self.model);
        }
        body
    }

    /// Opens a WebSocket of the Responses API.
    pub(super) async fn socket(&self) -> Result<WebSocket, String> {
        let path = format!("{}/v1/responses", self.prefix);
        let handshake = web_socket::handshake(&path);
        let handshake = match &self.key {
            Some(key) => handshake.with("authorization", &format!("Bearer {key}")),
            None => handshake,
        };
        match WebSocket::open(&self.address, &handshake).await {
            Ok(Ok(socket)) => Ok(socket),
            Ok(Err(reply)) => Err(format!("the handshake is answered with {}", reply.status)),
            Err(error) => Err(format!("no socket: {error}")),
        }
    }

    /// Asks in ways that must be refused, and checks that the error is one of the API.
    pub(super) async fn refuses(
        &self,
        (method, path): (&str, &str),
        body: &Value,
        (statuses, error): (&[u16], ErrorCheck),
    ) -> Result<(), String> {
        let reply = self.send(&self.request(method, path, body)).await?;
        if !statuses.contains(&reply.status) {
            return Err(format!(
                "{method} {path} {body}: status {}: {}",
                reply.status,
                reply.text()
            ));
        }
        let value = json_of(&reply)?;
        error(&value).map_err(|fault| format!("{fault}: {value}"))
    }
}

/// Fails unless an answer is a good and whole one of a media type.
pub(super) fn good(reply: &Reply, media_type: &str) -> Result<(), String> {
    if reply.status != 200 {
        return Err(format!("status {}: {}", reply.status, reply.text()));
    }
    let found = reply.header("content-type").unwrap_or_default();
    if !found.starts_with(media_type) {
        return Err(format!("content-type is {found:?}, not {media_type}"));
    }
    if reply.whole { Ok(()) } else { Err("the body is cut".to_owned()) }
}

/// Reads the JSON of an answer.
pub(super) fn json_of(reply: &Reply) -> Result<Value, String> {
    serde_json::from_slice(&reply.body)
        .map_err(|_| format!("status {} and no JSON: {}", reply.status, reply.text()))
}
