//! A receiver that does what it is told, badly where it is told so, and remembers what it was sent.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// It is answered with this status and this head and body behind the status line.
    Status(u16, String),
    /// It is never answered.
    Hang,
    /// It is answered 200, with a body of so many bytes.
    Large(usize),
    /// The connection ends in the middle of the answer's head.
    Break,
}

impl Reply {
    /// An answer without anything in it.
    pub(crate) fn status(status: u16) -> Self {
        Self::Status(status, "content-length: 0\r\n\r\n".to_owned())
    }

    /// An answer with a header.
    pub(crate) fn with(status: u16, name: &str, value: &str) -> Self {
        Self::Status(status, format!("{name}: {value}\r\ncontent-length: 0\r\n\r\n"))
    }

    /// An answer with a body.
    pub(crate) fn saying(status: u16, body: &str) -> Self {
        Self::Status(status, format!("content-length: {}\r\n\r\n{body}", body.len()))
    }
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `POST /path HTTP/1.1`.
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A header's value, if it is there.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value.as_str()))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Takes requests on a free port, until it is dropped.
pub(crate) struct Receiver {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    /// How many bytes of the last large body could be sent, and whether that was all.
    sent: watch::Receiver<Option<(usize, bool)>>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// One that replies so, one request after the other, and 200 from then on.
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let replies = Arc::new(Mutex::new(replies.into_iter().collect::<VecDeque<_>>()));
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let (tell, sent) = watch::channel(None);
        let known = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (replies, requests, tell) = (Arc::clone(&replies), Arc::clone(&known), tell.clone());
                tokio::spawn(async move {
                    while let Some(request) = read_request(&mut stream).await {
                        requests.lock().unwrap().push(request);
                        let reply = replies.lock().unwrap().pop_front().unwrap_or(Reply::status(200));
                        if !send_reply(&mut stream, reply, &tell).await {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, requests, sent, task }
    }

    /// Its URI, with this path.
    pub(crate) fn uri(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it was sent so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// How many bytes of a large body could be sent before the client went away, and whether that was all.
    pub(crate) async fn sent(&mut self) -> (usize, bool) {
        super::soon(self.sent.wait_for(Option::is_some)).await.unwrap().unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads a request whose body has a length.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Request> {
    let mut read = Vec::new();
    let end = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    };
    let mut body = read.split_off(end);
    let head = String::from_utf8_lossy(&read).into_owned();
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())))
        .collect();
    let mut request = Request { line, headers, body: Vec::new() };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    request.body = body;
    Some(request)
}

/// Returns whether the connection goes on.
async fn send_reply(
    stream: &mut (impl AsyncWrite + Unpin),
    reply: Reply,
    sent: &watch::Sender<Option<(usize, bool)>>,
) -> bool {
    match reply {
        Reply::Status(status, rest) => {
            let answer = format!("HTTP/1.1 {status} Whatever\r\n{rest}");
            stream.write_all(answer.as_bytes()).await.is_ok()
        }
        Reply::Hang => std::future::pending().await,
        Reply::Break => {
            let _ = stream.write_all(b"HTTP/1.1 200").await;
            false
        }
        Reply::Large(length) => {
            let mut written = 0;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
            let mut went = stream.write_all(head.as_bytes()).await.is_ok();
            while went && written < length {
                match stream.write(&[b'x'; 16 << 10][..(16 << 10).min(length - written)]).await {
                    Ok(more) => written += more,
                    Err(_) => went = false,
                }
            }
            sent.send_replace(Some((written, went)));
            false
        }
    }
}
