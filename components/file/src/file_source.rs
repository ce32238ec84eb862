//! The `file` source: follows files by their names' patterns, through rotation and restarts.

use anyhow::Context as _;
use glob::Pattern;
use logd_sdk::component::{Makes, Settings, SourceSettings};
use logd_sdk::settings::{ByteSize, Duration};
use logd_sdk::source::{Next, Source};
use logd_sdk::{Check, Context, event};
use schemars::JsonSchema;
use serde::Deserialize;
use vrl::path::OwnedValuePath;

use crate::buffer::{Buffers, CHUNK};
use crate::follow::{Finder, Follow, Reader, Rules, Tools};
use crate::lines::Splitter;
use crate::multiline::{self, Multiline, default_max_line_size};

/// Reads the lines of files, and of those that are added, for as long as it runs; with `--once` to their ends.
///
/// A file is known by device and inode, and over a restart by a hash of its first bytes too (`fingerprint`), so that it
/// may be renamed. A file that is emptied, or begins with other bytes than before, is read anew. One that leaves all
/// the names that are included is read to its end, also if that happened while logd did not run and it is still in
/// the same folder; what was compressed meanwhile is another file, and best excluded. Each file that is followed takes
/// a file descriptor.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileSourceSettings {
    /// Which files to read: patterns with `*`, `?`, `[a-z]`, and `**` for any folders. Files ending in `.gz` are read
    /// through decompression.
    include: Vec<String>,
    /// Which of them not to read. Here `*` stands for `/` as well, so that `*.gz` excludes in every folder.
    #[serde(default)]
    exclude: Vec<String>,
    /// Where to begin in the files that are there at the first start: at their `beginning`, or at their `end`, with
    /// the lines that are added. Files that come later are read from their beginning.
    #[serde(default)]
    read_from: ReadFrom,
    /// A longer line is discarded and counted.
    #[serde(default = "default_max_line_size")]
    max_line_size: ByteSize,
    /// Joins lines to events.
    #[serde(default)]
    multiline: Option<Multiline>,
    /// What tells a file from another that has its inode.
    #[serde(default)]
    fingerprint: FingerprintSettings,
    /// How often to look for new files, and for names that changed.
    #[serde(default = "default_glob_interval")]
    glob_interval: Duration,
    /// A file that has left all included names is let go when nothing has been added to it for this long.
    #[serde(default = "default_rotate_wait")]
    rotate_wait: Duration,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ReadFrom {
    /// With what there is.
    #[default]
    Beginning,
    /// With what is added.
    End,
}

/// How a file is recognised.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FingerprintSettings {
    /// So many of its first bytes must be the same, beside device and inode.
    #[serde(default = "FingerprintSettings::default_length")]
    length: ByteSize,
}

impl FingerprintSettings {
    const fn default_length() -> ByteSize {
        ByteSize::new(256)
    }
}

impl Default for FingerprintSettings {
    fn default() -> Self {
        Self { length: Self::default_length() }
    }
}

const fn default_glob_interval() -> Duration {
    Duration::from_secs(1)
}

const fn default_rotate_wait() -> Duration {
    Duration::from_secs(10)
}

/// The longest fingerprint: it is hashed at every read.
const LONGEST_FINGERPRINT: ByteSize = ByteSize::new(64 * 1024);

impl Settings for FileSourceSettings {
    const NAME: &'static str = "file";
    const SUMMARY: &'static str = "Follows files, through rotation and restarts";
    const EXAMPLE: &'static str = r#"
include = ["/var/log/app/*.log"]
exclude = ["*.gz"]
read_from = "beginning"
max_line_size = "100 KiB"
multiline = { start_pattern = '^\[\d{4}-', timeout = "1s" }
fingerprint = { length = "256 B" }
glob_interval = "1s"
rotate_wait = "10s"
"#;

    fn check(&self, check: &mut Check<'_>) {
        let report = &mut *check.report;
        if self.include.is_empty() {
            report.error("include", "no file is included").help(r#"write include = ["/var/log/app/*.log"]"#);
        }
        for (name, patterns) in [("include", &self.include), ("exclude", &self.exclude)] {
            for (place, pattern) in patterns.iter().enumerate() {
                if let Err(error) = Pattern::new(pattern) {
                    let message = format!("not a pattern for files: {}", error.msg);
                    let at = error.pos.min(pattern.len());
                    report
                        .error([name.into(), place.into()] as [logd_sdk::report::Segment; 2], message)
                        .within(at..pattern.len());
                }
            }
        }
        if self.fingerprint.length < ByteSize::new(1) || self.fingerprint.length > LONGEST_FINGERPRINT {
            let message = format!("the length must lie between 1 B and {LONGEST_FINGERPRINT}");
            report.error(["fingerprint", "length"], message);
        }
        if self.glob_interval.is_zero() {
            report.error("glob_interval", "`glob_interval` must be longer than nothing");
        }
        multiline::check(report, self.max_line_size, self.multiline.as_ref());
    }

    fn makes(&self, _: &str) -> Makes {
        Makes::Fields(vec![OwnedValuePath::single_field(event::MESSAGE)])
    }
}

impl SourceSettings for FileSourceSettings {
    type Source = FileSource;

    fn ends(&self) -> bool {
        true
    }

    async fn build(&self, context: &Context) -> anyhow::Result<FileSource> {
        self.build_with(context, CHUNK)
    }
}

impl FileSourceSettings {
    /// How lines become events.
    pub(crate) fn lines(&self) -> (ByteSize, Option<Multiline>) {
        (self.max_line_size, self.multiline.clone())
    }

    /// A source that reads `chunk` bytes at once.
    pub(crate) fn build_with(&self, context: &Context, chunk: usize) -> anyhow::Result<FileSource> {
        let exclude = self.exclude.iter().map(|pattern| Pattern::new(pattern)).collect::<Result<_, _>>();
        let finder = Finder::Globs { include: self.include.clone(), exclude: exclude.context("`exclude`")? };
        let rules = Rules {
            once: context.once,
            from_end: self.read_from == ReadFrom::End,
            glob_interval: *self.glob_interval,
            rotate_wait: *self.rotate_wait,
        };
        let tools = Tools {
            clock: context.clock.clone(),
            buffers: Buffers::new(chunk),
            splitter: Splitter::new(self.max_line_size, self.multiline.as_ref())
                .context("`multiline.start_pattern`")?,
            fingerprint: self.fingerprint.length.in_memory(),
            too_long: context.meters.counter("logd_file_too_long_lines_total", &[]),
        };
        Ok(FileSource(Follow::new(Reader::new(context.clone(), rules, tools, finder))))
    }
}

/// A running `file` source.
#[derive(Debug)]
pub(crate) struct FileSource(Follow);

impl Source for FileSource {
    async fn next(&mut self) -> anyhow::Result<Next> {
        self.0.next().await
    }

    fn position(&self) -> Option<Vec<u8>> {
        self.0.position()
    }

    fn seek(&mut self, position: &[u8]) -> anyhow::Result<()> {
        self.0.seek(position)
    }
}

#[cfg(test)]
mod tests;
