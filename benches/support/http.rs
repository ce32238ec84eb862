//! The `http` source against a bare hyper server that reads the same bodies and drops them.
//!
//! Both serve one core, the client has the other. A request has a thousand logs.

use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::logd::pinned;
use super::measure::{Measured, Process, now};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::signal::unix::{SignalKind, signal};

/// The role of this binary as the bare server.
pub(crate) const ROLE: &str = "bare-http";
/// Logs in a request.
pub(crate) const LOGS_A_REQUEST: usize = 1000;
/// Connections of the client.
const CONNECTIONS: usize = 4;

/// What is compared.
#[derive(Clone, Copy)]
pub(crate) enum Server {
    /// hyper alone.
    Bare,
    /// logd, answering when the pipeline has taken the events.
    Received,
    /// logd, answering when the events are on disk.
    Durable,
}

impl Server {
    /// How often all logs are sent: a server is measured while it serves, not while it starts.
    pub(crate) fn passes(self) -> u64 {
        match self {
            Self::Bare | Self::Received => 16,
            Self::Durable => 4,
        }
    }
}

/// Serves until it is ended.
pub(crate) fn run(address: &str) -> std::process::ExitCode {
    let address = address.to_owned();
    // The runtime that logd has on one core, so that what is compared is the servers.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let served = runtime.spawn(async move {
        let listener = tokio::net::TcpListener::bind(address).await.expect("bound");
        let mut stop = signal(SignalKind::terminate()).expect("heeded");
        loop {
            let stream = tokio::select! {
                accepted = listener.accept() => accepted.expect("accepted").0,
                _ = stop.recv() => return,
            };
            let answer = service_fn(|request: Request<hyper::body::Incoming>| async {
                let mut body = request.into_body();
                while let Some(Ok(_)) = body.frame().await {}
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    runtime.block_on(served).expect("served");
    std::process::ExitCode::SUCCESS
}

/// Sends all logs to a server, and returns what it has taken for that, and how long each request has waited.
pub(crate) fn measure(server: Server, folder: &Path, logs: &Path, bodies: &[Range<u64>]) -> (Measured, Vec<Duration>) {
    let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
    let process = Process::start(&mut command(server, folder, address));
    wait_for(address);
    let start = now();
    let waits = thread::scope(|scope| {
        let connections: Vec<_> = (0..CONNECTIONS)
            .map(|connection| {
                let mine = move || bodies.iter().skip(connection).step_by(CONNECTIONS);
                scope.spawn(move || send(address, logs, (0..server.passes()).flat_map(|_| mine())))
            })
            .collect();
        connections.into_iter().flat_map(|connection| connection.join().expect("sent")).collect()
    });

    let wall = start.elapsed().as_secs_f64();
    process.ask_to_stop();
    (Measured { wall, ..process.finished(start) }, waits)
}

/// Sends these bodies by one connection, one after the other, and returns how long each has waited for its answer.
fn send<'b>(address: SocketAddr, logs: &Path, bodies: impl Iterator<Item = &'b Range<u64>>) -> Vec<Duration> {
    let stream = TcpStream::connect(address).expect("connected");
    // Head and body are two writes, and the second must not wait for the first to be acknowledged.
    stream.set_nodelay(true).expect("set");
    let mut stream = BufReader::new(stream);
    let (file, mut body, mut waits) = (File::open(logs).expect("the logs"), Vec::new(), Vec::new());
    for range in bodies {
        body.resize(usize::try_from(range.end - range.start).expect("a body's length"), 0);
        file.read_exact_at(&mut body, range.start).expect("read");
        let start = now();
        // Full is an answer too, and a client's business to ask again.
        while !post(&mut stream, &body) {
            thread::sleep(Duration::from_millis(5));
        }
        waits.push(start.elapsed());
    }
    waits
}

fn command(server: Server, folder: &Path, address: SocketAddr) -> Command {
    let respond_when = match server {
        Server::Bare => {
            let mut command = pinned(&std::env::current_exe().expect("this program"));
            command.args([ROLE, &address.to_string()]);
            return command;
        }
        Server::Received => "received",
        Server::Durable => "durable",
    };
    let (pipeline, data): (PathBuf, PathBuf) = (folder.join("http.toml"), folder.join("http-data"));
    let _ = fs::remove_dir_all(&data);
    let text = format!(
        "[sources.logs]\ntype = \"http\"\naddress = \"{address}\"\nrespond_when = \"{respond_when}\"\n\
         [sinks.out]\ntype = \"blackhole\"\ninputs = [\"logs\"]\n"
    );
    fs::write(&pipeline, text).expect("the pipeline can be written");
    let mut command = pinned(Path::new(env!("CARGO_BIN_EXE_logd")));
    command.args(["run", "--threads", "1", "--log-level", "error", "--telemetry-address", "127.0.0.1:0"]);
    command.arg("--data-dir").arg(data).arg("-c").arg(pipeline);
    command
}

/// Where the bodies of requests stand in the logs, which together are all of them. They are not kept: what this process
/// holds counts as its children's memory too.
pub(crate) fn bodies(logs: &Path) -> Vec<Range<u64>> {
    let mut lines = BufReader::new(File::open(logs).expect("the logs"));
    let (mut bodies, mut line, mut start, mut end, mut count) = (Vec::new(), Vec::new(), 0, 0, 0);
    while lines.read_until(b'\n', &mut line).expect("the logs") > 0 {
        end += line.len() as u64;
        count += 1;
        line.clear();
        if count % LOGS_A_REQUEST == 0 {
            bodies.push(start..end);
            start = end;
        }
    }
    bodies.extend((start < end).then_some(start..end));
    bodies
}

fn wait_for(address: SocketAddr) {
    for _ in 0..1000 {
        if TcpStream::connect(address).is_ok() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("the server does not listen on {address}");
}

/// Sends one request, and reads its answer: whether the body was taken, or the server has no room now.
fn post(stream: &mut BufReader<TcpStream>, body: &[u8]) -> bool {
    let head = format!("POST / HTTP/1.1\r\nhost: logd\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.get_mut().write_all(head.as_bytes()).expect("sent");
    stream.get_mut().write_all(body).expect("sent");
    let (mut length, mut status) = (0, String::new());
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).expect("answered");
        if status.is_empty() {
            status.clone_from(&line);
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).expect("answered");
    let taken = status.contains(" 200 ");
    assert!(taken || status.contains(" 503 "), "the server answered {status}");
    taken
}
