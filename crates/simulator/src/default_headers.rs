//! The default headers, which each backend sends with every answer.

use crate::authentication::Caller;
use crate::backend::Backend;
use crate::composer::ResponseMeta;
use crate::rate_limits;
use crate::script::Script;
use crate::state::SharedState;
use crate::sync::lock;
use crate::timestamps::unix_now;

/// The limits of requests and tokens per minute of the public API.
const ALLOWED: (u64, u64) = (5_000, 4_000_000);

type Headers = Vec<(&'static str, String)>;

/// The answer whose headers are added.
#[derive(Debug)]
pub(crate) struct HeaderContext<'a> {
    pub(crate) backend: Backend,
    pub(crate) caller: &'a Caller,
    pub(crate) model: &'a str,
    pub(crate) meta: &'a ResponseMeta,
}

impl HeaderContext<'_> {
    /// Adds the headers that the script does not set itself.
    pub(crate) fn add_to(&self, state: &SharedState, script: &mut Script) {
        let mut headers = match self.backend {
            Backend::Codex => self.codex(state),
            Backend::Plan => Vec::new(),
            Backend::Api => self.limits(),
        };
        headers.extend(self.edge());
        for (name, value) in headers {
            let withheld = script.omitted_headers.iter().any(|known| known == name);
            if !withheld && script.header(name).is_none() {
                script.headers.push((name.to_owned(), value));
            }
        }
    }

    /// Returns limits, catalogue tag and turn state, for the Codex programs.
    fn codex(&self, state: &SharedState) -> Headers {
        let mut headers = rate_limits::headers(&self.caller.plan, unix_now());
        headers.extend([
            ("openai-model", self.model.to_owned()),
            ("x-models-etag", lock(&state.catalog).etag()),
            ("x-codex-turn-state", self.meta.turn_state.clone()),
            ("x-reasoning-included", "true".to_owned()),
        ]);
        headers
    }

    /// Returns the limits of the public API, after this request.
    fn limits(&self) -> Headers {
        let (requests, tokens) = ALLOWED;
        let left = tokens.saturating_sub(self.meta.input_tokens);
        vec![
            ("openai-organization", "org-demo".to_owned()),
            ("openai-project", "proj_demo".to_owned()),
            ("x-ratelimit-limit-requests", requests.to_string()),
            ("x-ratelimit-limit-tokens", tokens.to_string()),
            ("x-ratelimit-remaining-requests", (requests - 1).to_string()),
            ("x-ratelimit-remaining-tokens", left.to_string()),
            ("x-ratelimit-reset-requests", "12ms".to_owned()),
            ("x-ratelimit-reset-tokens", "9ms".to_owned()),
        ]
    }

    /// Returns the headers of every backend and of the network in front of it.
    fn edge(&self) -> Headers {
        let id = self.meta.serial;
        let mut headers = vec![
            ("x-request-id", format!("req_{id:08x}")),
            ("cache-control", "no-cache".to_owned()),
            ("server", "cloudflare".to_owned()),
            ("cf-ray", format!("{id:016x}-SIM")),
            ("set-cookie", format!("__cf_bm=simulated{id}; Path=/; HttpOnly")),
        ];
        if self.backend != Backend::Codex {
            headers.push(("openai-version", "2020-10-01".to_owned()));
            headers.push(("openai-processing-ms", "12".to_owned()));
        }
        headers
    }
}
