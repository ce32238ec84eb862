//! The small things on disk: counters, series, anomalies, incidents, and how far each feed is. A `redb` database: one
//! atomic commit an epoch, readers that see the last commit and wait for nobody.
//!
//! A database that turns out to be damaged is set aside under another name, for whoever wants to look, and a new one
//! takes its place: logd goes on.

mod apply;
mod incidents;
mod series;
mod tables;
mod tend;

use std::collections::HashMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use anyhow::{Context as _, bail};
use logd_sdk::snapshot;
use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use self::tables::{FACTS, FEEDS, FORMAT, SERIES, SERVICES};
use crate::board::{Counts, Kept, LeftOut, Spoke};
use crate::incident::{Actions, Record};
use crate::series::SeriesName;

pub(crate) use apply::Applied;
pub(crate) use incidents::Told;

/// redb's page cache.
const CACHE: usize = 16 << 20;
/// The version of the records in the tables.
const VERSION: u8 = 1;

/// What the archive has on disk, and what it has left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The bytes of all its files.
    pub bytes: u64,
    /// Those of the logs.
    pub log_bytes: u64,
    /// How many logs can be searched.
    pub logs: u64,
    /// In how many parts: an hour's logs, or less of an hour with many.
    pub parts: usize,
    /// How many series of points and scores are known.
    pub series: usize,
    /// What was left out.
    pub left_out: LeftOut,
}

/// Why the database did not do what it was asked.
#[derive(Debug, Error)]
pub(crate) enum Broken {
    /// It says so itself.
    #[error(transparent)]
    Database(#[from] redb::Error),
    /// A record is not what was written.
    #[error("a record can't be read")]
    Record(#[source] anyhow::Error),
}

impl Broken {
    /// Whether trying again is of no use.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Self::Record(_) | Self::Database(redb::Error::Corrupted(_)))
    }
}

macro_rules! broken_from {
    ($($error:ty),*) => { $(
        impl From<$error> for Broken {
            fn from(error: $error) -> Self {
                Self::Database(error.into())
            }
        }
    )* };
}
broken_from!(redb::StorageError, redb::TableError, redb::TransactionError, redb::CommitError, redb::DatabaseError);

/// A record as it stands in a table.
fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, Broken> {
    snapshot::encode(VERSION, record).map_err(Broken::Record)
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Broken> {
    snapshot::decode(VERSION, bytes).map_err(Broken::Record)
}

/// What is kept of a service: what was counted, how many anomalies it had, when it spoke.
pub(crate) type StoredService = (Counts, u64, Spoke);

/// What is there when the archive is opened.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) services: Vec<(String, String, StoredService)>,
    /// The series, each with the last second that was known when this was written.
    pub(crate) series: Vec<(Arc<SeriesName>, i64)>,
    pub(crate) watched: Vec<(Record, Actions)>,
    pub(crate) feeds: Vec<(Arc<str>, u64)>,
}

/// The database.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    /// Held for reading while a transaction begins, and for writing while one is committed and the board is told: so
    /// that a reader who asks both finds everything in exactly one of them.
    database: RwLock<Database>,
    /// Held by whoever writes, so that nobody waits for another's transaction while they hold `database`.
    writing: Mutex<()>,
    /// The ids of the series.
    ids: Mutex<HashMap<Arc<SeriesName>, u32>>,
}

