//! A receiver of calls, which notes when each has come.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use logd_sdk::{Clock, Time};

/// A call.
pub(crate) struct Call {
    /// Its path.
    pub(crate) path: String,
    /// Its body.
    pub(crate) body: Vec<u8>,
    /// When all of it was there.
    pub(crate) at: Time,
}

/// Listens for as long as the process lives.
pub(crate) struct Receiver {
    /// Where it is called.
    pub(crate) uri: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Receiver {
    /// Starts to listen.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let uri = format!("http://{}", listener.local_addr().expect("an address"));
        let calls = Arc::<Mutex<Vec<Call>>>::default();
        let known = Arc::clone(&calls);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let calls = Arc::clone(&known);
                thread::spawn(move || serve(stream, &calls));
            }
        });
        Self { uri, calls }
    }

    /// The calls so far, which are forgotten.
    pub(crate) fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.calls.lock().expect("no thread panics"))
    }
}

/// Serves a connection until it is closed.
fn serve(stream: TcpStream, calls: &Mutex<Vec<Call>>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let (mut first, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line.trim_end().is_empty() {
                break;
            }
            if first.is_empty() {
                first = line;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let path = first.split(' ').nth(1)?.to_owned();
        calls.lock().ok()?.push(Call { path, body, at: Clock::system().now() });
        write!(&stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    }
}
