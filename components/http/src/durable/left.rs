//! What a source has left on disk, for whoever looks when the source is gone.

use std::path::{Path, PathBuf};

use logd_disklog::inspect;
use logd_sdk::Time;

use super::keys::AGE;
use super::{FOLDER, record, replay};

/// What is in the log of a source.
#[derive(Clone, Copy, Debug)]
pub struct Left {
    /// How many requests are in it of which not all events are delivered.
    pub requests: u64,
    /// What it takes, in bytes.
    pub bytes: u64,
    /// Whether the source would miss it: there are such requests, or some that clients may still repeat.
    pub is_needed: bool,
    /// Whether the position is of this log, and of no use without it.
    pub is_position_its: bool,
}

/// Where a source has its log, if there is one in `data_dir`, the folder that it was given.
#[must_use]
pub fn log_folder(data_dir: &Path) -> Option<PathBuf> {
    let folder = data_dir.join(FOLDER);
    folder.is_dir().then_some(folder)
}

/// Looks into the log of a source. `position` is where the source stood at its last checkpoint. Nothing is written, and
/// the source may run.
///
/// # Errors
/// It can't be read.
pub fn left(folder: &Path, position: Option<&[u8]>, now: Time) -> anyhow::Result<Left> {
    let report = inspect::report(folder)?;
    let delivered = position.and_then(|position| replay::delivered(position, report.id?));
    let requests = report.after(delivered.unwrap_or(0));
    let mut is_needed = requests > 0;
    for record in inspect::records(folder, report.released + 1)? {
        if is_needed {
            break;
        }
        let head = record::head(&record?.1)?;
        is_needed = head.key.is_some() && now.as_micros() - head.received < AGE;
    }
    Ok(Left { requests, bytes: report.bytes(), is_needed, is_position_its: delivered.is_some() })
}
