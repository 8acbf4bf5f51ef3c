//! The three routes: every dialect through each backend, what each takes, and how each fails.

use chatmock_server::upstream::{ApiFlavor, UpstreamRoute};
use chatmock_server::{ApiKey, Settings};
use chatmock_simulator::{Settings as Simulated, Simulator};
use chatmock_testkit::client::Request;
use serde_json::{Value, json};

use crate::conversation::Conversation;
use crate::dialects::{conversational, dialects, ways};
use crate::harness::responses;
use crate::harness::{CHAT, Harness, RESPONSES, Running, chat, said, settings_by};

/// A simulator, and a server that calls one of its backends with a key.
struct Way {
    simulator: Simulator,
    server: Running,
    route: UpstreamRoute,
}

impl Way {
    async fn by(route: UpstreamRoute) -> Self {
        Self::with(route, Simulated::default(), |_| {}).await
    }

    async fn with(
        route: UpstreamRoute,
        simulated: Simulated,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let simulator = Simulator::start(simulated).await.unwrap();
        let mut settings = settings_by(route.clone(), &simulator);
        change(&mut settings);
        let server = Running::start(settings).await;
        Self { simulator, server, route }
    }

    fn sent(&self) -> Value {
        self.simulator.model_calls().pop().unwrap().json()
    }
}

fn plan() -> UpstreamRoute {
    UpstreamRoute::plan()
}

fn api() -> UpstreamRoute {
    UpstreamRoute::api(ApiFlavor::OpenAi)
}

fn generic() -> UpstreamRoute {
    UpstreamRoute::api(ApiFlavor::Generic)
}

#[tokio::test]
async fn every_dialect_answers_whole_and_streamed_by_every_route() {
    for route in [plan(), api(), generic()] {
        let way = Way::by(route).await;
        let name = way.route.name();
        for (dialect, stream) in ways() {
            let reply = way.server.ask(dialect, "hello", stream).await;
            let text = dialect.text(&reply, stream);
            assert_eq!(text, "You said: hello", "{name}, {}: {}", dialect.name, reply.text());
        }
    }
}

#[tokio::test]
async fn tools_are_called_and_answered_by_every_route_in_every_dialect() {
    for route in [plan(), api(), generic()] {
        for dialect in conversational() {
            let way = Way::by(route.clone()).await;
            let mut conversation = Conversation::new(dialect, "Be brief.");
            conversation.turn(&way.server, "get_weather city=Oslo").await;
            assert_eq!(conversation.called, ["get_weather {\"city\":\"Oslo\"}"], "{dialect}");
        }
    }
}

#[tokio::test]
async fn a_plan_is_offered_functions_in_a_namespace_that_no_client_sees() {
    let way = Way::by(plan()).await;
    let parameters = json!({"type": "object", "properties": {}});
    let tools = json!([{"type": "function", "name": "get_weather", "description": null, "strict": false, "parameters": parameters}]);
    let mut request = responses("get_weather city=Oslo", false);
    request["tools"] = tools.clone();
    let reply = way.server.post(RESPONSES, &request).await.json();
    let sent = way.sent();
    assert_eq!(sent["tools"][0]["type"], "namespace", "{sent}");
    assert_eq!(sent["tools"][0]["tools"][0]["name"], "get_weather");
    let items = reply["output"].as_array().unwrap_or_else(|| panic!("{reply}"));
    assert_eq!(items.last().unwrap()["name"], "get_weather");
    assert!(!reply.to_string().contains("namespace"), "{reply}");
    assert_eq!(reply["tools"], tools);
    request["stream"] = json!(true);
    let stream = way.server.post(RESPONSES, &request).await;
    assert!(!stream.text().contains("namespace"), "{}", stream.text());
}

#[tokio::test]
async fn what_a_plan_refuses_is_reported_and_not_sent() {
    let way = Way::by(plan()).await;
    let mut request = responses("hello", false);
    for (name, value) in [
        ("temperature", json!(0.5)),
        ("metadata", json!({"a": "b"})),
        ("truncation", json!("auto")),
        ("tools", json!([{"type": "file_search"}, {"type": "web_search"}])),
    ] {
        request[name] = value;
    }
    let reply = way.server.post(RESPONSES, &request).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let notices = reply.header("x-chatmock-notices").unwrap();
    for name in ["temperature", "truncation", "file_search"] {
        assert!(notices.contains(name), "{notices}");
    }
    // Labels are kept here.
    assert_eq!(reply.json()["metadata"], json!({"a": "b"}));
    for name in ["temperature", "metadata", "truncation", "file_search"] {
        assert!(!way.sent().to_string().contains(name), "{name}");
    }
    assert_eq!(way.sent()["tools"], json!([{"type": "web_search"}]));
    let strict = Way::with(plan(), Simulated::default(), |settings| settings.policy.strict = true);
    let reply = strict.await.server.post(RESPONSES, &request).await;
    assert_eq!(reply.error().2, "unsupported_parameter", "{}", reply.text());
}

