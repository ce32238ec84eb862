//! One component and what it keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use logd_sdk::condition::Conditions;
use logd_sdk::erased::AnyKeyed;
use logd_sdk::{Clock, ComponentId, Plan};

use super::Lines;
use super::file::{Head, line};
use super::listed::one;
use super::shown::Shown;
use crate::checkpoint::{Entry, Store};
use crate::topology::{Graph, Rehearsal, carried, fits, key_of};

/// A component that keeps something by key.
pub(crate) struct Keeper {
    id: ComponentId,
    store: Store,
    /// Its type and the component, which is not run; none of one that is in no pipeline.
    component: Option<(&'static str, Arc<dyn AnyKeyed>)>,
}

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
            let keyed = graph.nodes.iter().enumerate().filter(|(_, node)| matches!(node.plan, Plan::Keyed(_)));
            places.extend(keyed.map(|(place, node)| (node.id.to_string(), (graph, place))));
        }
        let left: BTreeMap<String, ComponentId> =
            store.sizes(|_| true)?.into_iter().map(|size| (size.component.to_string(), size.component)).collect();
        let names: BTreeSet<String> = places.keys().chain(left.keys()).cloned().collect();
        let name = one(name, &names)?;
        let Some(&(graph, place)) = places.get(name) else {
            let id = left.get(name).cloned().context("it has left nothing")?;
            return Ok(Self { id, store: store.clone(), component: None });
        };
        let rehearsal = Rehearsal { conditions, data_dir, once: false, healthchecks: false, is_ours: &|_| false };
        let node = &graph.nodes[place];
        let keyed = rehearsal.keyed(graph, place)?.map(|keyed| (node.plan.describe().name(), keyed));
        Ok(Self { id: node.id.clone(), store: store.clone(), component: keyed })
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
        Ok(Box::new(states.filter_map(move |entry| {
            let shown = match entry {
                Ok((name, state)) => Shown::new(self.keyed(), key_of(&name)?, &state),
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
        let (r#type, keyed) = self.in_pipeline()?;
        let states = self.store.states(&self.id)?;
        let entries = states.iter()?.count();
        ensure!(entries > 0, "`{}` keeps nothing yet", self.id);
        let head = Head::new(self.id.to_string(), r#type, keyed.fingerprint(), entries);
        let entry = move |entry: anyhow::Result<(Vec<u8>, Vec<u8>)>| {
            let (name, state) = entry?;
            match key_of(&name) {
                Some(key) => line(Some(Shown::new(self.keyed(), key, &state).key), &name, &state),
                None => line(None, &name, &carried(&state)?),
            }
        };
        Ok(Box::new(std::iter::once(Ok(serde_json::to_string(&head)?)).chain(states.iter()?.map(entry))))
    }

    /// Puts what was exported in the place of what it keeps.
    ///
    /// # Errors
    /// It is of a component of another type or with other settings, or the disk says no. Then nothing has changed.
    pub(crate) fn import(&self, head: &Head, states: Vec<(Vec<u8>, Vec<u8>)>) -> anyhow::Result<()> {
        let (id, (r#type, keyed)) = (&self.id, self.in_pipeline()?);
        ensure!(head.r#type == r#type, "the states are of a `{}`, and `{id}` is a `{type}`", head.r#type);
        fits(keyed.as_ref(), states.iter().cloned(), &Clock::system())
            .with_context(|| format!("the states do not fit the settings of `{id}`"))?;
        let own = format!("{:016x}", keyed.fingerprint());
        ensure!(
            head.fingerprint == own,
            "the states do not fit the settings of `{id}`: their fingerprint is {}, and not {own}",
            head.fingerprint
        );
        self.store.replace(&BTreeMap::from([(id.clone(), states)]))
    }

    /// Forgets what it keeps, or what it keeps of one key. Returns how many keys that were.
    ///
    /// # Errors
    /// There is no such key, or the disk says no.
    pub(crate) fn reset(&self, key: Option<&str>) -> anyhow::Result<usize> {
        let mut forgotten = Vec::new();
        for entry in self.store.states(&self.id)?.iter()? {
            let (name, state) = entry?;
            let Some(own) = key_of(&name) else { continue };
            if key.is_none_or(|key| Shown::new(self.keyed(), own, &state).key == key) {
                forgotten.push((name, None));
            }
        }
        let count = forgotten.len();
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

    fn keyed(&self) -> Option<&dyn AnyKeyed> {
        self.component.as_ref().map(|(_, keyed)| keyed.as_ref())
    }

    fn in_pipeline(&self) -> anyhow::Result<(&'static str, &Arc<dyn AnyKeyed>)> {
        let (r#type, keyed) = self
            .component
            .as_ref()
            .with_context(|| format!("`{}` is in no pipeline, and only it knows what its states are", self.id))?;
        Ok((r#type, keyed))
    }
}
