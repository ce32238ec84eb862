//! Notices that pipeline files may have changed.
//!
//! Folders are watched, not files: editors and deployments replace a file more often than they write into it. What is
//! noticed is no more than a hint, taken together over a short while; what has really changed the loader finds out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Saves within this time of one another are taken together.
const QUIET: Duration = Duration::from_millis(150);

/// Watches the folders of some paths.
pub(crate) struct Watch {
    hints: UnboundedReceiver<()>,
    watcher: Option<notify::RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
}

impl Watch {
    /// Begins to watch. Where the system can't, it says so in the log, and a signal is the way to reload.
    pub(crate) fn new(paths: &[PathBuf]) -> Self {
        let (sender, hints) = unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading a file is no change; a watcher that has lost events means that anything may have changed.
            if event.map_or(true, |event| !event.kind.is_access()) {
                let _ = sender.send(());
            }
        });
        let watcher = watcher
            .inspect_err(|error| {
                tracing::warn!(error = %error, "Pipeline files can't be watched; send SIGHUP to reload them.");
            })
            .ok();
        let mut watch = Self { hints, watcher, watched: BTreeSet::new() };
        watch.also(paths);
        watch
    }

    /// Watches the folders of these paths too.
    pub(crate) fn also(&mut self, paths: &[PathBuf]) {
        let Some(watcher) = &mut self.watcher else { return };
        for folder in paths.iter().map(|path| folder(path)) {
            if self.watched.contains(&folder) {
                continue;
            }
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.watched.insert(folder)),
                Err(error) => tracing::warn!(folder = %folder.display(), error = %error,
                    "A folder can't be watched; send SIGHUP after an edit in it."),
            }
        }
    }

    /// Returns when something may have changed, and nothing more has for a short while. Safe to cancel.
    pub(crate) async fn changed(&mut self) {
        if self.hints.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        while let Ok(Some(())) = tokio::time::timeout(QUIET, self.hints.recv()).await {}
    }
}

/// The folder in which a path, or what it stands for, lies.
fn folder(path: &Path) -> PathBuf {
    match path.is_dir() {
        true => path.to_owned(),
        false => path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new(".")).to_owned(),
    }
}
