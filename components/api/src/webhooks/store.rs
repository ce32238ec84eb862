//! The file in which webhooks, silences and calls are kept.
//!
//! A `redb` database, as the checkpoints are. Rows are JSON, so that a later version can read what an earlier one wrote;
//! the bodies of calls lie apart, for they are large and seldom wanted. The secrets of webhooks are in it, so nobody else
//! may read it.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use logd_sdk::Time;
use redb::{Database, DatabaseError, ReadableDatabase as _, ReadableTable, StorageError, Table, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::model::{Heard, Record, Silence, Webhook};

const FACTS: TableDefinition<'_, &str, u64> = TableDefinition::new("facts");
const WEBHOOKS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("webhooks");
const SILENCES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("silences");
/// By webhook and number: calls, in the order in which they came about.
const CALLS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("calls");
/// By webhook and number: what is sent.
const BODIES: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("bodies");
/// By its id: what is known of an incident that its detector has not ended.
const INCIDENTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("incidents");
/// By pipeline and service: since when the rate of errors is high, in microseconds since 1970.
const HIGH_RATES: TableDefinition<'_, (&str, &str), i64> = TableDefinition::new("high_rates");

/// The version of the file's form.
const FORMAT: u64 = 1;
/// redb's page cache, in bytes.
const CACHE: usize = 4 << 20;

/// A change of what is kept.
#[derive(Clone, Debug)]
pub(super) enum Write {
    Webhook(Box<Webhook>),
    /// With all its calls.
    NoWebhook(String),
    Silence(Box<Silence>),
    NoSilence(String),
    /// A call, and its body if that is another one.
    Call {
        webhook: String,
        number: u64,
        record: Box<Record>,
        body: Option<Bytes>,
    },
    NoCall {
        webhook: String,
        number: u64,
    },
    Incident {
        id: String,
        heard: Heard,
    },
    NoIncident(String),
    HighRate {
        pipeline: String,
        service: String,
        since: Time,
    },
    NoHighRate {
        pipeline: String,
        service: String,
    },
}

/// The file. Its clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Store(Arc<Database>);

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// What is in it is not what was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// Something else, which does not get better by another file.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl Store {
    /// Opens the file at `path`, and makes it if it is not there. Returns what is in it as well. Blocks.
    ///
    /// # Errors
    /// It can't be used.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<Write>), Unusable> {
        if !path.exists() {
            // Made beside its place and moved there when it is whole: a crash leaves no half file behind.
            let new = path.with_extension("new");
            make(&new).and_then(|()| Ok(fs::rename(&new, path)?)).context("it can't be made")?;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).context("it can't be kept from others")?;
        let opened = Database::builder().set_cache_size(CACHE).set_check_integrity_on_open(true).open(path);
        let database = opened.map_err(|error| match error {
            DatabaseError::Storage(StorageError::Corrupted(what)) => Unusable::Damaged(what),
            DatabaseError::Storage(StorageError::Io(error))
                if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
            {
                Unusable::Damaged(error.to_string())
            }
            other => Unusable::Other(other.into()),
        })?;
        let store = Self(Arc::new(database));
        let found = store.format().map_err(|error| Unusable::Damaged(format!("{error:#}")))?;
        if found > FORMAT {
            return Err(anyhow::anyhow!("it is of version {found}, and this logd reads version {FORMAT}").into());
        }
        let rows = store.rows().map_err(|error| Unusable::Damaged(format!("{error:#}")))?;
        Ok((store, rows))
    }

    fn format(&self) -> anyhow::Result<u64> {
        let facts = self.0.begin_read()?.open_table(FACTS)?;
        Ok(facts.get("format")?.context("it has no version")?.value())
    }

    /// All that is in it but for bodies, as the changes that lead there.
    fn rows(&self) -> anyhow::Result<Vec<Write>> {
        let read = self.0.begin_read()?;
        let mut rows = Vec::new();
        for row in read.open_table(WEBHOOKS)?.iter()? {
            rows.push(Write::Webhook(decode(row?.1.value())?));
        }
        for row in read.open_table(SILENCES)?.iter()? {
            rows.push(Write::Silence(decode(row?.1.value())?));
        }
        for row in read.open_table(CALLS)?.iter()? {
            let (key, value) = row?;
            let (webhook, number) = key.value();
            let record = decode(value.value())?;
            rows.push(Write::Call { webhook: webhook.to_owned(), number, record, body: None });
        }
        for row in read.open_table(INCIDENTS)?.iter()? {
            let (id, value) = row?;
            rows.push(Write::Incident { id: id.value().to_owned(), heard: decode(value.value())? });
        }
        for row in read.open_table(HIGH_RATES)?.iter()? {
            let (key, since) = row?;
            let (pipeline, service) = key.value();
            let (pipeline, service) = (pipeline.to_owned(), service.to_owned());
            rows.push(Write::HighRate { pipeline, service, since: Time::from_micros(since.value()) });
        }
        Ok(rows)
    }

    /// Makes changes durable: all of them, or none. Blocks.
    pub(super) fn commit(&self, writes: &[Write]) -> anyhow::Result<()> {
        let write = self.0.begin_write()?;
        {
            let mut webhooks = write.open_table(WEBHOOKS)?;
            let mut silences = write.open_table(SILENCES)?;
            let mut calls = write.open_table(CALLS)?;
            let mut bodies = write.open_table(BODIES)?;
            let mut incidents = write.open_table(INCIDENTS)?;
            let mut rates = write.open_table(HIGH_RATES)?;
            for write in writes {
                match write {
                    Write::Webhook(webhook) => put(&mut webhooks, webhook.id.as_str(), webhook)?,
                    Write::NoWebhook(id) => {
                        webhooks.remove(id.as_str())?;
                        let all = || (id.as_str(), u64::MIN)..=(id.as_str(), u64::MAX);
                        calls.retain_in(all(), |_, _| false)?;
                        bodies.retain_in(all(), |_, _| false)?;
                    }
                    Write::Silence(silence) => put(&mut silences, silence.id.as_str(), silence)?,
                    Write::NoSilence(id) => drop(silences.remove(id.as_str())?),
                    Write::Call { webhook, number, record, body } => {
                        let key = (webhook.as_str(), *number);
                        calls.insert(key, serde_json::to_vec(record)?.as_slice())?;
                        if let Some(body) = body {
                            bodies.insert(key, &body[..])?;
                        }
                    }
                    Write::NoCall { webhook, number } => {
                        calls.remove((webhook.as_str(), *number))?;
                        bodies.remove((webhook.as_str(), *number))?;
                    }
                    Write::Incident { id, heard } => put(&mut incidents, id.as_str(), heard)?,
                    Write::NoIncident(id) => drop(incidents.remove(id.as_str())?),
                    Write::HighRate { pipeline, service, since } => {
                        rates.insert((pipeline.as_str(), service.as_str()), since.as_micros())?;
                    }
                    Write::NoHighRate { pipeline, service } => {
                        rates.remove((pipeline.as_str(), service.as_str()))?;
                    }
                }
            }
        }
        write.commit()?;
        Ok(())
    }

    /// The body of a call. Blocks.
    pub(super) fn body(&self, webhook: &str, number: u64) -> anyhow::Result<Option<Bytes>> {
        let bodies = self.0.begin_read()?.open_table(BODIES)?;
        Ok(bodies.get((webhook, number))?.map(|body| Bytes::copy_from_slice(body.value())))
    }
}

/// Makes an empty file.
fn make(path: &Path) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    // Nobody else may read it, from the first moment on; an empty file is made a database.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let store = Store(Arc::new(Database::builder().create(path)?));
    let write = store.0.begin_write()?;
    write.open_table(FACTS)?.insert("format", FORMAT)?;
    write.commit()?;
    // With all its tables, so that reading finds them.
    store.commit(&[])
}

/// Puts a damaged file aside, where somebody may look at it. Returns where.
pub(super) fn set_aside(path: &Path) -> anyhow::Result<PathBuf> {
    let name = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".damaged-{number}"));
        PathBuf::from(name)
    };
    let free = (1..).map(name).find(|place| !place.exists()).context("there is no name left")?;
    fs::rename(path, &free).with_context(|| format!("{} can't be renamed", path.display()))?;
    Ok(free)
}

fn put(table: &mut Table<'_, &str, &[u8]>, key: &str, value: &impl Serialize) -> anyhow::Result<()> {
    table.insert(key, serde_json::to_vec(value)?.as_slice())?;
    Ok(())
}

fn decode<T: DeserializeOwned>(row: &[u8]) -> anyhow::Result<T> {
    serde_json::from_slice(row).context("a row can't be read")
}
