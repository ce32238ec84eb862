//! Names that come out the same after a restart, on another machine, and in a replay.
//!
//! A sink that has stored an anomaly knows it again by its id, so a replayed epoch doubles nothing. The ids are
//! XXH3 (128 bits): fast and the same on every platform; nobody has a reason to forge one.

use indexmap::IndexMap;
use xxhash_rust::xxh3::xxh3_128;

use crate::time::Micros;

/// What a detector keeps apart: field → value of `group_by`, in its order. Empty without `group_by`.
pub type Key = IndexMap<String, String>;

/// Where a detector stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The pipeline's id: its file's stem.
    pub pipeline: String,
    /// The component's id in it, such as `latency`.
    pub component: String,
    /// The field that it judges, such as `latency_mean`. Incidents are not named by it.
    pub field: String,
}

impl Identity {
    /// The name of the incident of `key` that began at `since`.
    pub(crate) fn incident(&self, key: &Key, since: Micros) -> u128 {
        let mut bytes = Vec::new();
        // Each part with its length before it: "ab" + "c" is not "a" + "bc".
        let parts = [&self.pipeline, &self.component].into_iter().chain(key.iter().flat_map(|(k, v)| [k, v]));
        for part in parts {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part.as_bytes());
        }
        bytes.extend(since.0.to_le_bytes());
        xxh3_128(&bytes)
    }
}

/// The name of an incident's `change`-th event.
pub(crate) fn event(incident: u128, change: u32) -> u128 {
    let mut bytes = incident.to_le_bytes().to_vec();
    bytes.extend(change.to_le_bytes());
    xxh3_128(&bytes)
}

/// An id as it is written: 32 hexadecimal digits.
pub(crate) fn hex(id: u128) -> String {
    format!("{id:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(pairs: &[(&str, &str)]) -> Key {
        pairs.iter().map(|&(field, value)| (field.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn ids_are_stable_across_versions() {
        // Computed with the Python package xxhash.
        let identity = Identity { pipeline: "demo".to_owned(), component: "latency".to_owned(), field: String::new() };
        let id = identity.incident(&key(&[("service", "payment-service")]), Micros(1_700_000_000_000_000));
        assert_eq!(hex(id), "168800158a854ad2aeb4efb9cae632c8");
        assert_eq!(hex(event(id, 1)), "f43a1da73f7d6cff4576d8557c70b6ec");
    }

    #[test]
    fn whatever_differs_gives_another_id() {
        let at = |pipeline: &str, component: &str, pairs: &[(&str, &str)], since| {
            let identity =
                Identity { pipeline: pipeline.to_owned(), component: component.to_owned(), field: String::new() };
            identity.incident(&key(pairs), Micros(since))
        };
        let ids = [
            at("a", "b", &[("c", "d")], 0),
            at("ab", "", &[("c", "d")], 0),
            at("a", "b", &[("cd", "")], 0),
            at("a", "b", &[("c", "e")], 0),
            at("a", "b", &[], 0),
            at("a", "b", &[("c", "d")], 1),
        ];
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids[index + 1..].contains(id), "{index}");
            assert_ne!(event(*id, 1), event(*id, 2));
        }
    }
}
