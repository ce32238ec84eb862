//! What a source has left on disk, for whoever looks when the source is gone.

use std::path::{Path, PathBuf};

use logd_disklog::inspect;
use logd_sdk::Time;

use super::keys::AGE;
use super::{FOLDER, record, replay};

/// The log of a source.
#[derive(Clone, Debug)]
pub struct Left {
    /// Where it is.
    pub folder: PathBuf,
    /// How many requests are in it of which not all events are delivered.
    pub requests: u64,
    /// What it takes, in bytes.
    pub bytes: u64,
    /// Whether the source would miss it: there are such requests, or some that clients may still repeat.
    pub is_needed: bool,
    /// Whether the position is of this log, and of no use without it.
    pub is_position_its: bool,
}

/// Looks at what a source has left in `data_dir`, the folder that it was given. `position` is where it stood at its last
/// checkpoint. Nothing is written, and the source may run.
///
/// # Errors
/// It can't be read.
pub fn left(data_dir: &Path, position: Option<&[u8]>, now: Time) -> anyhow::Result<Option<Left>> {
    let folder = data_dir.join(FOLDER);
    if !folder.is_dir() {
        return Ok(None);
    }
    let report = inspect::report(&folder)?;
    let delivered = position.and_then(|position| replay::delivered(position, report.id?));
    let waiting = report.after(delivered.unwrap_or(0));
    let mut is_needed = waiting > 0;
    for record in inspect::records(&folder, report.released + 1)? {
        if is_needed {
            break;
        }
        let head = record::head(&record?.1)?;
        is_needed = head.key.is_some() && now.as_micros() - head.received < AGE;
    }
    let bytes = report.bytes();
    Ok(Some(Left { folder, requests: waiting, bytes, is_needed, is_position_its: delivered.is_some() }))
}
