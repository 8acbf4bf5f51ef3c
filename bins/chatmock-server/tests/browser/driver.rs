//! A person in Chromium, played over the WebDriver protocol.

use std::process::{Command, Stdio};
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chatmock_testkit::client::Request;
use chatmock_testkit::process::{PATIENCE, Program, Reading};
use chatmock_testkit::{blocking, chromium};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A Chromium and its driver; both end when it is dropped.
pub(crate) struct Driven {
    address: String,
    session: String,
    _driver: Program,
    _place: TempDir,
}

impl Driven {
    /// Starts a browser that notes what its console says and what it requests.
    pub(crate) fn start() -> Self {
        let place = TempDir::new().unwrap();
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").env("HOME", place.path()).env("TMPDIR", place.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let driver = Program::start(&mut command, Reading::Eager).unwrap();
        let line = driver.out.find("started successfully on port ").unwrap();
        let port = line.rsplit(' ').next().unwrap().trim_end_matches('.');
        let address = format!("127.0.0.1:{port}");
        let options = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": chromium::FLAGS},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}});
        let mut driven = Self { address, session: String::new(), _driver: driver, _place: place };
        let session = driven.call("POST", "/session", &options);
        driven.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        driven
    }

    pub(crate) fn open(&self, address: &str) {
        self.ask("/url", &json!({"url": address}));
    }

    /// Runs a script and returns what it returns.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.ask("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits until a script returns true.
    pub(crate) fn until(&self, script: &str) {
        let began = Instant::now();
        while self.run(&format!("return {script}")) != json!(true) {
            assert!(
                began.elapsed() < PATIENCE,
                "{script} in {}",
                self.run("return document.body.innerText")
            );
        }
    }

    /// Presses keys where the focus is.
    pub(crate) fn press(&self, keys: &str) {
        let pressed: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key})))
            .collect();
        self.ask(
            "/actions",
            &json!({"actions": [{"type": "key", "id": "keys", "actions": pressed}]}),
        );
    }

    /// Sends a command of the browser's own protocol.
    pub(crate) fn command(&self, name: &str, params: &Value) -> Value {
        self.ask("/goog/cdp/execute", &json!({"cmd": name, "params": params}))
    }

    pub(crate) fn width(&self, width: u32, height: u32) {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.command("Emulation.setDeviceMetricsOverride", &metrics);
    }

    pub(crate) fn scheme(&self, scheme: &str) {
        let feature = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.command("Emulation.setEmulatedMedia", &feature);
    }

    /// A picture of what is seen.
    pub(crate) fn picture(&self) -> Vec<u8> {
        // A telephone shows none.
        self.command("Emulation.setScrollbarsHidden", &json!({"hidden": true}));
        let picture = self.command("Page.captureScreenshot", &json!({"format": "png"}));
        STANDARD.decode(picture["data"].as_str().unwrap()).unwrap()
    }

    /// What the console said that is more than information.
    pub(crate) fn complaints(&self) -> Vec<Value> {
        let log = self.ask("/se/log", &json!({"type": "browser"}));
        let lines = log.as_array().unwrap().iter();
        lines
            .filter(|line| line["level"] == "SEVERE" || line["level"] == "WARNING")
            .cloned()
            .collect()
    }

    /// The addresses that were requested.
    pub(crate) fn requested(&self) -> Vec<String> {
        let log = self.ask("/se/log", &json!({"type": "performance"}));
        let messages = log.as_array().unwrap().iter().filter_map(|line| line["message"].as_str());
        let messages = messages.filter_map(|text| serde_json::from_str::<Value>(text).ok());
        let sent =
            messages.filter(|message| message["message"]["method"] == "Network.requestWillBeSent");
        sent.filter_map(|message| {
            message["message"]["params"]["request"]["url"].as_str().map(str::to_owned)
        })
        .collect()
    }

    fn ask(&self, path: &str, body: &Value) -> Value {
        self.call("POST", &format!("{}{path}", self.session), body)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let request = Request::new(method, path)
            .with("content-type", "application/json")
            .body(body.to_string());
        let reply = blocking::send(&self.address, &request.with("host", &self.address)).unwrap();
        let mut answer: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(reply.status, 200, "{method} {path}: {answer}");
        answer["value"].take()
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        // Otherwise Chromium outlives its driver.
        let request = Request::new("DELETE", &self.session).with("host", &self.address);
        blocking::send(&self.address, &request).ok();
    }
}
