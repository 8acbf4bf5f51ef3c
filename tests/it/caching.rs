//! Prompt caching: the share of a conversation's input that the backend's cache knows, by every route.

use chatmock_server::Settings;
use chatmock_server::upstream::{ApiFlavor, UpstreamRoute};
use chatmock_simulator::{Claims, Settings as Simulated, Simulator};
use tempfile::TempDir;

use crate::conversation::Conversation;
use crate::dialects::conversational;
use crate::harness::{Running, settings, settings_by, sign_in};

/// The number of turns of a conversation.
const TURNS: usize = 10;

/// A backend, and the settings by which servers call it.
struct Ground {
    simulator: Simulator,
    home: TempDir,
    route: UpstreamRoute,
}

impl Ground {
    async fn of(route: UpstreamRoute) -> Self {
        let simulator = Simulator::start(Simulated::default()).await.unwrap();
        let home = tempfile::tempdir().unwrap();
        sign_in(home.path(), &simulator.tokens(Claims::default()).auth_json());
        Self { simulator, home, route }
    }

    fn settings(&self) -> Settings {
        match self.route.uses_key() || self.route.name() == "plan" {
            true => settings_by(self.route.clone(), &self.simulator),
            false => settings(&self.simulator, self.home.path()),
        }
    }

    async fn server(&self) -> Running {
        Running::start(self.settings()).await
    }

    /// Tokens of all prompts so far, and those of them that were cached.
    fn tokens(&self) -> (u64, u64) {
        let stats = self.simulator.stats();
        (stats.input_tokens, stats.cached_tokens)
    }
}

fn routes() -> [UpstreamRoute; 3] {
    [UpstreamRoute::codex(), UpstreamRoute::plan(), UpstreamRoute::api(ApiFlavor::OpenAi)]
}

/// The person's words in a turn; every other turn needs a tool.
fn words(turn: usize) -> String {
    if turn.is_multiple_of(2) {
        format!("get_weather city=Oslo{turn}")
    } else {
        format!("and then {turn}?")
    }
}

/// A system prompt of about 8,000 tokens.
fn system(of: &str) -> String {
    format!("You help {of}. {}", "Be brief and kind. ".repeat(1_700))
}

/// The share of cached input from the second turn on, as a percentage; `server` gives the server
/// of a turn.
async fn share<'s>(
    ground: &Ground,
    conversation: &mut Conversation,
    server: impl Fn(usize) -> &'s Running,
) -> f64 {
    conversation.turn(server(0), &words(0)).await;
    let (input, cached) = ground.tokens();
    for turn in 1..TURNS {
        conversation.turn(server(turn), &words(turn)).await;
    }
    let (all_input, all_cached) = ground.tokens();
    100.0 * (all_cached - cached) as f64 / (all_input - input) as f64
}

#[tokio::test]
async fn ten_turns_with_a_tool_are_cached_by_every_route_in_every_dialect() {
    for route in routes() {
        let ground = Ground::of(route).await;
        let server = ground.server().await;
        for dialect in conversational() {
            let mut conversation = Conversation::new(dialect, &system(dialect.path));
            let share = share(&ground, &mut conversation, |_| &server).await;
            println!("{:>5} {dialect:<20} {share:.1} %", ground.route.name());
            assert!(share >= 95.0, "{} {dialect}: {share:.1} %", ground.route.name());
            assert_eq!(conversation.called.len(), TURNS / 2, "{dialect}");
        }
    }
}

#[tokio::test]
async fn a_restart_and_a_second_server_find_the_same_cache() {
    for route in routes() {
        let ground = Ground::of(route).await;
        let servers = [ground.server().await, ground.server().await, ground.server().await];
        for dialect in conversational() {
            let mut conversation = Conversation::new(dialect, &system(dialect.path));
            let share = share(&ground, &mut conversation, |turn| &servers[turn % 3]).await;
            assert!(share >= 95.0, "{} {dialect}: {share:.1} %", ground.route.name());
        }
    }
}

#[tokio::test]
async fn a_client_with_an_id_of_its_own_for_each_request_has_nothing_cached() {
    for route in routes() {
        let ground = Ground::of(route).await;
        let server = ground.server().await;
        for dialect in conversational() {
            let mut conversation = Conversation::new(dialect, &system(dialect.path));
            conversation.renames = true;
            let share = share(&ground, &mut conversation, |_| &server).await;
            assert!(share.abs() < f64::EPSILON, "{} {dialect}: {share:.1} %", ground.route.name());
        }
    }
}

#[tokio::test]
async fn conversations_that_share_only_a_system_prompt_never_share_an_id() {
    for route in routes() {
        let ground = Ground::of(route).await;
        let server = ground.server().await;
        for dialect in conversational() {
            let mut keys = Vec::new();
            for opening in ["good morning", "good evening", "good morning"] {
                Conversation::new(dialect, "Be brief.").turn(&server, opening).await;
                let call = ground.simulator.model_calls().pop().unwrap().json();
                keys.push(call["prompt_cache_key"].as_str().unwrap().to_owned());
            }
            assert!(keys[0] != keys[1] && keys[0] == keys[2], "{dialect}: {keys:?}");
        }
    }
}
