//! Tests of the step from flags to settings.

use std::path::Path;
use std::time::Duration;

use chatmock_server::HttpSettings;
use chatmock_server::translate::policy::Instructions;
use chatmock_server::translate::reasoning_style::ReasoningStyle;
use chatmock_server::upstream::Identity;

use super::*;

fn resolved(arguments: &[&str]) -> anyhow::Result<ResolvedSettings> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders =
        Folders { home: Some(root.into()), codex: Some(root.join("codex")), ..Folders::default() };
    resolve(Cli::typed(arguments).unwrap(), &folders, &OpenAiVariables::default(), Vec::new())
}

fn signed_in(settings: &Settings) -> &SignInSettings {
    match &settings.access {
        Access::SignIn(settings) => settings,
        Access::Key(_) => panic!("a key is set"),
    }
}

#[test]
fn nothing_typed_means_the_defaults_of_the_crates() {
    let ResolvedSettings {
        listen,
        metrics_address,
        demo,
        cassettes,
        log,
        verbose,
        stay,
        key_file,
        warnings,
        server,
    } = resolved(&[]).unwrap();
    assert!(metrics_address.is_none() && key_file.is_none());
    assert_eq!((log, warnings.is_empty()), (LogFormat::Human, true));
    let usual = ListenTarget::resolve("localhost", 8000).unwrap();
    assert_eq!(format!("{listen:?}"), format!("{usual:?}"));
    assert!(!demo && !verbose && !stay && cassettes.is_none());
    let http = HttpSettings::default();
    assert_eq!(
        (server.http.sizes.max_body, server.http.timeouts.drain),
        (http.sizes.max_body, http.timeouts.drain)
    );
    assert_eq!(server.http.sizes.max_connections, http.sizes.max_connections);
    assert_eq!(server.http.turns, http.turns);
    assert!(server.http.admission.keys.is_empty() && server.http.admission.origins.is_empty());
    assert!(server.http.admission.hosts.is_empty() && !server.http.log_bodies);
    assert_eq!(server.upstream.route, UpstreamRoute::codex());
    assert_eq!(server.upstream.identity, Identity::default());
    let models = ModelSettings::default();
    assert_eq!((server.models.sync, server.models.refresh), (models.sync, models.refresh));
    assert!(signed_in(&server).home.ends_with(".chatgpt-local"));
    assert_eq!(signed_in(&server).borrow_codex, None);
    assert!(matches!(server.policy.instructions, Instructions::Empty));
    assert_eq!(server.policy.reasoning_style, ReasoningStyle::ReasoningContent);
    assert_eq!((server.policy.effort, server.policy.summary), (None, None));
}

