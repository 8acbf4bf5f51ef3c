//! Tests of what a person sees at a terminal, and of the commands that print something.

use std::fs;
use std::net::TcpListener;

use chatmock_testkit::terminal::Terminal;
use tempfile::TempDir;

use super::process::{chat, demo, program, refused, text};

/// Returns the address that a banner gives for clients of OpenAI, once it was shown.
fn address(terminal: &mut Terminal) -> String {
    terminal.until("Ctrl-C", |_| true);
    let (_, rest) = terminal.seen().split_once("http://").unwrap();
    rest.split_once("/v1").unwrap().0.to_owned()
}

fn ask(address: &str, method: &str, path: &str, body: &str) -> String {
    let request = chatmock_testkit::client::Request::new(method, path).body(body);
    let request = request.with("host", address).with("connection", "close");
    let request = request.with("content-type", "application/json").with("user-agent", "curl/8.5.0");
    let mut connection = chatmock_testkit::blocking::Connection::open(address).unwrap();
    connection.write(&request.bytes()).unwrap();
    text(connection)
}

#[test]
fn a_person_at_a_terminal_sees_both_addresses_a_model_and_one_row_for_each_request() {
    let mut terminal = Terminal::start(demo().env("NO_COLOR", "1").env("TZ", "UTC"));
    let address = address(&mut terminal);
    let banner = terminal.seen();
    assert!(banner.contains(&format!("Ollama      http://{address}\r\n")), "{banner}");
    assert!(banner.contains("  Model       gpt-"), "{banner}");
    ask(&address, "POST", "/v1/chat/completions", &chat("hello there", true));
    terminal.until("tokens in", |_| true);
    ask(&address, "POST", "/v1/chat/completions", &chat("MODE:429", false));
    terminal.until("429", |_| true);
    ask(&address, "POST", "/nowhere", "");
    terminal.until("nothing is served", |_| true);
    let rows = terminal.seen().replace("\r\n               ", " ");
    let rows: Vec<&str> = rows.lines().filter(|row| row.contains("  curl  ")).collect();
    assert!(rows[0].contains("  200  chat  gpt-5.5  curl  "), "{rows:?}");
    assert!(
        rows[1].contains("  429  chat  gpt-5.5  curl  5-hour limit reached, free at "),
        "{rows:?}"
    );
    assert!(
        rows[2].contains("  404  POST /nowhere  curl  nothing is served at /nowhere"),
        "{rows:?}"
    );
    assert!(!terminal.seen().contains('\u{1b}') && !terminal.seen().contains("request_id"));
}

#[test]
fn a_closed_terminal_ends_the_server_unless_it_is_to_stay_or_ignores_the_signal() {
    let mut terminal = Terminal::start(&mut demo());
    address(&mut terminal);
    terminal.signal("HUP");
    let (code, seen) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");
    let ignoring =
        || super::process::after(r#"trap "" HUP; exec "$0" "$@""#, &["--demo", "--port=0"]);
    let mut staying = demo();
    staying.arg("--stay");
    for mut command in [staying, ignoring()] {
        let mut terminal = Terminal::start(&mut command);
        let address = address(&mut terminal);
        terminal.signal("HUP");
        let answer = ask(&address, "POST", "/v1/chat/completions", &chat("hello there", false));
        assert!(answer.contains("You said: hello there"), "{answer}");
        terminal.signal("TERM");
        assert_eq!(terminal.end().0, Some(0));
    }
}

#[test]
fn alone_at_a_terminal_the_program_offers_three_ways_to_begin() {
    let home = TempDir::new().unwrap();
    let mut command = program(&[]);
    command.env("CHATGPT_LOCAL_HOME", home.path()).env("PORT", "0");
    let mut terminal = Terminal::start(&mut command);
    terminal.until("Which? [1]", |_| true);
    let offer = terminal.seen();
    for way in ["chatmock-auth login", "--demo", "--upstream-key-file"] {
        assert!(offer.contains(way), "{way}: {offer}");
    }
    terminal.type_line("2");
    let address = address(&mut terminal);
    let answer = ask(&address, "POST", "/v1/chat/completions", &chat("hello there", false));
    assert!(answer.contains("You said: hello there"), "{answer}");
}

#[test]
fn a_second_start_says_that_a_chatmock_has_the_port() {
    let running = super::process::Running::start(&mut demo());
    let port = running.address.rsplit(':').next().unwrap();
    let (code, error) = refused(&mut program(&["--demo", "--port", port]));
    assert_eq!(code, 3, "{error}");
    assert!(error.contains("\nhint: ChatMock runs there already"), "{error}");
    if cfg!(target_os = "linux") {
        let id = running.program.child.id();
        assert!(error.contains(&format!("in use by chatmock-server (process {id})")), "{error}");
    }
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let (_, error) = refused(&mut program(&["--demo", "--port", &port]));
    assert!(!error.contains("ChatMock runs"), "{error}");
}

#[test]
fn completions_and_man_pages_are_made_for_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = program(&["completions", shell]).output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && script.contains("reasoning-effort"), "{shell}");
        assert!(script.contains("models"), "{shell}");
    }
    let page = String::from_utf8(program(&["man"]).output().unwrap().stdout).unwrap();
    assert!(page.starts_with(".ie") || page.contains(".TH chatmock-server"), "{page}");
    let folder = TempDir::new().unwrap();
    let mut command = program(&["man", "--dir"]);
    assert!(command.arg(folder.path()).output().unwrap().status.success());
    let pages: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(pages.iter().any(|page| page == "chatmock-server.1"), "{pages:?}");
    assert!(pages.iter().any(|page| page == "chatmock-server-models.1"), "{pages:?}");
}

