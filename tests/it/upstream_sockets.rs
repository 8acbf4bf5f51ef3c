//! Sockets to the backend: every dialect goes on on one, answers are those of HTTP, and HTTP is what remains.

use std::collections::BTreeMap;

use chatmock_server::upstream::{Transport, UpstreamRoute};
use chatmock_server::{ApiKey, Settings};
use chatmock_simulator::{Claims, Mode, Script, Settings as Simulated, Simulator, Stats, Step};
use chatmock_testkit::client::{Connection, Request, WebSocket, web_socket};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::conversation::Conversation;
use crate::dialects::conversational;
use crate::harness::{
    CHAT, RESPONSES, Running, chat, responses, settings, settings_by, sign_in, soon,
};

const HANDSHAKES: [&str; 2] = ["GET /backend-api/codex/responses", "GET /plan/v1/responses"];

/// A backend, and a server that calls it in one way.
struct Ground {
    simulator: Simulator,
    _home: TempDir,
    server: Running,
}

impl Ground {
    async fn with(transport: Transport, change: impl FnOnce(&mut Settings)) -> Self {
        Self::changed((UpstreamRoute::codex(), transport), Simulated::default(), change).await
    }

    async fn of(route: UpstreamRoute, transport: Transport, simulated: Simulated) -> Self {
        Self::changed((route, transport), simulated, |_| {}).await
    }

    async fn changed(
        (route, transport): (UpstreamRoute, Transport),
        simulated: Simulated,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let simulator = Simulator::start(simulated).await.unwrap();
        let home = tempfile::tempdir().unwrap();
        sign_in(home.path(), &simulator.tokens(Claims::default()).auth_json());
        let mut settings: Settings = match route.name() {
            "plan" => settings_by(route, &simulator),
            _ => settings(&simulator, home.path()),
        };
        settings.upstream.transport = transport;
        change(&mut settings);
        let server = Running::start(settings).await;
        Self { simulator, _home: home, server }
    }

    async fn codex(transport: Transport) -> Self {
        Self::of(UpstreamRoute::codex(), transport, Simulated::default()).await
    }

    fn handshakes(&self) -> u64 {
        let stats = self.simulator.stats();
        HANDSHAKES.iter().map(|name| stats.count(name)).sum()
    }

    /// The calls so far, by whether they came over a socket.
    fn calls(&self) -> (usize, usize) {
        let calls = self.simulator.model_calls();
        let by_socket = calls.iter().filter(|call| call.method == "MESSAGE").count();
        (by_socket, calls.len() - by_socket)
    }

    fn last(&self) -> Value {
        self.simulator.model_calls().pop().unwrap().json()
    }

    fn bytes(&self) -> usize {
        self.simulator.model_calls().iter().map(|call| call.body.len()).sum()
    }
}

/// The words of a turn of a conversation; every other one calls a tool.
fn words(turn: usize) -> String {
    match turn % 2 {
        0 => format!("get_weather city=Oslo{turn} {}", "for a long trip ".repeat(200)),
        _ => format!("and then {turn}? {}", "in a few words ".repeat(200)),
    }
}

#[tokio::test]
async fn every_dialect_goes_on_on_one_socket_and_sends_only_what_is_new() {
    for route in [UpstreamRoute::codex(), UpstreamRoute::plan()] {
        for dialect in conversational() {
            let mut outcomes = BTreeMap::new();
            for transport in [Transport::Http, Transport::Auto, Transport::WebSocket] {
                let ground = Ground::of(route.clone(), transport, Simulated::default()).await;
                let mut conversation = Conversation::new(dialect, "You help.");
                for turn in 0..6 {
                    conversation.turn(&ground.server, &words(turn)).await;
                }
                let name = format!("{transport:?}");
                let (by_socket, by_http) = ground.calls();
                println!(
                    "{} {dialect} {name}: {by_socket} by socket, {by_http} by HTTP, {} bytes",
                    route.name(),
                    ground.bytes()
                );
                match transport {
                    Transport::Http => assert_eq!((by_socket, ground.handshakes()), (0, 0)),
                    _ => {
                        assert_eq!(ground.handshakes(), 1, "{dialect}");
                        assert_eq!(by_http, usize::from(transport == Transport::Auto), "{dialect}");
                        assert!(
                            ground.last()["previous_response_id"].is_string(),
                            "{dialect}: {}",
                            ground.last()
                        );
                    }
                }
                outcomes.insert(name, (conversation.called, ground.bytes()));
            }
            let (http, socket) = (&outcomes["Http"], &outcomes["WebSocket"]);
            assert_eq!(http.0, socket.0, "{dialect}");
            assert!(socket.1 * 3 < http.1, "{dialect}: {} and {} bytes", socket.1, http.1);
        }
    }
}

