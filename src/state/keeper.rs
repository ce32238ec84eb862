//! One component and what it keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use logd_sdk::component::KeyedPlan;
use logd_sdk::condition::Conditions;
use logd_sdk::erased::AnyKeyed;
use logd_sdk::{Clock, ComponentId, Plan};

use super::file::{Head, line};
use super::kept::{self, Kept, by_key};
use super::lines::Lines;
use super::listed::one;
use super::shown::Shown;
use crate::checkpoint::{Entry, Store};
use crate::topology::{Graph, Rehearsal, carried, fits};

/// A component that keeps something by key.
pub(crate) struct Keeper {
    id: ComponentId,
    store: Store,
    /// None of one that is in no pipeline.
    component: Option<Component>,
}

/// A component's settings, and itself, which is not run.
type Component = (Arc<dyn KeyedPlan>, Arc<dyn AnyKeyed>);

impl Keeper {
    /// The one of this name, which is in a pipeline, or has left something.
    ///
    /// # Errors
    /// None or several have that name, or it can't be built.
    pub(crate) fn find<'g>(
        name: &str,
        graphs: impl Iterator<Item = &'g Graph>,
        store: &Store,
        conditions: &Arc<dyn Conditions>,
        data_dir: &Path,
    ) -> anyhow::Result<Self> {
        let mut places = BTreeMap::new();
        for graph in graphs {
            for (place, node) in graph.nodes.iter().enumerate() {
                if let Plan::Keyed(plan) = &node.plan {
                    places.insert(node.id.to_string(), (graph, place, plan));
                }
            }
        }
        let left: BTreeMap<String, ComponentId> =
            store.sizes(|_, _| None)?.into_iter().map(|size| (size.component.to_string(), size.component)).collect();
        let names: BTreeSet<String> = places.keys().chain(left.keys()).cloned().collect();
        let name = one(name, &names)?;
        let Some(&(graph, place, plan)) = places.get(name) else {
            let id = left.get(name).cloned().context("it has left nothing")?;
            return Ok(Self { id, store: store.clone(), component: None });
        };
        let rehearsal = Rehearsal { conditions, data_dir, once: false, healthchecks: false, is_ours: &|_| false };
        let keyed = rehearsal.keyed(graph, place)?.map(|keyed| (Arc::clone(plan), keyed));
        Ok(Self { id: graph.nodes[place].id.clone(), store: store.clone(), component: keyed })
    }

    /// Which one it is.
    pub(crate) fn id(&self) -> &ComponentId {
        &self.id
    }

    /// What is known of its keys, or of one, in the order in which they are kept: a line of JSON each.
    ///
    /// # Errors
    /// The store can't be read.
    pub(crate) fn show(self, key: Option<String>) -> anyhow::Result<Lines> {
        let states = self.store.states(&self.id)?.iter()?;
        Ok(Box::new(by_key(states, self.plan()).filter_map(move |kept| {
            let shown = match kept {
                Ok(kept) => self.shown(&kept)?,
                Err(error) => return Some(Err(error)),
            };
            let is_meant = key.as_ref().is_none_or(|key| *key == shown.key);
            is_meant.then(|| Ok(serde_json::to_string(&shown)?))
        })))
    }

    /// What it keeps as a file: its lines.
    ///
    /// # Errors
    /// It is in no pipeline, keeps nothing, or the store can't be read.
    pub(crate) fn export(self) -> anyhow::Result<Lines> {
        let (plan, keyed) = self.in_pipeline()?;
        let states = self.store.states(&self.id)?;
        let entries = states.iter()?.count();
        ensure!(entries > 0, "`{}` keeps nothing yet", self.id);
        let head = Head::new(self.id.to_string(), plan.name(), keyed.fingerprint(), entries);
        let head = std::iter::once(Ok(serde_json::to_string(&head)?));
        let kept = by_key(states.iter()?, self.plan());
        let lines = move |kept: anyhow::Result<Kept>| match kept {
            Ok(kept) => {
                let key = self.shown(&kept).map(|shown| shown.key);
                let entry = |entry| carried(entry).and_then(|(name, state)| line(key.clone(), &name, &state));
                kept.entries.into_iter().map(entry).collect()
            }
            Err(error) => vec![Err(error)],
        };
        Ok(Box::new(head.chain(kept.flat_map(lines))))
    }

    /// Puts what was exported in the place of what it keeps.
    ///
    /// # Errors
    /// It is of a component of another type or with other settings, the file can't be read to its end, or the disk says no.
    /// Then nothing has changed.
    pub(crate) fn import(
        &self,
        head: &Head,
        states: impl Iterator<Item = anyhow::Result<kept::Entry>>,
    ) -> anyhow::Result<()> {
        let (id, (plan, keyed)) = (&self.id, self.in_pipeline()?);
        let r#type = plan.name();
        ensure!(head.r#type == r#type, "the states are of a `{}`, and `{id}` is a `{type}`", head.r#type);
        let own = format!("{:016x}", keyed.fingerprint());
        ensure!(
            head.fingerprint == own,
            "the states do not fit the settings of `{id}`: they are of other fields, keys, windows, or another method \
             (fingerprint {}, and not {own})",
            head.fingerprint
        );
        let clock = Clock::system();
        let fitting = states.map(|entry| {
            let (name, state) = entry?;
            fits(keyed.as_ref(), [(name.clone(), state.clone())], &clock)
                .with_context(|| format!("the states do not fit `{id}`"))?;
            Ok((name, state))
        });
        self.store.replace([(id.clone(), fitting)])
    }

    /// Forgets what it keeps, or what it keeps of one key. Returns how many keys that were.
    ///
    /// # Errors
    /// There is no such key, or the disk says no.
    pub(crate) fn reset(&self, key: Option<&str>) -> anyhow::Result<usize> {
        let (mut count, mut forgotten) = (0, Vec::new());
        for kept in by_key(self.store.states(&self.id)?.iter()?, self.plan()) {
            let kept = kept?;
            let Some(shown) = self.shown(&kept) else { continue };
            if key.is_none_or(|key| shown.key == key) {
                count += 1;
                forgotten.extend(kept.entries.into_iter().map(|(name, _)| (name, None)));
            }
        }
        match key {
            // How far event time has come goes with it: as if it had never run.
            None => self.store.forget(std::slice::from_ref(&self.id))?,
            Some(key) => {
                ensure!(count > 0, "`{}` keeps nothing of the key `{key}`; `logd state show` shows its keys", self.id);
                let entry = Entry { component: self.id.clone(), position: None, changes: forgotten };
                self.store.commit(self.store.last_epoch()?, &[entry])?;
            }
        }
        Ok(count)
    }

    fn plan(&self) -> Option<Arc<dyn KeyedPlan>> {
        self.component.as_ref().map(|(plan, _)| Arc::clone(plan))
    }

    fn shown(&self, kept: &Kept) -> Option<Shown> {
        Shown::new(self.component.as_ref().map(|(_, keyed)| keyed.as_ref()), kept)
    }

    fn in_pipeline(&self) -> anyhow::Result<&Component> {
        let component = self.component.as_ref();
        component.with_context(|| format!("`{}` is in no pipeline, and only it knows what its states are", self.id))
    }
}