#[test]
fn the_models_are_a_table_and_an_object_for_programs() {
    let output = program(&["--demo", "models"]).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.starts_with("MODEL ") && table.contains("CONTEXT"), "{table}");
    assert!(table.contains("gpt-5.5") && table.contains("fetched just now"), "{table}");
    let output = program(&["models", "--json", "--demo"]).output().unwrap();
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(list["models"].as_array().unwrap().len() > 1, "{list}");
    assert_eq!(list["source"], "live");
}

#[test]
fn the_exit_codes_are_a_help_topic() {
    for words in [&["help", "exit-codes"][..], &["exit-codes"]] {
        let output = program(words).output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.contains("the port is in use") && help.contains("143"), "{help}");
    }
}

#[test]
fn the_help_fits_eighty_columns_and_has_examples() {
    let commands: [&[&str]; 21] = [
        &[],
        &["connect"],
        &["launch"],
        &["service"],
        &["service", "install"],
        &["service", "uninstall"],
        &["service", "status"],
        &["service", "logs"],
        &["service", "restart"],
        &["models"],
        &["health"],
        &["version"],
        &["completions"],
        &["man"],
        &["exit-codes"],
        &["config"],
        &["config", "show"],
        &["config", "path"],
        &["config", "init"],
        &["usage"],
        &["--demo"],
    ];
    for command in commands {
        let output =
            program(&[command, &["--help"]].concat()).env("COLUMNS", "80").output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        let long: Vec<&str> = help.lines().filter(|line| line.chars().count() > 100).collect();
        assert!(long.is_empty(), "{command:?}: {long:#?}");
        assert!(help.contains("Examples:"), "{command:?}: {help}");
    }
    // The fifty flags of the server do not bury the one of the command.
    let output = program(&["models", "--help"]).output().unwrap();
    assert!(!String::from_utf8(output.stdout).unwrap().contains("--drain"));
}

#[test]
fn health_says_in_a_word_and_a_code_whether_the_server_here_is_ready() {
    let running = super::process::Running::start(&mut demo());
    let port = running.address.rsplit(':').next().unwrap();
    let output = program(&["health", "--port", port]).output().unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(0), &b"ready\n"[..]));
    let home = TempDir::new().unwrap();
    let home = home.path().to_str().unwrap();
    let mut signed_out = program(&["--port", "0", "--home", home, "--model-sync", "false"]);
    let running = super::process::Running::start(&mut signed_out);
    let port = running.address.rsplit(':').next().unwrap();
    let output = program(&["health", "--port", port]).output().unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b"signed out\n"[..]));
    let (code, error) = refused(&mut program(&["health", "--port", "9"]));
    assert!(code == 1 && error.contains("no server answers at http://127.0.0.1:9"), "{error}");
}

#[test]
fn a_misspelt_command_and_a_port_of_letters_are_answered_in_plain_words() {
    let (code, error) = refused(&mut program(&["modles"]));
    assert!(code == 2 && error.contains("there is no command modles"), "{error}");
    assert!(error.contains("did you mean models?"), "{error}");
    let (code, error) = refused(&mut program(&["--port", "abc"]));
    assert!(code == 2 && error.contains("expected a whole number in 0..=65535"), "{error}");
}

#[test]
fn a_configuration_file_is_written_once_and_read() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("chatmock.toml");
    let run = || {
        let mut command = program(&["config", "init"]);
        command.env("CHATMOCK_CONFIG", &file).output().unwrap()
    };
    assert!(run().status.success());
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("# port = 8000", "port = 9000")).unwrap();
    let shown = program(&["config", "show"]).env("CHATMOCK_CONFIG", &file).output().unwrap();
    assert!(String::from_utf8(shown.stdout).unwrap().contains("port = 9000"));
    let again = run();
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8(again.stderr).unwrap().contains("is there already"));
}