#[tokio::test]
async fn a_single_turn_opens_no_socket_and_a_backend_without_sockets_is_asked_once() {
    let ground = Ground::codex(Transport::Auto).await;
    for text in ["one", "two", "three"] {
        assert_eq!(ground.server.say(text).await.status, 200);
    }
    assert_eq!((ground.handshakes(), ground.calls()), (0, (0, 3)));
    let simulated = Simulated { sockets: false, ..Simulated::default() };
    let ground = Ground::of(UpstreamRoute::codex(), Transport::WebSocket, simulated).await;
    for _ in 0..4 {
        assert_eq!(ground.server.say("again").await.status, 200);
    }
    assert_eq!((ground.handshakes(), ground.calls()), (1, (0, 4)));
}

#[tokio::test]
async fn a_refusal_on_a_socket_has_the_status_and_the_code_of_http() {
    let http = Ground::codex(Transport::Http).await;
    let socket = Ground::codex(Transport::WebSocket).await;
    for mode in [
        Mode::UsageLimit,
        Mode::RateLimit,
        Mode::Unavailable,
        Mode::NotIncluded,
        Mode::FailContext,
        Mode::ErrorNested,
    ] {
        for (path, ask) in [
            (CHAT, chat(&format!("MODE:{}", mode.name()), false)),
            (RESPONSES, responses(&format!("MODE:{}", mode.name()), true)),
        ] {
            let by_http = http.server.post(path, &ask).await;
            let by_socket = socket.server.post(path, &ask).await;
            let word =
                |reply: &chatmock_testkit::client::Reply| reply.json()["error"]["code"].clone();
            assert_eq!(by_socket.status, by_http.status, "{mode:?} {path}: {}", by_socket.text());
            assert_eq!(word(&by_socket), word(&by_http), "{mode:?} {path}");
        }
    }
    assert_eq!(socket.calls().1, 0, "nothing is sent again");
}

#[tokio::test]
async fn an_answer_that_breaks_is_reported_and_its_socket_is_not_used_again() {
    let ground = Ground::codex(Transport::WebSocket).await;
    let broken = ground.server.post(RESPONSES, &responses("MODE:cut", true)).await;
    let events = broken.events();
    assert_eq!(events.last().unwrap()["type"], "response.failed", "{}", broken.text());
    let error = events.last().unwrap()["response"]["error"].to_string();
    assert!(error.contains("upstream_incomplete"), "{error}");
    assert_eq!(ground.calls(), (1, 0), "what has begun is not sent again");
    let next = ground.server.post(RESPONSES, &responses("MODE:cut", true)).await;
    assert_eq!(next.events().last().unwrap()["type"], "response.failed");
    assert_eq!(ground.handshakes(), 2);
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_socket() {
    let ground = Ground::codex(Transport::WebSocket).await;
    let mut open = ground.server.begin(CHAT, &chat("MODE:slow:1000:20", true)).await;
    open.head().await.unwrap();
    soon(ground.simulator.wait_for(|stats| stats.open_streams == 1)).await;
    drop(open);
    soon(ground.simulator.wait_for(|stats| stats.open_streams == 0)).await;
    assert_eq!(ground.simulator.stats().cancelled_streams, 1);
    assert_eq!(ground.server.say("hello").await.status, 200);
}

#[tokio::test]
async fn answers_side_by_side_have_a_socket_each() {
    let ground = Ground::codex(Transport::WebSocket).await;
    let ask = chat("MODE:slow:20:20", true);
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(ground.server.begin(CHAT, &ask).await);
    }
    for mut connection in open {
        let head = connection.head().await.unwrap();
        assert!(connection.body(head).await.unwrap().text().ends_with("data: [DONE]\n\n"));
    }
    assert_eq!((ground.handshakes(), ground.calls()), (3, (3, 0)));
}

#[tokio::test]
async fn a_request_that_a_new_socket_took_is_not_sent_again() {
    let ground = Ground::codex(Transport::WebSocket).await;
    let closed = || Script::stream(Vec::new());
    ground.simulator.enqueue(closed());
    let refused = ground.server.say("hello").await;
    assert_eq!((refused.status, refused.error().2), (502, "upstream_disconnected".into()));
    assert_eq!(ground.calls(), (1, 0), "it may have been answered");
    // One that was idle has most likely been closed by the backend meanwhile.
    let mut conversation = Conversation::new(crate::dialects::dialect("chat"), "You help.");
    conversation.turn(&ground.server, "one").await;
    ground.simulator.enqueue(closed());
    conversation.turn(&ground.server, "two").await;
    assert_eq!(ground.calls(), (3, 1), "once more, over HTTP");
}

