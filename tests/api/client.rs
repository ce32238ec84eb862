//! A client of the API: it sends what it is told to, be it right or not, and reads the whole answer.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use serde_json::Value;

use crate::support::DEADLINE;

/// The cookie of a session.
pub(super) const COOKIE: &str = "logd-session";

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// A header's value, if it is there.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value.as_str()))
    }

    /// The body as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self}"))
    }

    /// The items of a page.
    pub(super) fn items(&self) -> Vec<Value> {
        let page = self.json();
        page["items"].as_array().unwrap_or_else(|| panic!("no page: {self}")).clone()
    }

    /// Fails unless it is a problem of this status, told as RFC 9457 has it.
    pub(super) fn is_problem(&self, status: u16, what: &str) {
        assert_eq!(self.status, status, "{what}: {self}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{what}: {self}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{what}: {self}");
        for member in ["type", "title", "detail"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{what} has no {member}: {self}");
        }
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}\n{}", self.status, self.headers, self.text())
    }
}

/// Somebody who asks, with the headers that say who it is.
#[derive(Clone)]
pub(super) struct Client {
    address: String,
    headers: Vec<(String, String)>,
    /// Which of this machine's addresses it has.
    from: Option<SocketAddr>,
}

impl Client {
    /// One who says nothing of themselves.
    pub(super) fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), headers: Vec::new(), from: None }
    }

    /// One who says this as well.
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let mut more = self.clone();
        more.headers.push((name.to_owned(), value.to_owned()));
        more
    }

    /// One who comes from this address.
    pub(super) fn from(&self, ip: [u8; 4]) -> Self {
        Self { from: Some((ip, 0).into()), ..self.clone() }
    }

    /// One who has this token.
    pub(super) fn bearer(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// What a password is answered.
    pub(super) fn ask_token(&self, username: &str, password: &str) -> Reply {
        let body = serde_json::json!({ "grant_type": "password", "username": username, "password": password });
        self.post("/api/v1/auth/token", &body)
    }

    /// The same client, logged in.
    pub(super) fn login(&self, (username, password): (&str, &str)) -> Self {
        let reply = self.ask_token(username, password);
        assert_eq!(reply.status, 200, "{username}: {reply}");
        self.bearer(reply.json()["access_token"].as_str().expect("a token"))
    }

    pub(super) fn get(&self, path: &str) -> Reply {
        self.send("GET", path, b"")
    }

    /// What is there, as JSON.
    pub(super) fn read(&self, path: &str) -> Value {
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "{path}: {reply}");
        reply.json()
    }

    /// Sends JSON.
    pub(super) fn post(&self, path: &str, body: &Value) -> Reply {
        self.json("POST", path, body)
    }

    /// Sends JSON by any method.
    pub(super) fn json(&self, method: &str, path: &str, body: &Value) -> Reply {
        self.with("content-type", "application/json").send(method, path, body.to_string().as_bytes())
    }

    /// Sends anything; once more where the line is cut before there is an answer, for a server that is replaced by another
    /// may have heard nothing yet.
    pub(super) fn send(&self, method: &str, path: &str, body: &[u8]) -> Reply {
        let mut replies = (0..2).filter_map(|_| self.try_send(method, path, body));
        replies.next().unwrap_or_else(|| panic!("{method} {path} is not answered"))
    }

    /// The same; nothing where nobody answers.
    pub(super) fn try_send(&self, method: &str, path: &str, body: &[u8]) -> Option<Reply> {
        let mut stream = self.connect()?;
        let head = self.head(method, path, body.len());
        // One that refuses a body early may cut the line while it is sent.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        parse(&bytes, method == "HEAD")
    }

    /// Reads the beginning of an answer that does not end, until it has what is wanted; returns all that came.
    pub(super) fn follow(&self, path: &str, is_enough: impl FnMut(&str) -> bool) -> String {
        let (text, has_ended) = self.follow_to_end(path, is_enough);
        assert!(!has_ended, "{path} has ended:\n{text}");
        text
    }

    /// The same; also returns whether it was the server that has ended it.
    pub(super) fn follow_to_end(&self, path: &str, mut is_enough: impl FnMut(&str) -> bool) -> (String, bool) {
        let mut stream = self.connect().expect("it listens");
        stream.write_all(self.head("GET", path, 0).as_bytes()).expect("it reads");
        let (mut all, mut piece) = (String::new(), [0; 16 * 1024]);
        while !is_enough(&all) {
            let read = stream.read(&mut piece).expect("it writes");
            if read == 0 {
                return (all, true);
            }
            all += &String::from_utf8_lossy(&piece[..read]);
        }
        let _ = stream.shutdown(Shutdown::Both);
        (all, false)
    }

    fn head(&self, method: &str, path: &str, length: usize) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.address);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if length > 0 || method != "GET" {
            head += &format!("content-length: {length}\r\n");
        }
        head + "\r\n"
    }

    fn connect(&self) -> Option<TcpStream> {
        let stream = match self.from {
            None => TcpStream::connect(&self.address).ok()?,
            Some(from) => connect_from(from, self.address.parse().expect("an address"))?,
        };
        stream.set_read_timeout(Some(DEADLINE)).expect("set");
        Some(stream)
    }
}

/// Connects from an address of one's choice.
fn connect_from(from: SocketAddr, to: SocketAddr) -> Option<TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().ok()?;
        socket.bind(from).expect("an address of this machine");
        socket.connect(to).await.ok()?.into_std().ok()
    })?;
    stream.set_nonblocking(false).expect("set");
    Some(stream)
}

/// An answer out of its bytes.
fn parse(bytes: &[u8], is_head: bool) -> Option<Reply> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.get(9..12)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut reply = Reply { status, headers, body: bytes[end + 4..].to_vec() };
    if reply.header("transfer-encoding") == Some("chunked") && !is_head {
        reply.body = unchunked(&reply.body)?;
    }
    Some(reply)
}

/// A body without the lengths of its chunks; nothing if it is not whole.
fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        let chunk = rest.get(end + 2..end + 2 + length)?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(chunk);
        rest = rest.get(end + 4 + length..)?;
    }
}
