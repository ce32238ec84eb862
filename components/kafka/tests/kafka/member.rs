//! A source that runs as in a daemon whose every event is delivered at once: epochs come on a beat and when asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use logd_sdk::component::{Kind, SourcePlan};
use logd_sdk::contract;
use logd_sdk::erased::{AnySink, AnySource};
use logd_sdk::source::Next;
use logd_sdk::{Batch, Context, Epochs, Health, Plan, Time};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// How long anything may take. A loaded machine is slow, not wrong.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The context of the component `id` in the daemon `lineage`.
pub(crate) fn context(id: &str, lineage: &str) -> Context {
    Context {
        data_dir: std::env::temp_dir(),
        lineage: lineage.into(),
        ..contract::context("test", id, "source", "kafka")
    }
}

/// The plan for a component of this family, by its settings in TOML.
fn plan(kind: Kind, settings: &str) -> Plan {
    let component = logd_kafka::COMPONENTS.iter().find(|component| component.kind == kind).expect("listed");
    (component.parse)(toml::de::DeTable::parse(settings).unwrap()).unwrap()
}

/// The plan for a source.
pub(crate) fn source_plan(settings: &str) -> Arc<dyn SourcePlan> {
    match plan(Kind::Source, settings) {
        Plan::Source(plan) => plan,
        _ => unreachable!("a source's plan"),
    }
}

/// Builds a source.
pub(crate) async fn source(settings: &str, context: &Context) -> Box<dyn AnySource> {
    source_plan(settings).build(context).await.unwrap()
}

/// Builds a sink.
pub(crate) async fn sink(settings: &str, context: &Context) -> Arc<dyn AnySink> {
    match plan(Kind::Sink, settings) {
        Plan::Sink(plan) => plan.build(context).await.unwrap(),
        _ => unreachable!("a sink's plan"),
    }
}

/// What a member has said, and what it keeps.
#[derive(Default)]
pub(crate) struct Said {
    /// Each event: its partition, position, time, and text.
    pub(crate) events: Vec<(String, u64, Time, String)>,
    /// Partitions that were announced, and ended, in order: the name, and whether it is the end.
    pub(crate) notices: Vec<(String, bool)>,
    /// How many batches with events there were.
    pub(crate) batches: usize,
    /// The position that became durable last.
    pub(crate) durable: Option<Vec<u8>>,
    /// What commits had to complain of.
    pub(crate) complaints: Vec<String>,
    /// Whether it has come to its end.
    pub(crate) ended: bool,
}

impl Said {
    fn hear(&mut self, batch: &Batch) {
        if batch.is_empty() {
            let notice = |block: &logd_sdk::Block| (block.partition.name().to_owned(), block.greatest == Time::MAX);
            self.notices.extend(batch.blocks().iter().map(notice));
            return;
        }
        self.batches += 1;
        for (place, row) in batch.rows().iter().enumerate() {
            let partition = batch.blocks()[row.block as usize].partition.name().to_owned();
            let text = String::from_utf8_lossy(batch.raw(place)).into_owned();
            self.events.push((partition, row.position, row.time, text));
        }
    }

    /// How often each number has come.
    pub(crate) fn numbers(&self) -> BTreeMap<u64, usize> {
        let mut numbers = BTreeMap::new();
        for (.., text) in &self.events {
            *numbers.entry(text.parse().unwrap()).or_default() += 1;
        }
        numbers
    }
}

/// A source that runs.
pub(crate) struct Member {
    pub(crate) said: Arc<Mutex<Said>>,
    pub(crate) health: Health,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Member {
    /// Starts one, at the position of an earlier one.
    pub(crate) async fn start(settings: &str, context: Context, position: Option<&[u8]>) -> Self {
        let mut source = source(settings, &context).await;
        if let Some(position) = position {
            source.seek(position).unwrap();
        }
        let (stop, stopped) = watch::channel(false);
        let said = Arc::new(Mutex::new(Said::default()));
        let (health, heard) = (context.health.clone(), Arc::clone(&said));
        let task = tokio::spawn(run(source, context.epochs, heard, stopped));
        Self { said, health, stop, task }
    }

    /// Stops it as a daemon does, and returns where it was.
    pub(crate) async fn stop(self) -> Vec<u8> {
        // It may have come to its end by itself.
        let _ = self.stop.send(true);
        timeout(DEADLINE, self.task).await.expect("in time").unwrap();
        self.said.lock().unwrap().durable.clone().expect("a position")
    }

    /// Drops it without a word, and returns what was durable by then.
    pub(crate) async fn kill(self) -> Option<Vec<u8>> {
        self.task.abort();
        let _ = self.task.await;
        self.said.lock().unwrap().durable.clone()
    }

    /// Waits until what it has said fulfils a condition.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn(&Said) -> bool) {
        eventually(what, || condition(&self.said.lock().unwrap())).await;
    }

    /// Waits until it has said so many events.
    pub(crate) async fn until_events(&self, events: usize) {
        let short = || self.said.lock().unwrap().events.len();
        let begun = Instant::now();
        while short() < events {
            assert!(begun.elapsed() < DEADLINE, "{} events of {events}; {:?}", short(), self.health.reason());
            sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn run(
    mut source: Box<dyn AnySource>,
    epochs: Epochs,
    said: Arc<Mutex<Said>>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut beat = tokio::time::interval(Duration::from_millis(200));
    loop {
        let epoch = tokio::select! {
            biased;
            _ = stopped.changed() => None,
            _ = beat.tick() => Some(()),
            () = epochs.asked() => Some(()),
            next = source.next() => {
                match next.unwrap() {
                    Next::Batch(batch) => said.lock().unwrap().hear(&batch),
                    Next::End => said.lock().unwrap().ended = true,
                }
                if said.lock().unwrap().ended { None } else { continue }
            }
        };
        let position = source.position().unwrap();
        let complaint = source.commit(&position).await.err();
        let mut said = said.lock().unwrap();
        said.durable = Some(position);
        said.complaints.extend(complaint.map(|error| format!("{error:#}")));
        if epoch.is_none() {
            return;
        }
    }
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < DEADLINE, "not in time: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}