#[tokio::test]
async fn what_the_backend_has_lost_is_sent_once_more_and_whole() {
    let faults = [
        (400, json!({"code": "previous_response_not_found", "message": "gone"})),
        (
            400,
            json!({"type": "invalid_request_error", "message": "Invalid `previous_response_id`."}),
        ),
        (400, json!({"code": "websocket_connection_limit_reached", "message": "an hour"})),
        (401, json!({"code": "invalid_api_key", "message": "Your session has ended."})),
    ];
    let mut scripts: Vec<Script> = faults
        .iter()
        .map(|(status, error)| Script::json(*status, &json!({"error": error})))
        .collect();
    let ended = json!({"code": "invalid_api_key", "message": "Your session has ended."});
    let failed = json!({"type": "response.failed", "response": {"id": "resp_0", "error": ended}});
    scripts.push(Script::stream(vec![Step::Event(failed.to_string())]));
    for script in scripts {
        let ground = Ground::codex(Transport::WebSocket).await;
        let mut conversation = Conversation::new(crate::dialects::dialect("chat"), "You help.");
        conversation.turn(&ground.server, "one").await;
        ground.simulator.enqueue(script.clone());
        conversation.turn(&ground.server, "two").await;
        assert_eq!(ground.calls(), (2, 1), "{script:?}");
        assert!(ground.last().get("previous_response_id").is_none());
        assert!(ground.last()["input"].to_string().contains("one"));
    }
}

#[tokio::test]
async fn a_token_that_a_socket_refuses_is_renewed_once() {
    let ground = Ground::codex(Transport::WebSocket).await;
    let mut conversation = Conversation::new(crate::dialects::dialect("chat"), "You help.");
    conversation.turn(&ground.server, "one").await;
    for _ in 0..2 {
        ground.simulator.enqueue(Mode::Unauthorized);
    }
    conversation.turn(&ground.server, "two").await;
    assert_eq!(ground.calls(), (2, 2), "on the socket, as a POST, and with the new token");
    conversation.turn(&ground.server, "three").await;
    assert_eq!(ground.handshakes(), 2, "the socket of the old token is not used");
    for _ in 0..4 {
        ground.simulator.enqueue(Mode::Unauthorized);
    }
    let refused = ground.server.say("four").await;
    assert_eq!((refused.status, ground.calls().1), (401, 4), "{}", refused.text());
}

#[tokio::test]
async fn the_state_of_a_turn_comes_in_an_event_and_goes_back_in_the_request() {
    for transport in [Transport::WebSocket, Transport::Auto, Transport::Http] {
        let ground = Ground::codex(transport).await;
        let mut conversation = Conversation::new(crate::dialects::dialect("chat"), "You help.");
        for turn in 0..4 {
            conversation.turn(&ground.server, &words(turn)).await;
        }
        let states = ground.simulator.stats().turn_states;
        assert_eq!((states.missing, states.stray), (0, 0), "{transport:?}");
        assert!(states.echoed >= 2, "{transport:?}: {states:?}");
    }
}

#[tokio::test]
async fn large_requests_go_over_http_and_large_messages_leave_the_socket_usable() {
    let simulated = Simulated { max_body: 64 * 1024 * 1024, ..Simulated::default() };
    let ground = Ground::of(UpstreamRoute::codex(), Transport::WebSocket, simulated).await;
    let huge = format!("MODE:keepalive {}", "x".repeat(16 * 1024 * 1024));
    assert_eq!(ground.server.say(&huge).await.status, 200);
    assert_eq!((ground.calls(), ground.handshakes()), ((0, 1), 0));
    let mut conversation = Conversation::new(crate::dialects::dialect("responses"), "You help.");
    for size in [1024 * 1024, 10, 200 * 1024, 10] {
        let text = format!("MODE:keepalive {}", "y".repeat(size));
        conversation.turn(&ground.server, &text).await;
    }
    assert_eq!((ground.calls(), ground.handshakes()), ((4, 1), 1));
}

