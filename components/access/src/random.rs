//! Randomness for secrets, straight from the system.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRngCore;
use rand::rngs::OsRng;

/// So many random bytes.
pub(crate) fn bytes<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    OsRng.try_fill_bytes(&mut bytes).context("the system has no randomness to give")?;
    Ok(bytes)
}

/// A name that nobody guesses or has twice: 128 bits, 22 letters.
pub(crate) fn id() -> anyhow::Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(bytes::<16>()?))
}
