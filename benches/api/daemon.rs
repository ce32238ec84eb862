//! logd as a daemon with an API.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use wait4::Wait4 as _;

use crate::client::Client;
use crate::support::logd::logd;
use crate::support::measure::now;
use crate::support::pipeline::{PARSE, analyse};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(600);

/// The user that the clients are.
pub(crate) const USER: &str = "bench";
/// Its password.
pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// A daemon that runs.
pub(crate) struct Daemon {
    folder: TempDir,
    /// Taken out when it is waited for.
    process: Option<Child>,
    pid: u32,
    start: Instant,
    api: SocketAddr,
    telemetry: SocketAddr,
}

/// What a generator with these settings makes, parsed and judged; shown by the API if so wanted.
pub(crate) fn pipeline(generator: &str, with_api: bool) -> String {
    let source = format!("[sources.logs]\ntype = \"generator\"\n{generator}\n");
    let api = "[sinks.api]\ntype = \"api\"\nlogs = [\"parsed\"]\nwindows = [\"per_service\"]\n\
               anomalies = [\"latency.anomalies\", \"errors.anomalies\"]\nscores = [\"latency.scores\", \"errors.scores\"]\n";
    [&*source, PARSE, &*analyse("parsed"), if with_api { api } else { "" }].concat()
}

impl Daemon {
    /// Starts one with this pipeline, and these settings under `[api]`.
    pub(crate) fn start(pipeline: &str, settings: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let [api, telemetry] = [free(), free()];
        fs::create_dir(folder.path().join("pipelines")).expect("a folder");
        fs::write(folder.path().join("pipelines/bench.toml"), pipeline).expect("written");
        let own = format!("[api]\n{settings}[api.users.{USER}]\npassword = \"{PASSWORD}\"\nrole = \"admin\"\n");
        fs::write(folder.path().join("logd.toml"), own).expect("written");
        let mut command = logd(false);
        command.args(["run", "--log-level", "error"]).current_dir(folder.path()).stderr(Stdio::null());
        command.args(["--api-address", &api.to_string(), "--telemetry-address", &telemetry.to_string()]);
        let start = now();
        let process = command.spawn().expect("logd can be started");
        let daemon = Self { folder, pid: process.id(), process: Some(process), start, api, telemetry };
        daemon.until(|| TcpStream::connect(telemetry).is_ok());
        daemon
    }

    /// A client that has a token.
    pub(crate) fn client(&self) -> Client {
        self.until(|| TcpStream::connect(self.api).is_ok());
        Client::new(self.api)
    }

    /// Waits until so many events have been parsed.
    pub(crate) fn wait_for_events(&self, events: u64) {
        self.until(|| self.parsed() >= events);
    }

    fn parsed(&self) -> u64 {
        const NAME: &str = "logd_component_sent_events_total";
        let mut stream = TcpStream::connect(self.telemetry).expect("connected");
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let mine = |line: &&str| {
            line.starts_with(NAME) && line.contains("component_id=\"parsed\"") && line.contains("output=\"_default\"")
        };
        let line = answer.lines().find(mine);
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
    }

    /// Its resident memory now, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a figure");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    /// The seconds of CPU that it has taken.
    pub(crate) fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).expect("it lives");
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap_or(0) + fields[12].parse::<u64>().unwrap_or(0);
        ticks as f64 / 100.0
    }

    /// What its logs take on disk, in bytes.
    pub(crate) fn archive_bytes(&self) -> u64 {
        size(&self.folder.path().join("data/api/logs"))
    }

    /// Stops it, and returns the seconds of CPU that it has taken.
    pub(crate) fn stop(mut self) -> f64 {
        Command::new("kill").arg(self.pid.to_string()).status().expect("asked");
        let process = self.process.take().expect("it runs");
        let used = process.wait4().expect("it can be waited for");
        assert!(used.status.success(), "logd has failed: {}", used.status);
        (used.rusage.utime + used.rusage.stime).as_secs_f64()
    }

    fn until(&self, holds: impl Fn() -> bool) {
        while !holds() {
            assert!(self.start.elapsed() < DEADLINE, "it takes too long");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Daemon {
    /// One that nobody has stopped.
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn size(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return fs::metadata(path).map_or(0, |metadata| metadata.len()) };
    entries.filter_map(Result::ok).map(|entry| size(&entry.path())).sum()
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|bound| bound.local_addr()).expect("a free port")
}
