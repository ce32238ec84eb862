//! A component's settings as they were written, to tell one version from another and to say where they differ.

use std::collections::{BTreeMap, BTreeSet};

/// What was written, setting by setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written(BTreeMap<String, Setting>);

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// As it may be shown: without what is secret.
    pub(crate) shown: String,
    /// Changes when it does, also if that can't be seen.
    pub(crate) hash: u64,
}

impl PartialEq for Setting {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Setting {}

/// A setting that is not the same in two versions.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct SettingChange {
    /// Its name, with those of the tables that it is in.
    pub(crate) setting: String,
    /// What it was, if it was there.
    pub(crate) old: Option<String>,
    /// What it is, if it is there.
    pub(crate) new: Option<String>,
}

impl Written {
    /// Adds a setting.
    pub(crate) fn add(&mut self, name: String, setting: Setting) {
        self.0.insert(name, setting);
    }

    /// The settings that differ in a later version.
    pub(crate) fn changes(&self, later: &Self) -> Vec<SettingChange> {
        let names: BTreeSet<&String> = self.0.keys().chain(later.0.keys()).collect();
        let shown = |version: &Self, name: &String| version.0.get(name).map(|setting| setting.shown.clone());
        names
            .into_iter()
            .filter(|name| self.0.get(*name) != later.0.get(*name))
            .map(|name| SettingChange { setting: name.clone(), old: shown(self, name), new: shown(later, name) })
            .collect()
    }
}
