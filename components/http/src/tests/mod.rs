//! The source as clients and the daemon meet it: raw bytes on a socket, and calls of `next`.

mod answers;
mod durable;
mod flow;
mod life;
mod promises;
mod succession;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use logd_sdk::contract;
pub(crate) use logd_sdk::contract::NoConditions;
use logd_sdk::http::Limits;
use logd_sdk::source::{Next, Source};
use logd_sdk::{Batch, Clock, Columns, Context, Settings as _, Time};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use vrl::path::OwnedValuePath;

use crate::settings::HttpSettings;
use crate::source::HttpSource;

/// Nothing here takes this long unless it hangs.
const HANG: Duration = Duration::from_secs(30);

/// The clock of all tests: 2026-11-23T14:03:10Z.
pub(crate) const NOW: Time = Time::from_micros(1_795_442_590_000_000);

/// The context of a source of which these fields are read.
pub(crate) fn context(fields: &[&str]) -> Context {
    Context {
        clock: Clock::fixed(NOW),
        columns: Columns::new(fields.iter().map(|field| OwnedValuePath::single_field(field))),
        data_dir: "data".into(),
        ..contract::context("test", "http", "source", "http")
    }
}

pub(crate) fn settings(text: &str) -> HttpSettings {
    let mut settings: HttpSettings = toml::from_str(text).unwrap();
    contract::read_files(settings.files());
    settings
}

/// A source on a free port that answers when the pipeline has taken what came, and that has said that there is its
/// partition.
async fn start(rest: &str) -> (HttpSource, SocketAddr) {
    start_with(&context(&[]), rest, Limits::default()).await
}

async fn start_with(context: &Context, rest: &str, limits: Limits) -> (HttpSource, SocketAddr) {
    let settings = settings(&format!("address = '127.0.0.1:0'\nrespond_when = 'received'\n{rest}"));
    let mut source = settings.build_with(context, limits).await.unwrap();
    let address = source.address().unwrap();
    assert!(next(&mut source).await.is_empty(), "a notice comes first");
    (source, address)
}

async fn next(source: &mut HttpSource) -> Batch {
    match timeout(HANG, source.next()).await.expect("no batch comes").unwrap() {
        Next::Batch(batch) => batch,
        Next::End => panic!("the source has ended"),
    }
}

/// Lets the server work until so many requests wait for the pipeline.
async fn until_waiting(source: &HttpSource, requests: usize) {
    let reached = async {
        while source.waiting() != requests {
            tokio::task::yield_now().await;
        }
    };
    timeout(HANG, reached).await.expect("the requests come to wait");
}

/// Asks for batches for ever, as a pipeline does that is never full.
fn flow(mut source: HttpSource) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            source.next().await.unwrap();
        }
    })
}

fn texts(batch: &Batch) -> Vec<String> {
    (0..batch.len()).map(|row| String::from_utf8_lossy(batch.raw(row)).into_owned()).collect()
}

/// Sends bytes as they are, and understands just enough of what comes back.
struct Client<S> {
    stream: S,
    read: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
struct Reply {
    status: u16,
    /// Status line and headers, in lower case.
    head: String,
    body: String,
}

async fn connect(address: SocketAddr) -> Client<TcpStream> {
    Client { stream: TcpStream::connect(address).await.unwrap(), read: Vec::new() }
}

/// What one request on a connection of its own is answered.
async fn ask(address: SocketAddr, request: impl AsRef<[u8]>) -> Reply {
    let mut client = connect(address).await;
    client.send(request).await;
    client.reply().await
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    async fn reply(&mut self) -> Reply {
        timeout(HANG, self.next_reply()).await.expect("no answer comes").expect("the connection ended")
    }

    async fn next_reply(&mut self) -> Option<Reply> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            if self.stream.read_buf(&mut self.read).await.ok()? == 0 {
                return None;
            }
        };
        let head = String::from_utf8(self.read.drain(..end).collect()).unwrap().to_lowercase();
        let length =
            head.split("content-length: ").nth(1).map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
        while self.read.len() < length {
            assert!(self.stream.read_buf(&mut self.read).await.unwrap() > 0, "half an answer");
        }
        let body = String::from_utf8(self.read.drain(..length).collect()).unwrap();
        Some(Reply { status: head[9..12].parse().unwrap(), head, body })
    }

    /// Whether there is no answer for a while.
    async fn waits(&mut self) -> bool {
        timeout(Duration::from_millis(50), self.next_reply()).await.is_err()
    }
}

/// A request with a body.
fn post(headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}
