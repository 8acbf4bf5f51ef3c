//! The harness for a test: a simulated backend, a home with a sign-in, and servers over both.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use chatmock_server::auth::{KeeperSettings, Secret};
use chatmock_server::translate::Policy;
use chatmock_server::upstream::{Config, RetryPolicy, UpstreamRoute};
use chatmock_server::{
    Access, CompanionSettings, HttpSettings, KeySettings, ModelSettings, Served, Server, Settings,
    SignInSettings,
};
use chatmock_simulator::{Backend, Claims, Settings as Simulated, Simulator};
use chatmock_testkit::client::{
    self, Connection, Reply, Request, WebSocket, web_socket, with_deadline,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const CHAT: &str = "/v1/chat/completions";
pub(crate) const RESPONSES: &str = "/v1/responses";

/// A simulator, a signed-in home and one server.
pub(crate) struct Harness {
    pub(crate) simulator: Simulator,
    pub(crate) home: TempDir,
    pub(crate) server: Running,
}

impl Harness {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A harness whose server's settings are changed first.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::of(Simulated::default(), Claims::default(), change).await
    }

    /// A harness of a simulator and a person of one's own.
    pub(crate) async fn of(
        simulated: Simulated,
        claims: Claims,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let simulator = Simulator::start(simulated).await.unwrap();
        let home = tempfile::tempdir().unwrap();
        sign_in(home.path(), &simulator.tokens(claims).auth_json());
        let mut settings = settings(&simulator, home.path());
        change(&mut settings);
        let server = Running::start(settings).await;
        Self { simulator, home, server }
    }

    /// A harness whose server listens at an address of one's own choice.
    pub(crate) async fn at(address: SocketAddr, change: impl FnOnce(&mut Settings)) -> Self {
        let mut harness = Self::new().await;
        let mut settings = settings(&harness.simulator, harness.home.path());
        change(&mut settings);
        harness.server = Running::at(address, settings).await;
        harness
    }

    /// One more server over the same home and backend.
    pub(crate) async fn another(&self) -> Running {
        Running::start(settings(&self.simulator, self.home.path())).await
    }

    /// The body of the last model call.
    pub(crate) fn sent(&self) -> Value {
        self.simulator.model_calls().pop().unwrap().json()
    }

    /// The number of model calls so far.
    pub(crate) fn calls(&self) -> u64 {
        self.simulator.stats().responses()
    }
}

/// Puts a sign-in into a home.
pub(crate) fn sign_in(home: &Path, auth_json: &str) {
    std::fs::write(home.join("auth.json"), auth_json).unwrap();
}

/// Settings of a server that calls a simulator.
pub(crate) fn settings(simulator: &Simulator, home: &Path) -> Settings {
    let issuer = simulator.issuer();
    let keeper = KeeperSettings { issuer, ..KeeperSettings::new("chatmock", "chatmock/test") };
    Settings {
        http: HttpSettings::default(),
        policy: Policy::default(),
        upstream: Config {
            route: UpstreamRoute::codex().at(simulator.upstream_url()),
            // Tests of single failures count single calls.
            retry: RetryPolicy { calls: 0, ..RetryPolicy::default() },
            ..Config::default()
        },
        access: Access::SignIn(SignInSettings {
            home: home.to_owned(),
            borrow_codex: None,
            keeper,
        }),
        models: ModelSettings::default(),
        companions: CompanionSettings::default(),
    }
}

/// Settings of a server that calls one of a simulator's backends by its own route, with a key in
/// place of a sign-in.
pub(crate) fn settings_by(route: UpstreamRoute, simulator: &Simulator) -> Settings {
    let (backend, key) = match route.name() {
        "plan" => (Backend::Plan, "plan-simulated"),
        "api" => (Backend::Api, "sk-simulated"),
        _ => panic!("the Codex backend is called with a sign-in"),
    };
    let mut settings = settings(simulator, Path::new(""));
    settings.upstream.route = route.at(simulator.url_of(backend));
    settings.access = Access::Key(KeySettings { key: Some(Secret::new(key)), home: None });
    settings
}

/// A server that listens.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<Served>,
}

impl Running {
    pub(crate) async fn start(settings: Settings) -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into(), settings).await
    }

    async fn at(address: SocketAddr, settings: Settings) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = Server::new(settings).unwrap();
        let served = tokio::spawn(server.serve(vec![listener], async move {
            // A dropped sender stops the server too.
            let _ = stopped.await;
        }));
        Self { address, stop: Some(stop), served }
    }

    /// Sends a request on a connection of its own.
    pub(crate) async fn send(&self, request: Request) -> Reply {
        client::send(self.address, &request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(Request::post(path, body.to_string())).await
    }

    /// Begins a request and leaves its answer to be read.
    pub(crate) async fn begin(&self, path: &str, body: &Value) -> Connection {
        let mut connection = Connection::open(self.address).await.unwrap();
        connection.write(&Request::post(path, body.to_string()).bytes()).await.unwrap();
        connection
    }

    /// Opens a WebSocket of the Responses API.
    pub(crate) async fn socket(&self) -> WebSocket {
        let opened = WebSocket::open(self.address, &web_socket::handshake(RESPONSES)).await;
        opened.unwrap().unwrap_or_else(|reply| panic!("{}: {}", reply.status, reply.text()))
    }

    /// Asks a question in the chat dialect, answered whole.
    pub(crate) async fn say(&self, text: &str) -> Reply {
        self.post(CHAT, &chat(text, false)).await
    }

    /// Asks the server to stop; `ended` returns how it did.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) async fn ended(mut self) -> Served {
        self.stop();
        soon(&mut self.served).await.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.served.abort();
    }
}

/// Waits for something that is to happen soon; a test that waits longer has failed.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    with_deadline(future).await.unwrap()
}

/// A chat request with one user message.
pub(crate) fn chat(text: &str, stream: bool) -> Value {
    json!({
        "model": "gpt-5.5", "stream": stream,
        "messages": [{"role": "user", "content": text}],
    })
}

/// A Responses request with one user message.
pub(crate) fn responses(text: &str, stream: bool) -> Value {
    json!({"model": "gpt-5.5", "stream": stream, "input": text})
}

/// The request of a dialect by its path.
pub(crate) fn ask(path: &str, text: &str, stream: bool) -> Value {
    if path == CHAT { chat(text, stream) } else { responses(text, stream) }
}

/// The text of a whole chat reply.
pub(crate) fn said(reply: &Reply) -> String {
    let reply = reply.json();
    reply["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
}

/// The joined text of a streamed chat reply.
pub(crate) fn streamed(reply: &Reply) -> String {
    let events = reply.events();
    let deltas = events.iter().map(|event| &event["choices"][0]["delta"]["content"]);
    deltas.filter_map(Value::as_str).collect()
}

/// The text of a response object.
pub(crate) fn output_text(response: &Value) -> String {
    let items = response["output"].as_array().into_iter().flatten();
    let parts = items.flat_map(|item| item["content"].as_array().into_iter().flatten());
    let texts = parts.filter(|part| part["type"] == "output_text");
    texts.filter_map(|part| part["text"].as_str()).collect()
}
