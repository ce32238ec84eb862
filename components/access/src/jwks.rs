//! The public keys of an outside issuer (RFC 7517), and which of them may check a signature.
//!
//! Only keys that fit the one algorithm that the settings name are taken; of an RSA set for RS256 that is every sound
//! RSA key that is not said to be for something else. A set with a symmetric or a private key in it is refused whole:
//! whoever reads it can sign.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use logd_sdk::settings::Fault;
use serde_json::{Map, Value};

use crate::json;
use crate::roca;
use crate::settings::IssuerAlgorithm;

/// A key set is refused if it is longer: a hundred keys fit.
pub(crate) const LONGEST: usize = 256 * 1024;
const MOST_KEYS: usize = 100;
/// NIST SP 800-131A; more than 4096 bits are not computed with.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// The keys of one issuer that can be used.
#[derive(Debug)]
pub(crate) struct KeySet {
    keys: Vec<(Option<String>, DecodingKey)>,
    /// Why keys were left out that look as if they were meant to be used; a sentence for each.
    pub(crate) left_out: Vec<String>,
}

/// Why a key is not taken.
enum NotTaken {
    /// It is for something else.
    Other,
    /// It is not what it should be.
    Wrong(&'static str),
    /// The set must not be used.
    Poison(&'static str),
}

impl KeySet {
    /// Reads a set, for tokens that are signed with `algorithm`.
    ///
    /// # Errors
    /// It is none, has a key that should be secret, or none that can be used.
    pub(crate) fn parse(bytes: &[u8], algorithm: IssuerAlgorithm) -> Result<Self, Fault> {
        if bytes.len() > LONGEST {
            return Err(Fault::new(format!("the key set has more than {LONGEST} bytes")));
        }
        let set = json::object(bytes);
        let listed = set.as_ref().and_then(|set| set.get("keys")).and_then(Value::as_array);
        let Some(listed) = listed.filter(|keys| keys.len() <= MOST_KEYS) else {
            return Err(Fault::new("this is not a set of keys").help(r#"a set of keys is {"keys":[…]} (RFC 7517)"#));
        };
        let mut found = Self { keys: Vec::new(), left_out: Vec::new() };
        for (place, key) in listed.iter().enumerate() {
            let id = key.get("kid").and_then(Value::as_str).map(str::to_owned);
            let shown = id.as_ref().map_or_else(|| format!("number {place}"), |id| format!("{id:?}"));
            match key.as_object().ok_or(NotTaken::Wrong("is not an object")).and_then(|key| read(key, algorithm)) {
                Ok(key) => found.keys.push((id, key)),
                Err(NotTaken::Other) => {}
                Err(NotTaken::Wrong(why)) => found.left_out.push(format!("the key {shown} {why}")),
                Err(NotTaken::Poison(why)) => return Err(Fault::new(format!("the key {shown} {why}"))),
            }
        }
        found.drop_doubled();
        if found.keys.is_empty() {
            let why = found.left_out.first().map(|why| format!(": {why}")).unwrap_or_default();
            return Err(Fault::new(format!("none of the keys can be used for {algorithm}{why}")));
        }
        Ok(found)
    }

    /// The key of this name; without a name, the only one that there is.
    pub(crate) fn find(&self, id: Option<&str>) -> Option<&DecodingKey> {
        match (id, self.keys.as_slice()) {
            (None, [(_, key)]) => Some(key),
            (None, _) => None,
            (Some(id), keys) => keys.iter().find(|(own, _)| own.as_deref() == Some(id)).map(|(_, key)| key),
        }
    }

    /// Of two keys of one name nobody knows which is meant.
    fn drop_doubled(&mut self) {
        let ids: Vec<_> = self.keys.iter().map(|(id, _)| id.clone()).collect();
        let is_doubled = |id: &Option<String>| id.is_some() && ids.iter().filter(|other| *other == id).count() > 1;
        let doubled = ids.iter().flatten().filter(|id| is_doubled(&Some((*id).clone())));
        self.left_out.extend(doubled.map(|id| format!("the key {id:?} is in it twice")));
        self.left_out.dedup();
        self.keys.retain(|(id, _)| !is_doubled(id));
    }
}

/// Takes a key if it is one for this algorithm.
fn read(key: &Map<String, Value>, algorithm: IssuerAlgorithm) -> Result<DecodingKey, NotTaken> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    if text("kty") == Some("oct") || key.contains_key("k") {
        return Err(NotTaken::Poison("is symmetric: whoever reads it can sign"));
    }
    if key.contains_key("d") {
        return Err(NotTaken::Poison("is a private one: whoever reads it can sign"));
    }
    let is_for_signatures = match key.get("key_ops") {
        None => true,
        Some(Value::Array(operations)) => operations.iter().any(|operation| operation == "verify"),
        Some(_) => false,
    };
    let fits = |name: &str, wanted: &str| key.get(name).is_none_or(|value| value == wanted);
    let (kind, curve) = kind(algorithm);
    if !is_for_signatures
        || !fits("use", "sig")
        || !fits("alg", algorithm.name())
        || text("kty") != Some(kind)
        || curve.is_some() && text("crv") != curve
    {
        return Err(NotTaken::Other);
    }
    let number = |name: &str| {
        let bytes = text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        bytes.ok_or(NotTaken::Wrong("lacks a part, or has one that is not base64url"))
    };
    let found = match kind {
        "RSA" => rsa(&number("n")?, &number("e")?)?,
        "EC" => {
            let length = if curve == Some("P-256") { 32 } else { 48 };
            if number("x")?.len() != length || number("y")?.len() != length {
                return Err(NotTaken::Wrong("has coordinates of the wrong length"));
            }
            from_text(DecodingKey::from_ec_components(text("x").unwrap_or_default(), text("y").unwrap_or_default()))?
        }
        // The library takes the first 32 bytes, and panics where there are fewer.
        _ if number("x")?.len() != 32 => return Err(NotTaken::Wrong("has not 32 bytes")),
        _ => from_text(DecodingKey::from_ed_components(text("x").unwrap_or_default()))?,
    };
    // Any signature is wrong, but a point that is not on the curve is an error.
    if crypto::verify("", b"", &found, self::algorithm(algorithm)).is_err() {
        return Err(NotTaken::Wrong("is not a point of its curve"));
    }
    Ok(found)
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<DecodingKey, NotTaken> {
    let strip = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
    let (modulus, exponent) = (strip(modulus), strip(exponent));
    let bits = modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize);
    if !RSA_BITS.contains(&bits) {
        return Err(NotTaken::Wrong("has fewer than 2048 bits, or more than 4096"));
    }
    let is_odd = |bytes: &[u8]| bytes.last().is_some_and(|last| last % 2 == 1);
    if !is_odd(&modulus) || !is_odd(&exponent) || exponent == [1] || exponent.len() > 4 {
        return Err(NotTaken::Wrong("has a modulus or an exponent that no RSA key has"));
    }
    if roca::is_weak(&modulus) {
        return Err(NotTaken::Wrong("can be factored (CVE-2017-15361)"));
    }
    Ok(DecodingKey::from_rsa_raw_components(&modulus, &exponent))
}

fn from_text(key: jsonwebtoken::errors::Result<DecodingKey>) -> Result<DecodingKey, NotTaken> {
    key.map_err(|_| NotTaken::Wrong("is not base64url"))
}

/// The kind of key that an algorithm needs, and its curve.
fn kind(algorithm: IssuerAlgorithm) -> (&'static str, Option<&'static str>) {
    match algorithm {
        IssuerAlgorithm::ES256 => ("EC", Some("P-256")),
        IssuerAlgorithm::ES384 => ("EC", Some("P-384")),
        IssuerAlgorithm::EdDSA => ("OKP", Some("Ed25519")),
        _ => ("RSA", None),
    }
}

/// The library's word for it.
pub(crate) fn algorithm(algorithm: IssuerAlgorithm) -> Algorithm {
    match algorithm {
        IssuerAlgorithm::RS256 => Algorithm::RS256,
        IssuerAlgorithm::RS384 => Algorithm::RS384,
        IssuerAlgorithm::RS512 => Algorithm::RS512,
        IssuerAlgorithm::PS256 => Algorithm::PS256,
        IssuerAlgorithm::PS384 => Algorithm::PS384,
        IssuerAlgorithm::PS512 => Algorithm::PS512,
        IssuerAlgorithm::ES256 => Algorithm::ES256,
        IssuerAlgorithm::ES384 => Algorithm::ES384,
        IssuerAlgorithm::EdDSA => Algorithm::EdDSA,
    }
}

#[cfg(test)]
mod tests;
