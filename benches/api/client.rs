//! A client of the API.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::daemon::{PASSWORD, USER};

/// A client that has a token.
#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    token: String,
}

impl Client {
    /// Signs in.
    pub(crate) fn new(address: SocketAddr) -> Self {
        let mut connection = Connection::new(address);
        let body = format!("{{\"username\":\"{USER}\",\"password\":\"{PASSWORD}\"}}");
        let head = format!(
            "POST /api/v1/auth/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                            content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer: Value = serde_json::from_slice(&connection.exchange(&head)).expect("a token");
        Self { address, token: answer["access_token"].as_str().expect("a token").to_owned() }
    }

    /// A connection that is kept.
    pub(crate) fn connect(&self) -> Connection {
        Connection::new(self.address)
    }

    /// What `path` answers.
    pub(crate) fn get(&self, connection: &mut Connection, path: &str) -> Vec<u8> {
        connection.exchange(&self.head(path))
    }

    /// Follows what happens for a while; returns how many events came.
    pub(crate) fn follow(&self, path: &str, span: Duration) -> usize {
        let mut stream = TcpStream::connect(self.address).expect("connected");
        stream.set_read_timeout(Some(span)).expect("set");
        stream.write_all(self.head(path).as_bytes()).expect("asked");
        let start = crate::support::measure::now();
        let (mut events, mut line, mut lines) = (0, String::new(), BufReader::new(stream));
        while start.elapsed() < span && lines.read_line(&mut line).is_ok_and(|read| read > 0) {
            events += usize::from(line.starts_with("data:"));
            line.clear();
        }
        events
    }

    fn head(&self, path: &str) -> String {
        format!("GET /api/v1{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", self.token)
    }

    /// How many logs came in so far.
    pub(crate) fn total_logs(&self) -> u64 {
        self.metric("total_logs")
    }

    fn metric(&self, name: &str) -> u64 {
        let answer = self.get(&mut self.connect(), "/metrics");
        serde_json::from_slice::<Value>(&answer).expect("figures")[name].as_u64().expect("a figure")
    }

    /// Waits until so many logs can be searched.
    pub(crate) fn wait_for_indexed(&self, logs: u64) {
        let start = crate::support::measure::now();
        while self.metric("indexed_logs") < logs {
            assert!(start.elapsed() < Duration::from_secs(900), "indexing takes too long");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// A connection that is kept.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("connected");
        stream.set_nodelay(true).expect("set");
        Self(BufReader::new(stream))
    }

    /// Sends a request and reads its answer, which must be a good one.
    fn exchange(&mut self, request: &str) -> Vec<u8> {
        self.0.get_mut().write_all(request.as_bytes()).expect("asked");
        let mut status = String::new();
        self.0.read_line(&mut status).expect("answered");
        let (mut length, mut line) = (0, String::new());
        loop {
            line.clear();
            self.0.read_line(&mut line).expect("answered");
            if line.trim().is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').expect("a header");
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("answered");
        assert!(status.contains(" 200 "), "{status}: {}", String::from_utf8_lossy(&body));
        body
    }
}
