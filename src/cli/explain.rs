//! `logd explain`: why there was an alarm, from the evidence in it.

mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use logd_detect::explain::{Account, Disagreement, verify};
use logd_detect::incident::{Anomaly, State};
use serde::Serialize;
use serde_json::Value;

use super::Exit;
use super::running::{Format, Running, read};
use super::settings::{print, say};
use crate::admin::control::Command;

/// Explain an alarm: which rule, by how much, since when, and what would have been quiet
#[derive(Args, Debug)]
pub(super) struct Explain {
    /// The id of an anomaly, or of an incident
    id: String,

    #[command(flatten)]
    running: Running,

    /// Look it up in a file of anomaly events, a JSON object on each line, and not in the archive of the daemon that runs
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// Compute the verdict again from the evidence in the event, and exit 1 if something else comes out
    #[arg(long)]
    verify: bool,

    /// How it is shown
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// What is said.
#[derive(Serialize)]
struct Explained {
    /// The event.
    event: Value,
    #[serde(flatten)]
    account: Account,
    /// The values that occur most often in the samples, by field; the most frequent first.
    contributors: BTreeMap<&'static str, Vec<(String, usize)>>,
    /// How the incident went on: the other events of it.
    later: Vec<Later>,
    /// Whether the verdict follows from the evidence; only if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<bool>,
}

/// An event after the one that is explained.
#[derive(Serialize)]
struct Later {
    id: String,
    timestamp: String,
    state: State,
    explanation: String,
}

/// The fields whose values are counted in samples.
const CONTRIBUTORS: [&str; 3] = ["endpoint", "message", "level"];
/// So many values of each are shown.
const MOST_CONTRIBUTORS: usize = 3;

impl Explain {
    pub(super) fn execute(self) -> Exit {
        match &self.file {
            Some(file) => {
                let explained = in_file(file, &self.id).and_then(|told| self.explain(told));
                explained.unwrap_or_else(|error| {
                    say(&format!("logd: {error:#}\n"));
                    Exit::Unavailable
                })
            }
            None => self.running.ask(&Command::Told(self.id.clone()), |answer| self.explain(read(&answer)?)),
        }
    }

    /// Explains the first of these events.
    fn explain(&self, told: Vec<Value>) -> anyhow::Result<Exit> {
        let mut told = told.into_iter();
        let Some(event) = told.next() else {
            say(&format!("logd: nothing is known of `{}`\n", self.id));
            return Ok(Exit::Unavailable);
        };
        let anomaly = anomaly(&event)?;
        let verified = self.verify.then(|| verify(&anomaly));
        let later = told.map(|event| anomaly_after(&event)).collect::<anyhow::Result<_>>()?;
        let explained = Explained {
            account: Account::of(&anomaly),
            contributors: contributors(&anomaly.samples),
            later,
            verified: verified.as_ref().map(Result::is_ok),
            event,
        };
        let printed = print(&match self.format {
            Format::Text => text::text(&anomaly, &explained),
            Format::Json => serde_json::to_string_pretty(&explained)? + "\n",
        });
        match (printed, verified) {
            (Exit::Ok, Some(Err(disagreement))) => Ok(differs(&disagreement)),
            (printed, _) => Ok(printed),
        }
    }
}

fn differs(disagreement: &Disagreement) -> Exit {
    say(&format!("logd: {disagreement}\n"));
    Exit::Failure
}

/// The events of an anomaly or an incident in a file; of an incident in their order, which is that of the file.
fn in_file(path: &Path, id: &str) -> anyhow::Result<Vec<Value>> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("{shown} can't be read"))?;
    let (mut told, mut of_incident) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let event: Value = serde_json::from_str(line).with_context(|| format!("{shown}, line {number}"))?;
        if event["id"] == id {
            told.push(event);
        } else if event["incident_id"] == id {
            of_incident.push(event);
        }
    }
    Ok(if told.is_empty() { of_incident } else { told })
}

fn anomaly(event: &Value) -> anyhow::Result<Anomaly> {
    serde_json::from_value(event.clone()).context("the event is of another version of logd, or is no anomaly")
}

fn anomaly_after(event: &Value) -> anyhow::Result<Later> {
    let Anomaly { id, timestamp, state, explanation, .. } = anomaly(event)?;
    Ok(Later { id, timestamp: timestamp.to_string(), state, explanation })
}

/// The values that occur most often in the samples.
fn contributors(samples: &[Value]) -> BTreeMap<&'static str, Vec<(String, usize)>> {
    let mut found = BTreeMap::new();
    for field in CONTRIBUTORS {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for value in samples.iter().filter_map(|sample| sample.get(field)) {
            *counts.entry(value.as_str().map_or_else(|| value.to_string(), str::to_owned)).or_default() += 1;
        }
        let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counts.truncate(MOST_CONTRIBUTORS);
        if !counts.is_empty() {
            found.insert(field, counts);
        }
    }
    found
}
