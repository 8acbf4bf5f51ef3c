//! C and assembly in the tree of dependencies: named here, since no advisory database tracks what a crate vendors.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// The packages that may compile or link code of another language, each with a reason.
const KNOWN: [(&str, &str); 1] =
    [("ring", "cryptography for TLS and signatures, in C and assembly that its authors maintain")];

/// The packages with which a build script compiles or finds such code.
const COMPILERS: [&str; 8] =
    ["cc", "cmake", "bindgen", "pkg-config", "vcpkg", "nasm-rs", "autotools", "meson"];

#[test]
fn native_code_in_dependencies_is_named() {
    let packages = packages();
    let native = |package: &&Value| {
        let compiles = package["dependencies"].as_array().unwrap().iter().any(|dependency| {
            let name = dependency["name"].as_str().unwrap();
            dependency["kind"] == "build" && COMPILERS.contains(&name)
        });
        compiles || package["links"].is_string()
    };
    let native: BTreeSet<&str> =
        packages.iter().filter(native).map(|package| package["name"].as_str().unwrap()).collect();
    let known: BTreeSet<&str> = KNOWN.iter().map(|(name, _)| *name).collect();
    assert_eq!(native, known, "a new one needs its reason in this list and in docs/security.md");
}

/// The packages that are built for this system.
fn packages() -> Vec<Value> {
    let version = run(Command::new("rustc").arg("-vV"));
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--locked", "--offline", "--format-version", "1"];
    let text = run(Command::new(cargo).args(arguments).args(["--filter-platform", host]));
    let metadata: Value = serde_json::from_str(&text).unwrap();
    let used: BTreeSet<&str> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["id"].as_str().unwrap())
        .collect();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100, "{} packages", packages.len());
    packages
        .iter()
        .filter(|package| used.contains(package["id"].as_str().unwrap()))
        .cloned()
        .collect()
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
