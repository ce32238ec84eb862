//! The signature of a token: JWS in its compact form (RFC 7515), with what RFC 8725 says of it.
//!
//! One function lets a payload through, [`Jws::verify`]. It is told the key and the algorithm, so nothing in the token
//! chooses them: the header's `alg` has to be the one expected, its `kid` is but a hint among keys that were found
//! elsewhere, and a header that brings a key or the address of one is refused. The computing is `jsonwebtoken`'s.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::Value;

use crate::json;

/// Longer tokens are refused before anything is done with them.
pub(crate) const LONGEST: usize = 8 * 1024;
const LONGEST_KEY_ID: usize = 256;
/// Members of a header that bring a key, or ask for what is not done here.
const REFUSED: [&str; 9] = ["crit", "jwk", "jku", "x5u", "x5c", "b64", "enc", "zip", "epk"];
/// What a token may say that it is, in lower case. Others, such as `logout+jwt`, are for something else.
const TYPES: [&str; 2] = ["jwt", "at+jwt"];

/// A token taken apart; nothing of it is to be believed yet.
#[derive(Debug)]
pub(crate) struct Jws<'t> {
    algorithm: String,
    key_id: Option<String>,
    signed: &'t str,
    payload: &'t str,
    signature: &'t str,
}

impl<'t> Jws<'t> {
    /// Takes a token apart; `None` if it is none, or one that is refused whatever its signature.
    pub(crate) fn parse(token: &'t str) -> Option<Self> {
        if token.len() > LONGEST {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        if signature.is_empty() || payload.contains('.') {
            return None;
        }
        let header = json::object(&URL_SAFE_NO_PAD.decode(header).ok()?)?;
        if REFUSED.iter().any(|name| header.contains_key(*name)) {
            return None;
        }
        let text = |name: &str| match header.get(name) {
            None => Some(None),
            Some(Value::String(text)) => Some(Some(text.as_str())),
            Some(_) => None,
        };
        let kind = text("typ")?.map(str::to_ascii_lowercase);
        let is_token = |kind: &String| TYPES.contains(&kind.strip_prefix("application/").unwrap_or(kind));
        if !kind.as_ref().is_none_or(is_token) {
            return None;
        }
        let key_id = text("kid")?.filter(|id| id.len() <= LONGEST_KEY_ID).map(str::to_owned);
        if header.contains_key("kid") && key_id.is_none() {
            return None;
        }
        Some(Self { algorithm: text("alg")??.to_owned(), key_id, signed, payload, signature })
    }

    /// Whether it says to be signed in this way.
    pub(crate) fn is(&self, algorithm: &str) -> bool {
        self.algorithm == algorithm
    }

    /// Which key it says to be signed with.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// What was signed: unlike the token as a whole, nobody can write it in a second way.
    pub(crate) fn signed(&self) -> &'t str {
        self.signed
    }

    /// The payload, if it was signed with this key in this way.
    pub(crate) fn verify(&self, key: &DecodingKey, name: &str, algorithm: Algorithm) -> Option<Vec<u8>> {
        let is_right =
            self.is(name) && crypto::verify(self.signature, self.signed.as_bytes(), key, algorithm).unwrap_or(false);
        if is_right { URL_SAFE_NO_PAD.decode(self.payload).ok() } else { None }
    }
}

#[cfg(test)]
mod tests;
