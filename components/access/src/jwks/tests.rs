use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::jws::Jws;
use crate::testing::{ed25519, encode, p256, p384, rsa, set, sign};

fn change(key: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut key = key.clone();
    key[name] = value.into();
    key
}

fn parse(keys: &[&Value], algorithm: IssuerAlgorithm) -> Result<KeySet, Fault> {
    KeySet::parse(set(keys).as_bytes(), algorithm)
}

fn says(keys: &[&Value], algorithm: IssuerAlgorithm) -> String {
    parse(keys, algorithm).unwrap_err().message
}

#[test]
fn keys_of_every_kind_check_what_they_sign() {
    use IssuerAlgorithm::{ES256, ES384, EdDSA, PS256, PS512, RS256, RS512};
    for (key, named) in [
        (rsa("k"), RS256),
        (rsa("k"), RS512),
        (rsa("k"), PS256),
        (rsa("k"), PS512),
        (p256("k"), ES256),
        (p384("k"), ES384),
        (ed25519("k"), EdDSA),
    ] {
        let keys = parse(&[&key.public], named).unwrap();
        let header = json!({"alg": named.name(), "kid": "k"}).to_string();
        let token = sign(&header, "{}", &key.signing, algorithm(named));
        let token = Jws::parse(&token).unwrap();
        let check = |id| keys.find(id).is_some_and(|key| token.verify(key, named.name(), algorithm(named)).is_some());
        assert!(check(Some("k")) && check(None) && !check(Some("l")), "{named}");
    }
}

#[test]
fn a_set_is_for_one_algorithm() {
    use IssuerAlgorithm::{ES256, ES384, EdDSA, RS256};
    let (one, two, three, four) = (rsa("r"), p256("p"), p384("q"), ed25519("e"));
    let all = [&one.public, &two.public, &three.public, &four.public];
    for (algorithm, id) in [(RS256, "r"), (ES256, "p"), (ES384, "q"), (EdDSA, "e")] {
        let keys = parse(&all, algorithm).unwrap();
        let known: Vec<_> = ["r", "p", "q", "e"].into_iter().filter(|id| keys.find(Some(id)).is_some()).collect();
        assert_eq!(known, [id], "{algorithm}");
        assert_eq!(keys.left_out, Vec::<String>::new());
    }
    assert!(says(&[&one.public], ES256).contains("none of the keys can be used for ES256"));
}

#[test]
fn keys_for_something_else_are_no_keys() {
    let key = p256("k").public;
    for (name, value) in [
        ("use", json!("enc")),
        ("use", json!(1)),
        ("key_ops", json!(["sign"])),
        ("key_ops", json!("verify")),
        ("alg", json!("ES384")),
        ("alg", json!("HS256")),
        ("kty", json!("RSA")),
        ("crv", json!("secp256k1")),
    ] {
        assert!(parse(&[&change(&key, name, value.clone())], IssuerAlgorithm::ES256).is_err(), "{name} {value}");
    }
    for (name, value) in [("use", json!("sig")), ("key_ops", json!(["sign", "verify"])), ("alg", json!("ES256"))] {
        assert!(parse(&[&change(&key, name, value.clone())], IssuerAlgorithm::ES256).is_ok(), "{name} {value}");
    }
}

#[test]
fn secrets_do_not_belong_into_a_set() {
    let key = rsa("k").public;
    let symmetric = json!({"kty": "oct", "kid": "s", "k": encode([7; 32])});
    assert!(says(&[&key, &symmetric], IssuerAlgorithm::RS256).contains("\"s\" is symmetric"));
    assert!(says(&[&change(&key, "d", "AQAB")], IssuerAlgorithm::RS256).contains("private"));
    assert!(says(&[&change(&key, "k", "AQAB")], IssuerAlgorithm::RS256).contains("symmetric"));
}

