//! What every token has to claim (RFC 7519 section 4.1), whoever made it.

use logd_sdk::Time;
use serde_json::{Map, Value};

use crate::json;

/// What is wrong with a token that was valid once.
pub(crate) const EXPIRED: &str = "it has expired";
/// How far two clocks may differ.
const LEEWAY: std::time::Duration = std::time::Duration::from_secs(5);
/// The end of the year 9999: no token is meant to live longer.
const LAST: f64 = 253_402_300_799.0;

/// The claims of a token that is for us, from whom it should be, and valid now.
#[derive(Debug, PartialEq)]
pub(crate) struct Claims {
    pub(crate) all: Map<String, Value>,
    pub(crate) expires_at: Time,
}

/// Checks a payload whose signature was right.
///
/// # Errors
/// What is wrong with it, for the log; nothing in it is the token's.
pub(crate) fn check(payload: &[u8], issuer: &str, audience: &str, now: Time) -> Result<Claims, &'static str> {
    let all = json::object(payload).ok_or("the claims are not an object, or a name is in it twice")?;
    if all.get("iss").and_then(Value::as_str) != Some(issuer) {
        return Err("it is from another issuer");
    }
    let is_meant = match all.get("aud") {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(several)) => {
            several.iter().all(Value::is_string) && several.iter().any(|one| one == audience)
        }
        _ => false,
    };
    if !is_meant {
        return Err("it is for another audience");
    }
    let time = |name: &str| all.get(name).map(date).transpose();
    let expires_at = time("exp")?.ok_or("it has no end")?;
    if expires_at.after(LEEWAY) <= now {
        return Err(EXPIRED);
    }
    for name in ["nbf", "iat"] {
        if time(name)?.is_some_and(|from| from > now.after(LEEWAY)) {
            return Err("it is not valid yet");
        }
    }
    Ok(Claims { all, expires_at })
}

/// Seconds since 1970, which may have a fraction.
fn date(value: &Value) -> Result<Time, &'static str> {
    let seconds = value.as_f64().filter(|seconds| (0.0..=LAST).contains(seconds)).ok_or("a time in it is none")?;
    Ok(Time::from_micros((seconds * 1e6) as i64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn result(change: impl FnOnce(&mut Value)) -> Result<Time, &'static str> {
        let mut claims = json!({"iss": "i", "aud": "a", "exp": NOW + 60, "iat": NOW, "nbf": NOW, "x": 1});
        change(&mut claims);
        let now = Time::from_micros(NOW * 1_000_000);
        check(claims.to_string().as_bytes(), "i", "a", now).map(|claims| claims.expires_at)
    }

    fn with(name: &str, value: Value) -> Result<Time, &'static str> {
        result(|claims| claims[name] = value)
    }

    fn without(name: &str) -> Result<Time, &'static str> {
        result(|claims| {
            claims.as_object_mut().unwrap().remove(name);
        })
    }

    #[test]
    fn times_have_a_leeway_of_five_seconds() {
        assert_eq!(result(|_| {}), Ok(Time::from_micros((NOW + 60) * 1_000_000)));
        for (name, best, worst) in [("exp", NOW - 4, NOW - 5), ("nbf", NOW + 5, NOW + 6), ("iat", NOW + 5, NOW + 6)] {
            assert!(with(name, json!(best)).is_ok(), "{name}");
            assert!(with(name, json!(worst)).is_err(), "{name}");
        }
        assert_eq!(with("exp", json!(NOW as f64 + 0.5)), Ok(Time::from_micros(NOW * 1_000_000 + 500_000)));
        assert!(without("nbf").is_ok() && without("iat").is_ok());
    }

    #[test]
    fn what_is_missing_or_odd_is_refused() {
        for name in ["iss", "aud", "exp"] {
            assert!(without(name).is_err(), "{name}");
        }
        for name in ["exp", "nbf", "iat"] {
            for odd in [json!("1800000060"), json!(null), json!(-1), json!(1e18), json!([NOW]), json!({}), json!(true)]
            {
                assert!(with(name, odd.clone()).is_err(), "{name} {odd}");
            }
        }
    }

    #[test]
    fn issuer_and_audience_are_compared_letter_for_letter() {
        assert!(with("aud", json!(["b", "a"])).is_ok());
        for odd in [json!("A"), json!("a "), json!(["b"]), json!([]), json!([["a"]]), json!(["a", 1]), json!({"a": 1})]
        {
            assert!(with("aud", odd.clone()).is_err(), "{odd}");
        }
        for odd in [json!("I"), json!("i/"), json!(["i"]), json!(null)] {
            assert!(with("iss", odd.clone()).is_err(), "{odd}");
        }
    }
}
