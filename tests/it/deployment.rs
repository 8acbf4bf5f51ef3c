//! The files of `docs/deploy`: well formed, in agreement with each other, and with flags that there are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A value of the part of YAML that these files use.
#[derive(Clone, Debug, PartialEq)]
enum Yaml {
    Text(String),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
}

impl Yaml {
    /// Follows the keys of maps and the positions of lists, parted by slashes.
    fn at(&self, path: &str) -> &Self {
        path.split('/').fold(self, |value, step| match value {
            Self::Map(map) => map.get(step).unwrap_or_else(|| panic!("no {step} of {path}")),
            Self::List(list) => &list[step.parse::<usize>().unwrap()],
            Self::Text(_) => panic!("no {step} of {path}"),
        })
    }

    fn text(&self, path: &str) -> &str {
        match self.at(path) {
            Self::Text(text) => text,
            other => panic!("{path} is {other:?}"),
        }
    }

    fn texts(&self, path: &str) -> Vec<&str> {
        let Self::List(list) = self.at(path) else { panic!("{path} is no list") };
        list.iter()
            .filter_map(|one| if let Self::Text(text) = one { Some(&**text) } else { None })
            .collect()
    }

    fn number(&self, path: &str) -> u64 {
        self.text(path).trim_end_matches('s').parse().unwrap()
    }
}

