//! Runs the graph of a backtest to the end of its input.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use logd_backtest::alarms::Alarm;
use logd_backtest::outcome::LeftOut;
use logd_backtest::population::Population;
use logd_sdk::http::{Extensions, Listeners};
use logd_sdk::{Clock, Time};

use super::census::Census;
use super::wiring::Wired;
use crate::buffer::Buffers;
use crate::checkpoint::Store;
use crate::config::daemon::DaemonSettings;
use crate::daemon::{CHECKPOINTS, UnitPlan, edge_capacity};
use crate::dead_letters::DeadLetters;
use crate::delivery::Handoffs;
use crate::telemetry::Account;
use crate::topology::{AllSuspects, Environment, Graph, Taps, Workers};

/// What came of it.
pub(crate) struct Told {
    /// The alarms, in their order.
    pub(crate) alarms: Vec<Alarm>,
    /// The events that they are of, a line of JSON each; only if they were wanted.
    pub(crate) events: Vec<String>,
    /// Whose events there were.
    pub(crate) population: Population,
    /// What did not come through.
    pub(crate) left_out: Vec<LeftOut>,
}

/// A backtest that is under way, for whoever wants to know how far it is. Clones are the same.
#[derive(Clone)]
pub(crate) struct Run {
    read: Vec<Arc<AtomicU64>>,
    size: u64,
    census: Census,
}

/// Nothing is kept, so no epoch is due before the end.
const NEVER: Duration = Duration::from_secs(u32::MAX as u64);

impl Run {
    /// Of a graph whose sources have `read` so many of `size` bytes, and whose events are counted by `census`.
    pub(super) fn new(read: Vec<Arc<AtomicU64>>, size: u64, census: Census) -> Self {
        Self { read, size, census }
    }

    /// The share of the input that has been read, 0 to 1.
    pub(crate) fn share(&self) -> f64 {
        let read: u64 = self.read.iter().map(|read| read.load(Ordering::Relaxed)).sum();
        if self.size == 0 { 1.0 } else { read as f64 / self.size as f64 }
    }

    /// Whose events have been counted.
    pub(crate) fn population(&self) -> Population {
        self.census.population()
    }

    /// Runs to the end of the input. What the engine keeps stands in a folder of its own, which is gone afterwards.
    ///
    /// # Errors
    /// A component can't be built, or fails.
    pub(crate) async fn finish(wired: Wired, settings: &DaemonSettings, workers: Workers) -> anyhow::Result<Told> {
        let (left_out, _) = run(&wired.graph, settings, workers, false, |_| Ok(())).await?;
        let (alarms, events) = wired.alarms.take()?;
        Ok(Told { alarms, events, population: wired.run.population(), left_out })
    }
}

/// Runs a graph to the end of its input, and then asks the store of what it keeps, which stands in a folder of its own that
/// is gone afterwards. If the input `goes_on`, what is open at its end stays open. Also returns what did not come through.
///
/// # Errors
/// A component can't be built, or fails; or what is asked of the store.
pub(super) async fn run<T>(
    graph: &Graph,
    settings: &DaemonSettings,
    workers: Workers,
    goes_on: bool,
    ask: impl FnOnce(&Store) -> anyhow::Result<T>,
) -> anyhow::Result<(Vec<LeftOut>, T)> {
    let folder = tempfile::Builder::new().prefix("logd-backtest-").tempdir();
    let folder = folder.context("there is no room for temporary files")?;
    let store = Store::open(&folder.path().join(CHECKPOINTS))?;
    let environment = Environment { goes_on, ..environment(settings, folder.path(), store, graph, workers) };
    let mut left_out = Vec::new();
    for plan in UnitPlan::divide(graph, &[]) {
        let mut unit = plan.start(&environment).await?;
        unit.finished().await?;
        let accounts: Vec<Arc<Account>> = unit.statuses().flat_map(|status| status.accounts()).collect();
        left_out.extend(accounts.iter().filter_map(|account| not_through(account)));
    }
    left_out.sort_by(|one, other| one.component.cmp(&other.component));
    Ok((left_out, ask(&environment.store)?))
}

fn not_through(account: &Account) -> Option<LeftOut> {
    let tally = account.tally();
    let component = account.component().to_string();
    (tally.late + tally.dead > 0).then_some(LeftOut { component, late: tally.late, dead: tally.dead })
}

/// What components are built with where events alone tell the time; what the engine keeps stands in `folder` and `store`.
pub(crate) fn environment(
    settings: &DaemonSettings,
    folder: &std::path::Path,
    store: Store,
    graph: &Graph,
    workers: Workers,
) -> Environment {
    Environment {
        // What has no time of its own has none, whenever it is read.
        clock: Clock::fixed(Time::EPOCH),
        conditions: logd_parse::conditions(),
        data_dir: folder.to_owned(),
        store,
        suspects: AllSuspects::default(),
        dead_letters: DeadLetters::new(folder, 0),
        taps: Taps::default(),
        buffers: Buffers::default(),
        handoffs: Handoffs::default(),
        listeners: Listeners::default(),
        shared: Extensions::new(),
        once: true,
        by_events: true,
        goes_on: false,
        workers,
        edge_capacity: edge_capacity(settings, graph),
        checkpoint_interval: NEVER,
        require_healthy: false,
        reload_timeout: settings.limits.reload_timeout.into(),
    }
}
