//! The parts that there are, and readers of those that were asked for lately.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tantivy::{IndexReader, ReloadPolicy, Searcher};

use super::part::{Part, PartName};

/// So many parts are kept open for readers. An open one costs some hundred KiB, for its files are mapped.
const OPEN: usize = 32;
/// So many blocks of records each reader keeps uncompressed.
const BLOCKS: usize = 8;

/// The parts.
#[derive(Default)]
pub(super) struct Parts {
    /// The oldest first.
    list: RwLock<Vec<Arc<Part>>>,
    /// Readers, the one that was used last at the end.
    readers: Mutex<Vec<(PartName, IndexReader)>>,
}

impl Parts {
    pub(super) fn new(list: Vec<Part>) -> Self {
        Self { list: RwLock::new(list.into_iter().map(Arc::new).collect()), readers: Mutex::default() }
    }

    /// All of them, the oldest first.
    pub(super) fn list(&self) -> Vec<Arc<Part>> {
        self.list.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn add(&self, part: Arc<Part>) {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        list.push(part);
        // A clock that was put back makes a part of an earlier hour.
        list.sort_by_key(|part| part.name);
    }

    pub(super) fn remove(&self, name: PartName) {
        self.list.write().unwrap_or_else(PoisonError::into_inner).retain(|part| part.name != name);
        self.readers().retain(|(other, _)| *other != name);
    }

    /// A view of what was committed to a part. Blocks.
    ///
    /// # Errors
    /// The part can't be opened.
    pub(super) fn searcher(&self, part: &Part) -> anyhow::Result<Searcher> {
        let known = {
            let mut readers = self.readers();
            readers.iter().position(|(name, _)| *name == part.name).map(|place| {
                let reader = readers.remove(place);
                readers.push(reader.clone());
                reader.1
            })
        };
        if let Some(reader) = known {
            return Ok(reader.searcher());
        }
        let reader = part.index()?.reader_builder().reload_policy(ReloadPolicy::Manual);
        let reader: IndexReader = reader.doc_store_cache_num_blocks(BLOCKS).try_into()?;
        let mut readers = self.readers();
        readers.retain(|(name, _)| *name != part.name);
        if readers.len() == OPEN {
            readers.remove(0);
        }
        readers.push((part.name, reader.clone()));
        Ok(reader.searcher())
    }

    /// Shows readers of a part what was committed to it.
    pub(super) fn reload(&self, name: PartName) -> tantivy::Result<()> {
        let reader = self.readers().iter().find(|(other, _)| *other == name).map(|(_, reader)| reader.clone());
        reader.map_or(Ok(()), |reader| reader.reload())
    }

    fn readers(&self) -> MutexGuard<'_, Vec<(PartName, IndexReader)>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