#[tokio::test]
async fn a_label_has_eight_sockets_and_takes_none_of_another_s() {
    let ground = Ground::with(Transport::WebSocket, |settings| {
        settings.http.admission.keys =
            vec![ApiKey::new("ann", "sk-ann-0123456789"), ApiKey::new("bob", "sk-bob-0123456789")];
    })
    .await;
    let begin = async |name: &str| {
        let request = Request::post(CHAT, chat("MODE:stall-after", true).to_string())
            .with("authorization", &format!("Bearer sk-{name}-0123456789"));
        let mut open = Connection::begin(ground.server.address, &request.bytes()).await.unwrap();
        assert_eq!(open.head().await.unwrap().status, 200);
        open
    };
    let mut open = Vec::new();
    for _ in 0..9 {
        open.push(begin("ann").await);
    }
    assert_eq!(ground.calls(), (8, 1), "the ninth goes over HTTP");
    open.push(begin("bob").await);
    assert_eq!(ground.calls(), (9, 1));
    drop(open);
    soon(ground.simulator.wait_for(|stats| stats.open_streams == 0)).await;
    drop(begin("ann").await);
    assert_eq!(ground.calls(), (10, 1), "its places are free again");
}

#[tokio::test]
async fn a_first_turn_that_calls_a_tool_opens_the_socket_of_the_next_one() {
    for route in [UpstreamRoute::codex(), UpstreamRoute::plan()] {
        for dialect in conversational() {
            let ground = Ground::of(route.clone(), Transport::Auto, Simulated::default()).await;
            let mut conversation = Conversation::new(dialect, "You help.");
            conversation.say("get_weather city=Oslo");
            assert!(conversation.step(&ground.server).await, "{dialect}");
            assert_eq!(ground.calls(), (0, 1), "{dialect}");
            let is_open = |stats: &Stats| HANDSHAKES.iter().any(|name| stats.count(name) == 1);
            soon(ground.simulator.wait_for(is_open)).await;
            assert!(!conversation.step(&ground.server).await, "{dialect}");
            assert_eq!((ground.calls(), ground.handshakes()), ((1, 1), 1), "{dialect}");
        }
    }
}

#[tokio::test]
async fn nothing_is_generated_or_asked_ahead_of_a_turn() {
    for transport in [Transport::Auto, Transport::WebSocket] {
        let ground = Ground::codex(transport).await;
        for dialect in conversational() {
            let mut conversation = Conversation::new(dialect, "You help.");
            for turn in 0..4 {
                conversation.turn(&ground.server, &words(turn)).await;
            }
        }
        let before = ground.calls();
        let mut socket = WebSocket::open(ground.server.address, &web_socket::handshake(RESPONSES))
            .await
            .unwrap()
            .unwrap();
        let mut warm_up = responses("hello", true);
        warm_up["type"] = "response.create".into();
        warm_up["generate"] = false.into();
        let warm = socket.ask(&warm_up).await.unwrap();
        assert_eq!(warm.last().unwrap()["type"], "response.completed");
        assert_eq!(ground.calls(), before, "a warm-up of a client is answered here");
        let id = warm.last().unwrap()["response"]["id"].clone();
        let next = json!({"type": "response.create", "model": "gpt-5.5", "input": "go on", "previous_response_id": id});
        let answer = socket.ask(&next).await.unwrap();
        assert_eq!(answer.last().unwrap()["type"], "response.completed", "{answer:?}");
        for call in ground.simulator.model_calls() {
            let sent = call.json();
            assert!(sent.get("generate").is_none(), "{transport:?}: {sent}");
            let options = sent["prompt_cache_options"].get("prewarm");
            assert!(options.is_none(), "{transport:?}: {sent}");
        }
    }
}

#[tokio::test]
async fn the_limits_of_an_account_are_those_of_the_latest_answer_on_a_kept_socket() {
    let ground = Ground::codex(Transport::WebSocket).await;
    let mut conversation = Conversation::new(crate::dialects::dialect("chat"), "You help.");
    for used in ["31", "62.5", "93"] {
        let response = json!({"id": format!("resp_{used}"), "output": []});
        let delta = json!({"type": "response.output_text.delta", "output_index": 0,
            "content_index": 0, "delta": "hi"});
        let events = [
            json!({"type": "response.created", "response": response}),
            delta,
            json!({"type": "response.completed", "response": response}),
        ];
        let script = Script::events(events.map(|event| event.to_string()))
            .with_header("x-codex-primary-used-percent", used);
        ground.simulator.enqueue(script);
        conversation.turn(&ground.server, "hello").await;
        let limits = ground.server.get("/limits").await.json();
        let shown = limits["limits"]["primary"]["used_percent"].as_f64();
        assert_eq!(shown, used.parse().ok(), "{limits}");
    }
    assert_eq!((ground.handshakes(), ground.calls()), (1, (3, 0)));
}
