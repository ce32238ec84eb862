//! What writes the logs. One thread owns it, so that there is no lock and no more than one index is written to.

use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::Context as _;
use logd_sdk::{Clock, Time};
use tantivy::indexer::IndexWriterOptions;
use tantivy::query::{BooleanQuery, Query, RangeQuery, TermQuery};
use tantivy::schema::IndexRecordOption;
use tantivy::{Index, IndexWriter, Term};

use super::part::{Facts, Part, PartName};
use super::parts::Parts;
use super::schema::{FIELDS, document};
use crate::records::LogRecord;

/// Memory for logs that are not in a segment yet. An epoch's logs are mostly fewer.
const MEMORY: usize = 50_000_000;
/// The least that tantivy takes, for taking back.
const LITTLE_MEMORY: usize = 15_000_000;
/// What was not committed for so long, in microseconds, is, so that it can be found although epochs do not end.
const LONG: i64 = 5_000_000;
/// A part is no smaller, if its hour has more.
const LEAST_PART: u64 = 16 << 20;
/// A part is not larger by much: who pages through it looks at the times of all its logs.
const LARGEST_PART: u64 = 256 << 20;

/// The part that is written to.
struct Open {
    part: Arc<Part>,
    writer: IndexWriter,
    facts: Facts,
    /// When the first log came that is not committed.
    uncommitted: Option<Time>,
}

/// Writes the logs.
pub(super) struct Writer {
    folder: PathBuf,
    clock: Clock,
    parts: Arc<Parts>,
    /// No part is larger.
    part_bytes: u64,
    open: Option<Open>,
    /// A part that was closed, and is still merging its segments.
    closing: Option<(PartName, JoinHandle<()>)>,
    /// The number of the last log.
    number: u64,
}

impl Writer {
    pub(super) fn new(folder: PathBuf, max_bytes: u64, clock: Clock, parts: Arc<Parts>) -> Self {
        let number = parts.list().iter().map(|part| part.committed().facts.number).max().unwrap_or(0);
        Self { folder, clock, parts, part_bytes: part_bytes(max_bytes), open: None, closing: None, number }
    }

