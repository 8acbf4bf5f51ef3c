//! Tests of `--record` and `--replay`: what is stored, what is not, and that the same comes back.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use chatmock_simulator::{Claims, Settings, Simulator};
use chatmock_testkit::backend::Backend;
use serde_json::Value;

use super::process::{Running, after, chat, program, refused};

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";

fn recording(backend: &Backend, folder: &Path, more: &[&str]) -> Command {
    let mut command = program(&["--port", "0", "--record"]);
    command.arg(folder).args(more).args(backend.flags());
    command
}

fn replaying(folder: &Path, more: &[&str]) -> Running {
    let mut command = program(&["--port", "0", "--replay"]);
    // A home that cannot be: nobody is signed in there.
    command.env("CHATGPT_LOCAL_HOME", "/nonexistent").arg(folder).args(more);
    Running::start(&mut command)
}

fn stop(mut server: Running) {
    server.signal("TERM");
    assert_eq!(server.code(), Some(0));
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|kind| kind == "json"));
    files.sort();
    files
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

fn responses(text: &str) -> String {
    format!(r#"{{"model":"gpt-5.5","stream":true,"input":"{text}","prompt_cache_key":"my-talk"}}"#)
}

fn json(answer: &str) -> Value {
    serde_json::from_str(body(answer)).unwrap_or_else(|_| panic!("{answer}"))
}

/// The text of a whole chat reply.
fn said(answer: &str) -> String {
    json(answer)["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
}

/// The data of the events of a Responses stream: bytes of the backend, without what the server's own framing adds.
fn events(answer: &str) -> Vec<&str> {
    let events: Vec<_> = body(answer).lines().filter(|line| line.starts_with("data: ")).collect();
    assert!(events.last().is_some_and(|last| last.contains("response.completed")), "{answer}");
    events
}

#[test]
fn what_was_recorded_comes_back_byte_for_byte_without_an_account() {
    let backend = Backend::signed_in(Settings::default()).unwrap();
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("cassettes");
    let server = Running::start(&mut recording(&backend, &folder, &[]));
    assert!(server.started.contains("--record is on: everything"), "{}", server.started);
    let streamed = server.ask("POST", RESPONSES, &responses("hello"));
    let whole = server.ask("POST", CHAT, &chat("how are you?", false));
    let refused = server.ask("POST", CHAT, &chat("MODE:429", false));
    stop(server);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(files(&folder).len(), 4, "three turns and the list of models");
    assert!(files(&folder).iter().all(|file| mode(file) == 0o600));
    let calls = backend.simulator.stats().responses();
    let server = replaying(&folder, &[]);
    assert!(server.started.contains("REPLAY"), "{}", server.started);
    // Another conversation's key is no other request.
    let again = server.ask("POST", RESPONSES, &responses("hello").replace("my-talk", "yours"));
    assert_eq!(events(&again).len(), events(&streamed).len());
    for (again, first) in events(&again).iter().zip(events(&streamed)) {
        assert_eq!(again.replace("<session>", "my-talk"), first);
    }
    assert_eq!(said(&server.ask("POST", CHAT, &chat("how are you?", false))), said(&whole));
    let refusal = server.ask("POST", CHAT, &chat("MODE:429", false));
    assert!(
        refusal.starts_with("HTTP/1.1 429") && refused.starts_with("HTTP/1.1 429"),
        "{refusal}"
    );
    assert_eq!(json(&refusal)["error"]["type"], json(&refused)["error"]["type"]);
    for (path, question, place) in [
        (CHAT, chat("how is he?", false), "error.message"),
        (
            "/v1/messages",
            chat("how is he?", false).replace("\"stream\"", "\"max_tokens\":9,\"stream\""),
            "error.message",
        ),
        ("/api/chat", chat("how is he?", false), "error"),
    ] {
        let miss = server.ask("POST", path, &question);
        assert!(miss.starts_with("HTTP/1.1 404"), "{path}: {miss}");
        let miss = json(&miss);
        let words = place.split('.').fold(&miss, |value, name| &value[name]).as_str().unwrap();
        assert!(
            words.contains("the nearest is ") && words.contains("differs first at input[0]"),
            "{words}"
        );
    }
    let miss = json(&server.ask("POST", CHAT, &chat("how is he?", false)));
    assert_eq!(miss["error"]["code"], "cassette_miss");
    assert_eq!(backend.simulator.stats().responses(), calls, "the backend was called");
}

#[test]
fn nothing_secret_is_in_a_cassette_and_hashed_texts_cannot_be_read() {
    let claims = Claims { email: "canary-mail@example.invalid".into(), ..Claims::default() };
    let backend = Backend::start(Settings::default()).unwrap();
    backend.sign_in(claims).unwrap();
    let auth: Value =
        serde_json::from_slice(&fs::read(backend.home().join("auth.json")).unwrap()).unwrap();
    let token = |name: &str| auth["tokens"][name].as_str().unwrap().to_owned();
    let [access, account, refresh, id] =
        ["access_token", "account_id", "refresh_token", "id_token"].map(token);
    let place = tempfile::tempdir().unwrap();
    let key = "canary-client-key-0123456789";
    for (name, more) in [("plain", &[][..]), ("hashed", &["--record-hash-text"])] {
        let folder = place.path().join(name);
        let server = Running::start(recording(&backend, &folder, more).args(["--api-key", key]));
        let secret = format!("I am canary-mail@example.invalid {account} {access}, canary-prompt");
        for stream in [true, false] {
            let header = ("authorization", &*format!("Bearer {key}"));
            let answer = server.ask_with(header, &format!("POST {CHAT}"), &chat(&secret, stream));
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        stop(server);
        assert_eq!(files(&folder).len(), 3);
        let mut stored: String =
            files(&folder).iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        for secret in [&access, &account, &refresh, &id, "canary-mail@example.invalid", key] {
            assert!(!stored.contains(secret), "{name}: {secret} is stored");
        }
        assert_eq!(stored.contains("canary-prompt"), name == "plain");
        stored.retain(|character| character != ' ');
        assert!(stored.contains("\"authorization\",\n\"Bearer****\""), "{stored}");
    }
    let server = replaying(&place.path().join("hashed"), &[]);
    let secret = "I am canary-mail@example.invalid";
    let miss = server.ask("POST", CHAT, &chat(secret, false));
    assert!(miss.contains("cassette_miss"), "{miss}");
}

#[test]
fn a_sequence_plays_what_is_next_and_a_match_before_it() {
    let backend = Backend::signed_in(Settings::default()).unwrap();
    let place = tempfile::tempdir().unwrap();
    let server = Running::start(&mut recording(&backend, place.path(), &[]));
    for text in ["one", "two", "two", "three"] {
        server.ask("POST", CHAT, &chat(text, false));
    }
    stop(server);
    let server = replaying(place.path(), &["--replay-order", "sequence", "--replay-pace"]);
    let ask = |text: &str| said(&server.ask("POST", CHAT, &chat(text, false)));
    let asked = ["two", "other", "two", "another", "two"].map(ask);
    let words = ["two", "one", "two", "three", "two"].map(|text| format!("You said: {text}"));
    assert_eq!(asked, words);
    assert!(server.ask("POST", CHAT, &chat("more", false)).contains("cassette_miss"));
}

#[test]
fn recording_stops_with_a_fault_and_answers_go_on() {
    let backend = Backend::signed_in(Settings::default()).unwrap();
    let place = tempfile::tempdir().unwrap();
    let small = place.path().join("small");
    let bounded = recording(&backend, &small, &["--record-max", "1k"]);
    let full = place.path().join("full");
    let unbounded = recording(&backend, &full, &[]);
    let arguments: Vec<_> = unbounded.get_args().map(|word| word.to_str().unwrap()).collect();
    // Like a full disk, the limit lets no file grow beyond it.
    let full_disk = after("ulimit -f 1; exec \"$0\" \"$@\"", &arguments);
    for mut command in [bounded, full_disk] {
        let server = Running::start(&mut command);
        for text in ["one", &"two".repeat(2000)] {
            let answer = server.ask("POST", CHAT, &chat(text, false));
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        let (_, warning) = server.line("no longer recorded");
        assert!(
            warning.contains("recording_stopped") || warning.contains("--record-max"),
            "{warning}"
        );
        assert!(server.ask("GET", "/health?verbose", "").contains("recording_stopped"));
        assert!(server.ask("POST", CHAT, &chat("three", false)).starts_with("HTTP/1.1 200"));
    }
}

#[test]
fn a_folder_of_others_and_one_in_use_are_refused_and_so_is_what_excludes_each_other() {
    let backend = Backend::signed_in(Settings::default()).unwrap();
    let place = tempfile::tempdir().unwrap();
    let open = place.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).unwrap();
    let (code, error) = refused(&mut recording(&backend, &open, &[]));
    assert!(code == 2 && error.contains("only you can write in"), "{code} {error}");
    let own = place.path().join("own");
    let _server = Running::start(&mut recording(&backend, &own, &[]));
    let (code, error) = refused(&mut recording(&backend, &own, &[]));
    assert!(code == 2 && error.contains("in use"), "{code} {error}");
    let folder = own.to_str().unwrap();
    for (arguments, words) in [
        (&["--record", folder, "--replay", folder][..], "exclude each other"),
        (&["--demo", "--replay", folder], "exclude each other"),
        (&["--replay", "/no/such/folder"], "/no/such/folder"),
    ] {
        let (_, error) = refused(&mut program(&[&["--port", "0"], arguments].concat()));
        assert!(error.contains(words), "{arguments:?}: {error}");
    }
}

#[tokio::test]
async fn the_simulator_alone_plays_a_folder_too() {
    use chatmock_simulator::Cassettes;
    let place = tempfile::tempdir().unwrap();
    let recorded = place.path().to_owned();
    let first = tokio::task::spawn_blocking(move || {
        let backend = Backend::signed_in(Settings::default()).unwrap();
        let server = Running::start(&mut recording(&backend, &recorded, &[]));
        let answer = server.ask("POST", RESPONSES, &responses("hello"));
        stop(server);
        answer
    });
    let first = first.await.unwrap();
    let cassettes = Some(Cassettes::at(place.path()));
    let simulator = Simulator::start(Settings { cassettes, ..Settings::default() }).await.unwrap();
    let path = simulator.upstream_url().replace(&simulator.origin(), "") + "/responses";
    let cassette: Value =
        serde_json::from_slice(&fs::read(&files(place.path())[0]).unwrap()).unwrap();
    let request =
        chatmock_testkit::client::Request::post(&path, cassette["request"]["body"].to_string());
    let reply = chatmock_testkit::client::send(simulator.address(), &request).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let played = reply.text().replace("<session>", "my-talk");
    // The server has words of its own for what a response says of its storage; deltas pass as they are.
    let deltas: Vec<_> =
        events(&first).into_iter().filter(|event| event.contains("output_text.delta")).collect();
    assert!(deltas.len() > 2 && deltas.iter().all(|delta| played.contains(delta)), "{played}");
}
