//! The workspace's own rules: which crate may use which, and how a source file looks.

mod modules;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use modules::Graph;

/// One package: its name, the workspace crates it may use, and the families of crates it must not use.
const ARROWS: &[(&str, &[&str], &[&str])] = &[
    ("chatmock-protocol", &[], &["tokio", "hyper", "reqwest", "tracing", "anyhow"]),
    ("chatmock-translate", &["protocol"], &["tokio", "hyper", "reqwest", "tracing", "anyhow"]),
    ("chatmock-upstream", &["protocol"], &["hyper", "anyhow"]),
    ("chatmock-shared", &[], &["anyhow", "hyper", "reqwest", "serde"]),
    ("chatmock-auth", &["shared"], &["anyhow"]),
    (
        "chatmock-server",
        &["protocol", "translate", "upstream", "auth", "shared"],
        &["clap", "anyhow", "keyring"],
    ),
    ("chatmock-simulator", &["protocol"], &["anyhow"]),
    ("chatmock-testkit", &["simulator"], &["anyhow", "hyper", "reqwest"]),
    ("chatmock-server-bin", &["server", "auth", "simulator"], &["serde", "hyper", "reqwest"]),
    ("chatmock-auth-bin", &["server", "auth"], &["serde", "hyper", "reqwest"]),
];

/// The longest a file may be before its unit tests, in lines.
const FILE_LIMIT: usize = 400;

/// The rooms of the server from the lowest to the highest: each imports from those before it alone.
const ROOMS: [&str; 4] = ["http", "state", "turn", "api"];

/// The modules of the server that put the rooms together: they alone see every room.
const COMPOSITION: [&str; 3] = ["app", "serve", "service"];

#[test]
fn no_crate_has_a_circle_between_its_top_level_modules() {
    let mut faults = Vec::new();
    for folder in crates() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let graph = Graph::of(&folder.join("src"));
        let circles = graph.circles();
        println!("{name}: {} modules, {circles:?}", graph.modules().count());
        faults.extend(circles.iter().map(|circle| format!("{name}:{}", graph.explain(circle))));
    }
    assert!(faults.is_empty(), "circles of modules:\n{}", faults.join("\n"));
}

#[test]
fn a_room_of_the_server_imports_only_from_the_rooms_below_it() {
    let graph = Graph::of(&root().join("crates/server/src"));
    let rank = |module: &str| ROOMS.iter().position(|room| *room == module);
    // What is neither a room nor composition is shared by the rooms, and sees the lower two at most.
    let shared = rank("turn");
    let mut faults = Vec::new();
    for module in graph.modules().filter(|module| !COMPOSITION.contains(module)) {
        let own = rank(module).or(shared);
        let wrong = graph.named_by(module).filter(|named| rank(named) >= own);
        faults.extend(wrong.map(|named| format!("{module} must not import {named}")));
    }
    for module in ROOMS.iter().chain(&COMPOSITION) {
        assert!(graph.modules().any(|known| known == *module), "{module} is no module");
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn dependencies_follow_the_arrows() {
    let metadata = metadata();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        if name == "chatmock-tests" {
            continue;
        }
        let (_, ours, never) = ARROWS
            .iter()
            .find(|arrow| arrow.0 == name)
            .unwrap_or_else(|| panic!("{name} has no row in ARROWS"));
        for dependency in package["dependencies"].as_array().unwrap() {
            if !dependency["kind"].is_null() {
                continue;
            }
            let used = dependency["name"].as_str().unwrap();
            if let Some(own) = used.strip_prefix("chatmock-") {
                assert!(ours.contains(&own), "{name} must not use {used}");
            }
            let banned = never.iter().find(|family| belongs(used, family));
            assert!(banned.is_none(), "{name} must not use {used}");
        }
    }
}

/// A program that is built by itself has the features that its manifest and its dependencies' ask
/// for; only the tests ask for forced panics.
#[test]
fn no_program_is_shipped_with_forced_panics() {
    const FORCED: &str = "fault-injection";
    let metadata = metadata();
    let mut asking = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let defaults = package["features"]["default"].as_array();
        assert!(!defaults.is_some_and(|all| all.contains(&FORCED.into())), "{}", package["name"]);
        for dependency in package["dependencies"].as_array().unwrap() {
            if dependency["features"].as_array().unwrap().contains(&FORCED.into()) {
                asking.push((package["name"].as_str().unwrap(), dependency["kind"].as_str()));
            }
        }
    }
    assert_eq!(asking, [("chatmock-tests", Some("dev"))]);
}