/// The lines of a file with their indentation, without comments.
fn lines(text: &str) -> Vec<(usize, &str)> {
    let lines = text.lines().map(|line| (line.len() - line.trim_start().len(), line.trim()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).collect()
}

/// Reads the block at the beginning of the lines, and takes its lines away.
fn block(lines: &mut Vec<(usize, &str)>) -> Yaml {
    let (depth, first) = lines[0];
    if first.starts_with("- ") {
        let mut list = Vec::new();
        while let Some((at, line)) =
            lines.first().copied().filter(|(at, line)| *at == depth && line.starts_with("- "))
        {
            let item = &line[2..];
            // What follows the dash is the first line of a block that is two deeper.
            if is_pair(item) {
                lines[0] = (at + 2, item);
                list.push(block(lines));
            } else {
                lines.remove(0);
                list.push(scalar(item));
            }
        }
        return Yaml::List(list);
    }
    let mut map = BTreeMap::new();
    while let Some((_, line)) = lines.first().copied().filter(|(at, _)| *at == depth) {
        assert!(is_pair(line), "{line:?} is no member");
        let (key, value) = line.split_once(':').unwrap();
        lines.remove(0);
        let deeper = lines
            .first()
            .is_some_and(|(at, next)| *at > depth || (*at == depth && next.starts_with("- ")));
        let value = match value.trim() {
            "" if deeper => block(lines),
            value => scalar(value),
        };
        assert!(map.insert(key.to_owned(), value).is_none(), "{key} is there twice");
    }
    Yaml::Map(map)
}

fn is_pair(line: &str) -> bool {
    !line.starts_with(['"', '[']) && (line.ends_with(':') || line.contains(": "))
}

fn scalar(text: &str) -> Yaml {
    let plain = |text: &str| Yaml::Text(text.trim().trim_matches('"').to_owned());
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(list) => Yaml::List(list.split(',').map(plain).collect()),
        None => plain(text),
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deploy")
}

fn read(file: &str) -> Yaml {
    let text = std::fs::read_to_string(folder().join(file)).unwrap_or_else(|_| panic!("{file}"));
    assert!(!text.contains('\t'), "{file} has a tab");
    let mut lines = lines(&text);
    let read = block(&mut lines);
    assert!(lines.is_empty(), "{file}: {:?}", lines.first());
    read
}

/// Fails unless a word is a flag or a variable of the server.
fn is_documented(word: &str) {
    const DOCUMENTED: &str = include_str!("../../docs/configuration.md");
    let name = word.split('=').next().unwrap();
    assert!(DOCUMENTED.contains(&format!("`{name}`")), "{name} is not documented");
}

#[test]
fn a_deployment_has_three_servers_that_drain_are_probed_and_are_not_root() {
    let deployment = read("kubernetes/base/deployment.yaml");
    assert_eq!((deployment.text("apiVersion"), deployment.text("kind")), ("apps/v1", "Deployment"));
    assert_eq!(deployment.number("spec/replicas"), 3);
    let pod = deployment.at("spec/template/spec");
    let container = pod.at("containers/0");
    let drain = container.texts("args").into_iter().find_map(|flag| flag.strip_prefix("--drain="));
    let pause = container.number("lifecycle/preStop/sleep/seconds");
    let drain: u64 = drain.unwrap().parse().unwrap();
    assert!(pod.number("terminationGracePeriodSeconds") > drain + pause);
    for (probe, path) in [("livenessProbe", "/live"), ("readinessProbe", "/ready")] {
        assert_eq!(container.text(&format!("{probe}/httpGet/path")), path);
    }
    for (path, value) in [
        ("securityContext/runAsNonRoot", "true"),
        ("containers/0/securityContext/readOnlyRootFilesystem", "true"),
        ("containers/0/securityContext/allowPrivilegeEscalation", "false"),
        ("automountServiceAccountToken", "false"),
    ] {
        assert_eq!(pod.text(path), value, "{path}");
    }
    assert_eq!(pod.texts("containers/0/securityContext/capabilities/drop"), ["ALL"]);
    container.texts("args").into_iter().for_each(is_documented);
    let Yaml::List(variables) = container.at("env") else { panic!("no variables") };
    variables.iter().for_each(|variable| is_documented(variable.text("name")));
    // 0440: not for other users, who would make the server refuse it.
    assert_eq!(pod.number("volumes/1/secret/defaultMode"), 0o440);
}

#[test]
fn what_selects_the_servers_means_the_same_ones() {
    const LABEL: &str = "app.kubernetes.io/name";
    let deployment = read("kubernetes/base/deployment.yaml");
    let Yaml::Map(labels) = deployment.at("spec/template/metadata/labels") else {
        panic!("no labels")
    };
    assert_eq!(labels[LABEL], Yaml::Text("chatmock".to_owned()));
    let disruption = read("kubernetes/base/disruption.yaml");
    assert_eq!(disruption.number("spec/minAvailable"), 2);
    let (network, service) =
        (read("kubernetes/base/network.yaml"), read("kubernetes/base/service.yaml"));
    for selector in [
        deployment.at("spec/selector/matchLabels"),
        disruption.at("spec/selector/matchLabels"),
        network.at("spec/podSelector/matchLabels"),
        service.at("spec/selector"),
    ] {
        assert_eq!(selector, deployment.at("spec/template/metadata/labels"));
    }
    assert_eq!(network.texts("spec/policyTypes"), ["Ingress", "Egress"]);
    let port = deployment.at("spec/template/spec/containers/0/ports/0");
    assert_eq!(service.text("spec/ports/0/targetPort"), port.text("name"));
    assert_eq!(network.text("spec/ingress/0/ports/0/port"), port.text("containerPort"));
}

#[test]
fn every_file_that_an_overlay_names_is_there() {
    for place in ["kubernetes/base", "kubernetes/overlays/home"] {
        let kustomization = read(&format!("{place}/kustomization.yaml"));
        for resource in kustomization.texts("resources") {
            assert!(folder().join(place).join(resource).exists(), "{place}: {resource}");
        }
    }
    let overlay = read("kubernetes/overlays/home/kustomization.yaml");
    let patch = read(&format!("kubernetes/overlays/home/{}", overlay.text("patches/0/path")));
    assert_eq!(patch.text("metadata/name"), "chatmock");
    is_documented(patch.text("spec/template/spec/containers/0/env/0/name"));
    let secrets = overlay.texts("secretGenerator/0/files");
    let deployment = read("kubernetes/base/deployment.yaml");
    let used = deployment.text("spec/template/spec/containers/0/env/0/valueFrom/secretKeyRef/key");
    assert!(secrets.contains(&used), "{used}");
}

#[test]
fn the_compose_file_drains_and_its_flags_are_there() {
    let compose = read("compose.yaml");
    let server = compose.at("services/chatmock");
    let flags = server.texts("command");
    let drain = flags.iter().find_map(|flag| flag.strip_prefix("--drain=")).unwrap();
    assert!(server.number("stop_grace_period") > drain.parse().unwrap());
    assert_eq!((server.number("deploy/replicas"), server.text("read_only")), (3, "true"));
    flags.into_iter().for_each(is_documented);
    let Yaml::Map(variables) = server.at("environment") else { panic!("no variables") };
    variables.keys().for_each(|name| is_documented(name));
}

#[test]
fn no_proxy_collects_a_stream() {
    let text = |file: &str| std::fs::read_to_string(folder().join(file)).unwrap();
    for (file, words) in [
        (
            "nginx.conf",
            &[
                "proxy_buffering off",
                "proxy_request_buffering off",
                "proxy_read_timeout 10m",
                "X-Forwarded-For $remote_addr",
            ][..],
        ),
        ("Caddyfile", &["flush_interval -1", "read_timeout 10m", "/ready"]),
        ("traefik.yaml", &["flushInterval: 1ms", "path: /ready"]),
    ] {
        let text = text(file);
        words.iter().for_each(|word| assert!(text.contains(word), "{file}: {word}"));
    }
}
