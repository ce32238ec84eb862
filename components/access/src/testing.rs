//! What several tests need: keys of every kind, and tokens that say whatever a test wants them to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use logd_sdk::settings::{Secret, TextFile};
use logd_sdk::{Clock, Time};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SignatureAlgorithm};
use serde_json::{Value, json};

use crate::settings::{IssuerAlgorithm, IssuerSettings};

/// The time of most tests: a full second.
pub(crate) const NOW: i64 = 1_800_000_000;

/// A key to sign with, and the same as a public JWK.
pub(crate) struct Key {
    pub(crate) signing: EncodingKey,
    pub(crate) algorithm: Algorithm,
    pub(crate) public: Value,
}

pub(crate) fn clock() -> Clock {
    Clock::fixed(at(0))
}

/// So many seconds after the tests' time.
pub(crate) fn at(seconds: i64) -> Time {
    Time::from_micros((NOW + seconds) * 1_000_000)
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::from(text.to_owned())
}

/// A text file as the loader would have read it.
pub(crate) fn file(text: &str) -> TextFile {
    let mut file: TextFile = serde_json::from_value(json!("keys.json")).unwrap();
    file.set_text(text);
    file
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token with this header and these claims, however odd they are.
pub(crate) fn sign(header: &str, claims: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = crypto::sign(signed.as_bytes(), key, algorithm).unwrap();
    format!("{signed}.{signature}")
}

pub(crate) fn p256(id: &str) -> Key {
    elliptic(id, &PKCS_ECDSA_P256_SHA256, Algorithm::ES256, "P-256")
}

pub(crate) fn p384(id: &str) -> Key {
    elliptic(id, &PKCS_ECDSA_P384_SHA384, Algorithm::ES384, "P-384")
}

fn elliptic(id: &str, kind: &'static SignatureAlgorithm, algorithm: Algorithm, curve: &str) -> Key {
    let pair = KeyPair::generate_for(kind).unwrap();
    let (x, y) = pair.public_key_raw()[1..].split_at(pair.public_key_raw().len() / 2);
    let public = json!({"kty": "EC", "kid": id, "crv": curve, "x": encode(x), "y": encode(y)});
    Key { signing: EncodingKey::from_ec_der(pair.serialized_der()), algorithm, public }
}

pub(crate) fn ed25519(id: &str) -> Key {
    let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let public = json!({"kty": "OKP", "kid": id, "crv": "Ed25519", "x": encode(pair.public_key_raw())});
    Key { signing: EncodingKey::from_ed_der(pair.serialized_der()), algorithm: Algorithm::EdDSA, public }
}

/// A published key of Wycheproof: to make one takes a library that is needed for nothing else.
pub(crate) fn rsa(id: &str) -> Key {
    let vectors: Value = serde_json::from_str(crate::wycheproof::KEYS).unwrap();
    let groups = vectors["testGroups"].as_array().unwrap();
    let group = groups.iter().find(|group| group["comment"] == "rs256").unwrap();
    let private = &group["private"]["keys"][0];
    let number = |name: &str| URL_SAFE_NO_PAD.decode(private[name].as_str().unwrap()).unwrap();
    let mut content = der(2, &[0]);
    for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        // A leading zero, so that it is not negative.
        content.extend(der(2, &[&[0][..], &number(name)].concat()));
    }
    let public = json!({"kty": "RSA", "kid": id, "n": private["n"], "e": private["e"]});
    Key { signing: EncodingKey::from_rsa_der(&der(0x30, &content)), algorithm: Algorithm::RS256, public }
}

/// One value in DER (RFC 8017 appendix A.1.2 needs no more than this).
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    // Integers are written as short as they can be.
    let spare = content.windows(2).take_while(|pair| tag == 2 && pair[0] == 0 && pair[1] < 0x80).count();
    let content = &content[spare..];
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let mut value = match content.len() {
        0..128 => vec![tag, length[1]],
        128..256 => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    value.extend_from_slice(content);
    value
}

/// A key set.
pub(crate) fn set(keys: &[&Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// An issuer whose keys are in a file.
pub(crate) fn issuer(algorithm: IssuerAlgorithm, keys: &[&Value]) -> IssuerSettings {
    let mut settings = issuer_at("https://id.example/keys", algorithm);
    settings.jwks_url = None;
    settings.jwks_file = Some(file(&set(keys)));
    settings
}

/// An issuer whose keys are fetched.
pub(crate) fn issuer_at(url: &str, algorithm: IssuerAlgorithm) -> IssuerSettings {
    let settings = json!({
        "url": "https://id.example", "audience": "logd", "algorithm": algorithm, "jwks_url": url,
    });
    serde_json::from_value(settings).unwrap()
}
