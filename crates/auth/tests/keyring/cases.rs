//! The cases, each with the bus and the home to itself.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chatmock_auth::doctor::{self, Health};
use chatmock_auth::{
    AccountError, AuthFile, CLIENT_ID, CodeExchange, Device, DeviceStep, Endpoint,
    EndpointSettings, Grant, Home, KeeperSettings, Revocation, Secret, SignIn, StoreChoice,
    StoreError, TokenKeeper, force_sign_out, sign_out,
};
use chatmock_simulator::{Claims, Simulator};
use tempfile::TempDir;
use time::OffsetDateTime;

/// The case that has no bus at all.
pub(crate) const WITHOUT_BUS: &str = "a_machine_without_a_keyring_falls_back_to_the_file";

pub(crate) const NAMES: [&str; 10] = [
    "a_keyring_that_is_there_keeps_the_sign_in_and_a_keeper_renews_it",
    "a_keeper_sees_a_change_in_the_keyring_at_once",
    "a_large_sign_in_fits",
    "several_accounts_are_kept_and_switched_in_the_keyring",
    "a_locked_keyring_falls_back_to_the_file",
    "a_keyring_that_was_never_set_up_falls_back_to_the_file",
    WITHOUT_BUS,
    "a_keyring_that_hangs_is_given_up_on_within_its_time",
    "an_entry_has_the_attributes_by_which_every_version_finds_it",
    "a_sign_out_while_the_keyring_is_locked_changes_nothing_or_says_what_stays",
];

/// The longest a decision may take, in the slowest of environments.
const DECISION: Duration = Duration::from_millis(3500);

/// Runs the case of this name.
pub(crate) fn run(name: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let position = NAMES.iter().position(|known| *known == name);
    match position.unwrap() {
        0 => runtime.block_on(present()),
        1 => runtime.block_on(seen()),
        2 => runtime.block_on(large()),
        3 => runtime.block_on(several()),
        4 => locked(),
        // The bus starts the service, which finds no keyring of this person; or there is no bus.
        5 | 6 => falls_back(),
        7 => hanging(),
        8 => attributes(),
        _ => runtime.block_on(locked_sign_out()),
    }
}

fn home(choice: StoreChoice) -> (TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), choice);
    (folder, home)
}

/// A gnome-keyring of this session.
struct Daemon(Child);