impl Store {
    /// Opens the database at `path`, and makes it if it is not there. Blocks. Says whether it is new,
    /// for there was none, or a damaged one that was set aside.
    ///
    /// # Errors
    /// The file can't be opened or made, or another process has it.
    pub(crate) fn open(path: &Path) -> anyhow::Result<(Self, Loaded, bool)> {
        let shown = path.display();
        let was_there = path.exists();
        // A damaged file may make redb panic.
        let opened = catch_unwind(AssertUnwindSafe(|| match fs::metadata(path) {
            // redb would take it for a new one.
            Ok(metadata) if metadata.len() == 0 => Err(OpenError::Damaged("it is empty".to_owned())),
            _ => open(path),
        }));
        let (opened, reason) = match opened {
            Ok(Ok(opened)) => (Some(opened), String::new()),
            Ok(Err(OpenError::Damaged(reason))) => (None, reason),
            Ok(Err(OpenError::Other(error))) => return Err(error.context(format!("{shown} can't be opened"))),
            Err(_) => (None, "it can't be read without a panic".to_owned()),
        };
        let is_new = opened.is_none() || !was_there;
        let (database, loaded) = match opened {
            Some(opened) => opened,
            None => {
                set_aside(path, &reason)?;
                match open(path) {
                    Ok(opened) => opened,
                    Err(OpenError::Damaged(reason)) => bail!("{shown} can't be made: {reason}"),
                    Err(OpenError::Other(error)) => return Err(error.context(format!("{shown} can't be made"))),
                }
            }
        };
        let (loaded, ids) = loaded;
        let store = Self {
            path: path.to_owned(),
            database: RwLock::new(database),
            writing: Mutex::default(),
            ids: Mutex::new(ids),
        };
        Ok((store, loaded, is_new))
    }

    /// Begins to read, and asks the board by `also` at the same moment. Blocks for as long as a commit takes.
    pub(crate) fn read<T>(&self, also: impl FnOnce() -> T) -> Result<(ReadTransaction, T), Broken> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        Ok((database.begin_read()?, also()))
    }

    /// Sets the database aside, and begins with one that has no more than what `kept` says. Blocks.
    ///
    /// # Errors
    /// It can't be renamed, or a new one can't be made.
    pub(crate) fn replace(&self, reason: &str, kept: impl FnOnce() -> Kept) -> anyhow::Result<()> {
        let _writing = self.writing();
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        set_aside(&self.path, reason)?;
        let made = open(&self.path).map_err(|error| match error {
            OpenError::Damaged(reason) => anyhow::anyhow!(reason),
            OpenError::Other(error) => error,
        });
        let (new, _) = made.with_context(|| format!("{} can't be made", self.path.display()))?;
        keep(&new, &kept())?;
        self.ids().clear();
        *database = new;
        Ok(())
    }

    /// The epoch of a feed that was applied last.
    pub(crate) fn epoch(&self, feed: &str) -> Result<Option<u64>, Broken> {
        let (read, ()) = self.read(|| ())?;
        let epoch = read.open_table(FEEDS)?.get(feed)?.map(|epoch| epoch.value());
        Ok(epoch)
    }

    /// Takes in what is known elsewhere. Blocks.
    pub(crate) fn keep(&self, kept: &Kept) -> Result<(), Broken> {
        let _writing = self.writing();
        keep(&self.database.read().unwrap_or_else(PoisonError::into_inner), kept)
    }

    /// The bytes of the file.
    pub(crate) fn bytes(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// The turn to write.
    fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to write, for whoever has the turn.
    fn begin_write(&self) -> Result<WriteTransaction, Broken> {
        Ok(self.database.read().unwrap_or_else(PoisonError::into_inner).begin_write()?)
    }

    fn ids(&self) -> MutexGuard<'_, HashMap<Arc<SeriesName>, u32>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep(database: &Database, kept: &Kept) -> Result<(), Broken> {
    let write = database.begin_write()?;
    {
        let mut feeds = write.open_table(FEEDS)?;
        for (feed, epoch) in &kept.feeds {
            let known = feeds.get(&**feed)?.map_or(0, |known| known.value());
            feeds.insert(&**feed, known.max(*epoch))?;
        }
        let mut services = write.open_table(SERVICES)?;
        for (pipeline, service, stored) in &kept.services {
            services.insert((&**pipeline, &**service), encode(stored)?.as_slice())?;
        }
    }
    write.commit()?;
    Ok(())
}