    /// Takes in a log.
    pub(super) fn add(&mut self, log: &LogRecord, feed: &str, epoch: u64) -> anyhow::Result<()> {
        let now = self.clock.now();
        let hour = PartName::hour(now);
        if self.open.as_ref().is_some_and(|open| open.part.name.hour != hour) {
            self.close()?;
        }
        self.number += 1;
        let document = document(log, feed, epoch, self.number)?;
        let number = self.number;
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(begin(&self.folder, &self.parts, hour, self.part_bytes, &mut self.closing)?),
        };
        open.writer.add_document(document)?;
        open.facts.add(log.time, number, feed, epoch);
        let since = *open.uncommitted.get_or_insert(now);
        if now.since(since).as_micros() >= LONG as u128 {
            self.commit()?;
        }
        Ok(())
    }

    /// Makes all durable that was added, and shows it to readers.
    pub(super) fn commit(&mut self) -> anyhow::Result<()> {
        let Some(open) = self.open.as_mut().filter(|open| open.uncommitted.is_some()) else { return Ok(()) };
        commit(&mut open.writer, &open.part, &open.facts)?;
        open.uncommitted = None;
        self.parts.reload(open.part.name)?;
        let is_full = open.part.committed().bytes >= self.part_bytes;
        if is_full { self.close() } else { Ok(()) }
    }

    /// Commits, and lets go of the part. Its segments are merged on, beside what comes.
    pub(super) fn close(&mut self) -> anyhow::Result<()> {
        if self.open.as_ref().is_some_and(|open| open.uncommitted.is_some()) {
            self.commit()?;
        }
        let Some(open) = self.open.take() else { return Ok(()) };
        join(&mut self.closing);
        let (parts, name) = (Arc::clone(&self.parts), open.part.name);
        let merge = move || {
            let merged = open.writer.wait_merging_threads();
            // The part has fewer bytes now, and readers hold files that are gone.
            let (facts, logs) = {
                let committed = open.part.committed();
                (committed.facts.clone(), committed.logs)
            };
            open.part.set_committed(facts, logs);
            if let Err(error) = merged.and_then(|()| parts.reload(name)) {
                tracing::warn!(%error, part = %open.part.folder.display(), "Segments of a part could not be merged.");
            }
        };
        let merging = thread::Builder::new().name("archive-merge".to_owned()).spawn(merge);
        self.closing = Some((name, merging.context("no thread for the merging of a part")?));
        Ok(())
    }

    /// Commits, and waits until all is merged.
    pub(super) fn finish(&mut self) -> anyhow::Result<()> {
        self.close()?;
        join(&mut self.closing);
        Ok(())
    }

    /// Forgets what was not committed: after an error, the index is opened anew.
    pub(super) fn give_up(&mut self) {
        if let Some(open) = self.open.take() {
            open.part.doubt();
        }
    }

    /// Deletes the logs of a feed that came after an epoch.
    pub(super) fn take_back(&mut self, feed: &str, epoch: u64) -> anyhow::Result<()> {
        if let Some(open) = &mut self.open {
            delete(&mut open.writer, feed, epoch)?;
            if let Some(last) = open.facts.feeds.get_mut(feed).filter(|last| **last > epoch) {
                *last = epoch;
                open.uncommitted = Some(self.clock.now());
            }
        }
        self.commit()?;
        let after = |part: &Part| part.committed().facts.feeds.get(feed).is_some_and(|last| *last > epoch);
        for part in self.parts.list().into_iter().filter(|part| after(part)) {
            join(&mut self.closing);
            if let Err(error) = self.take_back_of(&part, feed, epoch) {
                // Either it is damaged, or the disk is full or the like, and whoever asked tries again.
                part.doubt();
                part.check().map_or_else(|damage| self.set_aside(&part, &damage), |()| Err(error))?;
            }
        }
        Ok(())
    }

    fn take_back_of(&self, part: &Part, feed: &str, epoch: u64) -> anyhow::Result<()> {
        let mut writer = write_to(&part.index()?, LITTLE_MEMORY)?;
        delete(&mut writer, feed, epoch)?;
        let mut facts = part.committed().facts.clone();
        facts.feeds.insert(feed.to_owned(), epoch);
        commit(&mut writer, part, &facts)?;
        writer.wait_merging_threads()?;
        self.parts.reload(part.name)?;
        Ok(())
    }

    /// Deletes the parts of hours that ended before `oldest`, and then, from the oldest on, those that are too many.
    pub(super) fn keep(&mut self, oldest: Time, max_bytes: u64) -> anyhow::Result<()> {
        self.part_bytes = part_bytes(max_bytes);
        let mut parts = self.parts.list();
        let mut bytes: u64 = parts.iter().map(|part| part.committed().bytes).sum();
        parts.reverse();
        while let Some(part) = parts.pop() {
            let own = part.committed().bytes;
            if part.name.end() > oldest && bytes <= max_bytes {
                break;
            }
            if self.open.as_ref().is_some_and(|open| open.part.name == part.name) {
                self.close()?;
            }
            if self.closing.as_ref().is_some_and(|(name, _)| *name == part.name) {
                join(&mut self.closing);
            }
            self.parts.remove(part.name);
            part.delete().with_context(|| format!("{} can't be deleted", part.folder.display()))?;
            tracing::info!(part = %part.folder.display(), bytes = own, "The oldest logs were deleted.");
            bytes = bytes.saturating_sub(own);
        }
        Ok(())
    }

    /// Looks at all bytes of a part that was not looked at in this run, the latest first; sets it aside if it is damaged.
    pub(super) fn check_one(&mut self) -> anyhow::Result<()> {
        let written = self.open.as_ref().map(|open| open.part.name).or(self.closing.as_ref().map(|(name, _)| *name));
        let unchecked = |part: &Arc<Part>| part.is_unchecked() && Some(part.name) != written;
        let Some(part) = self.parts.list().into_iter().rev().find(unchecked) else { return Ok(()) };
        part.check().or_else(|damage| self.set_aside(&part, &damage))
    }

    /// A reader could not read a part.
    pub(super) fn suspect(&mut self, name: PartName) -> anyhow::Result<()> {
        let Some(part) = self.parts.list().into_iter().find(|part| part.name == name) else { return Ok(()) };
        if self.open.as_ref().is_some_and(|open| open.part.name == name) {
            self.close()?;
        }
        join(&mut self.closing);
        part.doubt();
        let readable = part.check().and_then(|()| self.parts.searcher(&part).map(drop));
        readable.or_else(|damage| self.set_aside(&part, &damage))
    }

    fn set_aside(&self, part: &Part, damage: &anyhow::Error) -> anyhow::Result<()> {
        self.parts.remove(part.name);
        crate::store::set_aside(&part.folder, &format!("{damage:#}"))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            tracing::warn!(error = format!("{error:#}"), "The last logs could not be made durable.");
        }
    }
}

