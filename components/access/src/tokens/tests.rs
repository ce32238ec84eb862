use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::testing::{NOW, at, secret, sign};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn tokens() -> Tokens {
    Tokens::new(&secret(KEY), &TokenSettings::default()).unwrap()
}

fn somebody() -> Identity {
    Identity {
        username: "ann".to_owned(),
        role: Role::Admin,
        services: Some(BTreeSet::from(["checkout".to_owned()])),
        pipelines: None,
        expires_at: at(0),
        origin: Origin::Own,
        session: "s".to_owned(),
        began: at(-100),
        generation: "g".to_owned(),
    }
}

fn read(token: &str, seconds: i64) -> Result<Identity, &'static str> {
    tokens().read(&Jws::parse(token).ok_or("no token")?, at(seconds))
}

#[test]
fn what_goes_in_comes_out() {
    let (token, given) = tokens().issue(somebody(), at(0)).unwrap();
    assert_eq!(given, Identity { expires_at: at(1800), ..somebody() });
    assert_eq!(read(token.expose(), 0), Ok(given));
    let (other, _) = tokens().issue(somebody(), at(0)).unwrap();
    assert_ne!(token.expose(), other.expose(), "each has a name of its own");
}

#[test]
fn it_is_valid_for_half_an_hour() {
    let (token, _) = tokens().issue(somebody(), at(0)).unwrap();
    for (seconds, is_valid) in [(-6, false), (-5, true), (1800, true), (1804, true), (1805, false)] {
        assert_eq!(read(token.expose(), seconds).is_ok(), is_valid, "{seconds}");
    }
}

#[test]
fn secret_issuer_and_audience_have_to_be_ours() {
    let (token, _) = tokens().issue(somebody(), at(0)).unwrap();
    let token = Jws::parse(token.expose()).unwrap();
    for (key, issuer, audience, is_ours) in [
        (KEY, "logd", "logd", true),
        ("0123456789abcdef0123456789abcdeF", "logd", "logd", false),
        (KEY, "other", "logd", false),
        (KEY, "logd", "other", false),
    ] {
        let settings =
            TokenSettings { issuer_name: issuer.to_owned(), audience: audience.to_owned(), ..TokenSettings::default() };
        let tokens = Tokens::new(&secret(key), &settings).unwrap();
        assert_eq!(tokens.read(&token, at(0)).is_ok(), is_ours, "{key} {issuer} {audience}");
    }
    assert!(Tokens::new(&secret("short"), &TokenSettings::default()).is_err());
}

/// Whoever has the secret could sign other things with it as well: only what is made here is taken.
#[test]
fn all_claims_have_to_be_there_and_no_others() {
    let key = EncodingKey::from_secret(KEY.as_bytes());
    let claims = json!({
        "iss": "logd", "aud": "logd", "sub": "ann", "iat": NOW, "nbf": NOW, "exp": NOW + 60, "jti": "j", "sid": "s",
        "auth_time": NOW, "role": "viewer", "scope": {}, "gen": "g",
    });
    let taken = |claims: &Value| read(&sign(r#"{"alg":"HS256"}"#, &claims.to_string(), &key, Algorithm::HS256), 0);
    assert_eq!(taken(&claims).unwrap().role, Role::Viewer);
    for name in claims.as_object().unwrap().keys() {
        let mut less = claims.clone();
        less.as_object_mut().unwrap().remove(name);
        assert!(taken(&less).is_err(), "without {name}");
        let mut odd = claims.clone();
        odd[name] = json!([1]);
        assert!(taken(&odd).is_err(), "an odd {name}");
    }
    for (name, value) in [("more", json!(1)), ("role", json!("root")), ("scope", json!({"all": true}))] {
        let mut odd = claims.clone();
        odd[name] = value;
        assert!(taken(&odd).is_err(), "{name}");
    }
}

#[test]
fn the_longest_fits_into_a_cookie() {
    let settings =
        TokenSettings { issuer_name: "i".repeat(256), audience: "a".repeat(256), ..TokenSettings::default() };
    let services: BTreeSet<String> = (0..85).map(|number| format!("service-name-{number:07}")).collect();
    let who = Identity {
        username: "u".repeat(64),
        session: "s".repeat(22),
        generation: "g".repeat(22),
        services: Some(services),
        ..somebody()
    };
    assert!(who.scope().check().is_ok());
    let (token, _) = Tokens::new(&secret(KEY), &settings).unwrap().issue(who, at(0)).unwrap();
    let length = token.expose().len();
    assert!((3500..4000).contains(&length), "{length}");
    assert!(token.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
}
