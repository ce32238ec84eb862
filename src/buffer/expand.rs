//! The two sides of a buffer as components of the graph.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use futures::future::BoxFuture;
use logd_sdk::component::{Describe, SinkPlan, SourcePlan};
use logd_sdk::erased::{AnySink, AnySource};
use logd_sdk::sink::Delivery;
use logd_sdk::{ComponentId, Context, Plan};

use super::log::{Buffer, Buffers, Kept};
use super::reader::BufferReader;
use super::settings::{BufferSettings, WhenFull};
use super::writer::BufferWriter;
use crate::checkpoint::Store;
use crate::topology::{Graph, Input, Node, Setting, Written};

/// Where the buffers are, in `data_dir`.
pub(crate) const FOLDER: &str = "buffers";

/// The name of one side of the buffer in front of a sink. No component of a user has a dot in its name.
pub(super) fn side(sink: &ComponentId, side: &str) -> ComponentId {
    ComponentId::new(sink.pipeline(), &format!("{}.{side}", sink.id()))
}

/// What both sides are built from.
#[derive(Clone, Debug)]
struct Sides {
    /// The sink that they stand before.
    sink: ComponentId,
    /// The component that writes, whose state says up to where the log is complete.
    writer: ComponentId,
    max_size: u64,
    when_full: WhenFull,
    folder: PathBuf,
    buffers: Buffers,
    store: Store,
}

/// Puts the two sides of a buffer before each sink that has one.
pub(crate) fn expand(graph: &Graph, data_dir: &std::path::Path, buffers: &Buffers, store: &Store) -> Graph {
    let mut expanded = graph.clone();
    for place in 0..graph.nodes.len() {
        let Node { id, buffer, .. } = &graph.nodes[place];
        let Some(max_size) = buffer.on_disk() else { continue };
        let sides = Sides {
            sink: id.clone(),
            writer: side(id, "buffer"),
            max_size,
            when_full: buffer.when_full,
            folder: data_dir.join(FOLDER).join(id.pipeline()).join(id.id()),
            buffers: buffers.clone(),
            store: store.clone(),
        };
        let reader = expanded.nodes.len();
        let source = Plan::Source(Arc::new(Reading(sides.clone())));
        let written = sides.written();
        expanded.nodes.push(Node { written: written.clone(), ..Node::new(side(id, "buffered"), source, Vec::new()) });
        let inputs = std::mem::replace(&mut expanded.nodes[place].inputs, vec![Input::new(reader, 0)]);
        expanded.nodes[place].buffer = BufferSettings::default();
        let writer = Node::new(sides.writer.clone(), Plan::Sink(Arc::new(Writing(sides))), inputs);
        expanded.nodes.push(Node { written, ..writer });
    }
    expanded
}

impl Sides {
    fn written(&self) -> Written {
        let mut written = Written::default();
        let when_full = u64::from(self.when_full == WhenFull::Block);
        for (name, hash) in [("buffer.max_size", self.max_size), ("buffer.when_full", when_full)] {
            written.add(name.to_owned(), Setting { shown: hash.to_string(), hash });
        }
        written
    }

    fn open(&self) -> anyhow::Result<Arc<Buffer>> {
        let kept = || match self.store.load(&self.writer)?.position {
            Some(position) => Kept::decode(&position),
            None => Ok(Kept::default()),
        };
        self.buffers
            .open(&self.sink, &self.folder, self.max_size, kept)
            .with_context(|| format!("the buffer of `{}`", self.sink))
    }
}

#[derive(Debug)]
struct Writing(Sides);

#[derive(Debug)]
struct Reading(Sides);

impl Describe for Writing {
    fn name(&self) -> &'static str {
        "disk_buffer"
    }
}

impl Describe for Reading {
    fn name(&self) -> &'static str {
        "disk_buffer"
    }
}

impl SinkPlan for Writing {
    fn delivery(&self) -> Delivery {
        Delivery {
            // What comes while the disk syncs is written as one, for the next sync.
            max_events: 1000,
            max_bytes: 1 << 20,
            // A full buffer is waited for without an end: that is the back-pressure.
            attempt_timeout: std::time::Duration::MAX,
            ..Delivery::default()
        }
    }

    fn succeeds(&self, before: &dyn SinkPlan) -> bool {
        // Both have the one log that is open, which stays as large as it was made.
        let before: &dyn Any = before;
        before.downcast_ref::<Self>().is_some_and(|before| before.0.max_size == self.0.max_size)
    }

    fn build<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, anyhow::Result<Arc<dyn AnySink>>> {
        Box::pin(async move {
            let buffer = self.0.open()?;
            let writer = BufferWriter { buffer, when_full: self.0.when_full, health: context.health.clone() };
            Ok(Arc::new(writer) as Arc<dyn AnySink>)
        })
    }
}

impl SourcePlan for Reading {
    fn ends(&self) -> bool {
        false
    }

    fn build<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, anyhow::Result<Box<dyn AnySource>>> {
        Box::pin(async move {
            let lost = context.meters.counter("logd_buffer_lost_records_total", &[]);
            Ok(Box::new(BufferReader::new(self.0.open()?, lost)) as Box<dyn AnySource>)
        })
    }
}
