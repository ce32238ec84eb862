//! Real services by the recipe of the tests, with ports and data of their own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::signal::unix::{SignalKind, signal};

/// A service that runs until this is dropped.
pub(crate) struct Service {
    /// Where it listens, `host:port`.
    pub(crate) address: String,
    name: &'static str,
    run: PathBuf,
}

/// The folders with the data of services, for [`Service::start`]: two of one kind need two.
pub(crate) const RUNS: [&str; 2] = ["services", "more-services"];

impl Service {
    /// Starts `kafka`, `elasticsearch` or `redis`, empty, with its data below `run`.
    pub(crate) fn start(name: &'static str, run: PathBuf) -> Self {
        let port = free_port();
        let mut recipe = recipe(&run, &["start", name]);
        let service = Self { address: format!("127.0.0.1:{port}"), name, run };
        // Java at its full speed; Kafka keeps logs however old they are; Redis syncs once a second, as is usual.
        let more = ["-XX:TieredStopAtLevel=4", "num.partitions=4\nlog.retention.ms=-1", "--appendfsync everysec"];
        match name {
            "kafka" => recipe
                .env("KAFKA_PORT", port.to_string())
                .env("KAFKA_CONTROLLER_PORT", free_port().to_string())
                .envs([("KAFKA_JVM_ARGS", more[0]), ("KAFKA_EXTRA_CONFIG", more[1]), ("KAFKA_HEAP", "512m")]),
            "elasticsearch" => recipe
                .env("ES_PORT", port.to_string())
                .env("ES_TRANSPORT_PORT", free_port().to_string())
                .envs([("ES_JVM_ARGS", more[0]), ("ES_HEAP", "1g")]),
            _ => recipe.env("REDIS_PORT", port.to_string()).env("REDIS_ARGS", more[2]),
        };
        assert!(recipe.status().expect("the recipe runs").success(), "{name} does not start");
        service
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself, which who used it has seen.
        let _ = recipe(&self.run, &["stop", self.name]).status();
    }
}

/// Leaves no service behind when the benchmark is interrupted.
pub(crate) fn stop_when_interrupted(folder: &Path) {
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut terminated = signal(SignalKind::terminate()).expect("signals can be heard");
            tokio::select! {
                _ = terminated.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        });
        for run in RUNS {
            let _ = recipe(&folder.join(run), &["stop", "all"]).status();
        }
        let _ = std::fs::remove_dir_all(folder);
        std::process::exit(130);
    });
}

fn recipe(run: &Path, arguments: &[&str]) -> Command {
    let mut recipe = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/services/services.sh"));
    recipe.args(arguments).env("SERVICES_RUN", run).stdout(Stdio::null()).stderr(Stdio::null());
    recipe
}

fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    free.port()
}
