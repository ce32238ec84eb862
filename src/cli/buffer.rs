//! `logd buffer`: what waits on disk.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use logd_disklog::inspect::{self, Report};
use logd_sdk::event::{stored, write_json};

use super::Exit;
use super::settings::{Configuration, print, say};

/// Look at the disk buffers; also while the daemon runs
#[derive(Args, Debug)]
pub(super) struct Buffer {
    #[command(flatten)]
    configuration: Configuration,

    /// Where the daemon keeps its state [default: ./data]
    #[arg(long, value_name = "DIR", env = "LOGD_DATA_DIR", global = true)]
    data_dir: Option<PathBuf>,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List them: batches that wait, bytes on disk
    Ls,
    /// Read every record, and say what is broken; exit 1 if anything is
    Check,
    /// Print the events that wait in one, as JSON lines
    Cat {
        /// The buffer: PIPELINE/SINK
        name: String,
    },
}

impl Buffer {
    pub(super) fn execute(self) -> Exit {
        let settings = match self.configuration.settings() {
            Ok(settings) => settings,
            Err(exit) => return exit,
        };
        let folder = self.data_dir.unwrap_or(settings.data_dir).join("buffers");
        let result = match &self.action {
            Action::Ls => list(&folder),
            Action::Check => check(&folder),
            Action::Cat { name } => cat(&folder.join(name)),
        };
        result.unwrap_or_else(|error| {
            say(&format!("logd: {error:#}\n"));
            Exit::Unavailable
        })
    }
}

/// The buffers in a folder, by name.
fn buffers(folder: &Path) -> anyhow::Result<Vec<(String, Report)>> {
    let mut found = Vec::new();
    for pipeline in folders(folder)? {
        for sink in folders(&pipeline)? {
            let name = sink.strip_prefix(folder).unwrap_or(&sink).display().to_string();
            let report = inspect::report(&sink).with_context(|| format!("the buffer {name} can't be read"))?;
            found.push((name, report));
        }
    }
    Ok(found)
}

fn folders(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder).with_context(|| format!("{} can't be read", folder.display()))?;
    let mut folders: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    folders.sort();
    Ok(folders)
}

fn list(folder: &Path) -> anyhow::Result<Exit> {
    let mut text = String::new();
    for (name, report) in buffers(folder)? {
        let last = report.segments.iter().filter_map(|segment| segment.last).max().unwrap_or(0);
        let (waiting, bytes) =
            (last.saturating_sub(report.released), report.segments.iter().map(|segment| segment.size).sum::<u64>());
        text += &format!("{name}  {waiting} batches wait, {bytes} bytes on disk\n");
    }
    Ok(print(if text.is_empty() { "There are no disk buffers.\n" } else { &text }))
}

fn check(folder: &Path) -> anyhow::Result<Exit> {
    let (mut text, mut exit) = (String::new(), Exit::Ok);
    for (name, report) in buffers(folder)? {
        let broken: u64 = report.segments.iter().map(|segment| segment.broken).sum();
        let (records, segments) =
            (report.segments.iter().map(|segment| segment.records).sum::<u64>(), report.segments.len());
        text += &format!("{name}  {segments} segments, {records} records, {broken} broken places");
        for (segment, header) in report.segments.iter().filter_map(|one| Some((one, one.header.as_ref()?))) {
            text += &format!("; {} {header}", segment.name);
        }
        text += if report.is_whole() { ": whole\n" } else { ": damaged\n" };
        if !report.is_whole() {
            exit = Exit::Failure;
        }
    }
    print(if text.is_empty() { "There are no disk buffers.\n" } else { &text });
    Ok(exit)
}

fn cat(folder: &Path) -> anyhow::Result<Exit> {
    anyhow::ensure!(folder.is_dir(), "there is no such buffer; `logd buffer ls` shows those there are");
    let released = inspect::report(folder)?.released;
    for record in inspect::records(folder, released + 1)? {
        let (number, record) = record?;
        if number <= released {
            continue;
        }
        let batch = stored::decode(&record)?;
        let mut text = Vec::new();
        for row in 0..batch.len() {
            write_json(&batch, row, &mut text);
            text.push(b'\n');
        }
        if print(&String::from_utf8_lossy(&text)) != Exit::Ok {
            break;
        }
    }
    Ok(Exit::Ok)
}
