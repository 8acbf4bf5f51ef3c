//! A person in Chromium, played over the WebDriver protocol: opens, clicks, reads.

use std::process::Command;

use chatmock_testkit::client::Request;
use chatmock_testkit::{blocking, chromium};
use serde_json::{Value, json};

use crate::Fault;
use crate::harness::{Harness, Running};

/// The name under which the protocol hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Opens the address, clicks, and reads the last page.
pub(crate) fn clicked() -> Result<(), Fault> {
    click("codex", &["--no-browser"], "http://127.0.0.1:")
}

/// The same on the other route.
pub(crate) fn clicked_on_the_plan_route() -> Result<(), Fault> {
    click("plan", &["--no-browser", "--route=plan"], "http://127.0.0.1:")
}

/// The same with the other name of this machine.
pub(crate) fn clicked_at_localhost() -> Result<(), Fault> {
    click("codex", &["--no-browser", "--redirect-host", "localhost"], "http://localhost:")
}

fn click(route: &str, arguments: &[&str], last: &str) -> Result<(), Fault> {
    let harness = Harness::new(false)?;
    let mut login = Running::start(&mut harness.login(arguments))?;
    let address = login.until("/authorize?")?;
    let browser = Browser::start(&harness)?;
    browser.open(address.trim())?;
    browser.click(if route == "plan" { "Continue with ChatGPT" } else { "Continue" })?;
    let text = browser.text()?;
    if !text.contains("ChatMock is signed in. You may close this page.") {
        return Err(format!("the last page says: {text}").into());
    }
    let place = browser.address()?;
    // The page takes the code out of the address bar.
    if !place.starts_with(last) || place.contains("code=") || !place.ends_with('/') {
        return Err(format!("the last address is {place}").into());
    }
    login.end()?;
    harness.check(route)
}

/// A Chromium and its driver; both end when it is dropped.
struct Browser {
    address: String,
    session: String,
    _driver: Running,
}

impl Browser {
    fn start(harness: &Harness) -> Result<Self, Fault> {
        let mut command = Command::new("chromedriver");
        command
            .arg("--port=0")
            .env("HOME", harness.place.path())
            .env("TMPDIR", harness.place.path());
        let mut driver = Running::start(&mut command)?;
        let line = driver.until("started successfully on port ")?;
        let port = line.rsplit(' ').next().unwrap_or_default().trim_end_matches('.');
        let address = format!("127.0.0.1:{port}");
        let options = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": chromium::FLAGS}}}});
        let mut browser = Self { address, session: String::new(), _driver: driver };
        let session = browser.call("POST", "/session", &options)?;
        let id = session["sessionId"].as_str().ok_or("the driver gave no session")?;
        browser.session = format!("/session/{id}");
        Ok(browser)
    }

    fn open(&self, address: &str) -> Result<(), Fault> {
        self.ask("POST", "/url", &json!({"url": address})).map(drop)
    }

    fn click(&self, link: &str) -> Result<(), Fault> {
        let element = self.find("link text", link)?;
        self.ask("POST", &format!("/element/{element}/click"), &json!({})).map(drop)
    }

    fn text(&self) -> Result<String, Fault> {
        let element = self.find("css selector", "body")?;
        let text = self.ask("GET", &format!("/element/{element}/text"), &Value::Null)?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    fn address(&self) -> Result<String, Fault> {
        Ok(self.ask("GET", "/url", &Value::Null)?.as_str().unwrap_or_default().to_owned())
    }

    fn find(&self, using: &str, value: &str) -> Result<String, Fault> {
        let found = self.ask("POST", "/element", &json!({"using": using, "value": value}))?;
        Ok(found[ELEMENT].as_str().ok_or("the driver gave no element")?.to_owned())
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, Fault> {
        self.call(method, &format!("{}{path}", self.session), body)
    }

    /// One call of the driver: its answer's `value`.
    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value, Fault> {
        let mut request = Request::new(method, path).with("content-type", "application/json");
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let reply = blocking::send(&self.address, &request.with("host", &self.address))?;
        let mut answer: Value = serde_json::from_slice(&reply.body)?;
        let value = answer["value"].take();
        let right = reply.status == 200;
        if right { Ok(value) } else { Err(format!("{method} {path}: {value}").into()) }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Otherwise Chromium outlives its driver.
        self.ask("DELETE", "", &Value::Null).ok();
    }
}
