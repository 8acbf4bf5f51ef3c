//! Scripted backends and a token issuer over real HTTP/1.1 on the loopback interface.
//!
//! One [`Simulator`] serves what a client of the ChatGPT sign-in meets: the Responses endpoint, the
//! model list, the usage and account answers, and the token endpoints of the issuer. It demands what
//! the real backend demands and refuses what that refuses, in the same words. It is meant for
//! demonstrations, for tests, and for programs that embed the rest of ChatMock.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use chatmock_simulator::{Mode, Script, Settings, Simulator};
//!
//! let simulator = Simulator::start(Settings::default()).await?;
//! simulator.enqueue(Mode::Refusal);
//! simulator.enqueue(Script::events([r#"{"type":"error","code":"server_error"}"#]));
//! let auth_json = simulator.auth_json();
//! let upstream = simulator.upstream_url();
//! # let _ = (auth_json, upstream);
//! # Ok(())
//! # }
//! ```
//!
//! # What a model call gets
//!
//! After the checks, in this order:
//!
//! 1. what was queued with [`Simulator::enqueue`], first in first out;
//! 2. the mode that the last user message names, as `MODE:<name>` (see [`Mode`]), unless the input
//!    ends with a tool's output; `slow`, `flood` and `bytewise` take numbers, as in
//!    `MODE:slow:20:50`;
//! 3. the default answer, which depends on nothing but the request:
//!    * a compaction item and nothing else, after a `compaction_trigger`;
//!    * a reasoning item, with a summary where `reasoning.summary` asks for one;
//!    * a call of every tool that `tool_choice` forces or, under `auto`, that the last user message
//!      names (with spaces for underscores if you like), unless the input ends with a tool's output;
//!      the arguments satisfy the tool's schema, and `name=value` in the message sets one;
//!    * else, under `text.format`, a value that satisfies the schema, or `{"answer": …}`;
//!    * else, after a tool's output, `The tool said: …`;
//!    * else, with a `web_search` tool and the word "search" in the message, a search and a citation;
//!    * else `You said: …`, and how many images arrived.
//!
//! Usage counts four bytes as a token.
//!
//! # Backends
//!
//! Three stand side by side ([`Backend`]), each below a path of [`Settings::bases`]; what they check
//! is one table each.
//!
//! | | Codex | plan | public API |
//! |---|---|---|---|
//! | path | `/backend-api/codex` | `/plan/v1` | `/v1` |
//! | who | a token of the sign-in, `chatgpt-account-id` | one of `plan_tokens` | one of `api_keys`; under `azure` in `api-key` too |
//! | refuses as | `{"detail": …}`, then `{"error": …}` | `subscription_sharing_…` with `error.param` | `{"error": …}` |
//! | request | unstored, streamed, a list | the same | also stored, whole, a text; `previous_response_id` |
//! | tools | all kinds | in namespaces or `additional_tools`; `web_search` | all kinds |
//! | sampling, output limit | refused | refused | taken; the limit cuts messages and calls |
//! | reasoning is sealed | always | when `include` asks | when `include` asks |
//! | bodies in zstd | decoded | refused | refused |
//! | models | `{"models": …}`, tagged, by client version | `{"models": …}`, some hidden | `{"data": …}`, or none |
//! | beside the answer | limits, `x-models-etag`, turn state | nothing | `x-ratelimit-…` |
//! | cached by | `session-id`, equal to `prompt_cache_key` | `prompt_cache_key`, or none | the same |
//!
//! Cached tokens are the longest common prefix with an earlier prompt under the same key, in steps
//! of 128 from 1024 on. Of the public API, background responses, conversations and prompt templates
//! are refused; `top_logprobs` is taken and gives none. A mode fails in the words of the backend it
//! is made for, whichever backend is asked.
//!
//! A turn of the Codex backend, one user message and all that follows it, has one
//! `x-codex-turn-state`; [`Stats::turn_states`] tells whether it came back in its turn only.
//!
//! # Fast answers
//!
//! With [`Settings::fast`], a model call that holds the mark of a [`Fast`] answer anywhere gets it at
//! once, from bytes that were encoded before: its body is read whole, and nothing of it is checked or
//! recorded. Those are for measurements.
//!
//! # Endpoints
//!
//! `POST …/responses` and `GET …/models` of each backend, `GET /backend-api/wham/usage`,
//! `GET /backend-api/wham/accounts/check`, `GET /oauth/authorize`, `POST /oauth/token`,
//! `POST /oauth/revoke`, `POST /api/accounts/deviceauth/usercode`,
//! `POST /api/accounts/deviceauth/token`, and for the person at the keyboard `GET /health`,
//! `GET /stats` and `GET /codex/device`.
//!
//! The plan route's sign-in: `GET /.well-known/openid-configuration`, `GET /.well-known/jwks.json`,
//! `GET /api/accounts/authorize`, `POST /api/accounts/oauth/token` and
//! `POST /api/accounts/oauth/revoke`. Every installation is registered during its first sign-in, and
//! id tokens are signed for real; [`Simulator::set_issuer_fault`] makes the issuer a wrong or hostile one.

mod account;
mod authentication;
mod backend;
mod body;
mod catalog;
mod composer;
mod content_encoding;
mod default_answer;
mod default_headers;
mod encrypted_reasoning;
mod endpoint;
mod error_response;
mod fast;
mod faulty_stream;
mod http;
mod issuer;
mod issuer_fault;
mod json;
mod model_request;
mod modes;
mod non_streaming;
mod output_items;
mod prompt_cache;
mod rate_limits;
mod record;
mod responses;
mod schema_sample;
mod script;
mod service;
mod settings;
mod signing_keys;
mod simulator;
mod state;
mod stored_responses;
mod sync;
mod timestamps;
#[cfg(feature = "tls")]
mod tls;
mod tokens;
mod turn_states;
mod url_form;
mod validation;

pub use backend::{Backend, Bases};
pub use catalog::{Model, Tier};
pub use endpoint::Endpoint;
pub use fast::{Clock, Fast};
pub use issuer_fault::IssuerFault;
pub use modes::{Mode, QueuedReply};
pub use record::{ClosedStream, RecordedRequest, Stats, TurnStates};
pub use script::{Script, Step};
pub use settings::{Residency, Settings};
pub use simulator::Simulator;
pub use tokens::{CLIENT_ID, Claims, PlanGrant, Tokens};

#[cfg(test)]
mod tests;
