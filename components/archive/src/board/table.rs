//! Things with a name of several texts, found without allocation.
//!
//! A thing's number stays its own until it is removed, so that others can point to it by four bytes.

use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Numbered things, by name.
#[derive(Debug)]
pub(crate) struct Table<T> {
    index: HashTable<u32>,
    /// Each with the hash of its name.
    items: Vec<Option<(u64, T)>>,
    free: Vec<u32>,
    state: RandomState,
}

impl<T> Table<T> {
    pub(crate) fn new() -> Self {
        Self { index: HashTable::new(), items: Vec::new(), free: Vec::new(), state: RandomState::default() }
    }

    /// The hash of a name.
    pub(crate) fn hash(&self, name: &[&str]) -> u64 {
        let mut hasher = self.state.build_hasher();
        name.iter().for_each(|part| part.hash(&mut hasher));
        hasher.finish()
    }

    /// The number of the thing with this hash that `is` it.
    pub(crate) fn find(&self, hash: u64, is: impl Fn(&T) -> bool) -> Option<u32> {
        self.index.find(hash, |&number| self.get(number).is_some_and(&is)).copied()
    }

    /// Takes in a thing that is not there yet.
    pub(crate) fn insert(&mut self, hash: u64, item: T) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.items.push(None);
            (self.items.len() - 1) as u32
        });
        self.items[number as usize] = Some((hash, item));
        let items = &self.items;
        let rehash = |&number: &u32| items[number as usize].as_ref().map_or(0, |(hash, _)| *hash);
        self.index.insert_unique(hash, number, rehash);
        number
    }

    pub(crate) fn remove(&mut self, number: u32) {
        let Some((hash, _)) = self.items.get_mut(number as usize).and_then(Option::take) else { return };
        if let Ok(entry) = self.index.find_entry(hash, |&found| found == number) {
            entry.remove();
        }
        self.free.push(number);
    }

    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.items.get(number as usize)?.as_ref().map(|(_, item)| item)
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.items.get_mut(number as usize)?.as_mut().map(|(_, item)| item)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.items).filter_map(|(number, item)| item.as_ref().map(|(_, item)| (number, item)))
    }
}

impl<T> Table<T> {
    /// The things, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.items.iter_mut().flatten().map(|(_, item)| item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_and_given_again() {
        let mut table = Table::new();
        let number = |table: &Table<String>, name: &str| table.find(table.hash(&[name]), |item| item == name);
        for name in 0..1000 {
            let name = name.to_string();
            let hash = table.hash(&[&name]);
            assert_eq!(table.insert(hash, name.clone()).to_string(), name);
        }
        assert_eq!(number(&table, "77"), Some(77));
        table.remove(77);
        assert_eq!((number(&table, "77"), number(&table, "78"), table.len()), (None, Some(78), 999));
        let hash = table.hash(&["new"]);
        assert_eq!(table.insert(hash, "new".to_owned()), 77);
        assert_eq!(table.iter().count(), 1000);
        assert_ne!(table.hash(&["ab", "c"]), table.hash(&["a", "bc"]));
    }
}
