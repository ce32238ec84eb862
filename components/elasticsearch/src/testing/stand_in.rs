//! A stand-in for Elasticsearch that says what a test wants it to say, over HTTP/1.1 with or without TLS.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `POST /_bulk?…`, without the version.
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What is said.
pub(crate) enum Say {
    /// This status, with these lines of headers and this body.
    Answer(u16, &'static str, String),
    /// The same, after so long.
    Late(Duration, u16),
    /// Nothing, and the connection stays.
    Nothing,
    /// The beginning of an answer, and then a reset.
    Reset,
}

/// A server that runs for as long as this is kept.
pub(crate) struct StandIn {
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<Request>>>,
    _tasks: JoinSet<()>,
}

type Script = Arc<dyn Fn(usize, &Request) -> Say + Send + Sync>;

impl Request {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|(found, value)| (found == name).then_some(value.as_str()))
    }

    /// Whether it is a bulk request.
    pub(crate) fn is_bulk(&self) -> bool {
        self.line.starts_with("POST /_bulk?")
    }

    /// The documents of a bulk request, one a line.
    pub(crate) fn documents(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.body);
        text.lines().skip(1).step_by(2).map(str::to_owned).collect()
    }
}

impl Say {
    /// This status, with nothing more.
    pub(crate) fn status(status: u16) -> Self {
        Self::Answer(status, "", String::new())
    }

    /// This JSON.
    pub(crate) fn json(status: u16, body: impl ToString) -> Self {
        Self::Answer(status, "content-type: application/json\r\n", body.to_string())
    }

    /// Each document of a bulk request was taken.
    pub(crate) fn taken(request: &Request) -> Self {
        Self::results(request, |_| (201, String::new()))
    }

    /// A status for each document of a bulk request, and its error as JSON if there is one.
    pub(crate) fn results(request: &Request, result: impl Fn(&str) -> (u16, String)) -> Self {
        let item = |document: &String| {
            let (status, error) = result(document);
            let error = if error.is_empty() { error } else { format!(r#","error":{error}"#) };
            format!(r#"{{"index":{{"status":{status}{error}}}}}"#)
        };
        let items: Vec<String> = request.documents().iter().map(item).collect();
        Self::json(200, format!(r#"{{"errors":true,"items":[{}]}}"#, items.join(",")))
    }
}

impl StandIn {
    /// One that answers the request of each number, from 0, by the script.
    pub(crate) async fn start(script: impl Fn(usize, &Request) -> Say + Send + Sync + 'static) -> Self {
        Self::start_with(None, script).await
    }

    /// The same, over TLS.
    pub(crate) async fn start_with(
        tls: Option<TlsAcceptor>,
        script: impl Fn(usize, &Request) -> Say + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (script, seen): (Script, _) = (Arc::new(script), Arc::clone(&requests));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let (tls, script, seen) = (tls.clone(), Arc::clone(&script), Arc::clone(&seen));
                connections.spawn(async move {
                    // A client may go whenever it likes.
                    match tls {
                        Some(tls) => {
                            let Ok(mut stream) = tls.accept(stream).await else { return };
                            let _ = serve(&mut stream, &script, &seen).await;
                        }
                        None => {
                            if let Ok(true) = serve(&mut stream, &script, &seen).await {
                                stream.set_zero_linger().unwrap();
                            }
                        }
                    }
                });
            }
        });
        Self { address, requests, _tasks: tasks }
    }

    /// What was asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// Answers the requests of a connection. Returns whether it is to be reset.
async fn serve<S>(stream: &mut S, script: &Script, seen: &Mutex<Vec<Request>>) -> io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await? {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        let (status, headers, body) = match script(number, &request) {
            Say::Answer(status, headers, body) => (status, headers, body),
            Say::Late(wait, status) => {
                tokio::time::sleep(wait).await;
                (status, "", String::new())
            }
            Say::Nothing => std::future::pending().await,
            Say::Reset => {
                let begun = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"errors\":false,\"items\":[";
                stream.write_all(begun).await?;
                stream.flush().await?;
                // What the client has not read when the reset comes is lost to it; it is to have begun.
                tokio::time::sleep(Duration::from_millis(20)).await;
                return Ok(true);
            }
        };
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        stream.flush().await?;
    }
    Ok(false)
}

/// The next request; none when the client has gone.
async fn read<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> io::Result<Option<Request>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let line = lines.remove(0).replace(" HTTP/1.1", "");
    let header = |line: &String| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let headers: Vec<_> = lines.iter().filter_map(header).collect();
    let mut request = Request { line, headers, body: Vec::new() };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    request.body = vec![0; length];
    stream.read_exact(&mut request.body).await?;
    Ok(Some(request))
}
