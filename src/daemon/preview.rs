//! What an edit would change, for whoever asks before: `logd plan`.

use std::collections::BTreeMap;
use std::fmt;

use logd_sdk::Plan as ComponentPlan;
use serde::{Deserialize, Serialize};

use crate::config::compile::Compiled;
use crate::topology::{Diff, Environment, Graph, Migrate, Node, Rehearsal, SettingChange};

/// What an edit would change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Preview {
    /// What is wrong with the files; a file with mistakes changes nothing.
    pub(crate) mistakes: Vec<String>,
    /// The components that change, by name.
    pub(crate) changes: BTreeMap<String, Change>,
    /// How many go on as they are.
    pub(crate) kept: usize,
}

/// What becomes of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// In one word.
    pub(crate) action: Action,
    /// Its kind and its type.
    pub(crate) what: String,
    /// The settings that differ, where it is replaced.
    pub(crate) settings: Vec<SettingChange>,
    /// What comes of it.
    pub(crate) notes: Vec<String>,
}

/// What becomes of a component, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// It is built anew, and goes on where the old one was.
    Replace,
    /// It reads from others, and goes on as it is.
    Rewire,
    /// It goes on, with other contents of its files.
    Renew,
    /// It was not there before.
    Add,
    /// It is gone.
    Remove,
}

impl Preview {
    /// What changes from some files to others. Nothing is known of state then.
    pub(crate) fn between(old: &Compiled, new: &Compiled) -> Self {
        let mut preview = Self::default();
        preview.mistakes.extend(new.mistakes());
        preview.add(
            Diff::between(&old.graph, &new.graph, logd_parse::conditions().as_ref()),
            &old.graph,
            &new.graph,
            None,
        );
        preview
    }

    /// Adds what changes from `old` to `new`.
    pub(crate) fn add(&mut self, diff: Diff, old: &Graph, new: &Graph, running: Option<Running<'_>>) {
        for id in &diff.kept {
            match (old.place(id), new.place(id)) {
                (Some(before), Some(after)) if inputs(old, before) != inputs(new, after) => {
                    let change = SettingChange {
                        setting: "inputs".to_owned(),
                        old: Some(inputs(old, before).join(", ")),
                        new: Some(inputs(new, after).join(", ")),
                    };
                    self.change(&new.nodes[after], Action::Rewire, vec![change], Vec::new());
                }
                (Some(before), Some(after)) if old.nodes[before].written != new.nodes[after].written => {
                    let node = &new.nodes[after];
                    let changes = old.nodes[before].written.changes(&node.written);
                    let notes = vec!["goes on as it is; open connections keep the old certificate".to_owned()];
                    self.change(node, Action::Renew, changes, notes);
                }
                _ => self.kept += 1,
            }
        }
        for id in &diff.replaced {
            let (Some(before), Some(after)) = (old.place(id), new.place(id)) else { continue };
            let (before, node) = (&old.nodes[before], &new.nodes[after]);
            let notes = replaced(before, new, after, running);
            self.change(node, Action::Replace, before.written.changes(&node.written), notes);
        }
        for id in &diff.added {
            if let Some(place) = new.place(id) {
                self.change(&new.nodes[place], Action::Add, Vec::new(), Vec::new());
            }
        }
        for id in &diff.removed {
            if let Some(place) = old.place(id) {
                let node = &old.nodes[place];
                self.change(node, Action::Remove, Vec::new(), removed(node));
            }
        }
    }

    fn change(&mut self, node: &Node, action: Action, settings: Vec<SettingChange>, notes: Vec<String>) {
        let what = format!("{} {}", node.kind().name(), node.component_type());
        self.changes.insert(node.id.to_string(), Change { action, what, settings, notes });
    }
}

/// What an edit meets.
#[derive(Clone, Copy)]
pub(crate) struct Running<'r> {
    /// What the components were built with.
    pub(crate) environment: &'r Environment,
    /// Whether all of it has to stop for the edit.
    pub(crate) stops: bool,
}

