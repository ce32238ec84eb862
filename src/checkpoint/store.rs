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
use logd_sdk::{Clock, ComponentId, Time};
use redb::backends::InMemoryBackend;
use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use super::Epoch;
use super::report::Changes;

/// By component: where a source stands, what a sink keeps.
const POSITIONS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("positions");
/// By component and key: what a transform keeps.
const STATES: TableDefinition<'_, (&str, &[u8]), &[u8]> = TableDefinition::new("states");
/// By component: the type of the one whose position is kept.
const TYPES: TableDefinition<'_, &str, &str> = TableDefinition::new("types");
/// By component: when its last epoch became durable, in microseconds since 1970.
const TIMES: TableDefinition<'_, &str, i64> = TableDefinition::new("times");
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
    /// Of what type the component was that has left the position.
    component_type: Option<String>,
    /// What a transform keeps, by key.
    pub(crate) states: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Saved {
    /// The position, unless a component of another type has left it: that one's is of no use.
    pub(crate) fn position_of(&self, component_type: &str) -> Option<&Vec<u8>> {
        let is_own = self.component_type.as_deref().is_none_or(|known| known == component_type);
        self.position.as_ref().filter(|_| is_own)
    }

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

/// How much a component keeps by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// Whose it is.
    pub(crate) component: ComponentId,
    /// How many keys there are.
    pub(crate) keys: u64,
    /// How large keys and states are together.
    pub(crate) bytes: u64,
    /// When its last epoch became durable; not known of one before there was such a note.
    pub(crate) at: Option<Time>,
}

/// What a component keeps by key, as of one epoch, for as long as this lives.
pub(crate) struct States {
    component: String,
    table: ReadOnlyTable<(&'static str, &'static [u8]), &'static [u8]>,
}

impl States {
    /// Keys and states, in the order of the keys.
    ///
    /// # Errors
    /// The disk can't be read.
    pub(crate) fn iter(&self) -> anyhow::Result<impl Iterator<Item = anyhow::Result<(Vec<u8>, Vec<u8>)>> + use<>> {
        let component = self.component.clone();
        let mut range = self.table.range((component.as_str(), &[][..])..)?;
        Ok(std::iter::from_fn(move || {
            let (name, state) = match range.next()? {
                Ok(entry) => entry,
                Err(error) => return Some(Err(error.into())),
            };
            let (owner, key) = name.value();
            (owner == component).then(|| Ok((key.to_vec(), state.value().to_vec())))
        }))
    }
}

/// What becomes durable with an epoch, for one component.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Whose it is.
    pub(crate) component: ComponentId,
    /// Where it stands.
    pub(crate) position: Option<Position>,
    /// What changed.
    pub(crate) changes: Changes,
}

