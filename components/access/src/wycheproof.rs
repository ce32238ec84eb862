//! Wycheproof's vectors of JWS and JWK, against the functions that judge real tokens.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use crate::jwks::{self, KeySet};
use crate::jws::Jws;
use crate::settings::{IssuerAlgorithm, check_secret};
use crate::tokens::HS256;

pub(crate) const KEYS: &str = include_str!("../tests/data/json_web_key_test.json");
const SIGNATURES: &str = include_str!("../tests/data/json_web_signature_test.json");

/// Vectors that say "valid", and are refused here.
const STRICTER: [(&str, u64, &str); 10] = [
    ("signature", 346, "the key is for PS256, and the token is signed with PS384: an algorithm is pinned"),
    ("signature", 347, "ES512 (the key says ES521): the library has no P-521"),
    ("signature", 350, "the key is for PS256, and the token is signed with PS384: an algorithm is pinned"),
    ("signature", 351, "ES512 (the key says ES521): the library has no P-521"),
    ("signature", 372, "a `?` in the header is no base64url; ignoring it lets one token be written in many ways"),
    ("signature", 373, "a `?` in the payload is no base64url"),
    ("key", 2, "a key set with symmetric keys: own tokens have one key, and sets are of public keys"),
    ("key", 13, "a key set with a symmetric key"),
    ("key", 14, "a key set with a symmetric key; HS384 is not used"),
    ("key", 15, "a key set with a symmetric key; HS512 is not used"),
];

/// Vectors that say "invalid", and whose token is letter for letter that of number 357, which says "valid": the
/// padding that they are named after has been lost on the way.
const MISTAKEN: [(&str, u64, &str); 2] =
    [("signature", 367, "invalidBase64Padding"), ("signature", 370, "invalidBase64PaddingInPayload")];

/// Whether the path for an outside issuer's tokens takes this token.
fn public(token: &str, keys: &Value, algorithm: IssuerAlgorithm) -> bool {
    let set = match keys.get("keys") {
        Some(_) => keys.clone(),
        None => serde_json::json!({ "keys": [keys] }),
    };
    let Ok(keys) = KeySet::parse(set.to_string().as_bytes(), algorithm) else { return false };
    let Some(token) = Jws::parse(token) else { return false };
    let Some(key) = keys.find(token.key_id()) else { return false };
    token.verify(key, algorithm.name(), jwks::algorithm(algorithm)).is_some()
}

/// Whether the path for logd's own tokens takes this token. Their header has no `kid`, for there is one key.
fn own(token: &str, key: &Value) -> bool {
    let key = URL_SAFE_NO_PAD.decode(key["k"].as_str().unwrap()).unwrap();
    let Some(token) = Jws::parse(token) else { return false };
    token.verify(&DecodingKey::from_secret(&key), HS256, Algorithm::HS256).is_some()
}

/// The algorithm that settings would name for this key: what the key says, or else the token.
fn algorithm(key: &Value, token: &str) -> Option<IssuerAlgorithm> {
    let header = || {
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
        serde_json::from_slice::<Value>(&header).ok()?.get("alg").cloned()
    };
    let said = key.get("alg").cloned().or_else(header)?;
    serde_json::from_value(said).ok()
}

fn run(file: &'static str, text: &str) -> (usize, Vec<u64>) {
    let vectors: Value = serde_json::from_str(text).unwrap();
    let mut seen = 0;
    let mut unlike = Vec::new();
    for group in vectors["testGroups"].as_array().unwrap() {
        let keys = group.get("public").unwrap_or(&group["private"]);
        let first = keys.get("keys").map_or(keys, |keys| &keys[0]);
        for test in group["tests"].as_array().unwrap() {
            seen += 1;
            let number = test["tcId"].as_u64().unwrap();
            let token = test["jws"].as_str().unwrap();
            let is_set = keys.get("keys").is_some();
            let taken = if first["kty"] == "oct" && !is_set {
                own(token, first)
            } else {
                // A key that says nothing is judged by the token's own word, as generously as can be.
                let named = algorithm(first, token).or_else(|| algorithm(&Value::Null, token));
                named.is_some_and(|algorithm| public(token, keys, algorithm))
            };
            if taken != (test["result"] == "valid") {
                unlike.push(number);
            }
        }
    }
    let mut expected: BTreeSet<u64> =
        STRICTER.iter().chain(&MISTAKEN).filter(|(of, ..)| *of == file).map(|(_, number, _)| *number).collect();
    unlike.retain(|number| !expected.remove(number));
    // What is listed and is not unlike is a mistake in the list.
    unlike.extend(expected);
    (seen, unlike)
}

#[test]
fn signatures_are_judged_as_wycheproof_does() {
    let (seen, unlike) = run("signature", SIGNATURES);
    assert_eq!((seen, unlike), (401, vec![]));
}

#[test]
fn keys_are_judged_as_wycheproof_does() {
    let (seen, unlike) = run("key", KEYS);
    assert_eq!((seen, unlike), (26, vec![]));
}

/// Symmetric keys stand in the settings, so it is there that short ones are refused.
#[test]
fn short_symmetric_keys_are_refused() {
    let vectors: Value = serde_json::from_str(KEYS).unwrap();
    let mut seen = 0;
    for group in vectors["testGroups"].as_array().unwrap() {
        let key = &group["private"]["keys"][0];
        if group["comment"] != HS256 || key["kty"] != "oct" {
            continue;
        }
        seen += 1;
        let bytes = URL_SAFE_NO_PAD.decode(key["k"].as_str().unwrap()).unwrap();
        let is_valid = group["tests"][0]["result"] == "valid";
        assert_eq!(check_secret(&bytes).is_ok(), is_valid, "{}", key["kid"]);
        if is_valid {
            assert!(own(group["tests"][0]["jws"].as_str().unwrap(), key));
        }
    }
    assert_eq!(seen, 3);
}
