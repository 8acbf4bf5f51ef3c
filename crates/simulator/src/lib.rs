//! Scripted backends and a token issuer over real HTTP/1.1 on the loopback interface.
//!
//! One [`Simulator`] serves everything that a client of the ChatGPT sign-in meets: the Responses
//! endpoint, the model list, usage and account, and the token endpoints of the issuer. It has the
//! requirements of the real backend, and rejects the same requests with the same messages. It is
//! meant for demonstrations, for tests, and for programs that embed the rest of ChatMock.
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
//! # The answer to a model call
//!
//! After the checks, the first of these that applies:
//!
//! 1. the oldest reply in the queue of [`Simulator::enqueue`];
//! 2. the mode that the last user message names, as `MODE:<name>` (see [`Mode`]), unless the input
//!    ends with a tool's output (`steps` goes on there); `slow`, `flood`, `steps` and `bytewise` take
//!    numbers, as in `MODE:slow:20:50`;
//! 3. the default answer, which depends on nothing but the request:
//!    * a compaction item and nothing else, after a `compaction_trigger`;
//!    * a reasoning item, with a summary if `reasoning.summary` asks for one; none where at most 16 output tokens are allowed;
//!    * a call of every tool that `tool_choice` forces or, under `auto`, that the last user message
//!      names (with spaces for underscores if you like), unless the input ends with a tool's output;
//!      the arguments satisfy the tool's schema, and `name=value` in the message sets one;
//!    * else, under `text.format`, a value that satisfies the schema, or `{"answer": …}`;
//!    * else, after a tool's output, `The tool said: …`;
//!    * else, with an `image_generation` tool, a small picture in the format that the tool names, after as many unfinished
//!      ones as it names, where `tool_choice` is `required` or the message speaks of an image, a picture or to draw;
//!    * else, with a `web_search` tool and the word "search" in the message, a search and a citation;
//!    * else `You said: …`, with the number of images that arrived.
//!
//! Usage is computed at four bytes per token.
//!
//! # Backends
//!
//! There are three ([`Backend`]), each below its own path ([`Settings::bases`]). The rules of each
//! are one table.
//!
//! | | Codex | plan | public API |
//! |---|---|---|---|
//! | path | `/backend-api/codex` | `/plan/v1` | `/v1` |
//! | caller | a token of the sign-in, `chatgpt-account-id` | one of `plan_tokens` | one of `api_keys`; under `azure` in `api-key` too |
//! | errors | `{"detail": …}`, then `{"error": …}` | `subscription_sharing_…` with `error.param` | `{"error": …}` |
//! | request | not stored, streamed, a list | the same | also stored, without a stream, a text; `previous_response_id` |
//! | tools | all kinds | in namespaces or `additional_tools`; `web_search` | all kinds |
//! | sampling, output limit | rejected | rejected | accepted; the limit cuts messages and calls |
//! | encrypted reasoning | always | if `include` asks | if `include` asks |
//! | bodies in zstd | decoded | rejected | rejected |
//! | models | `{"models": …}`, tagged, by client version | `{"models": …}`, some hidden | `{"data": …}`, or none |
//! | more headers | limits, `x-models-etag`, turn state | nothing | `x-ratelimit-…` |
//! | cached by | `session-id`, equal to `prompt_cache_key` | `prompt_cache_key`, or none | the same |
//!
//! The cached tokens of a prompt are its longest common prefix with an earlier prompt under the
//! same key, in steps of 128 from 1024 on. The public API rejects background responses,
//! conversations and prompt templates here; it accepts `top_logprobs` and returns none. A mode
//! fails with the errors of the backend that it is made for, whichever backend is called.
//!
//! A turn of the Codex backend is one user message and everything up to the next. It has one
//! `x-codex-turn-state`; [`Stats::turn_states`] shows whether clients sent it back within its turn
//! only.
//!
//! # Fast answers
//!
//! With [`Settings::fast`], a model call whose body contains the mark of a [`Fast`] answer gets
//! that answer at once, from bytes that were encoded before. Its body is read, but neither checked
//! nor recorded. These answers are for measurements.
//!
//! # Cassettes
//!
//! With [`Settings::cassettes`], model calls are answered from recordings: the one whose request is the same, in its
//! canonical form, and else 404 `cassette_miss`, with the nearest and the first member that differs. Nothing else is
//! checked, credentials neither.
//!
//! # Endpoints
//!
//! `POST …/responses` and `GET …/models` of each backend, `GET /backend-api/wham/usage`,
//! `GET /backend-api/wham/accounts/check`, `GET /oauth/authorize`, `POST /oauth/token`,
//! `POST /oauth/revoke`, `POST /api/accounts/deviceauth/usercode`,
//! `POST /api/accounts/deviceauth/token`, and for the person at the keyboard `GET /health`,
//! `GET /stats` and `GET /codex/device`.
//!
//! The sign-in of the plan route: `GET /.well-known/openid-configuration`, `GET
//! /.well-known/jwks.json`, `GET /api/accounts/authorize`, `POST /api/accounts/oauth/token` and
//! `POST /api/accounts/oauth/revoke`. Every installation is registered during its first sign-in,
//! and id tokens carry real signatures; [`Simulator::set_issuer_fault`] makes the issuer a faulty
//! or hostile one.

mod account;
mod authentication;
mod backend;
mod body;
mod cassettes;
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
mod pictures;
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
mod socket;
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
pub use cassettes::{Cassettes, ReplayOrder};
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

/// Compiles the example in the crate's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
