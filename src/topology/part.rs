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

use super::build::{Built, Environment, build};
use super::edge::Closed;
use super::graph::Graph;
use super::inlet::Broken;
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

/// Runs a part until its input ends or `stop` becomes true, however often it fails; with `--once` until its first
/// failure. `first` is what has been built of it already.
pub(crate) async fn run(
    graph: Arc<Graph>,
    environment: Environment,
    first: Option<Built>,
    mut stop: watch::Receiver<bool>,
    status: Status,
) -> Outcome {
    let mut pause = FIRST_PAUSE;
    let mut built = first;
    loop {
        let start = Instant::now();
        let ended = match built.take() {
            Some(built) => attempt(built, stop.clone(), &status).await,
            None => match build(&graph, &environment).await {
                Ok(built) => attempt(built, stop.clone(), &status).await,
                Err(error) => Err(error),
            },
        };
        let error = match ended {
            Ok(outcome) => return outcome,
            Err(error) => format!("{error:#}"),
        };
        if environment.once {
            // Whoever has called waits for an end, and can call again: that goes on from here.
            status.update(|state| (state.failure, state.ready) = (Some(error), false));
            return Outcome::Failed;
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
            // What a failed part holds lies in its last epoch: nothing is left to drain.
            Ok(_) = stop.wait_for(|stop| *stop) => return Outcome::Failed,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Runs a part once, until its end or its first failure.
async fn attempt(built: Built, stop: watch::Receiver<bool>, status: &Status) -> anyhow::Result<Outcome> {
    let Built { tasks, coordinator, accounts } = built;
    status.update(|state| *state = State { accounts, failure: None, ready: true });
    let mut running = JoinSet::new();
    for (id, task) in tasks {
        running.spawn(async move { named(&id, AssertUnwindSafe(task).catch_unwind().await) });
    }
    let mut coordinator = std::pin::pin!(coordinator.run(stop));
    let outcome = loop {
        tokio::select! {
            outcome = &mut coordinator => break outcome,
            Some(ended) = running.join_next() => {
                if let Err(error) = ended.context("a component was cut off").and_then(|result| result) {
                    break Err(error);
                }
            }
        }
    };
    match outcome {
        Ok(outcome) => {
            // All have handed in their last snapshots. Sources still have to tell their origins what is durable, and sinks
            // may have kept something back until then.
            while running.join_next().await.is_some() {}
            Ok(outcome)
        }
        Err(error) => Err(root_cause(error, &mut running).await),
    }
}

/// The error of a component, or its panic, under its name.
fn named(id: &ComponentId, result: std::thread::Result<anyhow::Result<()>>) -> anyhow::Result<()> {
    match result {
        Ok(result) => result.with_context(|| format!("`{id}` has failed")),
        Err(panic) => Err(anyhow!("`{id}` has failed: {}", message(panic.as_ref()))),
    }
}

/// When a component fails, its neighbours and the coordinator fail too, because it is gone: finds the failure that is not
/// such an echo.
async fn root_cause(first: anyhow::Error, running: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Error {
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
