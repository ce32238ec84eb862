//! The daemon's own settings, which follow edits of `logd.toml` as pipelines follow those of their files.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use anyhow::Context as _;
use logd_api::Host;
use serde_json::Value;
use tokio::sync::oneshot;

use super::api;
use super::parts::Parts;
use super::preview::{Action, Change, Preview};
use super::reload::Fleet;
use super::reload::verdict::Verdict;
use crate::admin;
use crate::config::daemon::DaemonSettings;
use crate::config::diagnostic::Diagnostic;
use crate::telemetry::{Log, Metrics};
use crate::topology::SettingChange;

/// Says something to people that does not belong in the log.
pub(crate) type Say = fn(&str);

/// Reads the settings again, with what the command line puts in their place.
pub(crate) type Read = Box<dyn Fn() -> Result<DaemonSettings, Vec<Diagnostic>> + Send>;

/// What can't change while logd runs, and why.
const FIXED: [(&str, &str); 3] = [
    ("data_dir", "the state of what runs is kept there"),
    ("pipelines", "what runs came from there"),
    ("limits.threads", "threads are started once"),
];

/// How they are named to the user.
const NAME: &str = "logd.toml";

/// The settings that are in force.
pub(crate) struct Own {
    /// As they are.
    settings: DaemonSettings,
    read: Read,
    log: Log,
    /// What is served, if anything is.
    server: Option<Server>,
    /// The API, and how people are told of it.
    api: Option<(Host, Say)>,
    /// What the file asks for and can't be had, as it was said last.
    refused: Vec<String>,
    /// Whether it had mistakes when it was read last.
    is_broken: bool,
}

/// Metrics and health, at an address.
struct Server {
    metrics: Metrics,
    parts: Parts,
    /// Where they were to be served,
    asked: SocketAddr,
    /// and where that is: port 0 takes a free one.
    address: SocketAddr,
    /// Ends that when dropped; requests under way may end.
    _stop: oneshot::Sender<()>,
}

impl Server {
    fn start(asked: SocketAddr, metrics: Metrics, parts: Parts) -> anyhow::Result<Self> {
        let listener = admin::bind(asked)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async { stopped.await.unwrap_or_default() };
        tokio::spawn(admin::serve(listener, metrics.clone(), parts.clone(), stopped));
        Ok(Self { metrics, parts, asked, address, _stop: stop })
    }
}

/// What the file says now.
struct Edit {
    settings: DaemonSettings,
    changes: Vec<SettingChange>,
    /// What can't change, and why.
    refused: Vec<String>,
}

impl Own {
    /// With `settings` in force, which `read` reads again.
    pub(crate) fn new(settings: DaemonSettings, read: Read, log: Log) -> Self {
        Self { settings, read, log, server: None, api: None, refused: Vec::new(), is_broken: false }
    }

    /// The settings in force.
    pub(super) fn settings(&self) -> &DaemonSettings {
        &self.settings
    }

    /// What the lines of the log go through.
    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    /// Serves metrics and health.
    ///
    /// # Errors
    /// The address can't be had.
    pub(super) fn serve(&mut self, metrics: Metrics, parts: Parts) -> anyhow::Result<()> {
        self.server = Some(Server::start(self.settings.telemetry.address.socket(), metrics, parts)?);
        Ok(())
    }

    /// Shows what runs by this API, and tells people of it by `say`.
    pub(super) fn show_by(&mut self, api: Host, say: Say) {
        self.api = Some((api, say));
    }

    /// Has anomalies say which generation of the pipelines told them.
    pub(super) fn show_generation(&self, number: u64) {
        if let Some((api, _)) = &self.api {
            api.set_generation(number);
        }
    }

    /// Serves the API while there is something to show, and reads its certificate again.
    ///
    /// # Errors
    /// It can't be served: says what to change.
    pub(super) async fn follow_api(&self, fleet: &Fleet) -> anyhow::Result<()> {
        let Some((api, say)) = &self.api else { return Ok(()) };
        if !api::is_wanted(fleet) {
            api.retire().await;
            return Ok(());
        }
        if let Some(served) = api.serve().await? {
            api::announce(&served, *say);
        }
        api.renew().await
    }