#[test]
fn unsound_keys_are_left_out_and_named() {
    let (key, good) = (rsa("k").public, rsa("good").public);
    let modulus = |bytes: &[u8]| change(&key, "n", encode(bytes));
    let exponent = |bytes: &[u8]| change(&key, "e", encode(bytes));
    for (odd, why) in [
        (modulus(&[0xff; 128]), "fewer than 2048 bits"),
        (modulus(&[&[0; 128][..], &[0xff; 128]].concat()), "fewer than 2048 bits"),
        (modulus(&[0xff; 513]), "more than 4096"),
        (modulus(&[0xfe; 256]), "no RSA key"),
        (exponent(&[1]), "no RSA key"),
        (exponent(&[0, 1]), "no RSA key"),
        (exponent(&[]), "no RSA key"),
        (exponent(&[2]), "no RSA key"),
        (exponent(&[1, 0, 0, 0, 1]), "no RSA key"),
        (change(&key, "n", "a+b/"), "not base64url"),
        (change(&key, "n", 5), "not base64url"),
        (json!(5), "not an object"),
    ] {
        let keys = parse(&[&odd, &good], IssuerAlgorithm::RS256).unwrap();
        assert!(keys.left_out[0].contains(why), "{:?} {why}", keys.left_out);
        assert!(keys.find(Some("good")).is_some() && keys.find(Some("k")).is_none());
    }
    let curve = |name: &str, bytes: &[u8]| {
        let key = p256("k").public;
        says(&[&change(&key, name, encode(bytes))], IssuerAlgorithm::ES256)
    };
    assert!(curve("x", &[1; 31]).contains("wrong length"));
    assert!(curve("y", &[1; 33]).contains("wrong length"));
    assert!(curve("y", &[1; 32]).contains("not a point"));
    for bytes in [&[1; 31][..], &[1; 33], &[]] {
        let key = change(&ed25519("k").public, "x", encode(bytes));
        assert!(says(&[&key], IssuerAlgorithm::EdDSA).contains("not 32 bytes"));
    }
}

#[test]
fn doubled_names_are_nobodys() {
    let (one, two, three) = (p256("k").public, p256("k").public, p256("l").public);
    let keys = parse(&[&one, &two, &three], IssuerAlgorithm::ES256).unwrap();
    assert!(keys.find(Some("k")).is_none() && keys.find(Some("l")).is_some());
    assert_eq!(keys.left_out, ["the key \"k\" is in it twice"]);
    // Another algorithm's key may have the same name.
    let keys = parse(&[&one, &rsa("k").public], IssuerAlgorithm::ES256).unwrap();
    assert!(keys.find(Some("k")).is_some());
}

#[test]
fn without_a_name_there_has_to_be_one_key() {
    let (one, two) = (p256("k").public, p256("l").public);
    assert!(parse(&[&one, &two], IssuerAlgorithm::ES256).unwrap().find(None).is_none());
    let mut nameless = one.clone();
    nameless.as_object_mut().unwrap().remove("kid");
    let keys = parse(&[&nameless], IssuerAlgorithm::ES256).unwrap();
    assert!(keys.find(None).is_some() && keys.find(Some("k")).is_none());
}

#[test]
fn what_is_no_set_is_refused() {
    for text in ["", "{}", "[]", r#"{"keys":{}}"#, r#"{"keys":[]}"#, r#"{"keys":[],"keys":[]}"#, "<html>"] {
        assert!(KeySet::parse(text.as_bytes(), IssuerAlgorithm::RS256).is_err(), "{text}");
    }
    assert!(KeySet::parse(&vec![b' '; LONGEST + 1], IssuerAlgorithm::RS256).is_err());
    let key = rsa("k").public;
    let many: Vec<_> = (0..101).map(|number| change(&key, "kid", number.to_string())).collect();
    assert!(parse(&many.iter().collect::<Vec<_>>(), IssuerAlgorithm::RS256).is_err());
}

proptest! {
    /// Whatever somebody publishes, and whatever is signed with it.
    #[test]
    fn odd_keys_make_nothing_panic(bytes in vec(any::<u8>(), 1..600), e in any::<u32>(), cut in 0_usize..600) {
        use IssuerAlgorithm::{ES256, ES384, EdDSA, PS256, RS256};
        let (one, two) = bytes.split_at(cut.min(bytes.len()));
        let modulus = [&[0xc0; 256][..], &bytes[..1]].concat();
        let keys = [
            json!({"kty": "RSA", "n": encode(&bytes), "e": encode(e.to_be_bytes())}),
            json!({"kty": "RSA", "n": encode(modulus), "e": "AQAB"}),
            json!({"kty": "EC", "crv": "P-256", "x": encode(one), "y": encode(two)}),
            json!({"kty": "EC", "crv": "P-256", "x": encode([e as u8; 32]), "y": encode([7; 32])}),
            json!({"kty": "EC", "crv": "P-384", "x": encode([e as u8; 48]), "y": encode([7; 48])}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&bytes)}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": encode([e as u8; 32])}),
        ];
        for named in [RS256, PS256, ES256, ES384, EdDSA] {
            let header = json!({"alg": named.name()}).to_string();
            let token = [encode(header), encode(b"{}"), encode(&bytes)].join(".");
            for key in &keys {
                let Ok(set) = parse(&[key], named) else { continue };
                let (Some(token), Some(key)) = (Jws::parse(&token), set.find(None)) else { continue };
                prop_assert_eq!(token.verify(key, named.name(), algorithm(named)), None);
            }
        }
    }
}
