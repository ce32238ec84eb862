//! The server as strangers meet it: raw bytes on a socket, for every limit and every attack.

mod bodies;
mod framing;
mod life;
mod time;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::*;

/// Nothing here takes this long unless it hangs.
const HANG: Duration = Duration::from_secs(30);

/// Says how long the body was; under other paths what they are named after.
#[derive(Default)]
struct Echo {
    /// Requests that got as far as the handler.
    answered: AtomicUsize,
    /// Told when a request waits, and it when to go on.
    waiting: Notify,
    go_on: Notify,
}

impl Handler for Arc<Echo> {
    fn admit(&self, head: &Parts) -> Result<(), Refusal> {
        if head.uri.path() == "/nowhere" {
            return Err(Refusal::not_found());
        }
        if head.uri.path() == "/secret" {
            Auth::bearer("token").check(&head.headers)?;
        }
        if ![Method::GET, Method::POST, Method::HEAD].contains(&head.method) {
            return Err(Refusal::method_not_allowed("GET, HEAD, POST"));
        }
        Ok(())
    }

    async fn answer(&self, request: Request) -> Answer {
        self.answered.fetch_add(1, SeqCst);
        match request.head.uri.path() {
            "/body" => text(StatusCode::OK, request.body),
            "/large" => text(StatusCode::OK, vec![b'x'; 64 << 20]),
            "/panic" => panic!("The handler was asked to."),
            "/wait" => {
                self.waiting.notify_one();
                self.go_on.notified().await;
                text(StatusCode::OK, "waited")
            }
            _ => text(StatusCode::OK, request.body.len().to_string()),
        }
    }
}

/// A server that runs until it is stopped.
struct Running {
    address: SocketAddr,
    echo: Arc<Echo>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    fn start(limits: Limits) -> Self {
        Self::on(Listener::bind(([127, 0, 0, 1], 0).into()).unwrap(), limits, None)
    }

    fn on(listener: Listener, limits: Limits, tls: Option<Tls>) -> Self {
        let address = listener.local_addr().unwrap();
        let (echo, (stop, stopped)) = (Arc::new(Echo::default()), oneshot::channel());
        let stopped = async { stopped.await.unwrap_or_default() };
        let task = tokio::spawn(serve(listener, echo.clone(), limits, tls, stopped));
        Self { address, echo, stop, task }
    }

    async fn client(&self) -> Client<TcpStream> {
        Client { stream: TcpStream::connect(self.address).await.unwrap(), read: Vec::new() }
    }

    /// What one request on a connection of its own gets.
    async fn ask(&self, request: impl AsRef<[u8]>) -> Reply {
        let mut client = self.client().await;
        client.send(request).await;
        client.reply().await
    }

    fn answered(&self) -> usize {
        self.echo.answered.load(SeqCst)
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }
}

/// Sends bytes as they are, and understands just enough of what comes back.
struct Client<S> {
    stream: S,
    /// What came and was not looked at yet.
    read: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
struct Reply {
    status: u16,
    /// Status line and headers, in lower case.
    head: String,
    body: Bytes,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    async fn more(&mut self) -> bool {
        let read = tokio::time::timeout(HANG, self.stream.read_buf(&mut self.read)).await;
        read.expect("the server hangs").is_ok_and(|read| read > 0)
    }

    /// The next answer, for which the whole body is awaited.
    async fn reply(&mut self) -> Reply {
        self.next_reply().await.expect("the connection ended instead of an answer")
    }

    async fn next_reply(&mut self) -> Option<Reply> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().await {
                return None;
            }
        };
        let head = String::from_utf8(self.read.drain(..end).collect()).unwrap().to_lowercase();
        let length =
            head.split("content-length: ").nth(1).map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
        while self.read.len() < length && self.more().await {}
        let body = self.read.drain(..length).collect();
        Some(Reply { status: head[9..12].parse().unwrap(), head, body })
    }

    /// Whether the server ended the connection and said nothing more.
    async fn is_closed(&mut self) -> bool {
        self.read.is_empty() && !self.more().await
    }
}

/// A request with a body.
fn post(headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}