/// Renames what is damaged, and says so.
pub(crate) fn set_aside(path: &Path, reason: &str) -> anyhow::Result<()> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let aside = (1_u32..).map(|number| path.with_file_name(format!("{name}.damaged-{number}")));
    let aside = aside.take(10_000).find(|aside| !aside.exists()).context("too many damaged files lie about")?;
    fs::rename(path, &aside).with_context(|| format!("{} is damaged and can't be renamed", path.display()))?;
    let (path, aside) = (path.display(), aside.display());
    tracing::error!(%path, %aside, reason, "A part of the archive is damaged, and was set aside.");
    Ok(())
}

enum OpenError {
    Damaged(String),
    Other(anyhow::Error),
}

impl From<Broken> for OpenError {
    fn from(broken: Broken) -> Self {
        if broken.is_damage() {
            Self::Damaged(format!("{:#}", anyhow::Error::new(broken)))
        } else {
            Self::Other(broken.into())
        }
    }
}

type Ids = HashMap<Arc<SeriesName>, u32>;

fn open(path: &Path) -> Result<(Database, (Loaded, Ids)), OpenError> {
    let opened = Database::builder().set_cache_size(CACHE).set_check_integrity_on_open(true).create(path);
    let database = opened.map_err(|error| match error {
        // Not a database at all.
        DatabaseError::Storage(redb::StorageError::Io(io)) if io.kind() == std::io::ErrorKind::InvalidData => {
            OpenError::Damaged(io.to_string())
        }
        DatabaseError::UpgradeRequired(version) => OpenError::Damaged(format!("its format is {version}")),
        DatabaseError::RepairAborted => OpenError::Damaged("it can't be repaired".to_owned()),
        other => Broken::from(other).into(),
    })?;
    let format = prepare(&database)?;
    if format != FORMAT {
        return Err(OpenError::Damaged(format!("it is of version {format}, and this logd reads version {FORMAT}")));
    }
    let loaded = load(&database)?;
    Ok((database, loaded))
}

/// Makes the tables, and returns the version of what is in them.
fn prepare(database: &Database) -> Result<u64, Broken> {
    let write = database.begin_write()?;
    let format = {
        let mut facts = write.open_table(FACTS)?;
        let found = facts.get("format")?.map(|found| found.value());
        if found.is_none() {
            facts.insert("format", FORMAT)?;
        }
        found.unwrap_or(FORMAT)
    };
    tables::make(&write)?;
    write.commit()?;
    Ok(format)
}

fn load(database: &Database) -> Result<(Loaded, Ids), Broken> {
    let read = database.begin_read()?;
    let mut loaded = Loaded::default();
    for row in read.open_table(SERVICES)?.iter()? {
        let (key, service) = row?;
        let (pipeline, name) = key.value();
        loaded.services.push((pipeline.to_owned(), name.to_owned(), decode(service.value())?));
    }
    let mut ids = HashMap::new();
    for row in read.open_table(SERIES)?.iter()? {
        let (id, series) = row?;
        let (name, last): (Arc<SeriesName>, i64) = decode(series.value())?;
        ids.insert(Arc::clone(&name), id.value());
        loaded.series.push((name, last));
    }
    for row in read.open_table(FEEDS)?.iter()? {
        let (feed, epoch) = row?;
        loaded.feeds.push((feed.value().into(), epoch.value()));
    }
    loaded.watched = incidents::watched(&read)?;
    Ok((loaded, ids))
}

#[cfg(test)]
impl Store {
    /// Puts a record into each list that is none.
    pub(crate) fn spoil(&self) {
        let _writing = self.writing();
        let write = self.begin_write().expect("begun");
        let nonsense = &b"nonsense"[..];
        write.open_table(tables::ANOMALIES).expect("opened").insert((0, "x"), nonsense).expect("inserted");
        write.open_table(tables::INCIDENTS).expect("opened").insert((0, "x"), nonsense).expect("inserted");
        write.open_table(SERVICES).expect("opened").insert(("p", "web"), nonsense).expect("inserted");
        write.commit().expect("committed");
    }
}
