//! The step from what was typed to what is needed; each struct is taken apart completely.

use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;

use anyhow::Context;
use chatmock_server::auth::KeeperSettings;
use chatmock_server::translate::Policy;
use chatmock_server::translate::policy::Instructions;
use chatmock_server::translate::thinking::ReasoningStyle;
use chatmock_server::upstream::{self, Identity, Route};
use chatmock_server::{HttpSettings, ModelSettings, Settings, SignInSettings};

use crate::cli::{Backend, Cli, Listening, Models, Program, Replies, SignIn, Style};
use crate::env::Folders;
use crate::listen::Listen;

const BASE: &str = include_str!("../../../prompts/base.md");
const CODEX: &str = include_str!("../../../prompts/codex.md");

/// Everything that this program needs to know.
#[derive(Debug)]
pub(crate) struct Decided {
    /// Where it listens.
    pub(crate) listen: Listen,
    /// Whether a simulator stands in for the backend.
    pub(crate) demo: bool,
    /// Whether it logs more.
    pub(crate) verbose: bool,
    /// The server's own settings; in a demo, backend and sign-in are still to be named.
    pub(crate) server: Settings,
}

/// Decides what a command line means.
pub(crate) fn decide(cli: Cli, folders: &Folders) -> anyhow::Result<Decided> {
    let Cli { word: _, program, listening, replies, models, backend, sign_in } = cli;
    let Program { demo, verbose, verbose_obfuscation } = program;
    let (listen, http) = http(listening)?;
    let upstream = upstream(backend);
    let sign_in = self::sign_in(sign_in, &upstream.identity, folders, demo)?;
    let policy = policy(replies)?;
    let server = Settings { http, policy, upstream, sign_in, models: self::models(models) };
    Ok(Decided { listen, demo, verbose: verbose || verbose_obfuscation, server })
}

fn http(listening: Listening) -> anyhow::Result<(Listen, HttpSettings)> {
    let Listening { host, port, max_body, drain, ollama_version, state_dir } = listening;
    let listen = Listen::at(&host, port)?;
    let hosts = listen.name().map(str::to_owned).into_iter().collect();
    let mut http =
        HttpSettings { hosts, max_body, drain, ollama_version, ..HttpSettings::default() };
    http.responses.directory = state_dir;
    Ok((listen, http))
}

fn policy(replies: Replies) -> anyhow::Result<Policy> {
    let Replies {
        reasoning_effort,
        reasoning_summary,
        reasoning_compat,
        fast_mode,
        no_fast_mode,
        enable_web_search,
        no_enable_web_search,
        hide_commentary,
        instructions,
        strict,
        debug_model,
    } = replies;
    let effort = reasoning_effort.map(|word| word.parse()).transpose();
    Ok(Policy {
        reasoning_style: style(reasoning_compat),
        effort: effort.context("--reasoning-effort")?,
        summary: reasoning_summary.map(|word| word.to_ascii_lowercase()),
        fast: fast_mode && !no_fast_mode,
        web_search: enable_web_search && !no_enable_web_search,
        hide_commentary,
        strict,
        debug_model,
        instructions: self::instructions(&instructions)?,
        tokenizer: chatmock_server::tokenizer(),
    })
}

fn style(style: Style) -> ReasoningStyle {
    match style {
        Style::ReasoningContent => ReasoningStyle::ReasoningContent,
        Style::ThinkTags => ReasoningStyle::ThinkTags,
        Style::O3 => ReasoningStyle::O3,
        Style::Legacy => ReasoningStyle::Legacy,
        Style::None => ReasoningStyle::None,
    }
}

fn instructions(source: &Path) -> anyhow::Result<Instructions> {
    match source.to_str() {
        Some("none" | "") => Ok(Instructions::Empty),
        Some("builtin") => Ok(Instructions::Builtin { base: BASE.into(), codex: CODEX.into() }),
        _ => {
            let told = || format!("cannot read the instructions in {}", source.display());
            let text = std::fs::read_to_string(source).with_context(told)?;
            Ok(Instructions::Text(Arc::from(text)))
        }
    }
}

fn models(models: Models) -> ModelSettings {
    let Models {
        model_sync,
        no_model_sync,
        model_refresh_interval,
        expose_reasoning_models,
        alias,
    } = models;
    ModelSettings {
        sync: model_sync && !no_model_sync,
        refresh: model_refresh_interval,
        expose_efforts: expose_reasoning_models,
        aliases: alias,
    }
}

fn upstream(backend: Backend) -> upstream::Config {
    let Backend { upstream_url, client_version, originator, user_agent } = backend;
    upstream::Config {
        route: Route::codex().at(upstream_url),
        identity: Identity { originator, user_agent, client_version },
        ..upstream::Config::default()
    }
}

fn sign_in(
    sign_in: SignIn,
    identity: &Identity,
    folders: &Folders,
    demo: bool,
) -> anyhow::Result<SignInSettings> {
    let SignIn { home, borrow_codex, issuer, client_id } = sign_in;
    let keeper = KeeperSettings {
        issuer,
        client_id,
        ..KeeperSettings::new(identity.originator.as_str(), identity.user_agent.as_str())
    };
    // A demo makes a folder of its own, and needs no person's.
    let home = if demo { PathBuf::new() } else { self::home(home, folders)? };
    let borrow_codex = folders.codex.clone().filter(|_| borrow_codex && !demo);
    Ok(SignInSettings { home, borrow_codex, keeper })
}