/// How large a part may be, of all that there may be.
fn part_bytes(max_bytes: u64) -> u64 {
    (max_bytes / 8).clamp(LEAST_PART, LARGEST_PART)
}

/// The part to write to: the hour's last one, or a new one.
fn begin(
    folder: &std::path::Path,
    parts: &Parts,
    hour: i64,
    part_bytes: u64,
    closing: &mut Option<(PartName, JoinHandle<()>)>,
) -> anyhow::Result<Open> {
    let last = parts.list().into_iter().rfind(|part| part.name.hour == hour);
    let mut number = 1;
    if let Some(last) = last {
        number = last.name.number + 1;
        if last.committed().bytes < part_bytes {
            join(closing);
            match reopen(&last) {
                Ok(open) => return Ok(open),
                Err(error) => {
                    parts.remove(last.name);
                    crate::store::set_aside(&last.folder, &format!("{error:#}"))?;
                }
            }
        }
    }
    let name = PartName { hour, number };
    let (part, index) = Part::create(folder, name)?;
    let (part, writer) = (Arc::new(part), write_to(&index, MEMORY)?);
    parts.add(Arc::clone(&part));
    Ok(Open { part, writer, facts: Facts::default(), uncommitted: None })
}

fn reopen(part: &Arc<Part>) -> anyhow::Result<Open> {
    part.check()?;
    let writer = write_to(&part.index()?, MEMORY)?;
    let facts = part.committed().facts.clone();
    Ok(Open { part: Arc::clone(part), writer, facts, uncommitted: None })
}

/// One thread that indexes and one that merges.
fn write_to(index: &Index, memory: usize) -> anyhow::Result<IndexWriter> {
    let options = IndexWriterOptions::builder().memory_budget_per_thread(memory);
    Ok(index.writer_with_options(options.num_worker_threads(1).num_merge_threads(1).build())?)
}

fn commit(writer: &mut IndexWriter, part: &Part, facts: &Facts) -> anyhow::Result<()> {
    let payload = serde_json::to_string(facts)?;
    let mut prepared = writer.prepare_commit()?;
    prepared.set_payload(&payload);
    prepared.commit()?;
    let segments = writer.index().searchable_segment_metas()?;
    part.set_committed(facts.clone(), segments.iter().map(|segment| u64::from(segment.num_docs())).sum());
    Ok(())
}

fn delete(writer: &mut IndexWriter, feed: &str, epoch: u64) -> anyhow::Result<()> {
    let feed = TermQuery::new(Term::from_field_text(FIELDS.feed, feed), IndexRecordOption::Basic);
    let later = RangeQuery::new(Bound::Excluded(Term::from_field_u64(FIELDS.epoch, epoch)), Bound::Unbounded);
    let both: Vec<Box<dyn Query>> = vec![Box::new(feed), Box::new(later)];
    writer.delete_query(Box::new(BooleanQuery::intersection(both)))?;
    Ok(())
}

/// Waits for a part to be closed.
fn join(closing: &mut Option<(PartName, JoinHandle<()>)>) {
    if let Some((_, merging)) = closing.take() {
        // A panic there was a panic of tantivy; what was committed stands.
        drop(merging.join());
    }
}
