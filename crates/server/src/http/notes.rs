//! What the log and the ledger say about a request: the program and the address that sent it, and the model that it asks
//! for.

use std::net::IpAddr;
use std::sync::OnceLock;

use http::HeaderMap;
use http::header::USER_AGENT;

use crate::http::sanitize;
use crate::settings::TraceHeaders;

/// The header in which programs that call many services give their name.
const TITLE: &str = "x-title";

/// The header in which proxies name the client.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The longest entry of it that is shown, in bytes: an address of version 6 with a port.
const MAX_ENTRY: usize = 64;

/// The headers in which a client names its trace, and the longest values that are looked at, in bytes. W3C wants 512 of the
/// second to be passed on.
const TRACE_PARENT: (&str, usize) = ("traceparent", 256);
const TRACE_STATE: (&str, usize) = ("tracestate", 512);

/// The longest name of a program, in bytes.
const MAX_NAME: usize = 40;

/// The name of a program that does not name itself.
const UNKNOWN: &str = "unknown";

/// Programs by a part of their user agent, in lower case; the first that fits gives the name.
const PROGRAMS: &[(&str, &str)] = &[
    ("codex", "Codex CLI"),
    ("claude-cli", "Claude Code"),
    ("claude-code", "Claude Code"),
    ("opencode", "opencode"),
    ("openwebui", "Open WebUI"),
    ("open-webui", "Open WebUI"),
    ("open webui", "Open WebUI"),
    ("librechat", "LibreChat"),
    ("kilo-code", "Kilo Code"),
    ("kilocode", "Kilo Code"),
    ("roocode", "Roo Code"),
    ("roo-code", "Roo Code"),
    ("cline", "Cline"),
    ("continue", "Continue"),
    ("zed/", "Zed"),
    ("raycast", "Raycast"),
    ("cursor", "Cursor"),
    ("obsidian", "Obsidian"),
    ("githubcopilot", "VS Code Copilot"),
    ("vscode", "VS Code"),
    ("litellm", "LiteLLM"),
    ("homeassistant", "Home Assistant"),
    ("n8n", "n8n"),
    ("xcode", "Xcode"),
    ("ai-sdk", "AI SDK"),
    ("ollama-python", "ollama-python"),
    ("ollama-js", "ollama-js"),
    ("openai/python", "OpenAI SDK (Python)"),
    ("openai/js", "OpenAI SDK (JS)"),
];

/// The facts about a request that its line in the log has, besides the key's label.
#[derive(Debug, Default)]
pub(crate) struct RequestNotes {
    program: Option<String>,
    user_agent: Option<String>,
    address: Option<IpAddr>,
    /// The client that the nearest proxy names, where there is one.
    forwarded_for: Option<String>,
    trace: Option<TraceHeaders>,
    /// The dialect and the model, once the request was read that far.
    asked: OnceLock<(&'static str, String)>,
}

impl RequestNotes {
    /// Reads the headers that name a program.
    pub(crate) fn of(headers: &HeaderMap, address: Option<IpAddr>) -> Self {
        let text = |name: &str| {
            let value = headers.get(name).map(|value| sanitize::bytes(value.as_bytes()));
            value.filter(|value| !value.is_empty())
        };
        let user_agent = text(USER_AGENT.as_str());
        let title = text(TITLE).map(|title| sanitize::text_within(&title, MAX_NAME));
        let program = title.or_else(|| user_agent.as_deref().and_then(program));
        Self {
            program,
            user_agent,
            address,
            forwarded_for: forwarded_for(headers),
            trace: trace(headers),
            asked: OnceLock::new(),
        }
    }

    /// Makes the notes of a further request from the same sender.
    pub(crate) fn of_same_sender(&self) -> Self {
        let Self { program, user_agent, address, forwarded_for, trace, asked: _ } = self;
        let (program, user_agent) = (program.clone(), user_agent.clone());
        let (forwarded_for, trace) = (forwarded_for.clone(), trace.clone());
        let (address, asked) = (*address, OnceLock::new());
        Self { program, user_agent, address, forwarded_for, trace, asked }
    }

    /// Notes the model that is asked for; the first note stays.
    pub(crate) fn asks_for(&self, dialect: &'static str, model: &str) {
        // A request that is planned a second time asks for the same.
        let _ = self.asked.set((dialect, sanitize::text(model)));
    }

    /// The name of the program, as far as its headers give it.
    pub(crate) fn program(&self) -> Option<&str> {
        self.program.as_deref()
    }

    /// The name by which turns of the program are added up.
    pub(crate) fn client(&self) -> String {
        self.program.as_deref().unwrap_or(UNKNOWN).to_owned()
    }

    /// The header `user-agent`, made harmless.
    pub(crate) fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// The address that the request came from, as text.
    pub(crate) fn address(&self) -> Option<String> {
        self.address.map(|address| address.to_canonical().to_string())
    }

    /// The last entry of `x-forwarded-for`, made harmless: the client, as the nearest proxy saw it. Anybody else can write
    /// the header, too.
    pub(crate) fn forwarded_for(&self) -> Option<&str> {
        self.forwarded_for.as_deref()
    }

    /// The trace that the client names.
    pub(crate) fn trace(&self) -> Option<&TraceHeaders> {
        self.trace.as_ref()
    }

    /// The dialect, if it is known.
    pub(crate) fn dialect(&self) -> Option<&'static str> {
        self.asked.get().map(|(dialect, _)| *dialect)
    }

    /// The model as the client named it, if it is known.
    pub(crate) fn model(&self) -> Option<&str> {
        self.asked.get().map(|(_, model)| model.as_str())
    }
}