fn home(home: Option<PathBuf>, folders: &Folders) -> anyhow::Result<PathBuf> {
    let home = home
        .or_else(|| folders.person.as_ref().map(|person| person.join(".chatgpt-local")))
        .context("your home folder is not known: name one with --home or CHATGPT_LOCAL_HOME")?;
    absolute(&home).with_context(|| format!("cannot use the folder {}", home.display()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn decided(arguments: &[&str]) -> anyhow::Result<Decided> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folders = Folders { person: Some(root.into()), codex: Some(root.join("codex")) };
        decide(Cli::typed(arguments).unwrap(), &folders)
    }

    #[test]
    fn nothing_typed_means_the_defaults_of_the_crates() {
        let Decided { listen, demo, verbose, server } = decided(&[]).unwrap();
        assert_eq!(listen, Listen::at("127.0.0.1", 8000).unwrap());
        assert!(!demo && !verbose);
        let http = HttpSettings::default();
        assert_eq!((server.http.max_body, server.http.drain), (http.max_body, http.drain));
        assert_eq!(server.upstream.route, Route::codex());
        assert_eq!(server.upstream.identity, Identity::default());
        let models = ModelSettings::default();
        assert_eq!((server.models.sync, server.models.refresh), (models.sync, models.refresh));
        assert!(server.sign_in.home.ends_with(".chatgpt-local"));
        assert_eq!(server.sign_in.borrow_codex, None);
        assert!(matches!(server.policy.instructions, Instructions::Empty));
        assert_eq!(server.policy.reasoning_style, ReasoningStyle::ReasoningContent);
        assert_eq!((server.policy.effort, server.policy.summary), (None, None));
    }

    #[test]
    fn every_word_of_effort_is_one_that_the_policy_knows() {
        for word in ["none", "minimal", "low", "medium", "high", "xhigh", "max", "ULTRA"] {
            let server = decided(&["--reasoning-effort", word]).unwrap().server;
            let effort = server.policy.effort.unwrap();
            assert_eq!(effort.as_str(), word.to_ascii_lowercase());
        }
    }

    #[test]
    fn flags_arrive_where_they_are_needed() {
        let arguments = [
            "--drain=2",
            "--max-body=1k",
            "--fast-mode",
            "--enable-web-search",
            "--strict",
            "--hide-commentary",
            "--debug-model=m",
            "--model-sync=false",
            "--originator=o",
            "--user-agent=u",
            "--client-version=1.2.3",
            "--issuer=https://i.test",
            "--client-id=c",
            "--borrow-codex",
            "--verbose-obfuscation",
            "--reasoning-summary=Detailed",
            "--model-refresh-interval=90",
            "--expose-reasoning-models",
            "--reasoning-compat=o3",
        ];
        let Decided { verbose, server, .. } = decided(&arguments).unwrap();
        assert!(verbose);
        assert_eq!((server.http.max_body, server.http.drain), (1024, Duration::from_secs(2)));
        let policy = server.policy;
        assert!(policy.fast && policy.web_search && policy.strict && policy.hide_commentary);
        assert_eq!(policy.debug_model.as_deref(), Some("m"));
        assert_eq!(policy.summary.as_deref(), Some("detailed"));
        assert_eq!(policy.reasoning_style, ReasoningStyle::O3);
        assert!(!server.models.sync && server.models.expose_efforts);
        assert_eq!(server.models.refresh, Duration::from_secs(90));
        let keeper = server.sign_in.keeper;
        assert_eq!((&*keeper.issuer, &*keeper.client_id), ("https://i.test", "c"));
        assert_eq!((&*keeper.originator, &*keeper.user_agent), ("o", "u"));
        assert_eq!(server.upstream.identity.client_version, "1.2.3");
        assert!(server.sign_in.borrow_codex.unwrap().ends_with("codex"));
    }

    #[test]
    fn instructions_are_none_built_in_or_a_file() {
        let of = |source: &str| decided(&["--instructions", source]).map(|d| d.server.policy);
        let builtin = of("builtin").unwrap().instructions;
        assert!(matches!(builtin, Instructions::Builtin { base, codex } if base != codex));
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../prompts/base.md");
        let text = of(file).unwrap().instructions;
        assert!(matches!(text, Instructions::Text(text) if &*text == BASE));
        let error = of("no-such-file.md").unwrap_err().to_string();
        assert!(error.contains("no-such-file.md"), "{error}");
    }

    #[test]
    fn a_demo_needs_no_home_folder() {
        let demo = decide(Cli::typed(&["--demo"]).unwrap(), &Folders::default()).unwrap();
        assert!(demo.demo);
        let error = decide(Cli::typed(&[]).unwrap(), &Folders::default()).unwrap_err();
        assert!(error.to_string().contains("--home"), "{error}");
    }
}
