//! Requests that a connection alone decides, from a table: hosts, browsers, keys, framing, odd paths.
//!
//! The table is data, so that a new dialect is covered by its row in `dialects.tsv`, and so that each
//! row can be read next to its answer. Every row goes over a socket of its own, byte for byte.

use chatmock_server::ApiKey;
use chatmock_testkit::client::{Connection, Reply, Request};

use crate::dialects::{self, dialect, dialects};
use crate::harness::Harness;

const TABLE: &str = include_str!("../fixtures/hostile-requests.tsv");
const KEY: &str = "a-key-of-sixteen-and-more";
const OTHER_KEY: &str = "another-long-key-of-ben";
const LISTED: &str = "http://localhost:3000";

/// One row of the table.
#[derive(Clone, Copy)]
struct Row<'t> {
    id: &'t str,
    server: &'t str,
    request: &'t str,
    headers: &'t str,
    body: &'t str,
    openai: &'t str,
    ollama: &'t str,
}

/// The rows, without comments and the line of headings.
fn rows() -> Vec<Row<'static>> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#')).skip(1);
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [id, server, request, headers, body, openai, ollama] = cells[..] else {
            panic!("a row of {} cells: {line}", cells.len());
        };
        let [headers, body] = [headers, body].map(|cell| if cell == "-" { "" } else { cell });
        Row { id, server, request, headers, body, openai, ollama }
    };
    lines.map(row).collect()
}

impl Row<'_> {
    /// The bytes of the request for a dialect's turn.
    fn bytes(&self, port: u16, dialect: dialects::Row) -> String {
        let dialects::Row { path, question, .. } = dialect;
        let fill = |text: &str| {
            let text = text.replace("{turn}", path).replace("{question}", question);
            let text = text.replace("{port}", &port.to_string()).replace("{listed}", LISTED);
            let text = text.replace("{key}", KEY).replace("{other-key}", OTHER_KEY);
            let text = text.replace("{hex-length}", &format!("{:x}", question.len()));
            repeated(&text.replace("\\r\\n", "\r\n"))
        };
        let body = fill(self.body);
        let length = body.len().to_string();
        let headers = fill(self.headers);
        let named: Vec<&str> = headers.split(" | ").filter(|header| !header.is_empty()).collect();
        let names = |wanted: &str| {
            named.iter().any(|header| {
                let name = header.split(':').next().unwrap().trim_start_matches('!');
                name.eq_ignore_ascii_case(wanted)
            })
        };
        let mut text = format!("{} HTTP/1.1\r\n", fill(self.request));
        for (name, value, wanted) in [
            ("Host", format!("127.0.0.1:{port}"), true),
            ("Content-Type", "application/json".to_owned(), true),
            ("Content-Length", length, !(body.is_empty() || names("Transfer-Encoding"))),
        ] {
            if wanted && !names(name) {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        for header in named.iter().filter(|header| !header.starts_with('!')) {
            text.push_str(&format!("{header}\r\n"));
        }
        text + "\r\n" + &body
    }

    /// The status and the code that a path's family answers with.
    fn expected(&self, path: &str) -> (u16, &str) {
        let cell = if path.starts_with("/api/") { self.ollama } else { self.openai };
        let (status, code) = cell.split_once(' ').unwrap_or((cell, ""));
        (status.parse().unwrap_or_else(|_| panic!("{}: {cell}", self.id)), code)
    }
}

/// A text in which `{40*A}` is written out.
fn repeated(text: &str) -> String {
    let Some((before, rest)) = text.split_once('{') else { return text.to_owned() };
    let unfolded = rest.split_once('}').and_then(|(inside, after)| {
        let (count, letter) = inside.split_once('*')?;
        Some((letter.repeat(count.parse().ok()?), after))
    });
    match unfolded {
        Some((letters, after)) => format!("{before}{letters}{}", repeated(after)),
        None => format!("{before}{{{}", repeated(rest)),
    }
}

/// Sends every row of a kind of server and checks the answers.
async fn run(harness: &Harness, server: &str) {
    let rows: Vec<Row<'_>> = rows().into_iter().filter(|row| row.server == server).collect();
    assert!(rows.len() >= 10, "{} rows for {server}", rows.len());
    for row in rows {
        let turns = row.request.contains("{turn}");
        let asked = if turns { dialects() } else { vec![dialect("chat")] };
        for dialect in asked {
            let text = row.bytes(harness.server.address.port(), dialect);
            let path = if turns { dialect.path } else { row.request.split(' ').nth(1).unwrap() };
            check(harness, &text, &format!("{} {path}", row.id), row.expected(path)).await;
        }
    }
}

/// Sends one request; what is refused must not reach the backend.
async fn check(harness: &Harness, text: &str, name: &str, (status, code): (u16, &str)) {
    let before = harness.calls();
    let mut connection = Connection::begin(harness.server.address, text.as_bytes()).await.unwrap();
    let head = connection.head().await.unwrap();
    let reply = connection.body(head).await.unwrap();
    assert_eq!(reply.status, status, "{name}: {}", reply.text());
    if status >= 400 {
        assert_eq!(harness.calls(), before, "{name}");
        assert_eq!(reply.header("content-type"), Some("application/json"), "{name}");
        assert!(reply.json().get("error").is_some(), "{name}: {}", reply.text());
    }
    if !code.is_empty() {
        let error = &reply.json()["error"];
        // Anthropic's error has its code among the details.
        let found = error.get("code").unwrap_or_else(|| &error["details"]["error_code"]);
        assert_eq!(found, code, "{name}: {}", reply.text());
    }
    assert_no_leave(&reply, text, name);
}

/// Only a listed origin is given leave by a browser's rules.
fn assert_no_leave(reply: &Reply, sent: &str, name: &str) {
    let leave = reply.headers.iter().any(|(name, _)| name.starts_with("access-control-"));
    let listed = sent.contains(&format!("Origin: {LISTED}\r\n"));
    assert_eq!(leave, listed, "{name}: {:?}", reply.headers);
    assert_eq!(reply.header("access-control-allow-credentials"), None, "{name}");
}

#[test]
fn every_row_has_a_name_of_its_own_and_a_known_server() {
    let rows = rows();
    let mut ids: Vec<&str> = rows.iter().map(|row| row.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), rows.len());
    assert!(rows.iter().all(|row| ["plain", "listed", "keys"].contains(&row.server)));
}