impl Running<'_> {
    /// Whether the component at a place could go on with what is kept of it.
    fn keeps_state(self, graph: &Graph, place: usize) -> anyhow::Result<()> {
        let Environment { conditions, data_dir, once, store, .. } = self.environment;
        let rehearsal = Rehearsal { conditions, data_dir, once: *once, healthchecks: false, is_ours: &|_| true };
        rehearsal.keeps_state(graph, place, store)
    }
}

/// What a component reads from.
fn inputs(graph: &Graph, place: usize) -> Vec<String> {
    let mut inputs: Vec<String> = graph.nodes[place].inputs.iter().map(|input| graph.output(input)).collect();
    inputs.sort();
    inputs
}

/// What comes of it that a component is replaced.
fn replaced(before: &Node, graph: &Graph, place: usize, running: Option<Running<'_>>) -> Vec<String> {
    let node = &graph.nodes[place];
    let mut notes = Vec::new();
    match &node.plan {
        ComponentPlan::Source(_) if before.component_type() != node.component_type() => {
            notes.push(format!("begins anew: the position of a `{}` is of no use to it", before.component_type()));
        }
        ComponentPlan::Source(plan) if plan.listens().is_some() => {
            notes.push("its address stays bound; requests wait meanwhile".to_owned());
        }
        ComponentPlan::Source(_) if node.component_type() == "kafka" => {
            notes.push("goes on as the same member of its group, where it has committed".to_owned());
        }
        ComponentPlan::Source(_) => notes.push("goes on from its position".to_owned()),
        ComponentPlan::Keyed(_) => notes.push(match running.map(|running| running.keeps_state(graph, place)) {
            None => "keeps its state, if that fits".to_owned(),
            Some(Ok(())) => "keeps its state".to_owned(),
            Some(Err(error)) => {
                let is_warm = [before.migrate, node.migrate] == [Migrate::Warm; 2];
                let goes_on = running.is_some_and(|running| !running.stops);
                let with = if is_warm && goes_on { " with the events that were kept" } else { "" };
                format!("starts anew{with}, for its state does not fit: {error:#}")
            }
        }),
        ComponentPlan::Sink(_) => notes.push("takes over what is not delivered".to_owned()),
        ComponentPlan::Transform(_) => {}
    }
    if running.is_some_and(|running| running.stops) {
        notes.push("its pipeline stops at a checkpoint for this, and goes on from it".to_owned());
    }
    notes
}

/// What comes of it that a component is removed.
fn removed(node: &Node) -> Vec<String> {
    match &node.plan {
        ComponentPlan::Sink(_) => {
            let what = "delivers what it has received; what is left after `limits.reload_timeout` becomes dead letters";
            vec![what.to_owned()]
        }
        ComponentPlan::Keyed(_) => vec!["its state is kept for ten minutes".to_owned()],
        ComponentPlan::Source(_) => vec!["its position is kept for ten minutes".to_owned()],
        ComponentPlan::Transform(_) => Vec::new(),
    }
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in &self.mistakes {
            writeln!(f, "! {mistake}")?;
        }
        for (name, Change { action, what, settings, notes }) in &self.changes {
            let sign = match action {
                Action::Replace | Action::Rewire | Action::Renew => '~',
                Action::Add => '+',
                Action::Remove => '-',
            };
            writeln!(f, "{sign} {name} ({what})")?;
            for change in settings {
                writeln!(f, "    {change}")?;
            }
            for note in notes {
                writeln!(f, "    {note}")?;
            }
        }
        let count = |wanted| self.changes.values().filter(|change| change.action == wanted).count();
        let changed = count(Action::Replace) + count(Action::Rewire) + count(Action::Renew);
        let (added, removed) = (count(Action::Add), count(Action::Remove));
        writeln!(f, "{changed} to change, {added} to add, {removed} to remove; {} go on as they are.", self.kept)
    }
}
