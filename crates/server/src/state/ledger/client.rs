//! The client program, from the first word of `User-Agent`.

use http::HeaderMap;
use http::header::USER_AGENT;

use crate::http::sanitize;

/// The most of a program's name that is kept, in bytes.
const MAX: usize = 40;

/// The name of a program that does not name itself.
const UNKNOWN: &str = "unknown";

/// Returns the program's name without its version: `codex_cli_rs` of `codex_cli_rs/0.169.0 (…)`,
/// `OpenAI/Python` of `OpenAI/Python 2.1.0`.
pub(crate) fn program(headers: &HeaderMap) -> String {
    let agent = headers.get(USER_AGENT).map(|agent| agent.as_bytes()).unwrap_or_default();
    let word = agent.split(u8::is_ascii_whitespace).find(|word| !word.is_empty());
    let word = String::from_utf8_lossy(word.unwrap_or_default());
    let is_version = |rest: &str| {
        let rest = rest.strip_prefix(['v', 'V']).unwrap_or(rest);
        rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit())
    };
    let name = match word.split_once('/') {
        Some((name, rest)) if is_version(rest) => name,
        _ => &word,
    };
    if name.is_empty() { UNKNOWN.to_owned() } else { sanitize::text_within(name, MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_named_without_its_version_and_cannot_steer_a_terminal() {
        let name = |agent: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(USER_AGENT, http::HeaderValue::from_bytes(agent).unwrap());
            program(&headers)
        };
        for (agent, expected) in [
            ("codex_cli_rs/0.169.0 (Debian 12; x86_64) xterm", "codex_cli_rs"),
            ("OpenAI/Python 2.1.0", "OpenAI/Python"),
            ("claude-cli/1.0.58 (external, cli)", "claude-cli"),
            ("opencode/v1.2", "opencode"),
            ("curl", "curl"),
            ("", UNKNOWN),
            ("   ", UNKNOWN),
            ("/1", UNKNOWN),
            ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ] {
            assert_eq!(name(agent.as_bytes()), expected, "{agent}");
        }
        assert!(name(b"a\x9b[2Jb").chars().all(|c| c.is_ascii_graphic() || c == '\u{fffd}'));
        assert!(name(&[b'x'; 500]).len() <= MAX + 3);
        assert_eq!(program(&HeaderMap::new()), UNKNOWN);
    }
}
