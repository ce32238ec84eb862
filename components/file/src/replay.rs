//! Recorded input in the place of a source: files that are read one after the other, as the `file` source reads them.
//!
//! Where that reads many files at once, for nobody knows which of them is written next, here one follows the other: what
//! was recorded first comes first, and a window has to wait for no file that has not begun. Each file is a partition, as
//! it is to the `file` source, so that its events have the same identities.

use std::any::Any;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use futures::future::BoxFuture;
use glob::Pattern;
use logd_sdk::component::{Describe, Makes, SourcePlan};
use logd_sdk::erased::AnySource;
use logd_sdk::settings::ByteSize;
use logd_sdk::source::{Next, Source};
use logd_sdk::{Context, Partition, event};
use vrl::path::OwnedValuePath;

use crate::buffer::CHUNK;
use crate::file_source::FileSourceSettings;
use crate::follow::{Finder, Follow, Reader, Rules, Tools};
use crate::multiline::{Multiline, default_max_line_size};
use crate::stdin::{FINGERPRINT, StdinSettings};

/// A file of recorded lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedFile {
    /// Where it is.
    pub path: PathBuf,
    /// The name of the partition that its events are of, for a file that is made anew for each run: without it the file
    /// itself, whatever it is called, is the partition, and another copy of it is another.
    pub partition: Option<String>,
}

impl From<PathBuf> for RecordedFile {
    fn from(path: PathBuf) -> Self {
        Self { path, partition: None }
    }
}

/// What is to be read in the place of a source.
#[derive(Clone, Debug)]
pub struct Replay {
    files: Vec<RecordedFile>,
    max_line_size: ByteSize,
    multiline: Option<Multiline>,
    /// How many bytes have been read, of all files.
    read: Arc<AtomicU64>,
}

impl Replay {
    /// These files in the place of `source`, in their order. If that reads lines itself, they are divided as it does.
    /// `read` is told how many of their bytes have been read, as they stand on disk: within a compressed file nothing is
    /// told before its end.
    #[must_use]
    pub fn in_place_of(source: &dyn SourcePlan, files: Vec<RecordedFile>, read: Arc<AtomicU64>) -> Self {
        let source: &dyn Any = source;
        let lines = match (source.downcast_ref::<FileSourceSettings>(), source.downcast_ref::<StdinSettings>()) {
            (Some(file), _) => Some(file.lines()),
            (_, Some(stdin)) => Some(stdin.lines()),
            (None, None) => None,
        };
        let (max_line_size, multiline) = lines.unwrap_or_else(|| (default_max_line_size(), None));
        Self { files, max_line_size, multiline, read }
    }

    fn follow(&self, path: &Path, context: &Context) -> anyhow::Result<Follow> {
        let finder = Finder::Globs { include: vec![Pattern::escape(&path.to_string_lossy())], exclude: Vec::new() };
        let second = std::time::Duration::from_secs(1);
        let rules = Rules { once: true, from_end: false, glob_interval: second, rotate_wait: second };
        let tools = Tools::new(context, CHUNK, FINGERPRINT, self.max_line_size, self.multiline.as_ref())?;
        Ok(Follow::new(Reader::new(context.clone(), rules, tools, finder)))
    }
}

impl Describe for Replay {
    fn name(&self) -> &'static str {
        "replay"
    }

    fn makes(&self, _: &str) -> Makes {
        Makes::Fields(vec![OwnedValuePath::single_field(event::MESSAGE)])
    }
}

impl SourcePlan for Replay {
    fn ends(&self) -> bool {
        true
    }

    fn build<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, anyhow::Result<Box<dyn AnySource>>> {
        Box::pin(async move {
            let mut files = VecDeque::new();
            for RecordedFile { path, partition } in &self.files {
                let size =
                    std::fs::metadata(path).with_context(|| format!("`{}` can't be read", path.display()))?.len();
                let partition = partition.as_ref().map(|name| context.partition(name));
                let follow = self.follow(path, context)?;
                files.push_back(File { follow, partition, size, is_compressed: is_gzip(path) });
            }
            let replaying = Replaying { files, before: 0, within: 0, read: Arc::clone(&self.read) };
            Ok(Box::new(replaying) as Box<dyn AnySource>)
        })
    }
}

fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// A file that has not been read to its end.
struct File {
    follow: Follow,
    /// Whose its events are, if it is not to be known by itself.
    partition: Option<Arc<Partition>>,
    /// In bytes, as it was at the start.
    size: u64,
    is_compressed: bool,
}

/// A running [`Replay`].
struct Replaying {
    files: VecDeque<File>,
    /// The bytes of all files that have been read to their ends.
    before: u64,
    /// Those of the events of the file that is being read.
    within: u64,
    read: Arc<AtomicU64>,
}

