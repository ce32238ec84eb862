//! Who has changed something: a line in the log, and the last of them for the API.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use logd_sdk::{Clock, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// So many are shown; the file has at most twice as many.
const KEPT: usize = 1000;

/// Of a target no more is kept, in bytes.
const LONGEST: usize = 200;

/// Something that somebody has done, or has tried to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Entry {
    /// When.
    #[schema(format = "date-time")]
    pub(crate) at: String,
    /// Who.
    pub(crate) who: String,
    /// What, such as `login`, `reload`, `webhook.create`.
    pub(crate) action: String,
    /// To what.
    pub(crate) target: String,
    /// What came of it.
    pub(crate) outcome: String,
    /// From which address.
    #[schema(value_type = String)]
    pub(crate) peer: IpAddr,
}

/// What was done. Clones write to the same file.
#[derive(Clone)]
pub(crate) struct Audit(Arc<Inner>);

struct Inner {
    path: PathBuf,
    clock: Clock,
    kept: Mutex<Kept>,
}

struct Kept {
    /// The newest last.
    entries: VecDeque<Entry>,
    /// Lines in the file.
    lines: usize,
}

impl Audit {
    /// Reads what there is in `folder`. Lines that can't be read are skipped.
    ///
    /// # Errors
    /// The file is there and can't be read.
    pub(crate) fn open(folder: &Path, clock: Clock) -> anyhow::Result<Self> {
        let path = folder.join("audit.jsonl");
        let mut kept = Kept { entries: VecDeque::new(), lines: 0 };
        match File::open(&path) {
            Ok(file) => {
                for line in BufReader::new(file).lines() {
                    kept.lines += 1;
                    if let Ok(entry) = serde_json::from_str(&line?) {
                        kept.push(entry);
                    }
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Self(Arc::new(Inner { path, clock, kept: Mutex::new(kept) })))
    }

    /// Adds what was done. The log has it even where the disk does not take it.
    pub(crate) fn add(&self, who: &str, action: &str, target: &str, outcome: &str, peer: IpAddr) {
        let at = millis(self.0.clock.now());
        // A target that does not exist is what somebody has typed.
        let target = &target[..target.floor_char_boundary(LONGEST)];
        tracing::info!(who, action, target, outcome, %peer, "Somebody has used the API.");
        let [who, action, target, outcome] = [who, action, target, outcome].map(str::to_owned);
        let entry = Entry { at, who, action, target, outcome, peer };
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(entry);
        if let Err(error) = kept.write(&self.0.path) {
            tracing::error!(%error, path = %self.0.path.display(), "The audit log can't be written.");
        }
    }

    /// The last of them, the newest first.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.entries.iter().rev().cloned().collect()
    }
}

impl Kept {
    fn push(&mut self, entry: Entry) {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// Adds the newest to the file, or writes the file anew when it has grown too long.
    fn write(&mut self, path: &Path) -> std::io::Result<()> {
        let line = |entry: &Entry| serde_json::to_string(entry).map(|line| line + "\n").map_err(Into::into);
        if self.lines >= 2 * KEPT {
            let next = path.with_extension("jsonl.new");
            let lines: std::io::Result<String> = self.entries.iter().map(line).collect();
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
            file.write_all(lines?.as_bytes())?;
            file.sync_data()?;
            std::fs::rename(next, path)?;
            self.lines = self.entries.len();
            return Ok(());
        }
        let Some(newest) = self.entries.back() else { return Ok(()) };
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        file.write_all(line(newest)?.as_bytes())?;
        self.lines += 1;
        Ok(())
    }
}

/// A time as answers have it: RFC 3339 with milliseconds.
pub(crate) fn millis(time: Time) -> String {
    let shown = time.to_chrono().map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true));
    shown.unwrap_or_else(|| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_kept_and_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::fixed(Time::from_micros(1_500_000));
        let audit = Audit::open(folder.path(), clock.clone()).unwrap();
        for number in 0..2 * KEPT + 5 {
            audit.add("admin", "reload", &number.to_string(), "done", [127, 0, 0, 1].into());
        }
        let entries = audit.entries();
        assert_eq!((entries.len(), entries[0].target.as_str()), (KEPT, "2004"));
        assert_eq!(entries[0].at, "1970-01-01T00:00:01.500Z");
        let again = Audit::open(folder.path(), clock).unwrap();
        assert_eq!(again.entries(), entries);
        let lines = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap().lines().count();
        assert!(lines <= 2 * KEPT, "{lines}");
    }
}
