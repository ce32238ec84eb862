//! A receiver of calls, that writes them down and answers as it is told.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A call.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// `POST /path HTTP/1.1`.
    pub(super) line: String,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Request {
    /// A header's value, if it is there.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value.as_str()))
    }
}

/// Listens for as long as the process lives.
pub(super) struct Receiver {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    /// One that answers with these statuses, one after the other, and 200 from then on.
    pub(super) fn start(statuses: impl IntoIterator<Item = u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("bound").port();
        let statuses = Arc::new(Mutex::new(statuses.into_iter().collect::<VecDeque<_>>()));
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let known = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (statuses, requests) = (Arc::clone(&statuses), Arc::clone(&known));
                std::thread::spawn(move || serve(stream, &statuses, &requests));
            }
        });
        Self { port, requests }
    }

    /// Where it is called.
    pub(super) fn uri(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The calls so far.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no thread panics").clone()
    }
}

fn serve(stream: TcpStream, statuses: &Mutex<VecDeque<u16>>, requests: &Mutex<Vec<Request>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        let headers = head[1..].iter().filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut request = Request { line: head[0].clone(), headers, body: String::new() };
        let mut body = vec![0; request.header("content-length")?.parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        request.body = String::from_utf8(body).ok()?;
        requests.lock().expect("no thread panics").push(request);
        let status = statuses.lock().expect("no thread panics").pop_front().unwrap_or(200);
        write!(&stream, "HTTP/1.1 {status} Whatever\r\ncontent-length: 0\r\n\r\n").ok()?;
    }
}
