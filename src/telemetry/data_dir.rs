//! The metrics of the data folder: what it takes, and what is left for it. A full disk stops checkpoints and with them
//! every pipeline, so whoever watches has to see it coming.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use anyhow::Context as _;
use metrics::gauge;
use nix::sys::statvfs::statvfs;
use tokio::time::{MissedTickBehavior, interval};

/// How often it is measured: a disk fills in minutes at best, and the folder holds some hundred files.
const EVERY: Duration = Duration::from_secs(15);

/// Measures the folder from time to time; never ends.
pub(super) async fn upkeep(folder: PathBuf) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let path = folder.clone();
        let measured = tokio::task::spawn_blocking(move || measure(&path)).await;
        match measured.map_err(Into::into).and_then(|measured| measured) {
            Ok(Room { used, free }) => {
                gauge!("logd_data_dir_used_bytes").set(used);
                gauge!("logd_data_dir_free_bytes").set(free);
            }
            Err(error) => tracing::warn!(error = format!("{error:#}"), "The data folder could not be measured."),
        }
    }
}

/// The room that a folder takes and has, in bytes.
#[derive(Debug)]
struct Room {
    used: f64,
    free: f64,
}

#[allow(clippy::cast_precision_loss)]
fn measure(folder: &Path) -> anyhow::Result<Room> {
    let used = used(folder).with_context(|| format!("{} can't be read", folder.display()))? as f64;
    let system = statvfs(folder).with_context(|| format!("the disk of {} can't be asked", folder.display()))?;
    Ok(Room { used, free: system.blocks_available() as f64 * system.fragment_size() as f64 })
}

/// The lengths of all files below a folder. What is removed meanwhile takes nothing.
fn used(folder: &Path) -> io::Result<u64> {
    let mut total = 0;
    for entry in present(fs::read_dir(folder))?.into_iter().flatten() {
        let entry = entry?;
        // Of the entry itself: a link out of the folder is not followed.
        let Some(metadata) = present(entry.metadata())? else { continue };
        total += if metadata.is_dir() { used(&entry.path())? } else { metadata.len() };
    }
    Ok(total)
}

fn present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_all_files_and_asks_the_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("one"), [0; 1000]).expect("written");
        fs::create_dir(folder.path().join("deep")).expect("made");
        fs::write(folder.path().join("deep/two"), [0; 234]).expect("written");
        std::os::unix::fs::symlink("/proc/self/exe", folder.path().join("link")).expect("linked");
        let link = "/proc/self/exe".len() as f64;
        let Room { used, free } = measure(folder.path()).expect("measured");
        assert!((used - 1234.0 - link).abs() < 0.5, "{used}");
        assert!(free > 0.0, "{free}");
    }

    #[test]
    fn says_what_can_not_be_measured() {
        let error = measure(Path::new("/nowhere/at/all")).expect_err("it is not there");
        assert!(format!("{error:#}").contains("/nowhere/at/all"), "{error:#}");
    }
}
