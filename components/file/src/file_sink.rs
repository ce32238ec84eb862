//! The `file` sink: events into files whose names come from the events.
//!
//! What is durable is exact: at each epoch the lengths of the files are kept, and after a crash the files are cut back to
//! them. That is simple because files only ever grow: rotation takes the next number and renames nothing, and a compressed
//! file is a row of complete members (gzip) or frames (zstd), which end where an epoch ends.

mod files;
mod journal;
mod name;
mod output;
mod probe;

use std::collections::BTreeMap;

use logd_sdk::component::{Settings, SinkSettings};
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::settings::{ByteSize, Duration, Encoding, NameTemplate};
use logd_sdk::sink::{Attempt, Sink};
use logd_sdk::{Batch, Check, Context};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Mutex;

use self::files::{Files, Rules};
use self::name::Namer;
use self::output::{Compression, Piece};

/// Writes events to files, a line each.
///
/// At every checkpoint what was written is made durable; a restart after a crash cuts the files back to the last one, and
/// what was written behind it is written again. So nothing else should write to them. A file that somebody removes or
/// renames is begun anew within a second.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileSinkSettings {
    /// Which file an event goes to: a path in which `{{ service }}` is a field of the event and `%Y-%m-%d` its time. It
    /// begins with a literal, and no event gets out of the folder that this names: one whose fields make no file name
    /// (with `/`, empty, `..`) is rejected. Folders are made as needed.
    path: NameTemplate,
    /// How events are written.
    #[serde(default)]
    encoding: Encoding,
    /// How files are compressed; their names should say so.
    #[serde(default)]
    compression: Compression,
    /// A file that would become larger is followed by another, with a number before its extension: `app.log`,
    /// `app.1.log`, `app.2.log`. A compressed file exceeds this by up to a mebibyte of text.
    #[serde(default)]
    max_size: Option<ByteSize>,
    /// A file that is older is followed by another in the same way.
    #[serde(default)]
    interval: Option<Duration>,
    /// A file to which nothing has been written for this long is closed.
    #[serde(default = "default_idle_timeout")]
    idle_timeout: Duration,
}

const fn default_idle_timeout() -> Duration {
    Duration::from_secs(30)
}

impl Settings for FileSinkSettings {
    const NAME: &'static str = "file";
    const SUMMARY: &'static str = "Writes to files";
    const EXAMPLE: &'static str = r#"
path = "logs/{{ service }}-%Y-%m-%d.log.gz"
encoding.codec = "json"
compression = "gzip"
max_size = "64 MiB"
interval = "1d"
idle_timeout = "30s"
"#;

    fn check(&self, check: &mut Check<'_>) {
        let path = self.path.as_str();
        if path.ends_with('/') {
            check.report.error("path", "the path names a folder").help(format!("write \"{path}events.log\""));
        }
        if path.contains(char::is_control) {
            check.report.error("path", "a path has no control characters");
        }
        if self.max_size.is_some_and(|size| size.bytes() == 0) {
            check.report.error("max_size", "`max_size` must be larger than nothing");
        }
        if self.interval.is_some_and(|interval| interval.is_zero()) {
            check.report.error("interval", "`interval` must be longer than nothing");
        }
    }

    fn reads(&self, _: &dyn Conditions) -> Reads {
        Reads::Fields(self.path.fields().map(|field| field.path().clone()).collect())
    }
}

impl SinkSettings for FileSinkSettings {
    type Sink = FileSink;

    async fn build(&self, context: &Context) -> anyhow::Result<FileSink> {
        let rules = Rules {
            compression: self.compression,
            max_size: self.max_size.map(ByteSize::bytes),
            interval: self.interval.map(|interval| *interval),
            idle_timeout: *self.idle_timeout,
        };
        Ok(FileSink {
            namer: Namer::new(self.path.clone()),
            encoding: self.encoding,
            files: Mutex::new(Files::new(rules, context.clock.clone(), context.data_dir.clone())),
        })
    }
}

/// A running `file` sink.
#[derive(Debug)]
pub(crate) struct FileSink {
    /// Says which file an event goes to.
    namer: Namer,
    /// What it looks like there.
    encoding: Encoding,
    /// The files; locked for each attempt, of which the driver makes one at a time.
    files: Mutex<Files>,
}

/// The part of a batch that goes to one file.
#[derive(Default)]
struct Share {
    /// Which of the batch's events.
    rows: Vec<u32>,
    /// The same, encoded.
    piece: Piece,
}

impl Sink for FileSink {
    async fn deliver(&self, batch: &Batch) -> Attempt {
        let mut attempt = Attempt::delivered();
        let mut shares: BTreeMap<_, Share> = BTreeMap::new();
        let names = self.namer.of(batch);
        for row in 0..batch.len() {
            match names.name(row) {
                Ok(name) => {
                    let share = shares.entry(name).or_default();
                    share.rows.push(row as u32);
                    share.piece.push(|out| self.encoding.codec.write_line(batch, row, out));
                }
                Err(reason) => attempt.reject.push((row as u32, reason)),
            }
        }
        let mut files = self.files.lock().await;
        blocking(|| {
            for (name, Share { rows, piece }) in shares {
                if let Err((written, error)) = files.write(name.as_ref().as_ref(), piece) {
                    attempt.retry.extend(&rows[written..]);
                    attempt.error = Some(format!("`{name}`: {error}"));
                }
            }
        });
        attempt.retry.sort_unstable();
        attempt
    }

    async fn probe(&self) -> anyhow::Result<()> {
        blocking(|| probe::probe(self.namer.folder(), self.namer.only_file()))
    }

    async fn sync(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let mut files = self.files.lock().await;
        blocking(|| files.sync()).map(Some)
    }

    async fn restore(&self, epoch: &[u8]) -> anyhow::Result<()> {
        let mut files = self.files.lock().await;
        blocking(|| files.restore(epoch))
    }

    async fn succeed(&self, before: &Self) -> anyhow::Result<()> {
        let (mut files, mut left) = (self.files.lock().await, before.files.lock().await);
        blocking(|| Ok(files.succeed(&mut left)?))
    }
}

/// Does work that blocks, here and now: an attempt that is cancelled has then either not begun or is complete, and no line
/// is written twice. Other tasks go on elsewhere.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

#[cfg(test)]
mod tests;