#[test]
fn no_program_has_the_faults_of_the_tests() {
    let tree = tree(&["--edges", "normal,features"]);
    assert!(tree.contains("chatmock-server"), "{tree}");
    assert!(!tree.contains("fault-injection"), "{tree}");
    assert!(tree.lines().count() > 100, "{tree}");
}

/// Clippy refuses what is newer than that in the standard library; this is its other half.
#[test]
fn no_dependency_needs_a_newer_rust_than_is_promised() {
    let metadata = metadata_with(&["--locked"]);
    let version = |text: &str| -> Vec<u32> {
        text.split('.').map(|part| part.parse().unwrap_or_default()).collect()
    };
    let packages = metadata["packages"].as_array().unwrap();
    let of = |name: &str| packages.iter().find(|package| package["name"] == name).unwrap();
    let promised = of("chatmock-translate")["rust_version"].as_str().unwrap();
    for package in packages {
        let needed = package["rust_version"].as_str().unwrap_or("1");
        assert!(version(needed) <= version(promised), "{} needs Rust {needed}", package["name"]);
    }
}

#[test]
fn the_server_is_made_of_few_crates() {
    let tree = tree(&["--edges", "normal", "--prefix", "none", "--no-dedupe"]);
    let crates: HashSet<&str> = tree.lines().filter(|line| !line.contains(" (/")).collect();
    assert!((100..=260).contains(&crates.len()), "{} crates: {crates:?}", crates.len());
}

#[test]
fn what_is_released_survives_a_panic_and_has_one_where_a_number_overflows() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, release) = manifest.split_once("[profile.release]\n").unwrap();
    let release = release.split("\n[").next().unwrap();
    for line in ["overflow-checks = true", "panic = \"unwind\""] {
        assert!(release.lines().any(|set| set == line), "{line} is not in {release}");
    }
}

