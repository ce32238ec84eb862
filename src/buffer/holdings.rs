//! What components hold on disk of events that are not delivered: sinks in their buffers, `http` sources in their logs.
//!
//! It outlives the component. What a component that was removed, or was given other settings, still holds is an orphan:
//! it is kept until somebody says that it may go, or the component is back. Only an empty one goes by itself.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use logd_disklog::fs::Real;
use logd_disklog::{Error, Log, inspect};
use logd_sdk::{Clock, ComponentId, Plan};

use super::expand::{FOLDER, side};
use super::reader;
use crate::checkpoint::Store;
use crate::topology::{Graph, component_dirs};

/// What is enough to open any log.
const MAX_SIZE: u64 = u64::MAX;

/// Where a log is, and whose.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) component: ComponentId,
    kind: Kind,
    folder: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Batches, in front of a sink.
    Buffer,
    /// Requests, behind an `http` source.
    Requests,
}

/// The log of one component, and what is in it.
#[derive(Clone, Debug)]
pub(crate) struct Holding {
    pub(crate) place: Place,
    /// So many records are not delivered.
    waiting: u64,
    pub(crate) bytes: u64,
    /// Whether the component would miss it.
    is_needed: bool,
    /// What the checkpoints have of it.
    states: Vec<ComponentId>,
}

/// All logs below `data_dir`, in the order of names.
///
/// # Errors
/// A folder can't be read.
pub(crate) fn places(data_dir: &Path) -> anyhow::Result<Vec<Place>> {
    let buffers = by_component(&data_dir.join(FOLDER))?.into_iter();
    let buffers = buffers.map(|(component, folder)| Place { component, kind: Kind::Buffer, folder });
    let requests = by_component(&component_dirs(data_dir))?.into_iter().filter_map(|(component, folder)| {
        Some(Place { component, kind: Kind::Requests, folder: logd_http::log_folder(&folder)? })
    });
    Ok(buffers.chain(requests).collect())
}

impl Place {
    /// Whether a component of this graph goes on with it.
    pub(crate) fn is_of(&self, graph: &Graph) -> bool {
        graph.nodes.iter().filter(|node| node.id == self.component).any(|node| match (self.kind, &node.plan) {
            (Kind::Buffer, Plan::Sink(_)) => node.buffer.on_disk().is_some(),
            (Kind::Requests, Plan::Source(plan)) => plan.name() == "http",
            _ => false,
        })
    }

    /// Reads all of the log. `store` has the positions, where there are any yet.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) fn look(self, store: Option<&Store>) -> anyhow::Result<Holding> {
        let position = |component: &ComponentId| match store {
            Some(store) => Ok(store.load(component)?.position),
            None => anyhow::Ok(None),
        };
        let Self { component, kind, folder } = &self;
        match kind {
            Kind::Buffer => {
                let report =
                    inspect::report(folder).with_context(|| format!("the buffer of `{component}` can't be read"))?;
                let states = ["buffer", "buffered"].map(|name| side(component, name));
                let delivered = position(&states[1])?.and_then(|position| reader::delivered(&position));
                let (waiting, bytes) = (report.after(delivered.unwrap_or(0)), report.bytes());
                Ok(Holding { waiting, bytes, is_needed: waiting > 0, states: states.to_vec(), place: self })
            }
            Kind::Requests => {
                let left = logd_http::left(folder, position(component)?.as_deref(), Clock::system().now())
                    .with_context(|| format!("the requests of `{component}` can't be read"))?;
                let logd_http::Left { requests, bytes, is_needed, is_position_its } = left;
                let states = if is_position_its { vec![component.clone()] } else { Vec::new() };
                Ok(Holding { waiting: requests, bytes, is_needed, states, place: self })
            }
        }
    }
}

impl Holding {
    /// Whether there is something in it that nobody could bring again.
    pub(crate) fn has_events(&self) -> bool {
        self.waiting > 0
    }

    /// Whether the component would miss it.
    pub(crate) fn is_needed(&self) -> bool {
        self.is_needed
    }

    /// The components of whose checkpoints it has need.
    pub(crate) fn states(&self) -> &[ComponentId] {
        &self.states
    }

    /// Throws it away, and what the checkpoints have of it.
    ///
    /// # Errors
    /// Somebody has it open, or it can't be removed.
    pub(crate) fn remove(&self, store: Option<&Store>) -> anyhow::Result<()> {
        let folder = &self.place.folder;
        // Held until it is gone, so that nobody writes into it any more.
        let _held = match Log::open(Arc::new(Real), folder, MAX_SIZE) {
            Err(Error::Locked(_)) => bail!("it is in use"),
            opened => opened?,
        };
        // Positions first: those that a crash left behind would leave out the beginning of the next log.
        if let Some(store) = store {
            store.forget(&self.states)?;
        }
        std::fs::remove_dir_all(folder).with_context(|| format!("{} can't be removed", folder.display()))?;
        // And the folders above it, as far as nothing else is in them.
        for folder in folder.ancestors().skip(1).take(2) {
            if std::fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }
}

/// `web/out  12 batches wait, 34567 bytes on disk`.
impl fmt::Display for Holding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place: Place { component, kind, .. }, waiting, bytes, .. } = self;
        let what = match (kind, waiting) {
            (Kind::Buffer, 1) => "batch waits",
            (Kind::Buffer, _) => "batches wait",
            (Kind::Requests, 1) => "request waits",
            (Kind::Requests, _) => "requests wait",
        };
        write!(formatter, "{component}  {waiting} {what}, {bytes} bytes on disk")
    }
}

/// The folders of components below a folder, `PIPELINE/NAME`, in the order of their names.
fn by_component(folder: &Path) -> anyhow::Result<Vec<(ComponentId, PathBuf)>> {
    let mut found = Vec::new();
    for (pipeline, folder) in folders(folder)? {
        for (id, folder) in folders(&folder)? {
            found.push((ComponentId::new(&pipeline, &id), folder));
        }
    }
    Ok(found)
}

fn folders(folder: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder).with_context(|| format!("{} can't be read", folder.display()))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir());
    let mut folders: Vec<_> = paths.filter_map(|path| Some((path.file_name()?.to_str()?.to_owned(), path))).collect();
    folders.sort();
    Ok(folders)
}
