//! How positions and states become bytes: a version, then `postcard`.
//!
//! `postcard` is a compact format for serde (its wire format is specified and stable); the leading byte lets a
//! component change what it keeps and still know what an older one has left.

use anyhow::{Context as _, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Encodes a state of this version.
///
/// # Errors
/// The type can't be encoded, as with a sequence whose length is not known.
pub fn encode<T: Serialize>(version: u8, state: &T) -> anyhow::Result<Vec<u8>> {
    postcard::to_extend(state, vec![version]).context("a state can't be encoded")
}

/// Decodes what [`encode`] made, if it has this version.
///
/// # Errors
/// Another version, or not what was encoded.
pub fn decode<T: DeserializeOwned>(version: u8, bytes: &[u8]) -> anyhow::Result<T> {
    borrow(version, bytes)
}

/// As [`decode`], for a type that points into the bytes.
///
/// # Errors
/// Another version, or not what was encoded.
pub fn borrow<'b, T: Deserialize<'b>>(version: u8, bytes: &'b [u8]) -> anyhow::Result<T> {
    match bytes.split_first() {
        Some((&found, state)) if found == version => postcard::from_bytes(state).context("a state can't be decoded"),
        Some((found, _)) => bail!("a state of version {found}, and this logd reads version {version}"),
        None => bail!("an empty state"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_own_version_only() {
        let bytes = encode(2, &(7_u64, "text")).expect("encoded");
        assert_eq!(decode::<(u64, String)>(2, &bytes).expect("decoded"), (7, "text".to_owned()));
        assert!(decode::<(u64, String)>(1, &bytes).is_err());
        assert!(decode::<(u64, String)>(2, &bytes[..2]).is_err());
        assert!(decode::<u8>(1, &[]).is_err());
    }
}
