//! The daemon of a test: a pipeline in a place of its own, started over and over, looked at from outside.

use std::process::Command;
use std::time::Duration;

use tokio::time::Instant;

use crate::support::{DEADLINE, Place, Running, free_address, get, run, values};

/// A daemon that is started and ended as often as a test wants.
pub(super) struct Daemon {
    pub(super) place: Place,
    /// What a shell does before it becomes logd.
    limits: &'static str,
    telemetry: String,
    running: Option<Running>,
    /// The number of its last process.
    process: u32,
}

/// What has to be on the line of a metric that is asked for, such as a label.
type Marks<'m> = &'m [&'m str];

impl Daemon {
    /// One that has this pipeline, and is not started yet.
    pub(super) fn new(pipeline: &str) -> Self {
        let place = Place::new();
        place.write("pipelines/pipeline.toml", pipeline);
        Self { place, limits: "", telemetry: free_address(), running: None, process: 0 }
    }

    /// One that lives within a shell's limits, such as `ulimit -n 64`.
    pub(super) fn within(limits: &'static str, pipeline: &str) -> Self {
        Self { limits, ..Self::new(pipeline) }
    }

    /// Starts it, and waits until it has.
    pub(super) fn start(&mut self) {
        let mut command = self.command();
        let mut running = Running::start(command.args(["run", "--telemetry-address", &self.telemetry]));
        running.wait_for("the start", |running| running.err().contains("Started."));
        self.process = running.id();
        self.running = Some(running);
    }

    fn command(&self) -> Command {
        if self.limits.is_empty() { self.place.logd() } else { self.place.logd_after(self.limits) }
    }

    /// Waits until `condition` holds; fails with what the daemon has said.
    pub(super) fn wait_for(&mut self, what: &str, condition: impl FnMut(&Self) -> bool) {
        self.wait_within(DEADLINE, what, condition);
    }

    /// Watches it for this long: calls `look` over and over.
    pub(super) fn watch(&mut self, length: Duration, mut look: impl FnMut(&Self)) {
        let since = Instant::now();
        self.wait_within(length + DEADLINE, "the end of a watch", |daemon| {
            look(daemon);
            since.elapsed() >= length
        });
    }

    fn wait_within(&mut self, limit: Duration, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        // Whoever looks at the daemon has all of it but this.
        let mut running = self.running.take().expect("it was started");
        running.wait_within(limit, what, |_| condition(self));
        self.running = Some(running);
    }

    /// Ends it by `KILL`, or by another signal after which it has to end well.
    pub(super) fn end(&mut self, signal: &str) {
        let running = self.running.take().expect("it was started");
        running.signal(signal);
        let (status, _, err) = running.end();
        assert!(signal == "KILL" || status.success() && !err.contains("unaccounted"), "{err}");
    }

    /// The sum of a metric over all lines that have these marks.
    pub(super) fn sum(&self, name: &str, marks: Marks<'_>) -> f64 {
        let metrics = get(&self.telemetry, "/metrics");
        let lines =
            metrics.lines().filter(|line| line.starts_with(name) && marks.iter().all(|mark| line.contains(mark)));
        lines.map(|line| values(line, name)[0]).sum()
    }

    /// Has it reload its files, and returns whether it took all of them.
    pub(super) fn reload(&self) -> bool {
        let said = run(self.place.logd().arg("reload"));
        assert!(matches!(said.code, Some(0 | 78)), "{}{}", said.out, said.err);
        said.code == Some(0)
    }

    /// What it has said since its start.
    pub(super) fn said(&self) -> String {
        self.running.as_ref().expect("it was started").err()
    }

    /// How many events sinks have delivered since the start.
    pub(super) fn delivered(&self) -> f64 {
        self.sum("logd_component_sent_events_total{", &["component_kind=\"sink\""])
    }

    /// What `/ready` says.
    pub(super) fn ready(&self) -> String {
        get(&self.telemetry, "/ready")
    }

    /// Waits until it is at rest: nothing is under way, and it knows of every event what has become of it.
    pub(super) fn settles(&mut self) {
        let count = |daemon: &Self, name: &str| {
            let metrics = get(&daemon.telemetry, "/metrics");
            let values = values(&metrics, name);
            // Nobody answers, or nobody is there: that is no rest.
            if values.is_empty() { f64::INFINITY } else { values.iter().map(|value| value.abs()).sum() }
        };
        self.wait_for("rest", |daemon| count(daemon, "logd_component_in_flight_events{") == 0.0);
        // What a sink gives up is under way no longer, and a moment later a dead letter.
        self.wait_for("an account of all events", |daemon| count(daemon, "logd_unaccounted_events{") == 0.0);
    }

    /// Its memory that is in RAM, in MiB.
    pub(super) fn memory(&self) -> f64 {
        let status = self.process("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it runs");
        line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
    }

    /// The time that it has had of a processor.
    pub(super) fn processor_time(&self) -> Duration {
        /// Ticks of a second, in Linux always.
        const TICK: Duration = Duration::from_millis(10);
        let stat = self.process("stat");
        // proc(5): utime and stime are the 14th and the 15th, and the 2nd, in parentheses, may have spaces in it.
        let fields: Vec<&str> = stat.rsplit(')').next().expect("a rest").split_whitespace().collect();
        fields[11..13].iter().map(|ticks| TICK * ticks.parse().expect("a number")).sum()
    }

    /// How many files it has open, sockets and all.
    pub(super) fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process)).expect("it runs").count()
    }

    fn process(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.process)).expect("it runs")
    }
}
