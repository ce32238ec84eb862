//! An HTTP server of a test: answers as the test says, and can be taken away and come back at the same address.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::Instant;

use super::DEADLINE;

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `POST /path HTTP/1.1`.
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    /// Its body, which is text.
    pub(crate) body: String,
}

impl Request {
    /// A header's value, if it is there.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value.as_str()))
    }
}

/// What a request is answered with: a status, or nothing, and then the connection is closed.
type Answer = dyn Fn(Request) -> Option<u16> + Send + Sync;

/// A server, which ends with this.
pub(crate) struct Server {
    address: SocketAddr,
    answer: Arc<Answer>,
    at_once: Arc<AtomicBool>,
    open: Option<Open>,
}

/// A server that listens.
struct Open {
    closing: Arc<AtomicBool>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    acceptor: JoinHandle<()>,
}

impl Server {
    /// Listens on a port that is free. Each connection has a thread of its own, which may wait in `answer`.
    pub(crate) fn start(answer: impl Fn(Request) -> Option<u16> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("bound");
        let mut server = Self { address, answer: Arc::new(answer), at_once: Arc::default(), open: None };
        server.accept(listener);
        server
    }

    /// From now on no piece of an answer waits for the client to acknowledge the one before: without this an answer takes
    /// 40 ms, as far away.
    pub(crate) fn at_once(&self) {
        self.at_once.store(true, Relaxed);
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Goes away: connections are cut, and new ones refused.
    pub(crate) fn close(&mut self) {
        let Some(Open { closing, connections, acceptor }) = self.open.take() else { return };
        closing.store(true, Relaxed);
        // It waits for one more.
        let _ = TcpStream::connect(self.address);
        acceptor.join().expect("it does not panic");
        for connection in connections.lock().expect("no thread panics").drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Comes back.
    pub(crate) fn open(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        let listener = loop {
            match TcpListener::bind(self.address) {
                Ok(listener) => break listener,
                // Somebody may have the port for a moment, for a connection to elsewhere.
                Err(error) => assert!(Instant::now() < deadline, "{} can't be had again: {error}", self.address),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        self.accept(listener);
    }

    fn accept(&mut self, listener: TcpListener) {
        let (closing, connections) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<TcpStream>>>::default());
        let (answer, is_closing, known) = (Arc::clone(&self.answer), Arc::clone(&closing), Arc::clone(&connections));
        let at_once = Arc::clone(&self.at_once);
        let acceptor = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if is_closing.load(Relaxed) {
                    return;
                }
                let handle = stream.try_clone().expect("a file descriptor");
                known.lock().expect("no thread panics").push(handle);
                // One that the client has closed already can't be set.
                let _ = stream.set_nodelay(at_once.load(Relaxed));
                let answer = Arc::clone(&answer);
                std::thread::spawn(move || serve(stream, &*answer));
            }
        });
        self.open = Some(Open { closing, connections, acceptor });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}

fn serve(stream: TcpStream, answer: &Answer) -> Option<()> {
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
        let Some(status) = answer(request) else {
            let _ = stream.shutdown(Shutdown::Both);
            return None;
        };
        write!(&stream, "HTTP/1.1 {status} Whatever\r\ncontent-length: 0\r\n\r\n").ok()?;
    }
}