/// Returns the last entry of the last `x-forwarded-for`, to which each proxy adds one.
fn forwarded_for(headers: &HeaderMap) -> Option<String> {
    let last = headers.get_all(FORWARDED_FOR).iter().next_back()?.to_str().ok()?;
    let entry = last.rsplit(',').next().map(str::trim).filter(|entry| !entry.is_empty())?;
    Some(sanitize::text_within(entry, MAX_ENTRY))
}

/// Returns the headers that name a trace. Of several parents none is to be believed, says W3C.
fn trace(headers: &HeaderMap) -> Option<TraceHeaders> {
    let (name, most) = TRACE_PARENT;
    let mut parents = headers.get_all(name).iter();
    let parent = parents.next()?.to_str().ok().filter(|parent| parent.len() <= most)?;
    if parents.next().is_some() {
        return None;
    }
    let (name, most) = TRACE_STATE;
    let lines: Vec<_> = headers.get_all(name).iter().flat_map(|line| line.to_str()).collect();
    let state = Some(lines.join(",")).filter(|state| state.len() <= most).unwrap_or_default();
    Some(TraceHeaders { parent: parent.to_owned(), state })
}

/// Returns the name of a program: a known one, else the first product of its user agent, without its version.
fn program(user_agent: &str) -> Option<String> {
    let lower = user_agent.to_ascii_lowercase();
    let known = PROGRAMS.iter().find(|(part, _)| lower.contains(part));
    let name = match known {
        Some((_, name)) => *name,
        None => product(user_agent),
    };
    (!name.is_empty()).then(|| sanitize::text_within(name, MAX_NAME))
}

/// The first word of a user agent, as far as its version.
fn product(user_agent: &str) -> &str {
    let word = user_agent.split_ascii_whitespace().next().unwrap_or_default();
    let is_version = |rest: &str| {
        let rest = rest.strip_prefix(['v', 'V']).unwrap_or(rest);
        rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit())
    };
    match word.split_once('/') {
        Some((name, rest)) if is_version(rest) => name,
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn notes(headers: &[(&'static str, &'static str)]) -> RequestNotes {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        RequestNotes::of(&headers.collect(), None)
    }

    #[test]
    fn programs_are_known_by_their_user_agents_and_others_by_their_first_product() {
        for (agent, name) in [
            ("codex_exec/0.169.0 (Debian 12; x86_64) xterm", "Codex CLI"),
            ("claude-cli/2.1.330 (external, cli)", "Claude Code"),
            ("AsyncOpenAI/Python 3.54.0", "OpenAI SDK (Python)"),
            ("ai-sdk/openai-compatible/3.0.92 opencode/1.18.33", "opencode"),
            ("Python/3.11 aiohttp/3.12", "Python"),
            ("curl/8.5.0", "curl"),
            ("curl", "curl"),
            ("some-tool/v1.2", "some-tool"),
            ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ] {
            let notes = notes(&[("user-agent", agent)]);
            assert_eq!((notes.program(), &*notes.client()), (Some(name), name), "{agent}");
        }
        for agent in ["", "   ", "/1"] {
            let notes = notes(&[("user-agent", agent)]);
            assert_eq!((notes.program(), &*notes.client()), (None, UNKNOWN), "{agent:?}");
        }
        assert_eq!(notes(&[]).program(), None);
    }

    #[test]
    fn the_name_of_a_program_cannot_steer_a_terminal() {
        let name = |agent: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(USER_AGENT, HeaderValue::from_bytes(agent).unwrap());
            RequestNotes::of(&headers, None).client()
        };
        let steered = name(b"a\x9b[2Jb");
        assert!(steered.chars().all(|c| c.is_ascii_graphic() || c == '\u{fffd}'), "{steered}");
        assert!(name(&[b'x'; 500]).len() <= MAX_NAME + 3);
    }

    #[test]
    fn a_title_names_the_program_before_the_library_that_it_uses() {
        let notes = notes(&[("x-title", "Open WebUI"), ("user-agent", "OpenAI/JS 7.57.0")]);
        assert_eq!(
            (notes.program(), notes.user_agent()),
            (Some("Open WebUI"), Some("OpenAI/JS 7.57.0"))
        );
    }

    #[test]
    fn the_first_model_that_is_noted_stays() {
        let notes = notes(&[]);
        assert_eq!((notes.dialect(), notes.model()), (None, None));
        notes.asks_for("chat", "a\nb");
        notes.asks_for("responses", "c");
        assert_eq!((notes.dialect(), notes.model()), (Some("chat"), Some("a\\nb")));
    }

    #[test]
    fn a_trace_is_taken_from_one_parent_and_all_lines_of_its_state() {
        let parent = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        let of = |headers: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, HeaderValue::from_static(value));
            }
            RequestNotes::of(&map, None).trace
        };
        let notes = of(&[parent, ("tracestate", "a=1"), ("tracestate", "b=2")]).unwrap();
        assert_eq!((&*notes.parent, &*notes.state), (parent.1, "a=1,b=2"));
        assert_eq!(of(&[parent, parent]), None);
        assert_eq!(of(&[("tracestate", "a=1")]), None);
        let long: &'static str = "x".repeat(TRACE_STATE.1 + 1).leak();
        assert_eq!(of(&[parent, ("tracestate", long)]).unwrap().state, "");
        assert_eq!(of(&[("traceparent", long)]), None);
    }

    #[test]
    fn the_client_behind_a_proxy_is_the_one_that_the_nearest_names() {
        let behind = notes(&[("x-forwarded-for", "198.51.100.9, 203.0.113.7")]);
        assert_eq!(behind.forwarded_for(), Some("203.0.113.7"));
        assert_eq!(notes(&[("x-forwarded-for", " ")]).forwarded_for(), None);
        assert_eq!(notes(&[]).forwarded_for(), None);
    }
}