impl Daemon {
    /// Starts it and unlocks its login keyring, which makes it ready to be used.
    fn unlocked() -> Self {
        let mut child = Command::new("gnome-keyring-daemon")
            .args(["--foreground", "--unlock", "--components=secrets"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"password").unwrap();
        let daemon = Self(child);
        daemon.wait();
        daemon
    }

    /// Waits until the bus knows its name.
    fn wait(&self) {
        let end = Instant::now() + Duration::from_secs(20);
        while !service_is_up() {
            assert!(Instant::now() < end, "gnome-keyring-daemon did not come up");
            std::thread::yield_now();
        }
    }

    fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns whether somebody on the bus is the keyring.
fn service_is_up() -> bool {
    let output = Command::new("dbus-send")
        .args(["--session", "--print-reply", "--dest=org.freedesktop.DBus", "/"])
        .args(["org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).contains("boolean true")
}

fn lock_the_keyring() {
    let output = Command::new("dbus-send")
        .args(["--session", "--print-reply", "--dest=org.freedesktop.secrets"])
        .args(["/org/freedesktop/secrets", "org.freedesktop.Secret.Service.Lock"])
        .arg("array:objpath:/org/freedesktop/secrets/aliases/default")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn sign_in_of(simulator: &Simulator, claims: Claims) -> AuthFile {
    let text = simulator.tokens(claims).auth_json();
    AuthFile::parse(text.as_bytes()).unwrap()
}

fn keeper(simulator: &Simulator, home: &Home) -> TokenKeeper {
    let issuer = simulator.issuer();
    let settings = KeeperSettings { issuer, ..KeeperSettings::new("chatmock-test", "test/1") };
    TokenKeeper::new(&settings, home.store(), None).unwrap()
}

fn endpoint(simulator: &Simulator) -> Endpoint {
    Endpoint::new(EndpointSettings {
        issuer: &simulator.issuer(),
        client_id: CLIENT_ID,
        originator: "chatmock-test",
        user_agent: "test/1",
    })
    .unwrap()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

async fn present() {
    let _daemon = Daemon::unlocked();
    let simulator = Simulator::start(Default::default()).await.unwrap();
    let (folder, home) = home(StoreChoice::Keyring);
    let file = sign_in_of(&simulator, Claims::expiring_in(-10));
    let (store, saved) = (home.store(), file.clone());
    blocking(move || store.save(&saved)).await.unwrap();
    assert!(!folder.path().join("auth.json").exists());
    assert_eq!(home.store().description(), "the keyring");
    assert_eq!(doctor::keyring(&home).await.health, Health::Ok);

    // Another program, with a keyring connection of its own.
    let other = Home::new(folder.path(), StoreChoice::Auto);
    let keeper = keeper(&simulator, &other);
    let session = keeper.current().await.unwrap();
    assert_eq!(simulator.stats().refreshes, 1);
    let loaded = blocking(move || home.load()).await.unwrap().unwrap();
    assert_eq!(loaded.tokens().unwrap().access_token().as_ref(), Some(&session.access_token));
    let out = sign_out(&other, &endpoint(&simulator), None).await.unwrap().unwrap();
    assert!(matches!(out.revocation, Revocation::Done));
    assert!(keeper.current().await.is_err());
}

async fn seen() {
    let _daemon = Daemon::unlocked();
    let simulator = Simulator::start(Default::default()).await.unwrap();
    let (folder, home) = home(StoreChoice::Keyring);
    let keeper = keeper(&simulator, &Home::new(folder.path(), StoreChoice::Auto));
    assert!(keeper.current().await.is_err());
    for workspace in ["one", "two"] {
        let (store, file) = (home.store(), sign_in_of(&simulator, Claims::of_account(workspace)));
        blocking(move || store.save(&file)).await.unwrap();
        let changed = Instant::now();
        let session = keeper.current().await.unwrap();
        assert_eq!(session.account_id.as_deref(), Some(workspace));
        assert!(changed.elapsed() < Duration::from_secs(1), "{:?}", changed.elapsed());
    }
    // With nothing changed the keyring is not asked: it may be gone.
    lock_the_keyring();
    for _ in 0..100 {
        keeper.current().await.unwrap();
    }
    assert_eq!(simulator.stats().refreshes, 0);
}

async fn large() {
    let _daemon = Daemon::unlocked();
    let (_folder, home) = home(StoreChoice::Keyring);
    let grant = Grant {
        access_token: Some(Secret::new("x".repeat(200_000))),
        refresh_token: Some(Secret::new("rt")),
        id_token: None,
        ..Grant::default()
    };
    let file = AuthFile::signed_in(&grant, OffsetDateTime::now_utc());
    let (store, saved) = (home.store(), file.clone());
    blocking(move || store.save(&saved)).await.unwrap();
    let loaded = blocking(move || home.load()).await.unwrap().unwrap();
    assert_eq!(loaded.render(), file.render());
}

async fn several() {
    let _daemon = Daemon::unlocked();
    let simulator = Simulator::start(Default::default()).await.unwrap();
    let (folder, home) = home(StoreChoice::Keyring);
    let endpoint = endpoint(&simulator);
    for (name, workspace) in [("first", "one"), ("second", "two")] {
        simulator.set_person(Claims::of_account(workspace));
        let code = code_of(&endpoint).await;
        let sign_in = SignIn {
            home: &home,
            endpoint: &endpoint,
            workspaces: &[],
            name: Some(name),
            shared_with: None,
        };
        let signed_in = sign_in.obtain(&code).await.unwrap().save(async |_| true).await.unwrap();
        assert_eq!(signed_in.place, "the keyring");
    }
    let listed: Vec<_> = home.accounts().unwrap().into_iter().map(|a| (a.name, a.active)).collect();
    assert_eq!(listed, [(Some("second".to_owned()), true), (Some("first".to_owned()), false)]);
    home.switch(&endpoint, "first").await.unwrap();
    assert_eq!(home.active_account().unwrap().unwrap().name.as_deref(), Some("first"));
    let files = std::fs::read_dir(folder.path().join("accounts")).unwrap().flatten();
    assert!(files.into_iter().all(|file| !file.file_name().to_string_lossy().ends_with(".json")));
}

/// A code as the issuer gives it for a device.
async fn code_of(endpoint: &Endpoint) -> CodeExchange {
    let code = endpoint.device_code().await.unwrap();
    let mut device = Device::new(code, Instant::now());
    loop {
        let reply = endpoint.poll_device(device.code()).await.unwrap();
        if let DeviceStep::Done(code) = device.next(&reply, Instant::now()) {
            return code;
        }
    }
}

/// A sign-in falls back within the time, is the same after a restart, and is not split over both.
fn falls_back() {
    let file = AuthFile::parse(br#"{"tokens":{"access_token":"a","refresh_token":"r"}}"#).unwrap();
    let (_folder, insisting) = home(StoreChoice::Keyring);
    let start = Instant::now();
    let refused = insisting.store().save(&file);
    assert!(matches!(refused, Err(StoreError::Keyring(_))), "{refused:?}");
    assert!(start.elapsed() < DECISION, "{:?}", start.elapsed());
    assert!(insisting.load().unwrap().is_none());

    let (folder, automatic) = home(StoreChoice::Auto);
    let start = Instant::now();
    automatic.store().save(&file).unwrap();
    assert!(start.elapsed() < DECISION, "{:?}", start.elapsed());
    let restarted = Home::new(folder.path(), StoreChoice::Auto);
    assert_eq!(restarted.load().unwrap().unwrap().render(), file.render());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.path().join("auth.json");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

fn locked() {
    let _daemon = Daemon::unlocked();
    let (folder, kept) = home(StoreChoice::Keyring);
    let file = AuthFile::parse(br#"{"tokens":{"access_token":"a","refresh_token":"r"}}"#).unwrap();
    kept.store().save(&file).unwrap();
    lock_the_keyring();
    let start = Instant::now();
    let loaded = Home::new(folder.path(), StoreChoice::Auto).load();
    assert!(matches!(loaded, Err(StoreError::Keyring(_))), "{loaded:?}");
    assert!(start.elapsed() < DECISION, "{:?}", start.elapsed());
    falls_back();
}

/// The content of the home's files.
fn snapshot(folder: &TempDir) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    files.sort();
    files
}

async fn locked_sign_out() {
    let daemon = Daemon::unlocked();
    let simulator = Simulator::start(Default::default()).await.unwrap();
    let (folder, home) = home(StoreChoice::Keyring);
    let endpoint = endpoint(&simulator);
    let (store, file) = (home.store(), sign_in_of(&simulator, Claims::default()));
    blocking(move || store.save(&file)).await.unwrap();
    // The lock file is made by the first who waits for it.
    drop(home.lock().await.unwrap());
    let before = snapshot(&folder);
    lock_the_keyring();
    let program = || Home::new(folder.path(), StoreChoice::Auto);

    let refused = sign_out(&program(), &endpoint, None).await.unwrap_err();
    assert!(matches!(refused, AccountError::ClosedKeyring(_)), "{refused:?}");
    let said = refused.to_string();
    assert!(said.contains("locked") && said.contains("nothing was ended or deleted"), "{said}");
    assert_eq!(snapshot(&folder), before, "the home is unchanged");
    assert_eq!(simulator.stats().revokes, 0);

    let out = force_sign_out(&program(), &endpoint, None).await.unwrap().unwrap();
    assert_eq!(out.unread.len(), 1, "{out:?}");
    assert_eq!(out.left_behind.len(), 1, "{out:?}");
    assert!(out.left_behind[0].to_string().contains("keyring"), "{out:?}");
    assert_eq!(simulator.stats().revokes, 0);
    assert!(program().load().unwrap().is_none(), "nobody is signed in any more");

    // Unlocked again, the next sign-out ends and deletes what was left.
    drop(daemon);
    let _daemon = Daemon::unlocked();
    assert!(sign_out(&program(), &endpoint, None).await.unwrap().is_none());
    assert_eq!(simulator.stats().revokes, 1);
    assert!(sign_out(&program(), &endpoint, None).await.unwrap().is_none());
    assert_eq!(simulator.stats().revokes, 1, "there is nothing left");
}

/// Entries are found by their attributes alone, so these are a contract with former versions, which
/// used another library: a change of either attribute would leave their sign-ins behind.
fn attributes() {
    let _daemon = Daemon::unlocked();
    let (_folder, home) = home(StoreChoice::Keyring);
    let file = AuthFile::parse(br#"{"tokens":{"access_token":"a","refresh_token":"r"}}"#).unwrap();
    home.store().save(&file).unwrap();
    let call = |path: &str, method: &str, arguments: &[&str]| {
        let output = Command::new("dbus-send")
            .args(["--session", "--print-reply=literal", "--dest=org.freedesktop.secrets"])
            .args([path, method])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let found = call(
        "/org/freedesktop/secrets",
        "org.freedesktop.Secret.Service.SearchItems",
        &["dict:string:string:service,ChatMock"],
    );
    let items: Vec<&str> =
        found.split_whitespace().filter(|word| word.starts_with("/org/")).collect();
    assert_eq!(items.len(), 1, "{found}");
    let attributes = call(
        items[0],
        "org.freedesktop.DBus.Properties.Get",
        &["string:org.freedesktop.Secret.Item", "string:Attributes"],
    );
    let words: Vec<&str> = attributes.split_whitespace().collect();
    let of = |name: &str| words.iter().position(|word| *word == name).map(|at| words[at + 1]);
    assert_eq!(of("service"), Some("ChatMock"), "{attributes}");
    let name = of("username").unwrap_or_default();
    let hexadecimal = name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(hexadecimal, "{attributes}");
    assert_eq!(of("target"), None, "{attributes}");
}

fn hanging() {
    let daemon = Daemon::unlocked();
    let (_folder, home) = home(StoreChoice::Keyring);
    let file = AuthFile::parse(br#"{"tokens":{"access_token":"a","refresh_token":"r"}}"#).unwrap();
    home.store().save(&file).unwrap();
    daemon.signal("-STOP");
    let start = Instant::now();
    assert!(matches!(home.load(), Err(StoreError::Keyring(_))));
    assert!(start.elapsed() < DECISION, "{:?}", start.elapsed());
    // The next ones do not wait for it again.
    let start = Instant::now();
    assert!(matches!(home.load(), Err(StoreError::Keyring(_))));
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    falls_back();
    daemon.signal("-CONT");
    let end = Instant::now() + Duration::from_secs(30);
    while home.load().is_err() {
        assert!(Instant::now() < end, "a keyring that is back is not used again");
        std::thread::yield_now();
    }
    assert_eq!(home.load().unwrap().unwrap().render(), file.render());
}