/// Where a component stands: for one of its type, as no other can read it.
#[derive(Debug)]
pub(crate) struct Position {
    /// The type of the component.
    pub(crate) component_type: &'static str,
    /// What it has handed in.
    pub(crate) bytes: Vec<u8>,
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
            write.open_table(TYPES)?;
            write.open_table(TIMES)?;
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
        let component_type = read.open_table(TYPES)?.get(name.as_str())?.map(|known| known.value().to_owned());
        let states = States { component: name, table: read.open_table(STATES)? };
        Ok(Saved { position, component_type, states: states.iter()?.collect::<Result<_, _>>()? })
    }

    /// What a component keeps by key.
    pub(crate) fn states(&self, component: &ComponentId) -> anyhow::Result<States> {
        let table = self.database.begin_read()?.open_table(STATES)?;
        Ok(States { component: component.to_string(), table })
    }

    /// How much there is of each component that keeps something by key. `key_of` says what key of a component something is
    /// kept of, which may be the same for several in a row; what is of none counts in bytes alone.
    pub(crate) fn sizes(
        &self,
        key_of: impl for<'k> Fn(&ComponentId, &'k [u8]) -> Option<&'k [u8]>,
    ) -> anyhow::Result<Vec<Size>> {
        let read = self.database.begin_read()?;
        let times = read.open_table(TIMES)?;
        let mut sizes: Vec<Size> = Vec::new();
        let (mut last, mut last_key) = (String::new(), None);
        for entry in read.open_table(STATES)?.iter()? {
            let (name, state) = entry?;
            let (owner, key) = name.value();
            if owner != last {
                let (pipeline, id) = owner.split_once('/').unwrap_or(("", owner));
                let at = times.get(owner)?.map(|at| Time::from_micros(at.value()));
                sizes.push(Size { component: ComponentId::new(pipeline, id), keys: 0, bytes: 0, at });
                owner.clone_into(&mut last);
                last_key = None;
            }
            if let Some(size) = sizes.last_mut() {
                match key_of(&size.component, key) {
                    Some(own) if last_key.as_deref() != Some(own) => {
                        size.keys += 1;
                        last_key = Some(own.to_vec());
                    }
                    _ => {}
                }
                size.bytes += (key.len() + state.value().len()) as u64;
            }
        }
        Ok(sizes)
    }

    /// Makes an epoch durable: all of it, or nothing.
    pub(crate) fn commit(&self, epoch: Epoch, entries: &[Entry]) -> anyhow::Result<()> {
        let write = self.database.begin_write()?;
        {
            let mut positions = write.open_table(POSITIONS)?;
            let mut states = write.open_table(STATES)?;
            let (mut types, mut times) = (write.open_table(TYPES)?, write.open_table(TIMES)?);
            let now = Clock::system().now().as_micros();
            for Entry { component, position, changes } in entries {
                let name = component.to_string();
                times.insert(name.as_str(), now)?;
                if let Some(Position { component_type, bytes }) = position {
                    positions.insert(name.as_str(), bytes.as_slice())?;
                    types.insert(name.as_str(), *component_type)?;
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
        clear(&write, components.iter())?;
        write.commit()?;
        Ok(())
    }

    /// Puts states in the place of all that their components have left: all of it, or nothing.
    ///
    /// # Errors
    /// The disk says no, or a state can't be had.
    pub(crate) fn replace<S>(&self, states: impl IntoIterator<Item = (ComponentId, S)>) -> anyhow::Result<()>
    where
        S: Iterator<Item = anyhow::Result<(Vec<u8>, Vec<u8>)>>,
    {
        let write = self.database.begin_write()?;
        for (component, states) in states {
            clear(&write, std::iter::once(&component))?;
            {
                let (mut table, mut times) = (write.open_table(STATES)?, write.open_table(TIMES)?);
                let name = component.to_string();
                times.insert(name.as_str(), Clock::system().now().as_micros())?;
                for entry in states {
                    let (key, state) = entry?;
                    table.insert((name.as_str(), key.as_slice()), state.as_slice())?;
                }
            }
        }
        write.commit()?;
        Ok(())
    }
}

/// Takes out all that components have left.
fn clear<'c>(write: &WriteTransaction, components: impl Iterator<Item = &'c ComponentId>) -> anyhow::Result<()> {
    let (mut positions, mut states) = (write.open_table(POSITIONS)?, write.open_table(STATES)?);
    let (mut types, mut times) = (write.open_table(TYPES)?, write.open_table(TIMES)?);
    for component in components {
        let name = component.to_string();
        positions.remove(name.as_str())?;
        types.remove(name.as_str())?;
        times.remove(name.as_str())?;
        states.retain(|(owner, _), _| owner != name)?;
    }
    Ok(())
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
        let position = Some(Position { component_type: "file", bytes: position.to_vec() });
        Entry { component: ComponentId::new("p", id), position, changes }
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
        assert_eq!(saved.position_of("file").map(Vec::as_slice), Some(&b"2"[..]));
        assert_eq!(saved.position_of("kafka"), None, "it can't be read by another");
        assert_eq!(saved.states, [(b"k".to_vec(), b"v".to_vec())]);
        store.forget(&[ComponentId::new("p", "a")]).expect("forgotten");
        assert!(store.load(&ComponentId::new("p", "a")).expect("read").states.is_empty());
        assert_eq!(store.load(&ComponentId::new("p", "ab")).expect("read").states.len(), 1);
    }

    #[test]
    fn tells_how_much_there_is_and_puts_other_states_in_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("checkpoints")).expect("opened");
        let (a, b) = (ComponentId::new("p", "a"), ComponentId::new("p", "b"));
        let first = [
            entry("a", b"1", &[(b"1k", Some(b"v")), (b"0", Some(b"w")), (b"1l", Some(b"x"))]),
            entry("b", b"7", &[(b"1", Some(b"x"))]),
        ];
        let before = Clock::system().now();
        store.commit(Epoch(1), &first).expect("committed");
        let sizes = store.sizes(|_, key| key.starts_with(b"1").then_some(&key[..1])).expect("read");
        let found: Vec<_> = sizes.iter().map(|size| (&size.component, size.keys, size.bytes)).collect();
        assert_eq!(found, [(&a, 1, 8), (&b, 1, 2)], "two states of one key");
        assert!(sizes[0].at.expect("noted") >= before);

        let snapshot = store.states(&a).expect("read");
        let other = vec![(b"1z".to_vec(), b"new".to_vec())];
        let broken = other.iter().cloned().map(Ok).chain([Err(anyhow::anyhow!("it is cut off"))]);
        store.replace([(a.clone(), broken)]).expect_err("not all of it");
        assert_eq!(store.load(&a).expect("read").states.len(), 3, "nothing has changed");
        store.replace([(a.clone(), other.iter().cloned().map(Ok))]).expect("replaced");
        assert_eq!(snapshot.iter().expect("read").count(), 3, "of the epoch that it was taken at");
        let saved = store.load(&a).expect("read");
        assert_eq!((saved.position, saved.states), (None, other));
        assert_eq!(store.load(&b).expect("read").states.len(), 1);
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
