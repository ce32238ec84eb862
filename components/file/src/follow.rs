//! Follows files without blocking the tasks of others, and knows the position behind each batch.
//!
//! Reading happens on the pool for blocking work, one buffer ahead of what was asked for: while a batch is being
//! handled the next one is read.

mod finder;
mod identity;
mod input;
mod reader;
mod tail;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use anyhow::Context as _;
use logd_sdk::snapshot;
use logd_sdk::source::Next;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};

pub(crate) use self::finder::Finder;
pub(crate) use self::identity::{FileId, Place};
use self::reader::Step;
pub(crate) use self::reader::{Reader, Rules};
pub(crate) use self::tail::Tools;

/// The version of the position's form.
const VERSION: u8 = 1;

/// A running [`Reader`].
#[derive(Debug)]
pub(crate) struct Follow {
    /// None while it is at work.
    reader: Option<Box<Reader>>,
    /// What the reader does next, begun before it is asked for.
    work: Option<JoinHandle<(Box<Reader>, anyhow::Result<Step>)>>,
    /// Nothing is to be done before this.
    wait: Option<Instant>,
    /// Where each file stands behind the last batch that was returned.
    places: BTreeMap<FileId, Place>,
}

impl Follow {
    /// Runs a reader that has not begun.
    pub(crate) fn new(reader: Reader) -> Self {
        Self { reader: Some(Box::new(reader)), work: None, wait: None, places: BTreeMap::new() }
    }

    /// See [`Source::next`](logd_sdk::source::Source::next).
    pub(crate) async fn next(&mut self) -> anyhow::Result<Next> {
        loop {
            if let Some(wait) = self.wait {
                sleep_until(wait).await;
                self.wait = None;
            }
            match self.step().await? {
                Step::End => return Ok(Next::End),
                Step::Wait(until) => self.wait = Some(until),
                Step::Read(batch, changes) => {
                    for (id, place) in changes {
                        match place {
                            Some(place) => drop(self.places.insert(id, place)),
                            None => drop(self.places.remove(&id)),
                        }
                    }
                    self.begin();
                    if let Some(batch) = batch {
                        return Ok(Next::Batch(batch));
                    }
                }
            }
        }
    }

    /// See [`Source::position`](logd_sdk::source::Source::position).
    pub(crate) fn position(&self) -> Option<Vec<u8>> {
        let places: Vec<&Place> = self.places.values().collect();
        let failed = |error: &anyhow::Error| tracing::error!(error = format!("{error:#}"), "No position can be kept.");
        snapshot::encode(VERSION, &places).inspect_err(failed).ok()
    }

    /// See [`Source::seek`](logd_sdk::source::Source::seek).
    pub(crate) fn seek(&mut self, position: &[u8]) -> anyhow::Result<()> {
        let places: Vec<Place> = snapshot::decode(VERSION, position)?;
        match &places[..] {
            [] => {}
            [place] => tracing::info!(file = ?place.path, byte = place.offset, "Going on in the middle of a file."),
            _ => {
                let bytes: u64 = places.iter().map(|place| place.offset).sum();
                tracing::info!(files = places.len(), bytes, "Going on where files were read up to.");
            }
        }
        self.places = places.iter().map(|place| (place.id, place.clone())).collect();
        self.reader.as_mut().context("files are being read already")?.resume(places);
        Ok(())
    }

    /// The next step of the reader. What a dropped call has begun, the next call takes up.
    async fn step(&mut self) -> anyhow::Result<Step> {
        self.begin();
        let work = self.work.as_mut().context("the reader of the files is gone")?;
        let done = work.await;
        self.work = None;
        let (reader, step) = done.context("the reader of the files has panicked")?;
        self.reader = Some(reader);
        step
    }

    /// Lets the reader go on, if it does not already.
    fn begin(&mut self) {
        if let Some(mut reader) = self.reader.take() {
            self.work = Some(spawn_blocking(move || {
                let step = reader.step();
                (reader, step)
            }));
        }
    }
}
