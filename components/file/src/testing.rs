//! What the tests of this crate share: a context, and batches as plain values.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use logd_sdk::contract::{self, NoConditions};
use logd_sdk::report::Report;
use logd_sdk::source::{Next, Source};
use logd_sdk::{Batch, Block, Check, Clock, Component, Context, Partition, Row, Settings, Time};

use crate::file_source::{FileSource, FileSourceSettings};

/// The clock of all tests: 2026-11-23T14:03:10Z.
pub(crate) const NOW: Time = Time::from_micros(1_795_442_590_000_000);

/// The context of a component that may keep files in `data_dir`.
pub(crate) fn context(data_dir: &Path, once: bool) -> Context {
    Context {
        clock: Clock::fixed(NOW),
        data_dir: data_dir.to_owned(),
        once,
        ..contract::context("test", "files", "source", "file")
    }
}

/// Asserts that a component reads its own example, by the way that the daemon takes.
pub(crate) fn reads_its_example<S: Settings>() {
    let component =
        crate::COMPONENTS.iter().find(|component| component.name == S::NAME && component.example == S::EXAMPLE);
    let Component { parse, example, .. } = component.expect("listed");
    let plan = parse(toml::de::DeTable::parse(example).unwrap()).unwrap();
    let mut report = Report::default();
    plan.describe().check(&mut Check { report: &mut report, conditions: &NoConditions });
    assert_eq!(report.problems(), []);
}

/// What a component's check says of these settings: `key: message`.
pub(crate) fn problems<S: Settings>(text: &str) -> Vec<String> {
    let mut report = Report::default();
    let settings: S = toml::from_str(text).unwrap();
    settings.check(&mut Check { report: &mut report, conditions: &NoConditions });
    report.problems().iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect()
}

/// A batch of lines that happened at `time`.
pub(crate) fn batch<'l>(lines: impl IntoIterator<Item = &'l str>, time: Time) -> Batch {
    let (mut text, mut rows) = (String::new(), Vec::new());
    for line in lines {
        let start = text.len() as u32;
        text.push_str(line);
        rows.push(Row::line(start, text.len() as u32, start.into(), time));
    }
    Batch::new(Block::new(text.into(), Partition::new("test/source", "")), rows)
}

/// The texts of a batch's events.
pub(crate) fn texts(batch: &Batch) -> Vec<String> {
    (0..batch.len()).map(|row| String::from_utf8_lossy(batch.raw(row)).into_owned()).collect()
}

/// The next batch of a source; none at its end.
pub(crate) async fn next(source: &mut impl Source) -> Option<Batch> {
    match source.next().await.unwrap() {
        Next::Batch(batch) => Some(batch),
        Next::End => None,
    }
}

/// All events of a source that ends.
pub(crate) async fn drain(source: &mut impl Source) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(batch) = next(source).await {
        all.extend(texts(&batch));
    }
    all
}

/// A folder with files, and `file` sources that read them.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    /// An empty folder, that vanishes in the end.
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Where the file of this name is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file anew.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Adds to a file.
    pub(crate) fn append(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Gives a file another name.
    pub(crate) fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// A source of the files `*.log*` that reads `chunk` bytes at once.
    pub(crate) fn source(&self, more: &str, once: bool, chunk: usize) -> FileSource {
        let include = if more.contains("include") { String::new() } else { "include = ['DIR/*.log*']\n".to_owned() };
        let text = (include + more).replace("DIR", self.0.path().to_str().unwrap());
        let settings: FileSourceSettings = toml::from_str(&text).unwrap();
        settings.build_with(&context(self.0.path(), once), chunk).unwrap()
    }

    /// The same, which goes on where another was.
    pub(crate) fn resumed(&self, more: &str, once: bool, chunk: usize, position: &[u8]) -> FileSource {
        let mut source = self.source(more, once, chunk);
        source.seek(position).unwrap();
        source
    }
}

/// What a source says next, as texts: its events; and whether a partition has ended.
pub(crate) async fn said(source: &mut impl Source) -> (Vec<String>, bool) {
    let batch = next(source).await.expect("no end yet");
    (texts(&batch), batch.blocks().iter().any(|block| block.greatest == Time::MAX))
}

/// Asserts that a source has nothing to say for a while.
pub(crate) async fn silent(source: &mut impl Source, seconds: u64) {
    let next = tokio::time::timeout(std::time::Duration::from_secs(seconds), source.next()).await;
    assert!(next.is_err(), "{next:?}");
}
