//! The names and secrets of webhooks, drawn from the system's randomness.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use logd_sdk::Time;
use logd_sdk::settings::Secret;
use rand::TryRngCore as _;
use rand::rngs::OsRng;

use super::model::Key;

/// How long a secret is taken for after another has taken its place.
const OVERLAP: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);
/// So many are in use at once: who changes them more often within a day loses the oldest.
const MOST: usize = 4;

fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    OsRng.try_fill_bytes(&mut bytes).context("the system has no randomness to give")?;
    Ok(bytes)
}

/// A name that nothing else has.
pub(super) fn name(prefix: &str) -> anyhow::Result<String> {
    Ok(format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(random::<16>()?)))
}

/// A secret as Standard Webhooks has it.
pub(super) fn secret() -> anyhow::Result<Secret> {
    Ok(Secret::from(format!("whsec_{}", STANDARD.encode(random::<32>()?))))
}

/// Puts a new secret in front of the others, which go on for a while.
pub(super) fn rotate(keys: &mut Vec<Key>, secret: Secret, now: Time) {
    let until = now.after(OVERLAP);
    for key in keys.iter_mut() {
        key.until.get_or_insert(until);
    }
    keys.insert(0, Key { secret, until: None });
    keys.retain(|key| key.until.is_none_or(|until| now < until));
    keys.truncate(MOST);
}

/// Those that calls are signed with now, the newest first.
pub(super) fn current(keys: &[Key], now: Time) -> Vec<Secret> {
    keys.iter().filter(|key| key.until.is_none_or(|until| now < until)).map(|key| key.secret.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_of_its_standard_and_never_the_same() {
        let (one, other) = (secret().unwrap(), secret().unwrap());
        let key = STANDARD.decode(one.expose().strip_prefix("whsec_").unwrap()).unwrap();
        assert_eq!(key.len(), 32);
        assert_ne!(one.expose(), other.expose());
        assert_ne!(name("wh").unwrap(), name("wh").unwrap());
    }

    #[test]
    fn an_old_secret_goes_on_for_a_day() {
        let shown =
            |keys: &[Key], now| current(keys, now).iter().map(|key| key.expose().to_owned()).collect::<Vec<_>>();
        let mut keys = Vec::new();
        let (start, hour) = (Time::EPOCH, std::time::Duration::from_secs(3600));
        rotate(&mut keys, Secret::from("a".to_owned()), start);
        assert_eq!(shown(&keys, start.after(hour * 1000)), ["a"]);
        rotate(&mut keys, Secret::from("b".to_owned()), start);
        rotate(&mut keys, Secret::from("c".to_owned()), start.after(hour));
        assert_eq!(shown(&keys, start.after(hour * 24).before(hour / 3600)), ["c", "b", "a"]);
        assert_eq!(shown(&keys, start.after(hour * 24)), ["c", "b"]);
        assert_eq!(shown(&keys, start.after(hour * 25)), ["c"]);
        for _ in 0..10 {
            rotate(&mut keys, secret().unwrap(), start);
        }
        assert_eq!(keys.len(), MOST);
    }
}