#[tokio::test]
async fn what_a_server_takes_is_passed_on_and_not_done_here() {
    let asked = json!({
        "model": "gpt-5.5", "temperature": 0.5, "top_p": 0.9, "max_tokens": 16, "user": "u",
        "messages": [{"role": "user", "content": "say many words: a b c d e f g h i j k l m n o p q r s t"}],
    });
    let way = Way::by(api()).await;
    let reply = way.server.post(CHAT, &asked).await;
    let sent = way.sent();
    for (name, value) in [("temperature", json!(0.5)), ("top_p", json!(0.9)), ("user", json!("u"))]
    {
        assert_eq!(sent[name], value, "{sent}");
    }
    assert_eq!((&sent["max_output_tokens"], &sent["store"]), (&json!(16), &json!(false)));
    assert_eq!(reply.json()["choices"][0]["finish_reason"], "length", "{}", reply.text());
    assert_eq!(reply.header("x-chatmock-notices"), None);
    assert!(sent.get("client_metadata").is_none() && sent["prompt_cache_key"].is_string());
    let harness = Harness::new().await;
    let reply = harness.server.post(CHAT, &asked).await;
    assert!(reply.header("x-chatmock-notices").unwrap().contains("temperature"));
    assert!(harness.sent().get("temperature").is_none());
}

#[tokio::test]
async fn a_platform_keeps_responses_and_a_generic_server_s_are_kept_here() {
    for (route, native) in [(api(), true), (generic(), false)] {
        let way = Way::by(route).await;
        let first = way.server.post(RESPONSES, &responses("my name is Ann", false)).await.json();
        let mut next = responses("and now?", false);
        next["previous_response_id"] = first["id"].clone();
        let reply = way.server.post(RESPONSES, &next).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(way.sent().get("previous_response_id").is_some(), native);
        let whole = way.sent()["input"].to_string().contains("my name is Ann");
        assert_eq!(whole, !native, "{}", way.sent());
        next["previous_response_id"] = json!("resp_none");
        let reply = way.server.post(RESPONSES, &next).await;
        assert!([400, 404].contains(&reply.status), "{}", reply.text());
    }
}

#[tokio::test]
async fn models_are_those_of_the_backend() {
    for route in [plan(), api()] {
        let way = Way::by(route).await;
        let list = way.server.get("/v1/models").await.json();
        let ids: Vec<&str> =
            list["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
        assert!(ids.contains(&"gpt-5.5"), "{list}");
        let tags = way.server.get("/api/tags").await.json();
        assert_eq!(tags["models"].as_array().unwrap().len(), ids.len());
    }
    let unlisted = Simulated { api_lists_models: false, ..Simulated::default() };
    let way = Way::with(api(), unlisted.clone(), |settings| {
        settings.models.list = vec!["gpt-5.5".to_owned()];
    })
    .await;
    let list = way.server.get("/v1/models").await.json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "{list}");
    assert_eq!(said(&way.server.say("hello").await), "You said: hello");
    let way = Way::with(api(), unlisted, |_| {}).await;
    assert_eq!(way.server.get("/v1/models").await.json()["data"], json!([]));
    assert_eq!(said(&way.server.say("hello").await), "You said: hello");
}

#[tokio::test]
async fn each_failure_of_a_plan_says_what_a_person_can_do() {
    let way = Way::by(plan()).await;
    for (mode, status, words) in [
        ("plan-invalid-user", 401, "chatmock-auth login --route plan"),
        ("plan-not-eligible", 403, "Plus or Pro"),
        ("plan-wrong-route", 403, "report it"),
        ("plan-limit", 429, "https://chatgpt.com/settings/usage"),
        ("plan-limit-late", 429, "https://chatgpt.com/settings/usage"),
        ("plan-usage-unavailable", 503, "try again"),
        ("plan-user-unavailable", 503, "try again"),
        ("plan-unsupported", 400, ""),
        ("plan-scope", 403, "chatmock-auth login --route plan"),
    ] {
        for dialect in dialects() {
            let reply = way.server.ask(dialect, &format!("MODE:{mode}"), false).await;
            assert_eq!(reply.status, dialect.status(status), "{mode}: {}", reply.text());
            assert!(reply.message().contains(words), "{mode}: {}", reply.message());
            assert_eq!(
                reply.header("retry-after"),
                None,
                "{mode}: no time is reported, so none is given"
            );
        }
    }
}

