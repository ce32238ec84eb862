//! A Redis of a test's own: a process in a temporary folder, on a port that nobody has.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::Duration;

use redis::{Client, Cmd, IntoConnectionInfo, Value};
use tempfile::TempDir;

use super::DEADLINE;

/// A `redis-server` that keeps what it has acknowledged, as that of `tests/services` does.
pub(crate) struct Server {
    folder: TempDir,
    pub(crate) port: u16,
    arguments: Vec<String>,
    /// With which the tests themselves look at it.
    password: Option<String>,
    child: Option<Child>,
}

impl Server {
    /// Starts one.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// Starts one with more arguments. A `DIR` in them is its folder.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(install);
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().display().to_string();
        let arguments: Vec<String> = arguments.iter().map(|argument| argument.replace("DIR", &place)).collect();
        let password = arguments.iter().position(|argument| argument == "--requirepass");
        let password = password.map(|place| arguments[place + 1].clone());
        let mut server = Self { folder, port: free_port(), arguments, password, child: None };
        server.start_again();
        server
    }

    /// Starts it where it was, with what it had.
    pub(crate) fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let log = std::fs::File::create(self.path("log")).expect("a log");
        let port = self.port.to_string();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "yes"]);
        command.args(["--appendfsync", "always", "--dir"]).arg(self.folder.path()).args(&self.arguments);
        self.child = Some(command.stdin(Stdio::null()).stdout(log).spawn().expect("redis-server starts"));
        let mut left = DEADLINE;
        while self.try_ask(&["PING"]).is_err() {
            let step = Duration::from_millis(5);
            let log = || std::fs::read_to_string(self.path("log")).unwrap_or_default();
            left = left.checked_sub(step).unwrap_or_else(|| panic!("Redis does not answer:\n{}", log()));
            std::thread::sleep(step);
        }
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("killed");
        child.wait().expect("gone");
    }

    /// A path in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where it is.
    pub(crate) fn endpoint(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// From now on the tests themselves say this password.
    pub(crate) fn say(&mut self, password: &str) {
        self.password = Some(password.to_owned());
    }

    /// What it answers, as text: lists by blanks, nothing as `nil`.
    pub(crate) fn ask(&self, command: &[&str]) -> String {
        self.try_ask(command).unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    fn try_ask(&self, command: &[&str]) -> redis::RedisResult<String> {
        let mut info = self.endpoint().into_connection_info()?;
        if let Some(password) = &self.password {
            info = info.clone().set_redis_settings(info.redis_settings().clone().set_password(password));
        }
        let mut connection = Client::open(info)?.get_connection_with_timeout(DEADLINE)?;
        let mut asked = Cmd::new();
        asked.arg(command);
        Ok(text(&asked.query::<Value>(&mut connection)?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}

/// A port that nobody has right now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port()
}

/// By the recipe of the project's services, which does nothing where Redis is there.
fn install() {
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/services/services.sh");
    let installed = Command::new(recipe).args(["install", "redis"]).status().expect("the recipe runs");
    assert!(installed.success(), "Redis can't be installed");
}

fn text(value: &Value) -> String {
    match value {
        Value::Nil => "nil".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::BulkString(text) => String::from_utf8_lossy(text).into_owned(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(" "),
        Value::SimpleString(text) => text.clone(),
        Value::Okay => "OK".to_owned(),
        other => panic!("{other:?}"),
    }
}
