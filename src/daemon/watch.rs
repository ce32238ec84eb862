//! Notices that pipeline files may have changed.
//!
//! Folders are watched, not files: editors and deployments replace a file more often than they write into it. What is
//! noticed is no more than a hint, taken together over a short while; what has really changed the loader finds out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Saves within this time of one another are taken together.
const QUIET: Duration = Duration::from_millis(150);

/// Watches the folders of some paths.
pub(crate) struct Watch {
    hints: UnboundedReceiver<()>,
    _watcher: Option<notify::RecommendedWatcher>,
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
        let watcher = watcher.and_then(|mut watcher| {
            for folder in folders(paths) {
                watcher.watch(&folder, RecursiveMode::NonRecursive)?;
            }
            Ok(watcher)
        });
        match watcher {
            Ok(watcher) => Self { hints, _watcher: Some(watcher) },
            Err(error) => {
                tracing::warn!(error = %error, "Pipeline files can't be watched; send SIGHUP to reload them.");
                Self { hints, _watcher: None }
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

/// The folders in which the paths, or what they stand for, lie.
fn folders(paths: &[PathBuf]) -> Vec<PathBuf> {
    let folder = |path: &PathBuf| match path.is_dir() {
        true => path.clone(),
        false => path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new(".")).to_owned(),
    };
    let mut folders: Vec<_> = paths.iter().map(folder).collect();
    folders.sort();
    folders.dedup();
    folders
}