#[tokio::test]
async fn a_key_or_an_address_that_is_wrong_is_named_with_its_setting() {
    let change = |key: &'static str| {
        move |settings: &mut Settings| {
            let key = chatmock_server::auth::Secret::new(key);
            let key = chatmock_server::KeySettings { key: Some(key), home: None };
            settings.access = chatmock_server::Access::Key(key);
        }
    };
    let way = Way::with(api(), Simulated::default(), change("sk-wrong-one")).await;
    let reply = way.server.say("hello").await;
    assert_eq!(reply.status, 401, "{}", reply.text());
    assert!(reply.message().contains("--upstream-key-file"), "{}", reply.message());
    assert!(!reply.text().contains("sk-wrong-one"));
    let way = Way::with(api(), Simulated::default(), |settings| {
        let base = settings.upstream.route.base().trim_end_matches("/v1").to_owned();
        settings.upstream.route = api().at(base);
    })
    .await;
    let reply = way.server.say("hello").await;
    assert_eq!(reply.status, 404, "{}", reply.text());
    assert!(reply.message().contains("--upstream-url"), "{}", reply.message());
}

#[tokio::test]
async fn a_request_that_comes_back_is_refused() {
    let harness = Harness::new().await;
    assert_eq!(harness.server.say("hello").await.status, 200);
    let via = harness.simulator.model_calls().pop().unwrap().header("via").unwrap().to_owned();
    let calls = harness.calls();
    let request = Request::post(CHAT, chat("hello", false).to_string()).with("via", &via);
    let (status, _, code, _) = harness.server.send(request).await.error();
    assert_eq!((status, code), (400, json!("loop_detected")));
    assert_eq!(harness.calls(), calls);
    let request = Request::post(CHAT, chat("hello", false).to_string())
        .with("via", "1.1 fred, 1.1 chatmock-0123456789abcdef");
    assert_eq!(harness.server.send(request).await.status, 200);
    let on = harness.simulator.model_calls().pop().unwrap().header("via").unwrap().to_owned();
    assert_eq!(on, format!("1.1 chatmock-0123456789abcdef, {via}"));
}

#[tokio::test]
async fn labels_part_the_responses_that_a_platform_stores() {
    const KEYS: [(&str, &str); 2] =
        [("ann", "a-key-of-ann-and-more"), ("ben", "a-key-of-ben-and-more")];
    let keys = |settings: &mut Settings| {
        let key = |(label, key): (&str, &str)| ApiKey::new(label, key);
        settings.http.admission.keys = KEYS.into_iter().map(key).collect();
    };
    let way = Way::with(api(), Simulated::default(), keys).await;
    let [ann, ben] = KEYS.map(|(_, key)| key);
    for stream in [false, true] {
        let post = |key, body: &Value| {
            way.server.send(Request::post(RESPONSES, body.to_string()).with("x-api-key", key))
        };
        let reply = post(ann, &responses("my name is Ann", stream)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let id = reply.text().split("\"id\":\"").find_map(|rest| {
            let id = rest.split('"').next().unwrap();
            id.starts_with("resp_").then(|| id.to_owned())
        });
        let path = format!("{RESPONSES}/{}", id.as_ref().unwrap());
        let mut next = responses("and now?", stream);
        next["previous_response_id"] = json!(id);
        assert_eq!(post(ben, &next).await.status, 400);
        assert_eq!(post(ann, &next).await.status, 200);
        // This platform answers no GET, so that what counts is who is asked.
        let asked =
            || way.simulator.requests().iter().filter(|r| r.path.contains("/resp_")).count();
        for (method, path) in [
            ("GET", path.clone()),
            ("GET", format!("{path}/input_items")),
            ("DELETE", path.clone()),
        ] {
            for (key, calls) in [(ben, 0), (ann, 1)] {
                let before = asked();
                let request = Request::new(method, &path).with("x-api-key", key);
                let reply = way.server.send(request).await;
                assert_eq!(asked() - before, calls, "{method} {path}: {}", reply.text());
                let ours =
                    reply.text().contains(&format!("with id '{}' not found", id.as_ref().unwrap()));
                assert_eq!((reply.status, ours), (404, calls == 0), "{}", reply.text());
            }
        }
    }
}

#[tokio::test]
async fn an_id_that_would_change_the_address_names_no_response() {
    let way = Way::by(api()).await;
    for id in ["..", ".", "%2e%2e", "%2E", "../models", "..%2fmodels"] {
        for method in ["GET", "DELETE"] {
            let reply = way.server.send(Request::new(method, &format!("{RESPONSES}/{id}"))).await;
            assert_eq!(reply.status, 404, "{method} {id}: {}", reply.text());
        }
    }
}
