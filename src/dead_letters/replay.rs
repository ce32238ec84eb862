//! Letters that are to be tried again: a source in front of the component that refused them.
//!
//! What is asked for lies in a log of its own for each component, `replay/PIPELINE/COMPONENT`. As long as something is in
//! it, the component has one input more, which ends when all has been read; so a replay is as exact as anything else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use futures::future::BoxFuture;
use logd_disklog::fs::Real;
use logd_disklog::{Follow, Log, Reader, inspect};
use logd_sdk::component::{Describe, SourcePlan};
use logd_sdk::erased::AnySource;
use logd_sdk::event::stored;
use logd_sdk::source::{Next, Source};
use logd_sdk::{ComponentId, Context, Plan, snapshot};

use super::letter::Letter;
use crate::topology::{Graph, Input, Node};

/// The version of the position.
const VERSION: u8 = 1;
/// What may wait to be tried again, in bytes: as much as dead letters take at most.
const MAX_SIZE: u64 = 4 << 30;
/// What is read at once, in bytes.
const CHUNK: usize = 1 << 20;

/// Puts these letters where the next start of their components finds them.
///
/// # Errors
/// The disk does not take them; some may be there already.
pub(crate) fn prepare<'l>(data_dir: &Path, letters: impl Iterator<Item = &'l Letter>) -> anyhow::Result<()> {
    let mut by_component: BTreeMap<ComponentId, Vec<Bytes>> = BTreeMap::new();
    for letter in letters {
        by_component.entry(letter.component()).or_default().push(letter.stored().clone());
    }
    for (component, records) in by_component {
        let (mut log, _) = open(&folder(data_dir, &component))?;
        log.append(&records)?;
        log.sync()?;
    }
    Ok(())
}

/// Puts a source before each component for which something is to be tried again.
pub(crate) fn expand(graph: &Graph, data_dir: &Path) -> Graph {
    let mut expanded = graph.clone();
    for place in 0..graph.nodes.len() {
        let id = &graph.nodes[place].id;
        let folder = folder(data_dir, id);
        if matches!(graph.nodes[place].plan, Plan::Source(_)) || !has_letters(&folder) {
            continue;
        }
        // No component of a user has a dot in its name.
        let replay = ComponentId::new(id.pipeline(), &format!("{}.replay", id.id()));
        let input = Input::new(expanded.nodes.len(), 0);
        expanded.nodes.push(Node::new(replay, Plan::Source(Arc::new(Replaying { folder })), Vec::new()));
        expanded.nodes[place].inputs.push(input);
    }
    expanded
}

fn folder(data_dir: &Path, component: &ComponentId) -> PathBuf {
    data_dir.join("replay").join(component.pipeline()).join(component.id())
}

fn has_letters(folder: &Path) -> bool {
    let Ok(report) = inspect::report(folder) else { return false };
    report.segments.iter().filter_map(|segment| segment.last).any(|last| last > report.released)
}

fn open(folder: &Path) -> anyhow::Result<(Log, u64)> {
    let (log, found) = Log::open(Arc::new(Real), folder, MAX_SIZE)
        .with_context(|| format!("what is to be tried again in {} can't be opened", folder.display()))?;
    Ok((log, found.released))
}

/// Made by the daemon, and stands in no file.
#[derive(Debug)]
struct Replaying {
    folder: PathBuf,
}

impl Describe for Replaying {
    fn name(&self) -> &'static str {
        "replay"
    }
}

impl SourcePlan for Replaying {
    fn ends(&self) -> bool {
        true
    }

    fn build<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, anyhow::Result<Box<dyn AnySource>>> {
        Box::pin(async move {
            let (log, last) = open(&self.folder)?;
            let reader = log.reader(Follow::Durable);
            Ok(Box::new(Replay { log, reader, last, read: Vec::new().into_iter() }) as Box<dyn AnySource>)
        })
    }
}

/// Reads what is to be tried again, and ends.
struct Replay {
    log: Log,
    reader: Reader,
    /// The last record that was returned.
    last: u64,
    read: std::vec::IntoIter<(u64, Bytes)>,
}

impl Source for Replay {
    async fn next(&mut self) -> anyhow::Result<Next> {
        loop {
            if let Some((number, record)) = self.read.next() {
                self.last = number;
                return Ok(Next::Batch(stored::decode(&record).context("a letter can't be read")?));
            }
            let chunk = self.reader.read(self.last + 1, CHUNK)?;
            if chunk.records.is_empty() {
                return Ok(Next::End);
            }
            self.read = chunk.records.into_iter();
        }
    }

    fn position(&self) -> Option<Vec<u8>> {
        snapshot::encode(VERSION, &self.last).ok()
    }

    fn seek(&mut self, position: &[u8]) -> anyhow::Result<()> {
        // An earlier log of this component may have been thrown away, and this one begun anew.
        self.last = snapshot::decode::<u64>(VERSION, position)?.min(self.log.view().borrow().next() - 1);
        Ok(())
    }

    async fn commit(&mut self, position: &[u8]) -> anyhow::Result<()> {
        self.log.release(snapshot::decode(VERSION, position)?)?;
        self.log.sync()?;
        Ok(())
    }
}
