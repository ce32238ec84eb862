//! What tests of the engine have in common: parts of the graph made of [components](scripted) that do as a test says.

mod scripted;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use logd_sdk::Clock;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::buffer::Buffers;
use crate::checkpoint::{Outcome, Store};
use crate::dead_letters::DeadLetters;
use crate::delivery::Handoffs;
use crate::telemetry::Account;
use crate::topology::{
    AllSuspects, Diff, Ended, Environment, Fresh, Graph, Node, Orders, Pause, Salvage, Status, Taps, Workers, rebuild,
    run_part,
};

pub(crate) use scripted::{Asked, Function, Numbers, Recorder, lines, node, numbers, sink, source, transform};

/// What a component does at the n-th call, from 0.
pub(crate) type Hook<T> = Arc<dyn Fn(u64) -> T + Send + Sync>;

/// Always does the same.
pub(crate) fn always<T: Clone + Send + Sync + 'static>(result: T) -> Hook<T> {
    Arc::new(move |_| result.clone())
}

/// Fails at the n-th call, and at no other.
pub(crate) fn fails_at(turn: u64) -> Hook<Result<(), &'static str>> {
    Arc::new(move |call| if call == turn { Err("as planned") } else { Ok(()) })
}

/// What has happened, in order, over all lives of a component.
pub(crate) type Record<T> = Arc<Mutex<Vec<T>>>;

/// Appends to a record, and returns how much there was before.
pub(crate) fn note<T>(record: &Record<T>, what: T) -> u64 {
    let mut record = record.lock().expect("no test panics while it holds it");
    record.push(what);
    record.len() as u64 - 1
}

/// What a record has by now.
pub(crate) fn noted<T: Clone>(record: &Record<T>) -> Vec<T> {
    record.lock().expect("no test panics while it holds it").clone()
}

/// Where parts run: a folder of their own, an epoch every second.
pub(crate) struct Bench {
    pub(crate) environment: Environment,
    folder: Arc<tempfile::TempDir>,
}

/// A part that runs.
pub(crate) struct Part {
    graph: Arc<Graph>,
    pub(crate) status: Status,
    pub(crate) stop: watch::Sender<bool>,
    pause: watch::Sender<bool>,
    pub(crate) ended: JoinHandle<Ended>,
    /// Where it keeps its files.
    _folder: Arc<tempfile::TempDir>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let environment = Environment {
            clock: Clock::system(),
            conditions: logd_parse::conditions(),
            data_dir: folder.path().to_owned(),
            store: Store::open(&folder.path().join("checkpoints.redb")).expect("opened"),
            taps: Taps::default(),
            buffers: Buffers::default(),
            handoffs: Handoffs::default(),
            listeners: logd_sdk::http::Listeners::default(),
            shared: logd_sdk::http::Extensions::default(),
            dead_letters: DeadLetters::new(folder.path(), 64 << 20),
            suspects: AllSuspects::default(),
            once: false,
            by_events: false,
            goes_on: false,
            workers: Workers::new(NonZeroUsize::MIN.saturating_add(1)),
            edge_capacity: 4096,
            checkpoint_interval: Duration::from_secs(1),
            require_healthy: false,
            reload_timeout: Duration::from_secs(10),
        };
        Self { environment, folder }
    }

    /// Starts a part, and waits until it runs.
    pub(crate) async fn start(&self, nodes: Vec<Node>) -> Part {
        self.run(Graph { nodes }, Fresh::default(), Salvage::default()).await
    }

    /// Puts others in the place of a part, after a while in which it stands still.
    pub(crate) async fn reload(&self, part: Part, nodes: Vec<Node>, still: impl AsyncFnOnce()) -> Part {
        let graph = Graph { nodes };
        let accounts = part.status.accounts();
        let diff = Diff::between(&part.graph, &graph, self.environment.conditions.as_ref());
        let fresh = Fresh::prepare(&graph, &part.graph, &diff, &accounts, &self.environment).await.expect("built");
        let _handoff = self.environment.handoffs.begin(diff.replaced_sinks(&part.graph)).await;
        let mut salvage = part.pause().await;
        still().await;
        self.run(salvage.with_retired(&graph), fresh, salvage).await
    }

    /// Starts a part, and waits until it runs.
    async fn run(&self, graph: Graph, mut fresh: Fresh, mut salvage: Salvage) -> Part {
        let graph = Arc::new(graph);
        let first = rebuild(&graph, &mut fresh, &mut salvage, &self.environment).await.expect("built");
        let (stop, stopped) = watch::channel(false);
        let status = Status::new("p");
        let (pause, paused) = Pause::new();
        let orders = Orders { stop: stopped, pause: paused };
        let ended =
            tokio::spawn(run_part(Arc::clone(&graph), self.environment.clone(), Some(first), orders, status.clone()));
        while status.accounts().is_empty() {
            tokio::task::yield_now().await;
        }
        Part { graph, status, stop, pause, ended, _folder: Arc::clone(&self.folder) }
    }
}

impl Part {
    /// Waits for its end.
    pub(crate) async fn end(self) -> Outcome {
        match self.ended.await.expect("a part does not panic") {
            Ended::Done(outcome) => outcome,
            Ended::Paused(_) => Outcome::Paused,
        }
    }

    /// Lets it stand still, and returns what is left of it.
    async fn pause(self) -> Salvage {
        self.pause.send(true).expect("told");
        let Ended::Paused(paused) = self.ended.await.expect("a part does not panic") else { panic!("it has ended") };
        let mut salvage = Salvage::default();
        salvage.add(&self.graph, paused);
        salvage
    }

    /// The account of one of its components.
    pub(crate) fn account(&self, id: &str) -> Arc<Account> {
        let accounts = self.status.accounts();
        accounts.into_iter().find(|account| account.component().id() == id).expect("such a component")
    }
}

/// Waits until the condition holds, for up to ten minutes on a clock that is stopped.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..60_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}