#[test]
fn source_files_are_short_documented_and_never_named_mod() {
    let mut faults = Vec::new();
    for file in sources(&["crates", "bins"]) {
        let (path, text) = (file.display(), std::fs::read_to_string(&file).unwrap());
        let lines = code(&text).lines().count();
        for (fault, holds) in [
            (format!("{path} does not begin with a module doc"), !is_documented(&text)),
            (format!("{path} should be a file next to its folder"), file.ends_with("mod.rs")),
            (format!("{path} has {lines} lines before its tests"), lines > FILE_LIMIT),
        ] {
            faults.extend(holds.then_some(fault));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Public functions that no package of this workspace names but their own, each with its reason.
const FOR_EMBEDDERS: [&str; 1] = [
    // Binds the reasoning in answers to an account of the embedder's own.
    "with_seal",
];

/// What nobody else names is not for others, and would only have to be kept as it is.
#[test]
fn every_public_function_is_named_by_another_package_or_has_its_reason() {
    let texts: Vec<(PathBuf, String)> = ["crates", "bins", "tests"]
        .iter()
        .flat_map(|folder| rust_files(&root().join(folder)))
        // This file has the names of the exceptions.
        .filter(|file| !file.ends_with("it/layering.rs"))
        .map(|file| (file.clone(), std::fs::read_to_string(&file).unwrap()))
        .collect();
    let mut lonely = Vec::new();
    for folder in crates().into_iter().filter(|folder| folder.parent().unwrap().ends_with("crates"))
    {
        let (own, others): (Vec<_>, Vec<_>) =
            texts.iter().partition(|(file, _)| file.starts_with(folder.join("src")));
        let mut names: HashSet<&str> = own
            .iter()
            .flat_map(|(_, text)| code(text).lines().filter_map(public_function))
            .collect();
        for (_, text) in others {
            for word in text.split(|c: char| !c.is_alphanumeric() && c != '_') {
                names.remove(word);
            }
        }
        lonely.extend(names);
    }
    lonely.sort_unstable();
    assert_eq!(lonely, FOR_EMBEDDERS);
}

/// The name of the public function that a line begins.
fn public_function(line: &str) -> Option<&str> {
    let mut words = line.trim_start().strip_prefix("pub ")?.split(' ');
    let name = words
        .find(|word| !["const", "async", "unsafe"].contains(word))
        .filter(|word| *word == "fn");
    name.and_then(|_| words.next()?.split(['(', '<']).next())
}

/// The differences between provider routes are data of one module; all other code is the same for each.
#[test]
fn no_one_but_the_module_of_routes_asks_which_route_is_in_use() {
    let asking = [
        "Route::plan",
        "Route::api",
        "backend_profile::CODEX",
        "backend_profile::PLAN",
        "ApiFlavor::OpenAi",
        "== Route::",
        "route.name() ==",
        "route().name() ==",
        "match route",
    ];
    for file in sources(&["crates/upstream/src", "crates/server/src", "crates/translate/src"]) {
        let path = file.display().to_string();
        let own = path.contains("upstream/src/route") || path.contains("/tests");
        // The server's own paths are called routes too.
        if own
            || path.ends_with("server/src/service.rs")
            || path.ends_with("server/src/api/route.rs")
        {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        for words in asking {
            assert!(!code(&text).contains(words), "{path} asks {words}");
        }
    }
}

#[test]
fn no_crate_does_what_is_not_its_business() {
    for (folder, banned) in [
        ("crates/protocol", &["async ", ".await"][..]),
        ("crates/translate", &["async ", ".await"]),
        ("crates", &["env::var", "env::args"]),
        // Where certificates could be passed over.
        ("crates", &["danger_"]),
        ("bins", &["danger_"]),
    ] {
        for file in sources(&[folder]) {
            let text = std::fs::read_to_string(&file).unwrap();
            let lines = code(&text).lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in lines {
                let found = banned.iter().find(|word| line.contains(**word));
                assert!(found.is_none(), "{}: {}", file.display(), line.trim());
            }
        }
    }
}

/// Returns whether a crate is the named one or of its family (`hyper-util` is of `hyper`'s).
fn belongs(used: &str, family: &str) -> bool {
    used.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

/// Returns whether a file begins with a module doc, its own or that of a page.
fn is_documented(text: &str) -> bool {
    ["//! ", "#![doc = include_str!("].iter().any(|doc| text.starts_with(doc))
}

/// The part of a file before its unit tests.
fn code(text: &str) -> &str {
    text.split_once("\n#[cfg(test)]\nmod ").map_or(text, |(before, _)| before)
}

/// The dependency tree of the server's program on this system.
fn tree(options: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package", "chatmock-server-bin"])
        .args(options)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Cargo's metadata of the packages of this workspace.
fn metadata() -> Value {
    metadata_with(&["--no-deps", "--offline"])
}

fn metadata_with(options: &[&str]) -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1"])
        .args(options)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Every Rust file in a `src` folder below the named folders of the workspace.
fn sources(folders: &[&str]) -> Vec<PathBuf> {
    let files = folders.iter().flat_map(|folder| rust_files(&root().join(folder)));
    let found: Vec<PathBuf> = files.filter(|file| in_src(file)).collect();
    assert!(!found.is_empty());
    found
}

/// Every Rust file below a folder.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let (mut waiting, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// The folders of the workspace's crates and programs.
fn crates() -> Vec<PathBuf> {
    let folders = ["crates", "bins"].iter().flat_map(|group| {
        std::fs::read_dir(root().join(group)).unwrap().map(|entry| entry.unwrap().path())
    });
    let mut crates: Vec<PathBuf> =
        folders.filter(|folder| folder.join("Cargo.toml").is_file()).collect();
    crates.sort();
    crates
}

fn in_src(path: &Path) -> bool {
    let below = path.strip_prefix(root()).unwrap();
    below.components().any(|part| part.as_os_str() == "src")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
