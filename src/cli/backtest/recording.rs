//! Recorded input as files: those that are there, and those that topics are fetched into, once for all runs.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use logd_file::RecordedFile;
use logd_kafka::{Fetch, Progress};
use tempfile::TempDir;

use super::arguments::{Origin, inputs};
use super::{Failed, Files, progress};
use crate::backtest::Recorded;

/// What stands in the place of sources. The files of topics are there once they were fetched, and gone with this.
pub(in crate::cli) struct Recording {
    /// All of it, in the order in which it is read.
    pub(in crate::cli) recorded: Vec<Recorded>,
    /// Topics, and the file for each.
    fetches: Vec<(Fetch, PathBuf)>,
    /// Where these are, if there are any.
    folder: Option<Arc<TempDir>>,
}

impl Recording {
    /// Of `--input` as it was written, for these pipelines. Nothing is fetched yet.
    pub(in crate::cli) fn new(arguments: &[String], files: &Files) -> Result<Self, Failed> {
        let mut recording = Self { recorded: Vec::new(), fetches: Vec::new(), folder: None };
        for input in inputs(arguments, files.sources()).map_err(Failed::Usage)? {
            let found = match input.origin {
                Origin::Files(found) => found.into_iter().map(RecordedFile::from).collect(),
                Origin::Topic(topic) => {
                    vec![recording.will_have(Fetch::new(topic, files.source(input.source.as_deref())))?]
                }
            };
            recording.recorded.push(Recorded { source: input.source, files: found });
        }
        Ok(recording)
    }

    /// The file for a topic.
    fn will_have(&mut self, fetch: Fetch) -> std::io::Result<RecordedFile> {
        let folder = match &self.folder {
            Some(folder) => Arc::clone(folder),
            None => Arc::new(tempfile::Builder::new().prefix("logd-input-").tempdir()?),
        };
        // Its inode is another each time; what its events are called must not depend on that.
        let partition = format!("{}:{}", self.fetches.len(), fetch.topic().name());
        let path = folder.path().join(self.fetches.len().to_string());
        self.fetches.push((fetch, path.clone()));
        self.folder = Some(folder);
        Ok(RecordedFile { path, partition: Some(partition) })
    }

    /// Fetches all topics, one after the other, and says where messages are not what lines can be.
    pub(in crate::cli) async fn fetch(&self) -> Result<(), Failed> {
        for (fetch, path) in &self.fetches {
            let progress = Arc::new(Progress::default());
            let _stops = StopsWhenDropped(&progress);
            let (work, told) = ((fetch.clone(), path.clone(), self.folder.clone()), Arc::clone(&progress));
            let fetching = tokio::task::spawn_blocking(move || {
                // The folder is held for as long as something is written into it.
                let (fetch, path, _folder) = work;
                fetch.run(&path, &told)
            });
            let fetched = tokio::select! {
                fetched = fetching => fetched.context("the fetch was given up").and_then(|fetched| fetched),
                never = progress::show_fetch(fetch.topic(), &progress) => match never {},
            };
            let fetched = fetched.map_err(|error| Failed::Unavailable(format!("{error:#}")))?;
            if fetched.divided > 0 {
                tracing::warn!(
                    topic = %fetch.topic(), messages = fetched.divided,
                    "Messages hold line breaks: each of their lines is read as an event of its own."
                );
            }
        }
        Ok(())
    }
}

/// Tells a fetch that nobody waits for it any more.
struct StopsWhenDropped<'p>(&'p Progress);

impl Drop for StopsWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}
