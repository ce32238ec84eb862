//! What is known of one key, as it is shown.

use logd_sdk::erased::AnyKeyed;
use logd_sdk::keyed::Description;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shown {
    /// Its values, with commas between them.
    pub(crate) key: String,
    /// How large the state is.
    pub(crate) bytes: usize,
    /// What is known, in a line; or why that can't be said.
    pub(crate) words: Option<String>,
    /// What is known, in figures.
    pub(crate) figures: Option<Value>,
}

impl Shown {
    /// The state of a key, as its component tells it; without one there is no more to say than its size.
    pub(super) fn new(keyed: Option<&dyn AnyKeyed>, key: &[u8], state: &[u8]) -> Self {
        let bytes = state.len();
        let unnamed = |words| Self { key: String::from_utf8_lossy(key).into_owned(), bytes, words, figures: None };
        match keyed.map(|keyed| keyed.describe(key, state)) {
            Some(Ok(Some(Description { key, words, figures }))) => {
                Self { key, bytes, words: Some(words), figures: Some(figures) }
            }
            Some(Ok(None)) | None => unnamed(None),
            Some(Err(error)) => unnamed(Some(format!("can't be read: {error:#}"))),
        }
    }
}
