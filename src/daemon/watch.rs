//! Notices that pipeline files may have changed.
//!
//! Folders are watched, not files: editors and deployments replace a file more often than they write into it. What is
//! noticed is no more than a hint, taken together over a short while; what has really changed the loader finds out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notify::event::ModifyKind;
use notify::{EventKind, RecursiveMode, Watcher};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{Instant, timeout_at};

/// Saves within this time of one another are taken together.
const QUIET: Duration = Duration::from_millis(150);

/// However many there are: after so long the first of them is heeded.
const PATIENCE: Duration = Duration::from_secs(1);

/// Watches the folders of some paths.
pub(crate) struct Watch {
    hints: Receiver<()>,
    /// When the first hint came that nobody has been told of.
    noticed: Option<Instant>,
    watcher: Option<notify::RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    known: Arc<Mutex<Known>>,
}

/// What decides whether an event may be an edit.
#[derive(Default)]
struct Known {
    /// Files that are read, or would be.
    files: BTreeSet<PathBuf>,
    /// Folders in which any other file may be one to read, too.
    folders: BTreeSet<PathBuf>,
}

impl Watch {
    /// Begins to watch. Where the system can't, it says so in the log, and a signal is the way to reload.
    pub(crate) fn new(paths: &[PathBuf]) -> Self {
        // One hint that nobody has heard yet says as much as many.
        let (sender, hints) = channel(1);
        let known: Arc<Mutex<Known>> = Arc::default();
        let asked = Arc::clone(&known);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // A watcher that has lost events means that anything may have changed.
            if event.map_or(true, |event| asked.lock().unwrap_or_else(PoisonError::into_inner).matters(&event)) {
                let _ = sender.try_send(());
            }
        });
        let watcher = watcher
            .inspect_err(|error| {
                tracing::warn!(error = %error, "Pipeline files can't be watched; send SIGHUP to reload them.");
            })
            .ok();
        let mut watch = Self { hints, noticed: None, watcher, watched: BTreeSet::new(), known };
        watch.also(paths);
        watch
    }

    /// Watches the folders of these paths too.
    pub(crate) fn also(&mut self, paths: &[PathBuf]) {
        let folders: Vec<PathBuf> = paths.iter().map(|path| folder(path)).collect();
        self.known().folders.extend(folders);
        self.expect(paths);
    }

    /// Watches for these files too. Whatever else goes on in their folders is no edit.
    pub(crate) fn expect(&mut self, paths: &[PathBuf]) {
        // As the watcher names them.
        let files = paths.iter().filter_map(|path| Some(folder(path).join(path.file_name()?)));
        self.known().files.extend(files);
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

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when something may have changed, and nothing more has for a short while. Safe to cancel.
    pub(crate) async fn changed(&mut self) {
        let noticed = match self.noticed {
            Some(noticed) => noticed,
            None if self.hints.recv().await.is_none() => return std::future::pending().await,
            // What is taken out of the channel here must outlive a call that is dropped.
            None => *self.noticed.insert(Instant::now()),
        };
        let latest = noticed + PATIENCE;
        while let Ok(Some(())) = timeout_at(latest.min(Instant::now() + QUIET), self.hints.recv()).await {}
        self.noticed = None;
    }
}

impl Known {
    /// Whether an event may be an edit. Reading is none, and neither is it that somebody else's file is written in the same
    /// folder: that may be a log that never rests.
    fn matters(&self, event: &notify::Event) -> bool {
        let is_known = |path: &Path| self.files.contains(path);
        let is_near = |path: &Path| path.ancestors().take(2).any(|folder| self.folders.contains(folder));
        let is_pipeline = |path: &Path| is_near(path) && path.extension().is_some_and(|end| end == "toml");
        match event.kind {
            EventKind::Access(_) => false,
            EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Metadata(_) | ModifyKind::Any) => {
                event.paths.iter().any(|path| is_known(path) || is_pipeline(path))
            }
            // An event without a path says that some were lost.
            _ => event.paths.is_empty() || event.paths.iter().any(|path| is_known(path) || is_near(path)),
        }
    }
}

/// The folder in which a path, or what it stands for, lies; from the root, as the watcher names what lies in it.
fn folder(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match path.is_dir() {
        true => path,
        false => path.parent().map_or_else(|| path.clone(), Path::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{OpenOptions, rename, write};
    use std::io::Write as _;

    use tokio::time::timeout;

    use super::*;

    /// Far longer than a hint needs.
    const DEADLINE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_call_that_is_dropped_costs_no_hint() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(&[folder.path().to_owned()]);
        write(folder.path().join("a.toml"), "x").unwrap();
        while watch.noticed.is_none() {
            // Something else comes up, over and over.
            let _ = timeout(Duration::from_millis(1), watch.changed()).await;
        }
        timeout(DEADLINE, watch.changed()).await.expect("the edit is noticed all the same");
    }

    #[tokio::test]
    async fn edits_are_noticed_beside_a_log_that_never_rests() {
        let folder = tempfile::tempdir().unwrap();
        let (pipeline, program) = (folder.path().join("a.toml"), folder.path().join("a.vrl"));
        for path in [&pipeline, &program] {
            write(path, "").unwrap();
        }
        let mut log = OpenOptions::new().create(true).append(true).open(folder.path().join("busy.log")).unwrap();
        let mut watch = Watch::new(&[folder.path().to_owned()]);
        watch.also(std::slice::from_ref(&program));
        let mut busy = || log.write_all(b"line\n").unwrap();
        busy();
        let saved = folder.path().join("a.toml.tmp");
        for edit in [&(|| write(&pipeline, "x").unwrap()) as &dyn Fn(), &|| write(&program, "x").unwrap(), &|| {
            write(&saved, "y").unwrap();
            rename(&saved, &pipeline).unwrap();
        }] {
            edit();
            let noticed = async {
                tokio::select! {
                    () = watch.changed() => {}
                    () = async { loop { busy(); tokio::time::sleep(Duration::from_millis(10)).await } } => {}
                }
            };
            timeout(DEADLINE, noticed).await.expect("an edit is noticed");
        }
    }

    #[test]
    fn what_others_write_is_no_edit() {
        let event = |kind, path: &str| notify::Event::new(kind).add_path(PathBuf::from(path));
        let written = EventKind::Modify(ModifyKind::Data(notify::event::DataChange::Any));
        let files = ["/p/a.vrl", "/work/logd.toml"].map(PathBuf::from);
        let known = Known { files: files.into(), folders: BTreeSet::from([PathBuf::from("/p")]) };
        let created = EventKind::Create(notify::event::CreateKind::Any);
        for (kind, path, expected) in [
            (written, "/p/a.toml", true),
            (written, "/p/a.vrl", true),
            (written, "/p/busy.log", false),
            (created, "/p/..data", true),
            (EventKind::Remove(notify::event::RemoveKind::Any), "/p", true),
            (created, "/work/logd.toml", true),
            (created, "/work/busy.log.1", false),
            (written, "/work/other.toml", false),
            (EventKind::Access(notify::event::AccessKind::Any), "/p/a.toml", false),
        ] {
            assert_eq!(known.matters(&event(kind, path)), expected, "{kind:?} {path}");
        }
    }
}
