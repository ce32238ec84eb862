//! Does what the control socket is asked for.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{bail, ensure};
use futures::{StreamExt as _, stream};
use logd_api::Host;
use logd_sdk::ComponentId;
use logd_sdk::settings::Fault;

use super::files::Files;
use super::orphans::list;
use super::overview::overview;
use super::reload::Fleet;
use super::run::{read_again, take_over};
use crate::admin::Passing;
use crate::admin::control::{Answer, Command, Reply};
use crate::dead_letters::{self, DeadLetters, Letter};
use crate::state::{self, Keeper};
use crate::topology::Environment;

/// Does it, and says what came of it.
pub(super) async fn obey(command: Command, fleet: &mut Fleet, files: &mut Files) -> Reply {
    let (dead, data_dir) = (fleet.environment().dead_letters.clone(), fleet.environment().data_dir.clone());
    let result = match command {
        Command::Reload => match read_again(fleet, files).await {
            Ok(verdict) => return verdict.answer().into(),
            Err(error) => Err(error),
        },
        Command::Rollback(steps) => match files.compile_back(steps).await {
            Ok(compiled) => return take_over(fleet, &compiled, files).await.answer().into(),
            Err(error) => Err(error),
        },
        Command::Tap { name, filter, rate } => match tap(fleet, &name, filter.as_deref(), rate) {
            Ok(passing) => return Reply { answer: Answer::Done(String::new()), lines: Some(passing.lines_of_all()) },
            Err(error) => Err(error),
        },
        Command::Plan => match files.compile().await {
            Ok(compiled) => {
                let mut preview = fleet.preview(&compiled);
                files.own.preview(&mut preview);
                serde_json::to_string(&preview).map_err(Into::into)
            }
            Err(error) => Err(error),
        },
        Command::ListStates => list_states(fleet).await,
        Command::ShowState { component, key } => match keeper(fleet, &component).and_then(|one| one.show(key)) {
            Ok(lines) => return follow(lines),
            Err(error) => Err(error),
        },
        Command::ExportState(component) => match keeper(fleet, &component).and_then(|one| one.export()) {
            Ok(lines) => return follow(lines),
            Err(error) => Err(error),
        },
        Command::Status => serde_json::to_string(&overview(fleet, files.generations.number())).map_err(Into::into),
        Command::Told(id) => told(fleet, &id).await,
        Command::ListBuffers => fleet.holdings().await.map(|found| list(&found)),
        Command::DropBuffer(name) => fleet.drop_orphan(&name).await,
        Command::DropLetters(numbers) => drop_letters(&dead, &numbers).await,
        Command::ReplayLetters(numbers) => match replay(&dead, &data_dir, &numbers, |one| fleet.has(one)).await {
            Ok((said, components)) => {
                fleet.restart(&components).await;
                Ok(said)
            }
            Err(error) => Err(error),
        },
    };
    result.map_or_else(|error| Answer::Failed(format!("{error:#}")), Answer::Done).into()
}

/// What detectors told of an anomaly or an incident, as far as a sink of type `api` has kept it.
async fn told(fleet: &Fleet, id: &str) -> anyhow::Result<String> {
    let told = match fleet.environment().shared.get::<Host>() {
        Some(host) => host.told(id).await?,
        None => Vec::new(),
    };
    Ok(serde_json::to_string(&told)?)
}

/// Looks at the events that pass a component or one of its outputs.
fn tap(fleet: &Fleet, name: &str, filter: Option<&str>, rate: u32) -> anyhow::Result<Passing> {
    let outputs = fleet.outputs(name);
    ensure!(!outputs.is_empty(), "there is no component or output `{name}`; `logd status` shows what there is");
    let environment = fleet.environment();
    let compile = |source: &str| {
        let faults = |faults: Vec<Fault>| anyhow::anyhow!("--filter: {}", faults[0].message);
        environment.conditions.compile(source).map_err(faults)
    };
    Ok(Passing::new(environment.taps.watch(&outputs), filter.map(compile).transpose()?, rate))
}

/// How much components keep.
async fn list_states(fleet: &Fleet) -> anyhow::Result<String> {
    let plans = state::plans(fleet.graphs());
    let store = fleet.environment().store.clone();
    let listed = tokio::task::spawn_blocking(move || state::list(&store, &plans)).await??;
    Ok(serde_json::to_string(&listed)?)
}

/// What a component keeps.
fn keeper(fleet: &Fleet, component: &str) -> anyhow::Result<Keeper> {
    let Environment { store, conditions, data_dir, .. } = fleet.environment();
    Keeper::find(component, fleet.graphs(), store, conditions, data_dir)
}

fn follow(lines: state::Lines) -> Reply {
    let lines = stream::iter(state::sent(lines).map(String::into_bytes));
    Reply { answer: Answer::Done(String::new()), lines: Some(lines.boxed()) }
}

/// Forgets these letters.
///
/// # Errors
/// One is not there, or the disk does not take it.
pub(crate) async fn drop_letters(dead: &DeadLetters, numbers: &[u64]) -> anyhow::Result<String> {
    let chosen = chosen(dead, numbers)?;
    dead.settle(numbers).await?;
    Ok(format!("Dropped {}.", many(chosen.len())))
}

/// Puts these letters where the next start of their components finds them. Returns the components.
///
/// # Errors
/// One is not there, nothing would take it, or the disk does not take it.
pub(crate) async fn replay(
    dead: &DeadLetters,
    data_dir: &Path,
    numbers: &[u64],
    has: impl Fn(&ComponentId) -> bool,
) -> anyhow::Result<(String, BTreeSet<ComponentId>)> {
    let chosen = chosen(dead, numbers)?;
    let components: BTreeSet<ComponentId> = chosen.iter().map(Letter::component).collect();
    if let Some(gone) = components.iter().find(|component| !has(component)) {
        bail!("`{gone}` is not there any more, and would have to take them; choose others with --component");
    }
    dead_letters::prepare(data_dir, chosen.iter())?;
    // A crash in between replays them twice, and loses none.
    dead.settle(numbers).await?;
    let names: Vec<String> = components.iter().map(ToString::to_string).collect();
    Ok((format!("Gave {} to {}.", many(chosen.len()), names.join(", ")), components))
}

fn chosen(dead: &DeadLetters, numbers: &[u64]) -> anyhow::Result<Vec<Letter>> {
    ensure!(numbers.is_sorted(), "the numbers are not in order");
    let mut letters = dead.letters()?.0;
    let take = |number: &u64| letters.remove(number).ok_or_else(|| anyhow::anyhow!("there is no dead letter {number}"));
    numbers.iter().map(take).collect()
}

fn many(letters: usize) -> String {
    if letters == 1 { "1 letter".to_owned() } else { format!("{letters} letters") }
}
