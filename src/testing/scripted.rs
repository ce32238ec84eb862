//! Components that do as a test says, and keep a record of what they were asked.

use std::collections::BTreeMap;
use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use logd_sdk::component::{Describe, SinkPlan, SourcePlan, TransformPlan};
use logd_sdk::erased::{AnySink, AnySource};
use logd_sdk::sink::{Attempt, Delivery, Sink};
use logd_sdk::source::{Next, Source};
use logd_sdk::transform::Transform;
use logd_sdk::{Batch, Block, ComponentId, Context, Outputs, Partition, Plan, Port, Row, Time};

use super::{Hook, Record, always, note, noted};
use crate::topology::{Input, Node};

/// A source of the lines `0`, `1`, …: as many as `events`, in batches of ten.
#[derive(Clone)]
pub(crate) struct Numbers {
    pub(crate) events: u64,
    /// Whether it ends with the last; otherwise it waits for ever.
    pub(crate) ends: bool,
    /// Between two batches.
    pub(crate) pause: Duration,
    /// What comes instead of a batch; counted over all lives.
    pub(crate) next: Hook<Result<(), &'static str>>,
    /// The positions of the batches that it has made.
    pub(crate) made: Record<u64>,
    /// The positions that it was told to be durable.
    pub(crate) committed: Record<u64>,
    /// Where it was told to go on.
    pub(crate) sought: Record<u64>,
}

impl Numbers {
    /// A batch every 100 ms.
    pub(crate) fn new(events: u64) -> Self {
        Self {
            events,
            ends: true,
            pause: Duration::from_millis(100),
            next: always(Ok(())),
            made: Arc::default(),
            committed: Arc::default(),
            sought: Arc::default(),
        }
    }
}

/// How many lines a batch has.
const BATCH: u64 = 10;

/// The numbers that the lines of a batch are.
pub(crate) fn numbers(batch: &Batch) -> Vec<u64> {
    (0..batch.len()).filter_map(|row| String::from_utf8_lossy(batch.raw(row)).parse().ok()).collect()
}

/// A batch of these lines.
pub(crate) fn lines(first: u64, texts: &[String]) -> Batch {
    let (mut bytes, mut rows) = (String::new(), Vec::new());
    for (text, position) in texts.iter().zip(first..) {
        let start = u32::try_from(bytes.len()).expect("short");
        bytes += text;
        rows.push(Row::line(start, u32::try_from(bytes.len()).expect("short"), position, Time::EPOCH));
    }
    let mut batch = Batch::new(Block::new(Bytes::from(bytes), Partition::new("test/numbers", "")), rows);
    batch.note_times();
    batch
}

struct RunningNumbers {
    settings: Numbers,
    position: u64,
}

impl Source for RunningNumbers {
    async fn next(&mut self) -> anyhow::Result<Next> {
        let Numbers { events, ends, pause, next, made, .. } = &self.settings;
        if self.position >= *events {
            if *ends {
                return Ok(Next::End);
            }
            pending::<()>().await;
        }
        tokio::time::sleep(*pause).await;
        next(note(made, self.position)).map_err(anyhow::Error::msg)?;
        let end = (self.position + BATCH).min(*events);
        let texts: Vec<String> = (self.position..end).map(|number| number.to_string()).collect();
        let batch = lines(self.position, &texts);
        self.position += BATCH;
        Ok(Next::Batch(batch))
    }

    fn position(&self) -> Option<Vec<u8>> {
        Some(self.position.to_le_bytes().to_vec())
    }

    fn seek(&mut self, position: &[u8]) -> anyhow::Result<()> {
        self.position = u64::from_le_bytes(position.try_into()?);
        note(&self.settings.sought, self.position);
        Ok(())
    }

    async fn commit(&mut self, position: &[u8]) -> anyhow::Result<()> {
        note(&self.settings.committed, u64::from_le_bytes(position.try_into()?));
        Ok(())
    }
}

/// What a sink was asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asked {
    /// To deliver these numbers.
    Deliver(Vec<u64>),
    /// To make durable what it has.
    Sync,
    /// To apply what became durable: what the n-th sync has returned.
    Commit(u64),
    /// To go back to that.
    Restore(u64),
}

/// What a sink answers to a batch; nothing, ever, where it is `None`.
pub(crate) type Answer = Arc<dyn Fn(&Batch) -> Option<Attempt> + Send + Sync>;

/// A sink that keeps a record.
#[derive(Clone)]
pub(crate) struct Recorder {
    pub(crate) delivery: Delivery,
    pub(crate) answer: Answer,
    /// Counted over all lives, as [`commit`](Self::commit) is.
    pub(crate) sync: Hook<Result<(), &'static str>>,
    pub(crate) commit: Hook<Result<(), &'static str>>,
    pub(crate) probe: Hook<Result<(), &'static str>>,
    pub(crate) asked: Record<Asked>,
    /// How long its build takes.
    pub(crate) building: Duration,
    /// How long a delivery takes.
    pub(crate) delivering: Duration,
    pub(crate) syncs: Record<()>,
    pub(crate) commits: Record<()>,
    pub(crate) probes: Record<()>,
}

