//! Tests of the step from the command line to the settings.

use chatmock_auth::{CALLBACK_PORTS, CLIENT_ID, ISSUER};

use super::*;

fn resolved(arguments: &[&str]) -> anyhow::Result<ResolvedCommand> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let codex = Some(root.join("codex"));
    resolve(Cli::typed(arguments).unwrap(), Folders { person: Some(root), codex, runtime: None })
}

fn login(arguments: &[&str]) -> Login {
    let arguments: Vec<&str> = std::iter::once("login").chain(arguments.iter().copied()).collect();
    let Task::Login(login) = resolved(&arguments).unwrap().task else { panic!("no login") };
    login
}

#[test]
fn what_nobody_says_is_as_for_the_server() {
    let ResolvedCommand { config, verbose, .. } = resolved(&["refresh"]).unwrap();
    assert!(!verbose && config.home.path().ends_with(".chatgpt-local"));
    assert_eq!((&*config.keeper.issuer, &*config.keeper.client_id), (ISSUER, CLIENT_ID));
    for (route, expected) in [
        (auth::SignInRoute::CODEX, UpstreamRoute::codex()),
        (auth::SignInRoute::PLAN, UpstreamRoute::plan()),
    ] {
        assert_eq!(config.upstream(&route).route, expected);
    }
    assert_eq!(config.identity, Identity::default());
    assert_eq!(config.keeper.originator, config.identity.originator);
    assert_eq!(config.store, StoreChoice::Auto);
}

#[test]
fn flags_of_login_arrive_where_they_are_needed() {
    let plain = login(&[]);
    assert_eq!((plain.requested, plain.replace), (RequestedMethod::Either, false));
    assert_eq!((plain.route.as_ref(), plain.host), (None, None));
    let (codex, plan) = (profile(&auth::SignInRoute::CODEX), profile(&auth::SignInRoute::PLAN));
    assert_eq!(plain.loopback(codex).ports, CALLBACK_PORTS);
    assert_eq!(plain.loopback(plan).ports, [1455, 0]);
    assert_eq!(login(&["--route=plan"]).route, Some(auth::SignInRoute::PLAN));
    assert_eq!(login(&["--device"]).requested, RequestedMethod::Device);
    assert_eq!(login(&["--no-browser"]).requested, RequestedMethod::Address);
    let full = login(&[
        "--redirect-host=localhost",
        "--workspace=a,b",
        "--workspace=c",
        "--account=work",
        "-y",
        "--bind=0.0.0.0",
        "--callback-port=7",
    ]);
    let loopback = full.loopback(codex);
    assert_eq!(loopback.host, RedirectHost::Localhost);
    assert_eq!((loopback.ports, full.workspaces.len()), (vec![7], 3));
    assert!(full.replace && loopback.bind.is_some());
    assert_eq!(full.name.as_deref(), Some("work"));
}

fn profile(route: &auth::SignInRoute) -> &'static AuthProfile {
    route.profile().unwrap()
}

#[test]
fn what_the_plan_route_does_not_have_is_refused_in_one_line() {
    let plan = profile(&auth::SignInRoute::PLAN);
    for flag in ["--redirect-host=127.0.0.1", "--device", "--workspace=a"] {
        let error = login(&[flag]).check(plan).unwrap_err().to_string();
        assert!(error.contains(flag.split('=').next().unwrap()), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        login(&[flag]).check(profile(&auth::SignInRoute::CODEX)).unwrap();
    }
    login(&["--no-browser", "--callback-port=7", "--account=a"]).check(plan).unwrap();
}

#[test]
fn an_import_looks_where_the_programs_keep_their_files() {
    let files = |arguments: &[&str]| match resolved(arguments).unwrap().task {
        Task::Import(import) => import.files,
        task => panic!("{task:?}"),
    };
    assert!(files(&["import", "codex"])[0].ends_with("codex/auth.json"));
    assert_eq!(files(&["import"]).len(), 2);
    assert_eq!(files(&["import", "codex", "x.json"]), [PathBuf::from("x.json")]);
    let folder = env!("CARGO_MANIFEST_DIR");
    assert!(files(&["import", "chatmock", folder])[0].ends_with("auth.json"));
}

#[test]
fn a_home_is_needed() {
    let error = resolve(Cli::typed(&["refresh"]).unwrap(), Folders::default()).unwrap_err();
    assert!(error.to_string().contains("--home"), "{error}");
}