impl Source for Replaying {
    async fn next(&mut self) -> anyhow::Result<Next> {
        while let Some(file) = self.files.front_mut() {
            let next = file.follow.next().await?;
            if let Next::Batch(mut batch) = next {
                if let Some(partition) = &file.partition {
                    batch.blocks_mut().iter_mut().for_each(|block| block.partition = Arc::clone(partition));
                }
                if !file.is_compressed {
                    // Each line has an end too.
                    self.within += (batch.event_bytes() + batch.len()) as u64;
                }
                self.read.store(self.before + self.within.min(file.size), Ordering::Relaxed);
                return Ok(Next::Batch(batch));
            }
            (self.before, self.within) = (self.before + file.size, 0);
            self.read.store(self.before, Ordering::Relaxed);
            self.files.pop_front();
        }
        Ok(Next::End)
    }

    /// It is read once, from the beginning: there is nothing to come back to, and nothing that could not be read again.
    fn position(&self) -> Option<Vec<u8>> {
        Some(Vec::new())
    }

    fn seek(&mut self, _: &[u8]) -> anyhow::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use logd_sdk::Time;

    use super::*;
    use crate::testing;

    async fn texts(replay: &Replay) -> (Vec<String>, Vec<u64>) {
        let (mut texts, mut ends) = (Vec::new(), Vec::new());
        let mut source = replay.build(&testing::context(Path::new("/nowhere"), true)).await.unwrap();
        while let Next::Batch(batch) = source.next().await.unwrap() {
            texts.extend((0..batch.len()).map(|row| String::from_utf8_lossy(batch.raw(row)).into_owned()));
            if batch.blocks().iter().any(|block| block.greatest == Time::MAX) {
                texts.push("(end)".to_owned());
                ends.push(replay.read.load(Ordering::Relaxed));
            }
        }
        (texts, ends)
    }

    #[tokio::test]
    async fn files_are_read_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("b[1].log"), "b1\nb2").unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(b"a1\na2\n").unwrap();
        std::fs::write(path("a.log.gz"), gzip.finish().unwrap()).unwrap();
        let read = Arc::new(AtomicU64::new(0));
        let stdin: StdinSettings = toml::from_str("").unwrap();
        let files = [path("b[1].log"), path("a.log.gz")];
        let recorded = files.iter().cloned().map(Into::into).collect();
        let replay = Replay::in_place_of(&stdin, recorded, Arc::clone(&read));
        let (texts, ends) = texts(&replay).await;
        assert_eq!(texts, ["b1", "b2", "(end)", "a1", "a2", "(end)"]);
        assert_eq!(ends, [5, 5], "what is compressed counts at its end");
        let sizes = files.iter().map(|path| std::fs::metadata(path).unwrap().len());
        assert_eq!(read.load(Ordering::Relaxed), sizes.sum::<u64>());
    }

    #[tokio::test]
    async fn lines_are_joined_as_the_source_would() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        std::fs::write(&path, "A\n at b\nC\n").unwrap();
        let source: FileSourceSettings =
            toml::from_str("include = ['elsewhere']\nmultiline = { start_pattern = '^[A-Z]', timeout = '1s' }")
                .unwrap();
        let replay = Replay::in_place_of(&source, vec![path.into()], Arc::default());
        assert_eq!(texts(&replay).await.0, ["A\n at b", "C", "(end)"]);
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_named() {
        let stdin: StdinSettings = toml::from_str("").unwrap();
        let replay = Replay::in_place_of(&stdin, vec![PathBuf::from("/nowhere.log").into()], Arc::default());
        let error =
            replay.build(&testing::context(Path::new("/nowhere"), true)).await.err().map(|error| format!("{error:#}"));
        assert!(error.is_some_and(|error| error.starts_with("`/nowhere.log` can't be read")));
    }

    #[tokio::test]
    async fn a_file_that_is_made_anew_has_the_same_events() {
        let folder = tempfile::tempdir().unwrap();
        let stdin: StdinSettings = toml::from_str("").unwrap();
        let mut ids = Vec::new();
        for (name, partition) in [("1", Some("t")), ("2", Some("t")), ("3", None)] {
            let path = folder.path().join(name);
            std::fs::write(&path, "a\n").unwrap();
            let files = vec![RecordedFile { path, partition: partition.map(str::to_owned) }];
            let replay = Replay::in_place_of(&stdin, files, Arc::default());
            let mut source = replay.build(&testing::context(Path::new("/nowhere"), true)).await.unwrap();
            while let Next::Batch(batch) = source.next().await.unwrap() {
                ids.extend((0..batch.len()).map(|row| batch.id(row)));
            }
        }
        assert_eq!(ids.len(), 3);
        assert_eq!((ids[0] == ids[1], ids[0] == ids[2]), (true, false));
    }
}
