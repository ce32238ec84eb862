//! Chromium, driven by WebDriver (W3C): what a user can press, type and see, and what the browser has logged meanwhile.
//!
//! The protocol is JSON over HTTP and asked here as it is: the crates for it bring more than the few commands need.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{DEADLINE, Place, Running};

/// Debian's, from the packages `chromium-driver` and `chromium`.
const PROGRAM: &str = "chromedriver";
/// How WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(40);
/// What an element may be for a moment, because the page has just written it anew.
const PASSING: [&str; 5] = [
    "stale element reference",
    "element not interactable",
    "element click intercepted",
    "no such element",
    "detached shadow root",
];

/// Keys that are no letters.
pub(super) const TAB: &str = "\u{e004}";
pub(super) const ENTER: &str = "\u{e007}";
pub(super) const ESCAPE: &str = "\u{e00c}";

/// What the driver says when it does not do what it is asked.
struct Refusal {
    error: String,
    message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error, self.message)
    }
}

/// A browser with one page, which ends with this.
pub(super) struct Browser {
    driver: Running,
    address: String,
    session: String,
    _profile: Place,
}

impl Browser {
    /// One that reaches nobody but this machine.
    pub(super) fn start() -> Self {
        let found = Command::new(PROGRAM).arg("--version").output();
        assert!(found.is_ok(), "{PROGRAM} can't be started (apt-get install chromium chromium-driver): {found:?}");
        let profile = Place::new();
        let mut driver = Running::start(Command::new(PROGRAM).arg("--port=0"));
        driver.wait_for("its port", |driver| port(&driver.out()).is_some());
        let address = format!("127.0.0.1:{}", port(&driver.out()).expect("it was there"));
        let folder = format!("--user-data-dir={}", profile.path("profile").display());
        let arguments = [
            "--headless=new",
            // The page is ours, and its sandbox needs what containers do not allow.
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--no-first-run",
            "--window-size=1440,900",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            // So that a file of a test may import another.
            "--allow-file-access-from-files",
            &folder,
        ];
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        }}});
        let mut browser = Self { driver, address, session: String::new(), _profile: profile };
        let made = browser.send("POST", "/session", &capabilities).unwrap_or_else(|refusal| panic!("{refusal}"));
        browser.session = made["sessionId"].as_str().expect("a session").to_owned();
        browser
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value, Refusal> {
        let body = exchange(&self.address, &format!("{method} {path} HTTP/1.1"), &body.to_string());
        let body = body.unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.driver.err()));
        let value = serde_json::from_slice::<Value>(&body).expect("JSON")["value"].take();
        match value["error"].as_str() {
            Some(error) => {
                Err(Refusal { error: error.to_owned(), message: value["message"].as_str().unwrap_or("").to_owned() })
            }
            None => Ok(value),
        }
    }

    /// A command of this session, which may be refused.
    fn attempt(&self, command: &str, body: &Value) -> Result<Value, Refusal> {
        self.send("POST", &format!("/session/{}/{command}", self.session), body)
    }

    fn command(&self, command: &str, body: &Value) -> Value {
        self.attempt(command, body).unwrap_or_else(|refusal| panic!("{command}: {refusal}"))
    }

    /// A command of Chromium's own protocol.
    pub(super) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.command("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// Opens an address.
    pub(super) fn open(&self, url: &str) {
        self.command("url", &json!({ "url": url }));
    }

    /// What a script returns, which may use what stands in `probe.js`.
    fn run(&self, script: &str) -> Value {
        let script = format!("{}{script}", include_str!("probe.js"));
        self.command("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// The value of an expression.
    pub(super) fn value(&self, expression: &str) -> Value {
        self.run(&format!("return ({expression});"))
    }

    /// The value of an expression that is a text.
    pub(super) fn text(&self, expression: &str) -> String {
        self.value(expression).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression has a value that counts as true, and returns it.
    pub(super) fn wait(&self, what: &str, expression: &str) -> Value {
        let script = format!("try {{ return ({expression}); }} catch {{ return null; }}");
        self.until(what, || {
            let value = self.run(&script);
            let is_true = !matches!(&value, Value::Null | Value::Bool(false)) && value != "" && value != 0;
            is_true.then_some(value)
        })
    }

    /// Waits until `find` finds something.
    pub(super) fn until<T>(&self, what: &str, mut find: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(found) = find() {
                return found;
            }
            assert!(Instant::now() < deadline, "no {what}: {}", self.told());
            std::thread::sleep(STEP);
        }
    }

    /// Waits for an element and presses it, as with a mouse.
    pub(super) fn press(&self, selector: &str) {
        self.on(selector, "click", &json!({}));
    }

    /// Waits for a field, and types into it.
    pub(super) fn write(&self, selector: &str, text: &str) {
        self.on(selector, "value", &json!({ "text": text }));
    }

    /// Empties a field.
    pub(super) fn clear(&self, selector: &str) {
        self.on(selector, "clear", &json!({}));
    }

    fn on(&self, selector: &str, what: &str, body: &Value) {
        let css = json!({ "using": "css selector", "value": selector });
        self.until(&format!("{what} of {selector}"), || {
            let done = self.attempt("element", &css).and_then(|element| {
                self.attempt(&format!("element/{}/{what}", element[ELEMENT].as_str().unwrap_or_default()), body)
            });
            match done {
                Ok(_) => Some(()),
                Err(refusal) if PASSING.contains(&refusal.error.as_str()) => None,
                Err(refusal) => panic!("{what} of {selector}: {refusal}"),
            }
        });
    }

    /// Types on the keyboard, wherever the focus is.
    pub(super) fn keys(&self, keys: &str) {
        let strokes = keys.chars().flat_map(|key| {
            [
                json!({ "type": "keyDown", "value": key.to_string() }),
                json!({ "type": "keyUp", "value": key.to_string() }),
            ]
        });
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes.collect::<Vec<_>>() });
        self.command("actions", &json!({ "actions": [keyboard] }));
    }

    /// The window as a picture (PNG).
    pub(super) fn picture(&self) -> Vec<u8> {
        let path = format!("/session/{}/screenshot", self.session);
        let picture = self.send("GET", &path, &json!({})).unwrap_or_else(|refusal| panic!("{refusal}"));
        BASE64_STANDARD.decode(picture.as_str().expect("a text")).expect("base64")
    }

    /// What the browser has logged since this was last asked: `browser` (the console), `performance` (the network).
    pub(super) fn log(&self, kind: &str) -> Vec<Value> {
        let entries = self.command("se/log", &json!({ "type": kind }));
        entries.as_array().cloned().unwrap_or_default()
    }

    /// What helps when a test fails: where the page is, what it says, and a picture of it.
    fn told(&self) -> String {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("dashboard.png");
        std::fs::write(&path, self.picture()).expect("the picture can be written");
        let text = self.text("`${location.href}\\n${document.body.innerText}`");
        format!("{text}\n{:?}\n(a picture is in {})", self.log("browser"), path.display())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its processes are the driver's: once that is killed, nobody ends them.
        let _ = self.send("DELETE", &format!("/session/{}", self.session), &json!({}));
    }
}

/// Sends a request, and returns the body of the answer. The driver does not close: the head says how long it is.
fn exchange(address: &str, line: &str, body: &str) -> io::Result<Vec<u8>> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let kind = "content-type: application/json";
    write!(&stream, "{line}\r\nhost: {address}\r\n{kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
    let mut reader = BufReader::new(stream);
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line)? > 2 {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        line.clear();
    }
    let mut answer = vec![0; length];
    reader.read_exact(&mut answer)?;
    Ok(answer)
}

/// The port that the driver says it listens on.
fn port(said: &str) -> Option<&str> {
    said.split_once("started successfully on port ")?.1.split(['.', '\n']).next()
}