#[tokio::test]
async fn hosts_framing_and_odd_paths() {
    run(&Harness::new().await, "plain").await;
}

#[tokio::test]
async fn pages_and_web_sockets() {
    let harness = Harness::with(|s| s.http.admission.origins = vec![LISTED.parse().unwrap()]).await;
    run(&harness, "listed").await;
}

#[tokio::test]
async fn keys() {
    let harness = Harness::with(|s| {
        s.http.admission.keys = vec![ApiKey::new("ann", KEY), ApiKey::new("ben", OTHER_KEY)];
        s.http.admission.origins = vec![LISTED.parse().unwrap()];
    })
    .await;
    run(&harness, "keys").await;
}

#[tokio::test]
async fn a_wrong_key_is_challenged_in_the_dialect_and_never_repeated() {
    let harness = Harness::with(|s| s.http.admission.keys = vec![ApiKey::new("ann", KEY)]).await;
    for path in dialects().iter().map(|dialect| dialect.path).chain(["/v1/models", "/api/tags"]) {
        let request =
            Request::post(path, dialect("chat").question).with("x-api-key", "wrong-key-of-nobody");
        let reply = harness.server.send(request).await;
        assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some("Bearer")));
        assert_eq!(reply.json()["error"].is_string(), path.starts_with("/api/"), "{path}");
        let shown = format!("{:?}{}", reply.headers, reply.text());
        assert!(!shown.contains("wrong-key") && !shown.contains("key-of-nobody"), "{shown}");
    }
}
