//! Signatures of calls, as the Standard Webhooks specification (version 1) has them.
//!
//! What is signed is `ID.TIMESTAMP.BODY`, by HMAC-SHA256 (RFC 2104, FIPS 180-4). So a receiver knows who has called, that
//! nobody has changed the body, and that the call is not an old one made again.

use std::fmt;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use logd_sdk::Time;
use logd_sdk::settings::{Fault, Secret};
use reqwest::header::{HeaderMap, HeaderName};
use sha2::Sha256;

/// Names a call: the same when it is made again.
pub(crate) const ID: HeaderName = HeaderName::from_static("webhook-id");
/// When it was made, in seconds since 1970.
pub(crate) const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// Its signatures.
pub(crate) const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What a secret begins with.
const PREFIX: &str = "whsec_";

/// How long a key is, in bytes, as the specification has it.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// Signs by one secret or several: while a secret is being changed, receivers may know the old or the new one.
#[derive(Clone, Default)]
pub(crate) struct Signer(Vec<Hmac<Sha256>>);

impl Signer {
    /// By these secrets, the newest first.
    ///
    /// # Errors
    /// One of them is no secret.
    pub(crate) fn new(secrets: &[Secret]) -> anyhow::Result<Self> {
        let keyed = |secret| Hmac::<Sha256>::new_from_slice(&key(secret)?).context("a key can't be used");
        Ok(Self(secrets.iter().map(keyed).collect::<anyhow::Result<_>>()?))
    }

    /// Puts the headers of the call `id`, made at `now`, in the place of any that have their names.
    ///
    /// # Errors
    /// `id` is no header's value.
    pub(crate) fn put(&self, id: &str, now: Time, body: &[u8], headers: &mut HeaderMap) -> anyhow::Result<()> {
        let timestamp = now.as_micros().div_euclid(1_000_000);
        headers.insert(ID, id.parse()?);
        headers.insert(TIMESTAMP, timestamp.into());
        match self.sign(id, timestamp, body) {
            Some(signature) => drop(headers.insert(SIGNATURE, signature.parse()?)),
            None => drop(headers.remove(SIGNATURE)),
        }
        Ok(())
    }

    /// The value of `webhook-signature`; `None` without a secret. `timestamp` is in seconds since 1970.
    fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
        let head = format!("{id}.{timestamp}.");
        let signature = |keyed: &Hmac<Sha256>| {
            let signed = keyed.clone().chain_update(head.as_bytes()).chain_update(body).finalize();
            format!("v1,{}", STANDARD.encode(signed.into_bytes()))
        };
        let signatures: Vec<String> = self.0.iter().map(signature).collect();
        (!signatures.is_empty()).then(|| signatures.join(" "))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Signer({} secrets)", self.0.len())
    }
}

/// The key that a secret stands for.
///
/// # Errors
/// It is no secret of this kind. Nothing of it is repeated.
pub(super) fn key(secret: &Secret) -> Result<Vec<u8>, Fault> {
    let help = "make one: echo whsec_$(openssl rand -base64 32)";
    let Some(text) = secret.expose().strip_prefix(PREFIX) else {
        return Err(Fault::new(format!("a secret begins with `{PREFIX}`")).help(help));
    };
    match STANDARD.decode(text) {
        Ok(key) if LENGTHS.contains(&key.len()) => Ok(key),
        Ok(key) => {
            let (least, most) = LENGTHS.into_inner();
            Err(Fault::new(format!("a secret has {least} to {most} bytes, and this one {}", key.len())).help(help))
        }
        Err(_) => Err(Fault::new(format!("what follows `{PREFIX}` is not base64")).help(help)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::from(text.to_owned())
    }

    #[test]
    fn signs_as_the_specification_does() {
        // The example of the specification.
        let signer = Signer::new(&[secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]).unwrap();
        let signature = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(Signer::default().sign("a", 0, b""), None);
    }

    #[test]
    fn each_secret_gives_a_signature() {
        let (old, new) = (format!("whsec_{}", STANDARD.encode([1; 24])), format!("whsec_{}", STANDARD.encode([2; 64])));
        let both = Signer::new(&[secret(&new), secret(&old)]).unwrap().sign("a", 1, b"x").unwrap();
        let one = |text: &str| Signer::new(&[secret(text)]).unwrap().sign("a", 1, b"x").unwrap();
        assert_eq!(both, format!("{} {}", one(&new), one(&old)));
    }

    #[test]
    fn says_what_is_no_secret_and_repeats_none() {
        for (text, message) in [
            ("canary", "a secret begins with `whsec_`"),
            ("whsec_canary!", "what follows `whsec_` is not base64"),
            ("whsec_Y2FuYXJ5", "a secret has 24 to 64 bytes, and this one 6"),
            ("whsec_", "a secret has 24 to 64 bytes, and this one 0"),
        ] {
            assert_eq!(key(&secret(text)).unwrap_err().message, message);
        }
        let shown = format!("{:?}", Signer::new(&[secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]).unwrap());
        assert_eq!(shown, "Signer(1 secrets)");
    }
}
