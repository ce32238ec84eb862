//! A connected part of the graph, and what keeps it running.
//!
//! When a component fails or panics the whole part goes back to its last epoch, with back-off: its batches do not count
//! as delivered, and other parts do not notice.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use futures::FutureExt as _;
use logd_sdk::ComponentId;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::body::Body;
use super::build::{Built, Environment, build};
use super::edge::Closed;
use super::graph::Graph;
use super::inlet::Broken;
use super::pause::Pause;
use super::salvage::Paused;
use super::suspects::message;
use crate::checkpoint::{Gone, Outcome};
use crate::telemetry::Account;

/// What others may know of a part while it runs.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pipelines: Arc<str>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    accounts: Vec<Arc<Account>>,
    failure: Option<String>,
    ready: bool,
}

impl Status {
    /// Of a part that has components of these pipelines, and does not run yet.
    pub(crate) fn new(pipelines: &str) -> Self {
        Self { pipelines: pipelines.into(), state: Arc::default() }
    }

    /// The pipelines that it has components of, with commas between.
    pub(crate) fn pipelines(&self) -> &str {
        &self.pipelines
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Why the part does not run, if it does not.
    pub(crate) fn failure(&self) -> Option<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &state.failure {
            None if !state.ready => Some("starting".to_owned()),
            failure => failure.clone(),
        }
    }

    /// The accounts of its components.
    pub(crate) fn accounts(&self) -> Vec<Arc<Account>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).accounts.clone()
    }
}

/// After a failure the part waits this long, then twice as long, and so on.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A part that has run this long has recovered.
const RECOVERED: Duration = Duration::from_secs(60);

/// How a part has come to its end.
pub(crate) enum Ended {
    /// By itself, or because it was told to stop.
    Done(Outcome),
    /// It was told to stand still.
    Paused(Paused),
}

/// What a part can be told while it runs.
#[derive(Clone)]
pub(crate) struct Orders {
    /// To stop.
    pub(crate) stop: watch::Receiver<bool>,
    /// To stand still.
    pub(crate) pause: Pause,
}

/// Runs a part until its input ends or it is told to stop or to stand still, however often it fails; with `--once` until
/// its first failure. `first` is what has been built of it already.
pub(crate) async fn run(
    graph: Arc<Graph>,
    environment: Environment,
    first: Option<Built>,
    orders: Orders,
    status: Status,
) -> Ended {
    let mut stop = orders.stop.clone();
    let mut pause = FIRST_PAUSE;
    let mut built = first;
    loop {
        let start = Instant::now();
        let ended = match built.take() {
            Some(built) => attempt(built, &orders, &status).await,
            // What a retired component held came from an epoch before, and comes again to those who are there now.
            None => match build(&graph.current(), &environment).await {
                Ok(built) => attempt(built, &orders, &status).await,
                Err(error) => Err(error),
            },
        };
        let error = match ended {
            Ok(ended) => return ended,
            Err(error) => format!("{error:#}"),
        };
        if environment.once {
            // Whoever has called waits for an end, and can call again: that goes on from here.
            status.update(|state| (state.failure, state.ready) = (Some(error), false));
            return Ended::Done(Outcome::Failed);
        }
        if start.elapsed() > RECOVERED {
            pause = FIRST_PAUSE;
        }
        tracing::error!(error, retry_in = ?pause, "A pipeline has failed, and goes back to its last checkpoint.");
        for account in status.accounts() {
            account.rewound();
        }
        status.update(|state| (state.failure, state.ready) = (Some(error), false));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            // What a failed part holds lies in its last epoch: nothing is left to drain, or to go on with.
            () = orders.pause.asked() => return Ended::Done(Outcome::Failed),
            Ok(_) = stop.wait_for(|stop| *stop) => return Ended::Done(Outcome::Failed),
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Runs a part once, until its end or its first failure, or until it stands still.
async fn attempt(built: Built, orders: &Orders, status: &Status) -> anyhow::Result<Ended> {
    let Built { bodies, mut coordinator, accounts, pause, .. } = built;
    status.update(|state| *state = State { accounts, failure: None, ready: true });
    let (mut running, mut still) = (JoinSet::new(), Vec::new());
    for (id, body) in bodies {
        running.spawn(async move { named(id, AssertUnwindSafe(body.run()).catch_unwind().await) });
    }
    let (hold, held) = Pause::new();
    let outcome = {
        let mut coordinating = std::pin::pin!(coordinator.run(orders.stop.clone(), &held));
        loop {
            tokio::select! {
                outcome = &mut coordinating => break outcome,
                () = orders.pause.asked(), if !*pause.borrow() => {
                    let _ = pause.send(true);
                    let _ = hold.send(running.is_empty());
                }
                Some(ended) = running.join_next() => {
                    match ended.context("a component was cut off").and_then(|result| result) {
                        Ok(body) => still.extend(body),
                        Err(error) => break Err(error),
                    }
                    if *pause.borrow() && running.is_empty() {
                        // All stand still: nothing more is handed in.
                        let _ = hold.send(true);
                    }
                }
            }
        }
    };
    match outcome {
        Ok(Outcome::Paused) => {
            let (handed_in, last_words) = coordinator.handed_in();
            Ok(Ended::Paused(Paused { bodies: still, handed_in, last_words }))
        }
        Ok(outcome) => {
            // Those who linger until the coordinator is gone.
            drop(coordinator);
            // All have handed in their last snapshots. Sources still have to tell their origins what is durable, and sinks
            // may have kept something back until then.
            while running.join_next().await.is_some() {}
            Ok(Ended::Done(outcome))
        }
        Err(error) => Err(root_cause(error, &mut running).await),
    }
}

/// The error of a component, or its panic, under its name.
fn named(
    id: ComponentId,
    result: std::thread::Result<anyhow::Result<Option<Body>>>,
) -> anyhow::Result<Option<(ComponentId, Body)>> {
    match result {
        Ok(result) => {
            let body = result.with_context(|| format!("`{id}` has failed"))?;
            Ok(body.map(|body| (id, body)))
        }
        Err(panic) => Err(anyhow!("`{id}` has failed: {}", message(panic.as_ref()))),
    }
}

/// When a component fails, its neighbours and the coordinator fail too, because it is gone: finds the failure that is not
/// such an echo.
async fn root_cause(
    first: anyhow::Error,
    running: &mut JoinSet<anyhow::Result<Option<(ComponentId, Body)>>>,
) -> anyhow::Error {
    let is_echo = |error: &anyhow::Error| error.is::<Closed>() || error.is::<Broken>() || error.is::<Gone>();
    let mut cause = first;
    running.abort_all();
    while let Some(ended) = running.join_next().await {
        if let Ok(Err(error)) = ended
            && is_echo(&cause)
        {
            cause = error;
        }
    }
    cause
}

#[cfg(test)]
mod tests;
