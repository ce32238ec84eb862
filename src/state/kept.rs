//! What is kept of one key: some components keep several states of each.

use std::sync::Arc;

use logd_sdk::component::KeyedPlan;

use crate::topology::key_of;

/// What is kept under a name: both as they stand in the store.
pub(crate) type Entry = (Vec<u8>, Vec<u8>);

/// All that is kept of a key.
pub(super) struct Kept {
    /// The key; none of what tells how far event time has come.
    pub(super) key: Option<Vec<u8>>,
    /// The states.
    pub(super) entries: Vec<Entry>,
}

/// Puts together what is of one key, and stands side by side; each for itself where no component says what is.
pub(super) fn by_key(
    entries: impl Iterator<Item = anyhow::Result<Entry>>,
    plan: Option<Arc<dyn KeyedPlan>>,
) -> impl Iterator<Item = anyhow::Result<Kept>> {
    let mut entries = entries.peekable();
    std::iter::from_fn(move || {
        let owner =
            |name: &[u8]| key_of(name).map(|saved| plan.as_ref().map_or(saved, |plan| plan.owner(saved)).to_vec());
        let first = match entries.next()? {
            Ok(entry) => entry,
            Err(error) => return Some(Err(error)),
        };
        let (key, mut kept) = (owner(&first.0), vec![first]);
        let is_of_it = |next: &anyhow::Result<Entry>| next.as_ref().is_ok_and(|(name, _)| owner(name) == key);
        while let Some(Ok(more)) = entries.next_if(is_of_it) {
            kept.push(more);
        }
        Some(Ok(Kept { key, entries: kept }))
    })
}
