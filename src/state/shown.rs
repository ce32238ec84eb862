//! What is known of one key, as it is shown.

use logd_sdk::erased::AnyKeyed;
use logd_sdk::keyed::Description;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::kept::Kept;
use crate::topology::key_of;

/// One key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shown {
    /// Its values, with commas between them.
    pub(crate) key: String,
    /// How large all is that is kept of it.
    pub(crate) bytes: usize,
    /// What is known, in a line; or why that can't be said.
    pub(crate) words: Option<String>,
    /// What is known, in figures.
    pub(crate) figures: Option<Value>,
}

impl Shown {
    /// What is kept of a key, as its component tells it; without one there is no more to say than its size. Nothing of what
    /// is of no key.
    pub(super) fn new(keyed: Option<&dyn AnyKeyed>, kept: &Kept) -> Option<Self> {
        let key = kept.key.as_deref()?;
        let bytes = kept.entries.iter().map(|(_, state)| state.len()).sum();
        let unnamed = |words| Self { key: String::from_utf8_lossy(key).into_owned(), bytes, words, figures: None };
        Some(match keyed.map(|keyed| describe(keyed, key, kept)) {
            Some(Ok(Some(Description { key, words, figures }))) => {
                Self { key, bytes, words: Some(words), figures: Some(figures) }
            }
            Some(Ok(None)) | None => unnamed(None),
            Some(Err(error)) => unnamed(Some(format!("can't be read: {error:#}"))),
        })
    }
}

/// What a component would know of a key if it began with that alone.
fn describe(keyed: &dyn AnyKeyed, key: &[u8], kept: &Kept) -> anyhow::Result<Option<Description>> {
    let mut shard = keyed.shard();
    for (name, state) in &kept.entries {
        shard.load(key_of(name).unwrap_or_default(), state)?;
    }
    Ok(shard.describe(key))
}
