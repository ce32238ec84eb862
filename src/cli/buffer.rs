//! `logd buffer`: what waits on disk.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use logd_disklog::inspect::{self, Report};
use logd_sdk::event::{stored, write_json};

use super::Exit;
use super::settings::{Configuration, print, say, tell};
use crate::admin::control::{self, Answer, Command};
use crate::buffer::{FOLDER, Place, places};
use crate::checkpoint::Store;
use crate::config::compile::Compiled;
use crate::config::daemon::DaemonSettings;
use crate::daemon::{self, CHECKPOINTS, DataDir};

/// Look at what waits on disk, and drop what is of components that are gone; also while the daemon runs
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
    /// List them: what waits, bytes on disk, and which of them are of components that are gone
    Ls,
    /// Read every record, and say what is broken; exit 1 if anything is
    Check,
    /// Print the events that wait in one, as JSON lines
    Cat {
        /// The buffer: PIPELINE/SINK
        name: String,
    },
    /// Throw away what a component holds that is gone
    Drop {
        /// The component, as `ls` shows it: PIPELINE/NAME
        name: String,
    },
}

impl Buffer {
    pub(super) fn execute(self) -> Exit {
        let settings = match self.configuration.settings() {
            Ok(settings) => settings,
            Err(exit) => return exit,
        };
        let data_dir = self.data_dir.clone().unwrap_or_else(|| settings.data_dir.clone());
        let folder = data_dir.join(FOLDER);
        let result = match &self.action {
            Action::Ls => self.ask(&settings, &data_dir, &Command::ListBuffers),
            Action::Check => check(&folder),
            Action::Cat { name } => cat(&folder.join(name)),
            Action::Drop { name } => self.ask(&settings, &data_dir, &Command::DropBuffer(name.clone())),
        };
        result.unwrap_or_else(|error| {
            say(&format!("logd: {error:#}\n"));
            Exit::Unavailable
        })
    }

    /// Has the daemon do it, or does it here where none runs.
    fn ask(&self, settings: &DaemonSettings, data_dir: &Path, command: &Command) -> anyhow::Result<Exit> {
        if !data_dir.exists() {
            return Ok(print("There are no disk buffers.\n"));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let answer = match runtime.block_on(control::ask(data_dir, command))? {
            Some(answer) => answer,
            None => self
                .obey(settings, data_dir, command)
                .map_or_else(|error| Answer::Failed(format!("{error:#}")), Answer::Done),
        };
        Ok(tell(&answer))
    }

    /// Does it while nobody else has the folder.
    fn obey(&self, settings: &DaemonSettings, data_dir: &Path, command: &Command) -> anyhow::Result<String> {
        let _held = DataDir::take(data_dir)?;
        let checkpoints = data_dir.join(CHECKPOINTS);
        let store = checkpoints.exists().then(|| Store::open(&checkpoints)).transpose()?;
        let Compiled { graph, files, .. } = self.configuration.compile(settings, false);
        // What a broken file has in it nobody knows.
        let is_unknown = |pipeline: &str| files.iter().any(|file| file.id == pipeline && !file.accepted);
        let look = |place: Place| {
            let is_orphan = !is_unknown(place.component.pipeline()) && !place.is_of(&graph);
            anyhow::Ok((place.look(store.as_ref())?, is_orphan))
        };
        let found: Vec<_> = places(data_dir)?.into_iter().map(look).collect::<Result<_, _>>()?;
        match command {
            Command::DropBuffer(name) => daemon::drop_orphan(&found, name, store.as_ref()),
            _ => Ok(daemon::list(&found)),
        }
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
