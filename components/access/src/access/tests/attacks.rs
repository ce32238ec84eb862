//! The attacks on tokens of RFC 8725 and since, on a door that takes logd's own tokens and those of an issuer with RSA.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::*;
use crate::settings::{IssuerAlgorithm, TokenSettings};
use crate::testing::{self, Key, NOW, encode, p256, rsa, sign};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A token before it is signed.
struct Unsigned {
    header: Value,
    claims: Value,
    key: EncodingKey,
    algorithm: Algorithm,
}

impl Unsigned {
    fn sign(&self) -> String {
        self.with_header(&self.header)
    }

    fn with_header(&self, header: &Value) -> String {
        sign(&header.to_string(), &self.claims.to_string(), &self.key, self.algorithm)
    }

    fn with_claims(&self, claims: &str) -> String {
        sign(&self.header.to_string(), claims, &self.key, self.algorithm)
    }
}

struct Target {
    bench: Bench,
    issuer: Key,
}

impl Target {
    async fn new() -> Self {
        let issuer = rsa("rsa");
        let settings = AccessSettings {
            tokens: TokenSettings { secret: Some(secret(SECRET)), ..TokenSettings::default() },
            issuer: Some(testing::issuer(IssuerAlgorithm::RS256, &[&issuer.public])),
            ..AccessSettings::default()
        };
        Self { bench: Bench::with(settings).await, issuer }
    }

