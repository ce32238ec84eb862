//! The store of checkpoints: one file in `data_dir`, changed in atomic steps.
//!
//! It is a `redb` database: pure Rust, copy-on-write B-trees, one fsync for each commit, and after a crash the last
//! commit stands, whole. State is kept under the component's name and the state's key, so that an epoch writes what
//! changed and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use logd_sdk::ComponentId;
use redb::backends::InMemoryBackend;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::Epoch;
use super::report::Changes;

/// By component: where a source stands, what a sink keeps.
const POSITIONS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("positions");
/// By component and key: what a transform keeps.
const STATES: TableDefinition<'_, (&str, &[u8]), &[u8]> = TableDefinition::new("states");
/// What holds for the store as a whole.
const FACTS: TableDefinition<'_, &str, u64> = TableDefinition::new("facts");

/// The version of the store's form.
const FORMAT: u64 = 1;
/// redb's page cache: the working set of an epoch, not of the data.
const CACHE: usize = 4 << 20;

/// What a component has left.
#[derive(Debug, Default)]
pub(crate) struct Saved {
    /// Where a source stands, what a sink keeps.
    pub(crate) position: Option<Vec<u8>>,
    /// What a transform keeps, by key.
    pub(crate) states: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Saved {
    /// The states after these changes.
    pub(crate) fn after(&self, changes: &Changes) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut states: BTreeMap<Vec<u8>, Vec<u8>> = self.states.iter().cloned().collect();
        for (key, value) in changes {
            match value {
                Some(value) => drop(states.insert(key.clone(), value.clone())),
                None => drop(states.remove(key)),
            }
        }
        states
    }
}

/// What becomes durable with an epoch, for one component.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Whose it is.
    pub(crate) component: ComponentId,
    /// Where it stands.
    pub(crate) position: Option<Vec<u8>>,
    /// What changed.
    pub(crate) changes: Changes,
}

/// The store. Its clones are the same store.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    database: Arc<Database>,
}

