//! The jobs: pipelines of logd, each run as a process with `--once`.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::support::logd::logd;
use crate::support::measure::{Measured, measure};
use crate::support::pipeline::{PARSE, analyse};

/// A pipeline to be timed.
pub(crate) struct Job {
    /// What it does.
    pub(crate) name: String,
    /// How many events go through it.
    pub(crate) events: u64,
    pipeline: PathBuf,
    data: PathBuf,
    one_core: bool,
    /// Where its output goes, if it prints incidents.
    incidents: Option<PathBuf>,
}

impl Job {
    /// Runs it once, from nothing.
    pub(crate) fn measure(&self) -> Measured {
        let mut command = logd(self.one_core);
        command.arg("run").arg("--once").arg("--log-level").arg("error");
        command.arg("--data-dir").arg(&self.data).arg("-c").arg(&self.pipeline);
        if self.one_core {
            command.args(["--threads", "1"]);
        }
        if let Some(incidents) = &self.incidents {
            command.stdout(File::create(incidents).expect("a file for the incidents"));
        }
        measure(&mut command)
    }

    /// What the last run has printed of incidents, line by line.
    pub(crate) fn found(&self) -> Vec<String> {
        let text = self.incidents.as_ref().map(|file| fs::read_to_string(file).expect("the incidents"));
        text.iter().flat_map(|text| text.lines()).map(str::to_owned).collect()
    }
}

/// The mean length of the logs, in bytes.
pub(crate) fn mean_length(path: &Path, count: u64) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len() / count)
}

const REMAP: &str = r#"
[transforms.changed]
type = "remap"
inputs = ["parsed"]
source = '.host = "demo"'
"#;

/// All jobs, their pipelines written below `folder`.
pub(crate) fn all(folder: &Path, logs: &Path, long: &Path) -> Vec<Job> {
    let file = |path: &Path| format!("[sources.logs]\ntype = \"file\"\ninclude = [\"{}\"]\n", path.display());
    let copy = format!(
        "[sinks.out]\ntype = \"file\"\ninputs = [\"logs\"]\npath = \"{}\"\nencoding.codec = \"text\"\n",
        folder.join("copy.log").display()
    );
    let apache = folder.join("apache.log");
    let example = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/apache-errors/access.log"));
    repeat(example, &apache, REPEATS);
    let combined = PARSE.replace("json", "combined").replace("timestamp.field = \"timestamp\"\n", "");
    let blackhole = |input: &str| format!("[sinks.out]\ntype = \"blackhole\"\ninputs = [\"{input}\"]\n");
    let generator = |count: u64| {
        format!(
            "[sources.logs]\ntype = \"generator\"\nrate = 0\ncount = {count}\nseed = 7\nstart = 2026-01-01T00:00:00Z\n"
        )
    };
    let path = [file(long), PARSE.to_owned(), analyse("parsed")].concat();
    let job = |name: &str, events: u64, text: String, one_core: bool| {
        let stem = name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let pipeline = folder.join(format!("{stem}.toml"));
        fs::write(&pipeline, text).expect("the pipeline can be written");
        Job { name: name.to_owned(), events, pipeline, data: folder.join("data"), one_core, incidents: None }
    };
    let incidents = folder.join("incidents.log");

    let lines = REPEATS as u64 * lines(example);
    vec![
        job("parse, window, zscore, spike; one core", crate::LONG, path.clone(), true),
        job("parse, window, zscore, spike; all cores", crate::LONG, path, false),
        job(
            "the same with a VRL remap; one core",
            crate::LOGS,
            [file(logs), PARSE.to_owned(), REMAP.to_owned(), analyse("changed")].concat(),
            true,
        ),
        job("file to file, unchanged; one core", crate::LOGS, [file(logs), copy].concat(), true),
        job("Apache log parsed; one core", lines, [file(&apache), combined, blackhole("parsed")].concat(), true),
        job("generator alone; one core", crate::LOGS, [generator(crate::LOGS), blackhole("logs")].concat(), true),
        Job {
            incidents: Some(incidents),
            ..job("9.6 million logs, generator to incidents", CLASSIC_DEMO, demo(), false)
        },
    ]
}

/// So many logs the classic system's demo has.
const CLASSIC_DEMO: u64 = 9_600_000;

/// The shipped pipeline with its two incidents, over so many logs at full speed.
fn demo() -> String {
    let source = format!(
        r#"
[sources.services]
type = "generator"
rate = 0
count = {CLASSIC_DEMO}
seed = 7
start = 2026-01-01T00:00:00Z
[[sources.services.incidents]]
kind = "latency"
service = "payment-service"
at = "30m"
for = "40s"
factor = 4.0
[[sources.services.incidents]]
kind = "error_rate"
service = "auth-service"
at = "1h"
for = "15s"
factor = 8.0
"#
    );
    let shipped = include_str!("../../pipelines/demo.toml");
    let (_, transforms) = shipped.split_once("[transforms.parsed]").expect("the demo parses logs");
    format!("{source}[transforms.parsed]{transforms}")
}

/// How often the example's log is repeated.
const REPEATS: usize = 200;

/// How many lines a file has.
fn lines(path: &Path) -> u64 {
    fs::read(path).map_or(0, |bytes| memchr::memchr_iter(b'\n', &bytes).count() as u64)
}

/// Writes a file `times` times in a row. Piece by piece: what this process holds counts as its children's memory too.
fn repeat(from: &Path, to: &Path, times: usize) {
    let text = fs::read(from).expect("the example's input");
    let mut file = File::create(to).expect("a file for the logs");
    for _ in 0..times {
        file.write_all(&text).expect("room for the logs");
    }
}