    /// A good token of each kind.
    async fn good(&self) -> [Unsigned; 2] {
        let own = self.bench.grant().await.access_token;
        let part = |number| -> Value {
            let part = own.expose().split('.').nth(number).unwrap();
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let own = Unsigned { header: part(0), claims: part(1), key, algorithm: Algorithm::HS256 };
        let claims = json!({
            "iss": "https://id.example", "aud": "logd", "sub": "eve", "iat": NOW, "nbf": NOW, "exp": NOW + 60,
            "role": "admin",
        });
        let header = json!({"alg": "RS256", "kid": "rsa", "typ": "JWT"});
        [own, Unsigned { header, claims, key: self.issuer.signing.clone(), algorithm: Algorithm::RS256 }]
    }

    async fn takes(&self, token: &str) -> bool {
        self.bench.access.verify(token).await.is_ok()
    }
}

#[tokio::test]
async fn good_tokens_are_taken() {
    let target = Target::new().await;
    for good in target.good().await {
        assert!(target.takes(&good.sign()).await, "{:?}", good.algorithm);
    }
}

/// Each changes the header of a token that is signed rightly after that.
#[tokio::test]
async fn headers() {
    let target = Target::new().await;
    let changes: [(&str, Value); 17] = [
        ("alg", json!("none")),
        ("alg", json!("None")),
        ("alg", json!("NONE")),
        ("alg", json!("nOnE")),
        ("alg", json!("")),
        ("alg", json!(null)),
        ("alg", json!("HS384")),
        ("alg", json!("HS512")),
        ("alg", json!("RS512")),
        ("alg", json!("PS256")),
        ("alg", json!("ES256")),
        ("crit", json!(["exp"])),
        ("jwk", p256("rsa").public),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIBszCCAVmgAwIBAgI="])),
        ("typ", json!("JWE")),
    ];
    for good in target.good().await {
        for (name, value) in &changes {
            let mut header = good.header.clone();
            header[name] = value.clone();
            let token = good.with_header(&header);
            assert!(!target.takes(&token).await, "{:?} {name} {value}", good.algorithm);
            // Without a signature, and with none that is one.
            let (signed, _) = token.rsplit_once('.').unwrap();
            for token in [format!("{signed}."), signed.to_owned(), format!("{signed}.AA")] {
                assert!(!target.takes(&token).await, "{token}");
            }
        }
    }
}

/// The name of a key is looked up, and nothing else is done with it.
#[tokio::test]
async fn key_names() {
    let target = Target::new().await;
    let [_, good] = target.good().await;
    for name in [
        "other",
        "",
        "RSA",
        "rsa\0",
        "../../../../dev/null",
        "/dev/null",
        "rsa' OR '1'='1",
        "$(id)",
        "https://evil.example/k",
    ] {
        assert!(!target.takes(&good.with_header(&json!({"alg": "RS256", "kid": name}))).await, "{name}");
    }
    // The empty file that a path may lead to, as a key.
    for key in ["", "\0"] {
        let key = EncodingKey::from_secret(key.as_bytes());
        let header = json!({"alg": "HS256", "kid": "/dev/null"}).to_string();
        assert!(!target.takes(&sign(&header, &good.claims.to_string(), &key, Algorithm::HS256)).await);
    }
    // There is one key: a token need not name it.
    assert!(target.takes(&good.with_header(&json!({"alg": "RS256"}))).await);
}

/// A public key is known to all, so nothing that is signed with its bytes may count.
#[tokio::test]
async fn confused_algorithms() {
    let target = Target::new().await;
    let [own, theirs] = target.good().await.map(|good| good.claims.to_string());
    let (hmac, rsa) = (r#"{"alg":"HS256"}"#, r#"{"alg":"RS256","kid":"rsa"}"#);
    let public = &target.issuer.public;
    let n = public["n"].as_str().unwrap();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{n}\n-----END PUBLIC KEY-----\n");
    let decoded = URL_SAFE_NO_PAD.decode(n).unwrap();
    for key in [public.to_string().as_bytes(), n.as_bytes(), pem.as_bytes(), &decoded] {
        let key = EncodingKey::from_secret(key);
        for header in [hmac, rsa, r#"{"alg":"HS256","kid":"rsa"}"#] {
            for claims in [&own, &theirs] {
                assert!(!target.takes(&sign(header, claims, &key, Algorithm::HS256)).await, "{header} {claims}");
            }
        }
    }
    // The issuer can't make logd's own tokens, nor whoever has the secret the issuer's.
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    assert!(!target.takes(&sign(rsa, &own, &target.issuer.signing, Algorithm::RS256)).await);
    assert!(!target.takes(&sign(hmac, &theirs, &secret, Algorithm::HS256)).await);
    // A key of one's own, under the name of the issuer's.
    let attacker = p256("rsa").signing;
    for header in [r#"{"alg":"ES256","kid":"rsa"}"#, rsa] {
        assert!(!target.takes(&sign(header, &theirs, &attacker, Algorithm::ES256)).await);
    }
}

#[tokio::test]
async fn claims() {
    let target = Target::new().await;
    let changes: [(&str, Option<Value>); 25] = [
        ("exp", None),
        ("exp", Some(json!(NOW - 5))),
        ("exp", Some(json!(0))),
        ("exp", Some(json!(-1))),
        ("exp", Some(json!((NOW + 60).to_string()))),
        ("exp", Some(json!(null))),
        ("exp", Some(json!(1e300))),
        ("exp", Some(json!([NOW + 60]))),
        ("nbf", Some(json!(NOW + 6))),
        ("nbf", Some(json!("now"))),
        ("nbf", Some(json!(null))),
        ("iat", Some(json!(NOW + 6))),
        ("iat", Some(json!({}))),
        ("aud", None),
        ("aud", Some(json!("other"))),
        ("aud", Some(json!(["other"]))),
        ("aud", Some(json!([]))),
        ("aud", Some(json!(null))),
        ("aud", Some(json!("LOGD"))),
        ("iss", None),
        ("iss", Some(json!("https://id.example/"))),
        ("iss", Some(json!("HTTPS://ID.EXAMPLE"))),
        ("iss", Some(json!(["logd", "https://id.example"]))),
        ("sub", None),
        ("sub", Some(json!(1))),
    ];
    for good in target.good().await {
        for (name, value) in &changes {
            let mut claims = good.claims.clone();
            match value {
                Some(value) => claims[name] = value.clone(),
                None => drop(claims.as_object_mut().unwrap().remove(*name)),
            }
            assert!(!target.takes(&good.with_claims(&claims.to_string())).await, "{name} {value:?}");
        }
        // Doubled, of which some take the first and some the last.
        let text = good.claims.to_string();
        for more in [r#""exp":9999999999"#, r#""sub":"root""#, r#""role":"admin""#, r#""\u0073ub":"root""#] {
            for text in [format!("{{{more},{}", &text[1..]), format!("{},{more}}}", &text[..text.len() - 1])] {
                assert!(!target.takes(&good.with_claims(&text)).await, "{text}");
            }
        }
        for claims in ["", "null", "[]", "{}", "\"{}\"", "{", "\u{feff}{}"] {
            assert!(!target.takes(&good.with_claims(claims)).await, "{claims:?}");
        }
    }
}

/// Signed with the secret, and still not what was made here.
#[tokio::test]
async fn own_tokens_that_say_too_much() {
    let target = Target::new().await;
    let [good, _] = target.good().await;
    for (name, value) in [("sub", json!("root")), ("gen", json!("")), ("gen", json!("other")), ("more", json!(1))] {
        let mut claims = good.claims.clone();
        claims[name] = value.clone();
        assert!(!target.takes(&good.with_claims(&claims.to_string())).await, "{name} {value}");
    }
}

#[tokio::test]
async fn forms() {
    let target = Target::new().await;
    for good in target.good().await {
        let token = good.sign();
        let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
        let other = encode(good.claims.to_string().replace("logd", "logD"));
        for odd in [
            format!("{header}.{payload}"),
            format!("{header}.{payload}."),
            format!("{payload}.{signature}"),
            format!("{header}.{other}.{signature}"),
            format!("{header}..{signature}"),
            format!("{token}="),
            format!("{token}=="),
            format!("{header}=.{payload}=.{signature}="),
            format!("{token}.{token}"),
            format!("{token}."),
            format!("Bearer {token}"),
            format!("{token}\n"),
            token.replace('.', " . "),
            token.to_uppercase(),
            format!("{header}.{payload}.{}", "A".repeat(1 << 20)),
            "e".repeat(1 << 20),
            ".".repeat(1 << 20),
            json!({"protected": header, "payload": payload, "signature": signature}).to_string(),
            // An encrypted token has five parts.
            format!("{header}.{payload}.{signature}.{payload}.{signature}"),
        ] {
            assert!(!target.takes(&odd).await, "{}", &odd[..odd.len().min(100)]);
        }
        assert!(target.takes(&token).await);
    }
}

/// Some signatures can be written in several ways: a logout is not of the text.
#[tokio::test]
async fn tokens_after_a_logout() {
    let target = Target::new().await;
    for good in target.good().await {
        let who = target.bench.access.verify(&good.sign()).await.unwrap();
        target.bench.access.logout(&who).await;
        assert!(!target.takes(&good.sign()).await, "{:?}", good.algorithm);
    }
}