impl Store {
    /// Opens the store at `path`, and makes it if it is not there.
    ///
    /// # Errors
    /// The file can't be opened, is damaged, or is of another version.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        if !path.exists() {
            // Made beside its place and moved there when it is whole: a crash leaves no half store behind.
            let new = path.with_extension("new");
            let made = remove_if_there(&new).map_err(Into::into).and_then(|()| Self::at(&new).map(drop));
            made.and_then(|()| Ok(fs::rename(&new, path)?))
                .with_context(|| format!("the checkpoints in {shown} can't be made"))?;
        }
        Self::at(path).with_context(|| format!("the checkpoints in {shown} can't be opened"))
    }

    /// A store that nothing is left of, for a run that is never gone back to.
    ///
    /// # Errors
    /// Those of redb.
    pub(crate) fn in_memory() -> anyhow::Result<Self> {
        let database = Database::builder().set_cache_size(CACHE).create_with_backend(InMemoryBackend::new())?;
        Self::of(database)
    }

    fn at(path: &Path) -> anyhow::Result<Self> {
        Self::of(Database::builder().set_cache_size(CACHE).create(path)?)
    }

    fn of(database: Database) -> anyhow::Result<Self> {
        let store = Self { database: Arc::new(database) };
        store.check_format()?;
        Ok(store)
    }

    fn check_format(&self) -> anyhow::Result<()> {
        let write = self.database.begin_write()?;
        {
            let mut facts = write.open_table(FACTS)?;
            let found = facts.get("format")?.map(|found| found.value());
            match found {
                None => {
                    facts.insert("format", FORMAT)?;
                    facts.insert("lineage", rand::random::<u64>())?;
                }
                Some(FORMAT) => {}
                Some(found) => anyhow::bail!("they are of version {found}, and this logd reads version {FORMAT}"),
            }
            write.open_table(POSITIONS)?;
            write.open_table(STATES)?;
        }
        write.commit()?;
        Ok(())
    }

    /// The number of the last epoch that became durable; 0 before the first.
    pub(crate) fn last_epoch(&self) -> anyhow::Result<Epoch> {
        let facts = self.database.begin_read()?.open_table(FACTS)?;
        Ok(Epoch(facts.get("epoch")?.map_or(0, |epoch| epoch.value())))
    }

    /// The store's name, drawn at random when it was made: what a service keeps for logd under this name belongs to
    /// these checkpoints and to none that were thrown away.
    pub(crate) fn lineage(&self) -> anyhow::Result<String> {
        let facts = self.database.begin_read()?.open_table(FACTS)?;
        let lineage = facts.get("lineage")?.context("the store has no lineage")?.value();
        Ok(format!("{lineage:016x}"))
    }

    /// What a component has left.
    pub(crate) fn load(&self, component: &ComponentId) -> anyhow::Result<Saved> {
        let name = component.to_string();
        let read = self.database.begin_read()?;
        let position = read.open_table(POSITIONS)?.get(name.as_str())?.map(|position| position.value().to_vec());
        let mut states = Vec::new();
        for entry in read.open_table(STATES)?.range((name.as_str(), &[][..])..)? {
            let (key, value) = entry?;
            let (owner, key) = key.value();
            if owner != name {
                break;
            }
            states.push((key.to_vec(), value.value().to_vec()));
        }
        Ok(Saved { position, states })
    }

    /// Makes an epoch durable: all of it, or nothing.
    pub(crate) fn commit(&self, epoch: Epoch, entries: &[Entry]) -> anyhow::Result<()> {
        let write = self.database.begin_write()?;
        {
            let mut positions = write.open_table(POSITIONS)?;
            let mut states = write.open_table(STATES)?;
            for Entry { component, position, changes } in entries {
                let name = component.to_string();
                if let Some(position) = position {
                    positions.insert(name.as_str(), position.as_slice())?;
                }
                for (key, value) in changes {
                    match value {
                        Some(value) => drop(states.insert((name.as_str(), key.as_slice()), value.as_slice())?),
                        None => drop(states.remove((name.as_str(), key.as_slice()))?),
                    }
                }
            }
            let mut facts = write.open_table(FACTS)?;
            let last = facts.get("epoch")?.map_or(0, |last| last.value());
            facts.insert("epoch", last.max(epoch.0))?;
        }
        write.commit()?;
        Ok(())
    }

    /// Forgets all that the components have left.
    pub(crate) fn forget(&self, components: &[ComponentId]) -> anyhow::Result<()> {
        let write = self.database.begin_write()?;
        {
            let mut positions = write.open_table(POSITIONS)?;
            let mut states = write.open_table(STATES)?;
            for component in components {
                let name = component.to_string();
                positions.remove(name.as_str())?;
                states.retain(|(owner, _), _| owner != name)?;
            }
        }
        write.commit()?;
        Ok(())
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, position: &[u8], changes: &[(&[u8], Option<&[u8]>)]) -> Entry {
        let changes = changes.iter().map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))).collect();
        Entry { component: ComponentId::new("p", id), position: Some(position.to_vec()), changes }
    }

    #[test]
    fn keeps_what_was_committed_last() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("checkpoints");
        let store = Store::open(&path).expect("opened");
        assert_eq!(store.last_epoch().expect("read"), Epoch(0));
        let first =
            [entry("a", b"1", &[(b"k", Some(b"v")), (b"l", Some(b"w"))]), entry("ab", b"7", &[(b"k", Some(b"x"))])];
        store.commit(Epoch(1), &first).expect("committed");
        store.commit(Epoch(2), &[entry("a", b"2", &[(b"l", None)])]).expect("committed");
        drop(store);

        let store = Store::open(&path).expect("opened again");
        assert_eq!(store.last_epoch().expect("read"), Epoch(2));
        let saved = store.load(&ComponentId::new("p", "a")).expect("read");
        assert_eq!(saved.position.as_deref(), Some(&b"2"[..]));
        assert_eq!(saved.states, [(b"k".to_vec(), b"v".to_vec())]);
        store.forget(&[ComponentId::new("p", "a")]).expect("forgotten");
        assert!(store.load(&ComponentId::new("p", "a")).expect("read").states.is_empty());
        assert_eq!(store.load(&ComponentId::new("p", "ab")).expect("read").states.len(), 1);
    }

    #[test]
    fn a_crash_while_it_was_made_is_no_harm() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("checkpoints.redb");
        std::fs::write(path.with_extension("new"), [0; 4096]).expect("written");
        Store::open(&path).expect("made anew");
        assert!(!path.with_extension("new").exists());
    }

    #[test]
    fn refuses_what_is_no_store() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("checkpoints");
        std::fs::write(&path, vec![7; 4096]).expect("written");
        let error = format!("{:#}", Store::open(&path).expect_err("no store"));
        assert!(error.contains("can't be opened"), "{error}");
    }
}