impl Recorder {
    /// One that takes everything.
    pub(crate) fn new() -> Self {
        Self {
            delivery: Delivery::default(),
            answer: Arc::new(|_| Some(Attempt::delivered())),
            sync: always(Ok(())),
            commit: always(Ok(())),
            probe: always(Ok(())),
            asked: Arc::default(),
            building: Duration::ZERO,
            delivering: Duration::ZERO,
            syncs: Arc::default(),
            commits: Arc::default(),
            probes: Arc::default(),
        }
    }

    /// How often each number was in a batch that it was given.
    pub(crate) fn received(&self) -> BTreeMap<u64, u32> {
        let mut received = BTreeMap::new();
        for asked in noted(&self.asked) {
            if let Asked::Deliver(numbers) = asked {
                numbers.into_iter().for_each(|number| *received.entry(number).or_default() += 1);
            }
        }
        received
    }
}

impl Sink for Recorder {
    async fn deliver(&self, batch: &Batch) -> Attempt {
        note(&self.asked, Asked::Deliver(numbers(batch)));
        if !self.delivering.is_zero() {
            tokio::time::sleep(self.delivering).await;
        }
        match (self.answer)(batch) {
            Some(attempt) => attempt,
            None => pending().await,
        }
    }

    async fn probe(&self) -> anyhow::Result<()> {
        (self.probe)(note(&self.probes, ())).map_err(anyhow::Error::msg)
    }

    async fn sync(&self) -> anyhow::Result<Option<Vec<u8>>> {
        note(&self.asked, Asked::Sync);
        let turn = note(&self.syncs, ());
        (self.sync)(turn).map_err(anyhow::Error::msg)?;
        Ok(Some(turn.to_le_bytes().to_vec()))
    }

    async fn restore(&self, epoch: &[u8]) -> anyhow::Result<()> {
        note(&self.asked, Asked::Restore(u64::from_le_bytes(epoch.try_into()?)));
        Ok(())
    }

    async fn commit(&self, epoch: &[u8]) -> anyhow::Result<()> {
        note(&self.asked, Asked::Commit(u64::from_le_bytes(epoch.try_into()?)));
        (self.commit)(note(&self.commits, ())).map_err(anyhow::Error::msg)
    }
}

/// What a transform makes of a batch.
type Apply = Arc<dyn Fn(Batch, &mut Outputs) + Send + Sync>;

/// A transform that runs a function, and has the ports `dead` and `late`.
#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) apply: Apply,
}

impl Function {
    /// One that sends on what it gets after `hook`, which may panic, was called with the number of its first line.
    pub(crate) fn passing(hook: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self {
            apply: Arc::new(move |batch, out| {
                hook(numbers(&batch).first().copied().unwrap_or_default());
                out.send(Port::MAIN, batch);
            }),
        }
    }
}

impl Transform for Function {
    fn apply(&self, batch: Batch, out: &mut Outputs) {
        (self.apply)(batch, out);
    }
}

/// The plan of a component of these ports.
struct Scripted<T> {
    component: T,
    ports: &'static [&'static str],
}

impl<T> fmt::Debug for Scripted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("scripted")
    }
}

impl<T: Send + Sync> Describe for Scripted<T> {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn ports(&self) -> Vec<String> {
        self.ports.iter().map(|&port| port.to_owned()).collect()
    }
}

impl SourcePlan for Scripted<Numbers> {
    fn ends(&self) -> bool {
        self.component.ends
    }

    fn build<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, anyhow::Result<Box<dyn AnySource>>> {
        let source = RunningNumbers { settings: self.component.clone(), position: 0 };
        Box::pin(async move { Ok(Box::new(source) as Box<dyn AnySource>) })
    }
}

impl TransformPlan for Scripted<Function> {
    fn build(&self, _: &Context) -> anyhow::Result<Arc<dyn Transform>> {
        Ok(Arc::new(self.component.clone()))
    }
}

impl SinkPlan for Scripted<Recorder> {
    fn delivery(&self) -> Delivery {
        self.component.delivery.clone()
    }

    fn succeeds(&self, _: &dyn SinkPlan) -> bool {
        true
    }

    fn build<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, anyhow::Result<Arc<dyn AnySink>>> {
        Box::pin(async move {
            tokio::time::sleep(self.component.building).await;
            Ok(Arc::new(self.component.clone()) as Arc<dyn AnySink>)
        })
    }
}

/// A source of numbers, as the graph has it.
pub(crate) fn source(id: &str, numbers: &Numbers) -> Node {
    node(id, Plan::Source(Arc::new(Scripted { component: numbers.clone(), ports: &[] })), &[])
}

/// A transform behind the main output of the node at place `input`; its ports are 1, `dead`, and 2, `late`.
pub(crate) fn transform(id: &str, function: Function, input: usize) -> Node {
    node(id, Plan::Transform(Arc::new(Scripted { component: function, ports: &["dead", "late"] })), &[(input, 0)])
}

/// A sink that reads from `inputs`, places and ports.
pub(crate) fn sink(id: &str, recorder: &Recorder, inputs: &[(usize, usize)]) -> Node {
    node(id, Plan::Sink(Arc::new(Scripted { component: recorder.clone(), ports: &[] })), inputs)
}

/// Any component of the pipeline `p`.
pub(crate) fn node(id: &str, plan: Plan, inputs: &[(usize, usize)]) -> Node {
    let inputs = inputs.iter().map(|&(node, port)| Input::new(node, port)).collect();
    Node::new(ComponentId::new("p", id), plan, inputs)
}
