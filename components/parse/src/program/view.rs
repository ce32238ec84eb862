//! What a program that changes nothing sees of an event: the fields that it names, without an object around them.
//!
//! A program that reads two fields of an event need not have the event made into a tree: VRL asks its target for
//! paths, and these are known beforehand.

use vrl::compiler::{SecretTarget, Target};
use vrl::path::{OwnedTargetPath, OwnedValuePath, PathPrefix};
use vrl::value::{ObjectMap, Value};

/// The fields of one event.
#[derive(Debug)]
pub(crate) struct View<'c> {
    paths: &'c [OwnedValuePath],
    /// One for each path; `None` where the event has no such field.
    pub(crate) values: Vec<Option<Value>>,
    /// `%id` and so on, if the program asks for them.
    pub(crate) metadata: Value,
    /// VRL asks whether there is an event at all.
    root: Value,
}

impl<'c> View<'c> {
    /// A view of the fields `paths`.
    pub(crate) fn new(paths: &'c [OwnedValuePath]) -> Self {
        let root = Value::Object(ObjectMap::new());
        Self { paths, values: vec![None; paths.len()], metadata: Value::Null, root }
    }
}

/// Such a program changes nothing, as its compiler has seen to.
const READ_ONLY: &str = "the event can't be changed";

impl Target for View<'_> {
    fn target_get(&self, path: &OwnedTargetPath) -> Result<Option<&Value>, String> {
        if path.prefix == PathPrefix::Metadata {
            return Ok(self.metadata.get(&path.path));
        }
        if let Some(place) = self.paths.iter().position(|known| *known == path.path) {
            return Ok(self.values[place].as_ref());
        }
        Ok(path.path.is_root().then_some(&self.root))
    }

    fn target_insert(&mut self, _: &OwnedTargetPath, _: Value) -> Result<(), String> {
        Err(READ_ONLY.to_owned())
    }

    fn target_get_mut(&mut self, _: &OwnedTargetPath) -> Result<Option<&mut Value>, String> {
        Err(READ_ONLY.to_owned())
    }

    fn target_remove(&mut self, _: &OwnedTargetPath, _: bool) -> Result<Option<Value>, String> {
        Err(READ_ONLY.to_owned())
    }
}

impl SecretTarget for View<'_> {
    fn get_secret(&self, _: &str) -> Option<&str> {
        None
    }

    fn insert_secret(&mut self, _: &str, _: &str) {}

    fn remove_secret(&mut self, _: &str) {}
}
