//! Runs a test to the end of its input.

use std::time::Duration;

use anyhow::Context as _;
use logd_sdk::Clock;

use super::PipelineTest;
use super::verdict::{Failure, judge};
use super::wiring::{Wired, wire};
use crate::backtest::environment;
use crate::checkpoint::Store;
use crate::config::daemon::DaemonSettings;
use crate::daemon::UnitPlan;
use crate::topology::{Environment, Graph, Workers};

/// How often an epoch begins: a turn waits for one.
const EPOCHS: Duration = Duration::from_millis(1);

/// Runs a test over the graph of its files, and says what of it does not hold. What the engine keeps stands in a folder of
/// its own, which is gone afterwards.
///
/// # Errors
/// It can't be run: a component can't be built, or fails.
pub(crate) async fn run(
    graph: &Graph,
    test: &PipelineTest,
    settings: &DaemonSettings,
    workers: Workers,
) -> anyhow::Result<Vec<Failure>> {
    let Wired { graph, collector, ways } = wire(graph, test)?;
    let folder = tempfile::Builder::new().prefix("logd-test-").tempdir();
    let folder = folder.context("there is no room for temporary files")?;
    let environment = Environment {
        clock: Clock::fixed(test.settings.now()),
        checkpoint_interval: EPOCHS,
        ..environment(settings, folder.path(), Store::in_memory()?, &graph, workers)
    };
    for plan in UnitPlan::divide(&graph, &[]) {
        plan.start(&environment).await?.finished().await?;
    }
    Ok(judge(&test.expectations, &ways, &collector.take()))
}
