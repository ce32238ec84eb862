//! What all jobs need: a folder, classic logs in a file and in a topic, and logd.

use std::cell::{Cell, OnceCell};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::services::{RUNS, Service, stop_when_interrupted};
use crate::support::logd::{generate, logd};
use crate::support::measure::measure;

/// The benchmark while it runs.
pub(crate) struct Bench {
    /// How many classic logs there are.
    pub(crate) logs: u64,
    file: OnceCell<PathBuf>,
    kafka: OnceCell<Service>,
    topic: OnceCell<&'static str>,
    runs: Cell<u32>,
    // Services are stopped before it is removed.
    folder: TempDir,
}

impl Bench {
    /// Nothing is there yet: what a job asks for is made then.
    pub(crate) fn new() -> Self {
        let logs = std::env::var("LOGS").map_or(2_000_000, |logs| logs.parse().expect("LOGS is a number"));
        let folder = tempfile::tempdir().expect("a temporary folder");
        stop_when_interrupted(folder.path());
        let (file, kafka, topic) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { logs, file, kafka, topic, runs: Cell::new(0), folder }
    }

    /// A place for a job's files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The logs, in a file.
    pub(crate) fn file(&self) -> &Path {
        self.file.get_or_init(|| {
            let path = self.folder().join("classic.log");
            generate(&path, self.logs);
            path
        })
    }

    /// The brokers of a Kafka.
    pub(crate) fn kafka(&self) -> &str {
        &self.kafka.get_or_init(|| Service::start("kafka", self.folder().join(RUNS[0]))).address
    }

    /// The topic that has the logs.
    pub(crate) fn topic(&self) -> &'static str {
        self.topic.get_or_init(|| {
            self.fill("logs", self.file());
            "logs"
        })
    }

    /// Writes the lines of a file to a topic.
    pub(crate) fn fill(&self, topic: &str, file: &Path) {
        let brokers = self.kafka();
        let text = format!(
            "[sources.file]\ntype = \"file\"\ninclude = [\"{}\"]\n\
             [sinks.kafka]\ntype = \"kafka\"\ninputs = [\"file\"]\nbootstrap_servers = \"{brokers}\"\ntopic = \"{topic}\"\n",
            file.display()
        );
        measure(&mut self.once(&text));
    }

    /// A source `logs` that reads a topic as a new group, from its beginning.
    pub(crate) fn source(&self, topic: &str) -> String {
        format!(
            "[sources.logs]\ntype = \"kafka\"\nbootstrap_servers = \"{}\"\ngroup_id = \"{}\"\ntopics = [\"{topic}\"]\n\
             auto_offset_reset = \"earliest\"\n",
            self.kafka(),
            self.group(),
        )
    }

    /// The name of a group that is used once.
    pub(crate) fn group(&self) -> String {
        self.runs.set(self.runs.get() + 1);
        format!("group-{}", self.runs.get())
    }

    /// logd with this pipeline and nothing from an earlier run.
    pub(crate) fn run(&self, pipeline: &str) -> Command {
        let (path, data) = (self.folder().join("pipeline.toml"), self.folder().join("data"));
        fs::write(&path, pipeline).expect("the pipeline can be written");
        if data.exists() {
            fs::remove_dir_all(&data).expect("what an earlier run has left can be removed");
        }
        let mut command = logd(false);
        command.args(["run", "--log-level", "error", "--telemetry-address", "127.0.0.1:0"]);
        command.arg("--data-dir").arg(data).arg("-c").arg(path);
        command
    }

    /// The same, to the end of its input.
    pub(crate) fn once(&self, pipeline: &str) -> Command {
        let mut command = self.run(pipeline);
        command.arg("--once");
        command
    }
}

/// This program, in another role.
pub(crate) fn role(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.arg(role);
    command
}
