//! The key that logd's own tokens are signed with, where `logd.toml` has none.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use logd_sdk::settings::Secret;
use sha2::Sha256;

use crate::settings::check_secret;
use crate::{files, random};

const FILE: &str = "api-secret";

/// Reads the secret of this `data_dir`, or makes one of 32 random bytes.
///
/// # Errors
/// The file can't be read or written, or what is in it is too short.
pub(crate) fn load_or_make(data_dir: &Path) -> anyhow::Result<Secret> {
    let path = data_dir.join(FILE);
    if let Some(bytes) = files::read(&path, 4096)? {
        let text = String::from_utf8(bytes).with_context(|| format!("{} is not text", path.display()))?;
        let secret = Secret::from(text.trim().to_owned());
        return match check_secret(secret.expose().as_bytes()) {
            Ok(()) => Ok(secret),
            Err(fault) => Err(anyhow!("{}: {}; remove it, and a new one is made", path.display(), fault.message)),
        };
    }
    files::make_folder(data_dir)?;
    let secret = URL_SAFE_NO_PAD.encode(random::bytes::<32>()?);
    files::write(&path, format!("{secret}\n").as_bytes())?;
    Ok(Secret::from(secret))
}

/// What `bytes` are under this secret: 128 bits, from which neither can be had.
pub(crate) fn keyed(secret: &Secret, bytes: &[u8]) -> anyhow::Result<String> {
    let mut keyed = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())?;
    keyed.update(bytes);
    Ok(URL_SAFE_NO_PAD.encode(&keyed.finalize().into_bytes()[..16]))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn is_made_once_and_kept_secret() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        let first = load_or_make(&data_dir).unwrap();
        assert_eq!(first.expose().len(), 43);
        assert_eq!(load_or_make(&data_dir).unwrap().expose(), first.expose());
        let mode = std::fs::metadata(data_dir.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn one_that_is_cut_short_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "canary\n").unwrap();
        let error = format!("{:#}", load_or_make(folder.path()).unwrap_err());
        assert!(error.contains("at least 32") && !error.contains("canary"), "{error}");
    }
}
