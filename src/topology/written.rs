//! A component's settings as they were written, to tell one version from another and to say where they differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What was written, setting by setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    settings: BTreeMap<String, Setting>,
    /// What is in the files that settings name, by the setting.
    files: BTreeMap<String, Setting>,
}

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

impl fmt::Display for SettingChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [old, new] = [&self.old, &self.new].map(|value| value.as_deref().unwrap_or("(not set)"));
        write!(f, "{}: {old} → {new}", self.setting)
    }
}

impl Written {
    /// Adds a setting.
    pub(crate) fn add(&mut self, name: String, setting: Setting) {
        self.settings.insert(name, setting);
    }

    /// Adds what is in the file that a setting names.
    pub(crate) fn add_file(&mut self, name: &str, setting: Setting) {
        self.files.insert(format!("{name} (the file)"), setting);
    }

    /// A setting as it was written, without what is secret.
    pub(crate) fn shown(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(|setting| setting.shown.as_str())
    }

    /// Whether another version differs in nothing but what is in the files.
    pub(crate) fn has_same_settings(&self, other: &Self) -> bool {
        self.settings == other.settings
    }

    /// The settings that differ in a later version.
    pub(crate) fn changes(&self, later: &Self) -> Vec<SettingChange> {
        let names: BTreeSet<&String> = self.names().chain(later.names()).collect();
        let shown = |version: &Self, name: &String| version.get(name).map(|setting| setting.shown.clone());
        names
            .into_iter()
            .filter(|name| self.get(name) != later.get(name))
            .map(|name| SettingChange { setting: name.clone(), old: shown(self, name), new: shown(later, name) })
            .collect()
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.settings.keys().chain(self.files.keys())
    }

    fn get(&self, name: &str) -> Option<&Setting> {
        self.settings.get(name).or_else(|| self.files.get(name))
    }
}
