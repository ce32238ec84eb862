//! The names of a batch's columns.

use std::sync::Arc;

use vrl::path::OwnedValuePath;

/// The fields that a batch holds taken out, in order. Shared by all batches that come the same way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns(Vec<OwnedValuePath>);

impl Columns {
    /// Columns for these fields, each once, in the order in which they are first named.
    #[must_use]
    pub fn new(paths: impl IntoIterator<Item = OwnedValuePath>) -> Arc<Self> {
        let mut columns = Vec::new();
        for path in paths {
            if !columns.contains(&path) {
                columns.push(path);
            }
        }
        Arc::new(Self(columns))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields, in order.
    #[must_use]
    pub fn paths(&self) -> &[OwnedValuePath] {
        &self.0
    }

    /// Where the field `path` stands, if it is one of them.
    #[must_use]
    pub fn find(&self, path: &OwnedValuePath) -> Option<usize> {
        self.0.iter().position(|column| column == path)
    }

    /// Whether every one of `others` is among them.
    #[must_use]
    pub fn contains(&self, others: &Self) -> bool {
        std::ptr::eq(self, others) || others.0.iter().all(|path| self.0.contains(path))
    }
}