#[test]
fn every_word_of_effort_is_one_that_the_policy_knows() {
    for word in ["none", "minimal", "low", "medium", "high", "xhigh", "max", "ULTRA"] {
        let server = resolved(&["--reasoning-effort", word]).unwrap().server;
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
    let ResolvedSettings { verbose, server, .. } = resolved(&arguments).unwrap();
    assert!(verbose);
    assert_eq!(
        (server.http.sizes.max_body, server.http.timeouts.drain),
        (1024, Duration::from_secs(2))
    );
    let policy = &server.policy;
    assert!(policy.fast && policy.web_search && policy.strict && policy.hide_commentary);
    assert_eq!(policy.debug_model.as_deref(), Some("m"));
    assert_eq!(policy.summary.as_deref(), Some("detailed"));
    assert_eq!(policy.reasoning_style, ReasoningStyle::O3);
    assert!(!server.models.sync && server.models.expose_efforts);
    assert_eq!(server.models.refresh, Duration::from_secs(90));
    let keeper = &signed_in(&server).keeper;
    assert_eq!((&*keeper.issuer, &*keeper.client_id), ("https://i.test", "c"));
    assert_eq!((&*keeper.originator, &*keeper.user_agent), ("o", "u"));
    assert_eq!(server.upstream.identity.client_version, "1.2.3");
    assert!(signed_in(&server).borrow_codex.as_ref().unwrap().ends_with("codex"));
}

#[test]
fn what_others_can_reach_needs_a_key_or_a_clear_word() {
    for host in ["0.0.0.0", "::", "192.0.2.1", "[2001:db8::1]"] {
        let error = resolved(&["--host", host]).unwrap_err().to_string();
        assert!(error.contains("--api-key-file"), "{host}: {error}");
        let keyed = resolved(&["--host", host, "--api-key", "0123456789abcdef"]).unwrap();
        assert!(keyed.warnings.is_empty(), "{:?}", keyed.warnings);
        let open = resolved(&["--host", host, "--allow-unauthenticated"]).unwrap();
        assert_eq!(open.warnings.len(), 1, "{:?}", open.warnings);
    }
    assert!(resolved(&["--allow-unauthenticated"]).unwrap().warnings.is_empty());
}

#[test]
fn sockets_that_were_handed_over_need_a_key_by_their_own_address() {
    let handed = |address: &str| {
        let sockets = vec![TcpListener::bind(address).unwrap()];
        let cli = Cli::typed(&["--demo", "--host=0.0.0.0"]).unwrap();
        resolve(cli, &Folders::default(), &OpenAiVariables::default(), sockets)
    };
    assert!(handed("127.0.0.1:0").is_ok());
    let error = handed("0.0.0.0:0").unwrap_err().to_string();
    assert!(error.contains("--api-key-file"), "{error}");
}

#[test]
fn callers_arrive_where_they_are_needed() {
    let arguments = [
        "--api-key=ann:0123456789abcdef,0123456789abcdeg",
        "--allow-host=nas.lan",
        "--allow-host=192.168.1.5,[2001:db8::1]",
        "--allow-origin=http://localhost:3000,app://obsidian.md",
        "--max-connections=7",
        "--workers=3",
        "--max-turns=5",
        "--max-turns-per-label=2",
        "--max-answers=3",
        "--log-bodies",
        "--log-format=JSON",
    ];
    let ResolvedSettings { log, warnings, server, .. } = resolved(&arguments).unwrap();
    assert_eq!(log, LogFormat::Json);
    assert!(warnings.len() == 1 && warnings[0].contains("--log-bodies"), "{warnings:?}");
    let (http, policy) = (server.http, server.policy);
    assert_eq!((policy.max_calls, http.workers), (3, 3));
    assert_eq!((http.turns.max, http.turns.max_per_label), (5, Some(2)));
    let labels: Vec<&str> = http.admission.keys.iter().map(|key| key.label()).collect();
    assert_eq!(labels, ["ann", "key-2"]);
    assert_eq!(
        (http.admission.hosts.len(), http.admission.origins.len(), http.sizes.max_connections),
        (3, 2, 7)
    );
}

#[test]
fn a_scheme_is_listed_as_a_whole_and_that_of_extensions_only_with_a_key() {
    let key = "--api-key=ann:0123456789abcdef";
    assert!(resolved(&["--allow-origin=vscode-webview://*"]).is_ok());
    for scheme in ["moz-extension", "safari-web-extension"] {
        let flag = format!("--allow-origin={scheme}://*");
        let error = resolved(&[&flag]).unwrap_err().to_string();
        assert!(error.contains("--api-key-file"), "{error}");
        assert!(resolved(&[&flag, key]).is_ok());
        assert!(resolved(&[&format!("--allow-origin={scheme}://id")]).is_ok());
    }
}

#[test]
fn origins_and_hosts_that_cannot_be_meant_are_refused_with_a_reason() {
    for (argument, reason) in [
        ("--allow-origin=*", "every page"),
        ("--allow-origin=http://localhost:*", "every page"),
        ("--allow-origin=https://*", "every page"),
        ("--allow-origin=file://*", "every page"),
        ("--allow-origin=chrome-extension://*", "name its id"),
        ("--allow-origin=null", "sandboxed"),
        ("--allow-origin=http://localhost:3000/", "no slash"),
        ("--allow-origin=https://Example.com", "lower case"),
        ("--allow-origin=http://localhost:80", "leave :80 out"),
        ("--allow-origin=localhost:3000", "http://localhost:3000"),
        ("--allow-host=*.lan", "name every host"),
        ("--allow-host=nas.lan:8000", "no port"),
        ("--allow-host=http://nas.lan", "no port"),
        ("--max-connections=0", "at least 1"),
        ("--workers=0", "1..=256, or auto"),
        ("--max-turns=0", "at least 1"),
        ("--max-turns-per-label=0", "at least 1"),
        ("--max-answers=0", "at least 1"),
    ] {
        let error = Cli::typed(&[argument]).unwrap_err().to_string();
        assert!(error.contains(reason), "{argument}: {error}");
    }
}

#[test]
fn instructions_are_none_built_in_or_a_file() {
    let of = |source: &str| resolved(&["--instructions", source]).map(|d| d.server.policy);
    let builtin = of("builtin").unwrap().instructions;
    assert!(matches!(builtin, Instructions::Builtin { base, codex } if base != codex));
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../prompts/base.md");
    let text = of(file).unwrap().instructions;
    assert!(matches!(text, Instructions::Text(text) if &*text == reply::BASE));
    let error = of("no-such-file.md").unwrap_err().to_string();
    assert!(error.contains("no-such-file.md"), "{error}");
}

#[test]
fn a_demo_needs_no_home_folder() {
    let resolved = |arguments: &[&str]| {
        let cli = Cli::typed(arguments).unwrap();
        resolve(cli, &Folders::default(), &OpenAiVariables::default(), Vec::new())
    };
    assert!(resolved(&["--demo", "--route=api"]).unwrap().demo);
    assert!(resolved(&["--route=api", "--upstream-url=http://[::1]:1/v1"]).is_ok());
    let error = resolved(&[]).unwrap_err();
    assert!(error.to_string().contains("--home"), "{error}");
}
