use jsonwebtoken::EncodingKey;
use proptest::prelude::*;

use super::*;
use crate::testing::{encode, sign};

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

fn token(header: &str) -> String {
    sign(header, "{}", &EncodingKey::from_secret(KEY), Algorithm::HS256)
}

fn is_taken(token: &str) -> bool {
    let key = DecodingKey::from_secret(KEY);
    Jws::parse(token).is_some_and(|token| token.verify(&key, "HS256", Algorithm::HS256).is_some())
}

#[test]
fn headers_say_no_more_than_is_understood() {
    for header in [
        r#"{"alg":"HS256"}"#,
        r#"{ "typ" : "JWT", "alg" : "HS256" }"#,
        r#"{"alg":"HS256","typ":"jwt"}"#,
        r#"{"alg":"HS256","typ":"at+jwt","kid":"k","x5t":"ignored","other":{"a":1}}"#,
        r#"{"alg":"HS256","typ":"application/at+jwt"}"#,
        r#"{"\u0061lg":"HS256"}"#,
    ] {
        assert!(is_taken(&token(header)), "{header}");
    }
    for header in [
        "",
        "{}",
        "[]",
        "null",
        "\"HS256\"",
        r#"{"alg":null}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"ALG":"HS256"}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":"HS256 "}"#,
        r#"{"alg":"HS384"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":""}"#,
        r#"{"alg":"none"}"#,
        r#"{"alg":"None"}"#,
        r#"{"alg":"NONE"}"#,
        r#"{"alg":"nOnE"}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","\u0061lg":"none"}"#,
        r#"{"alg":"HS256","crit":["exp"],"exp":1}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#,
        r#"{"alg":"HS256","b64":true}"#,
        r#"{"alg":"HS256","jwk":{"kty":"oct","k":"MDEyMw"}}"#,
        r#"{"alg":"HS256","jku":"https://evil.example"}"#,
        r#"{"alg":"HS256","x5u":"https://evil.example"}"#,
        r#"{"alg":"HS256","x5c":["MIIB"]}"#,
        r#"{"alg":"HS256","zip":"DEF"}"#,
        r#"{"alg":"HS256","enc":"A256GCM"}"#,
        r#"{"alg":"HS256","kid":1}"#,
        r#"{"alg":"HS256","kid":["k"]}"#,
        r#"{"alg":"HS256","typ":1}"#,
        r#"{"alg":"HS256","typ":"JWE"}"#,
        r#"{"alg":"HS256","typ":"logout+jwt"}"#,
        r#"{"alg":"HS256","typ":"dpop+jwt"}"#,
        "{\"alg\":\"HS256\"}\0",
        "\u{feff}{\"alg\":\"HS256\"}",
    ] {
        assert!(!is_taken(&token(header)), "{header}");
    }
    let long = |length: usize| format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "k".repeat(length));
    assert!(is_taken(&token(&long(256))) && !is_taken(&token(&long(257))));
}

#[test]
fn a_token_can_be_written_in_one_way_only() {
    let good = token(r#"{"alg":"HS256"}"#);
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    assert!(is_taken(&good));
    let last = signature.chars().last().unwrap();
    // 43 letters are 258 bits: two that are not used, and could be anything.
    let spare = (b'A'..=b'z').map(char::from).filter(|letter| letter.is_ascii_alphabetic() && *letter != last);
    let mut odd: Vec<String> = spare.map(|letter| format!("{header}.{payload}.{}{letter}", &signature[..42])).collect();
    odd.extend([
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!(".{good}"),
        format!("{good}="),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}==.{signature}"),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}\n"),
        format!("{header}.{payload}.\u{200b}{signature}"),
        format!("{header}.{payload}.{}", signature.replace(['-', '_'], "+")),
        format!("{header}.{payload}.{}", &signature[1..]),
        format!("{header}.{payload}.{signature}{signature}"),
        "..".to_owned(),
        ".".to_owned(),
        String::new(),
        "a".repeat(1 << 20),
        format!("{header}.{payload}.{}", "A".repeat(1 << 20)),
        format!("{}.{payload}.{signature}", encode(vec![b' '; 1 << 20])),
    ]);
    for odd in odd.iter().filter(|odd| **odd != good) {
        assert!(!is_taken(odd), "{}", &odd[..odd.len().min(200)]);
    }
}

#[test]
fn deep_headers_are_refused_and_cost_no_stack() {
    let deep = format!(r#"{{"alg":"HS256","a":{}1{}}}"#, "[".repeat(2000), "]".repeat(2000));
    assert!(deep.len() * 4 / 3 < LONGEST);
    assert!(!is_taken(&token(&deep)));
}

proptest! {
    #[test]
    fn nothing_panics_and_nothing_else_is_taken(text in "[A-Za-z0-9_.=-]{0,60}", bytes in any::<Vec<u8>>()) {
        prop_assert!(!is_taken(&text));
        prop_assert!(!is_taken(&String::from_utf8_lossy(&bytes)));
        let (header, odd) = (encode(r#"{"alg":"HS256"}"#), encode(&bytes));
        let is_odd_taken = is_taken(&[header.as_str(), &odd, &odd].join("."));
        prop_assert!(!is_odd_taken);
    }

    #[test]
    fn every_flipped_bit_counts(place in 0_usize..1000, bit in 0_u8..7) {
        let mut token = token(r#"{"alg":"HS256","typ":"JWT"}"#).into_bytes();
        let place = place % token.len();
        token[place] ^= 1_u8 << bit;
        prop_assert!(!is_taken(&String::from_utf8(token).unwrap()));
    }
}