    /// Where metrics and health are served, if they are.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(|server| server.address)
    }

    /// Adds what an edit of the file would change.
    pub(super) fn preview(&self, preview: &mut Preview) {
        match self.edit() {
            Err(mistakes) => preview.mistakes.extend(mistakes),
            Ok(Edit { changes: settings, refused: notes, .. }) if !settings.is_empty() => {
                let what = "settings of the daemon".to_owned();
                preview.changes.insert(NAME.to_owned(), Change { action: Action::Replace, what, settings, notes });
            }
            Ok(_) => {}
        }
    }

    /// Takes over what the file says, as far as that can be done, and says what came of it.
    pub(super) async fn reload(&mut self, fleet: &mut Fleet) -> Verdict {
        let mut verdict = Verdict::default();
        let Edit { settings, changes, refused } = match self.edit() {
            Ok(edit) => edit,
            Err(mistakes) => {
                mistakes.iter().for_each(|mistake| tracing::error!("{mistake}; the settings stay as they are."));
                verdict.mistakes = mistakes;
                self.is_broken = true;
                return verdict;
            }
        };
        if std::mem::take(&mut self.is_broken) {
            tracing::info!("{NAME} has no mistakes any more.");
        }
        if refused != self.refused {
            refused.iter().for_each(|refused| tracing::warn!("{NAME}: {refused}."));
            self.refused.clone_from(&refused);
        }
        verdict.failed = refused.into_iter().map(|refused| format!("{NAME}: {refused}")).collect();
        let told = changes.iter().filter(|change| !is_fixed(&change.setting));
        let told: Vec<String> = told.map(ToString::to_string).collect();
        if told.is_empty() {
            return verdict;
        }
        match self.take_over(settings, fleet).await {
            Ok(()) => {
                let told = told.join(", ");
                tracing::info!(changed = told, "The daemon's settings are reloaded.");
                verdict.changed.push(format!("{NAME}: {told}"));
            }
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "The daemon's settings stay as they are.");
                verdict.failed.push(format!("{NAME}: {error:#}; the settings stay as they are"));
            }
        }
        verdict
    }

    async fn take_over(&mut self, new: DaemonSettings, fleet: &mut Fleet) -> anyhow::Result<()> {
        let asked = new.telemetry.address.socket();
        if let Some(Server { metrics, parts, .. }) = self.server.as_ref().filter(|server| server.asked != asked) {
            self.server = Some(Server::start(asked, metrics.clone(), parts.clone())?);
        }
        if let Some((api, say)) = &self.api
            && let Some(served) = api.change(api::opened(&new.api, Some((&self.settings.api, api)))?).await?
        {
            api::announce(&served, *say);
        }
        self.log.show(&new.telemetry.log_level)?;
        fleet.follow(&new).await.context("dead letters")?;
        self.settings = new;
        Ok(())
    }

    /// What the file says now, or its mistakes.
    fn edit(&self) -> Result<Edit, Vec<String>> {
        let mut settings = (self.read)().map_err(|mistakes| {
            let errors = mistakes.iter().map(ToString::to_string);
            errors.collect::<Vec<_>>()
        })?;
        let (old, new) = (leaves(&self.settings), leaves(&settings));
        let change = |setting: &String| SettingChange {
            setting: setting.clone(),
            old: old.get(setting).cloned(),
            new: new.get(setting).cloned(),
        };
        let settings_of_both: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let differ = settings_of_both.into_iter().filter(|setting| old.get(*setting) != new.get(*setting));
        let mut changes: Vec<_> = differ.map(change).collect();
        if changes.iter().all(|change| !change.setting.starts_with("api.")) && !settings.has_same_api(&self.settings) {
            let hidden = Some("***".to_owned());
            changes.push(SettingChange { setting: "api, a secret".to_owned(), old: hidden.clone(), new: hidden });
        }
        let refused = FIXED.iter().filter(|(fixed, _)| changes.iter().any(|change| change.setting == *fixed));
        let refused = refused.map(|(fixed, why)| format!("`{fixed}` can't change while logd runs: {why}")).collect();
        settings.data_dir.clone_from(&self.settings.data_dir);
        settings.pipelines.clone_from(&self.settings.pipelines);
        settings.limits.threads = self.settings.limits.threads;
        Ok(Edit { settings, changes, refused })
    }
}

fn is_fixed(setting: &str) -> bool {
    FIXED.iter().any(|(fixed, _)| *fixed == setting)
}

/// The settings by their names, as they are shown.
fn leaves(settings: &DaemonSettings) -> BTreeMap<String, String> {
    fn add(prefix: &str, value: &Value, leaves: &mut BTreeMap<String, String>) {
        match value {
            Value::Object(table) => {
                for (key, value) in table {
                    add(&if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") }, value, leaves);
                }
            }
            // Not set.
            Value::Null => {}
            value => drop(leaves.insert(prefix.to_owned(), value.to_string())),
        }
    }
    let mut found = BTreeMap::new();
    // These settings are text, numbers and tables of them.
    add("", &serde_json::to_value(settings).unwrap_or_default(), &mut found);
    found
}
