//! Credentials in the `Authorization` header: basic (RFC 7617) and bearer (RFC 6750).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HeaderMap};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::Refusal;

/// The credentials that a client must send.
#[derive(Clone)]
pub struct Auth {
    scheme: &'static str,
    challenge: &'static str,
    /// As they stand in the header, so that nothing a stranger sends is decoded.
    expected: SecretString,
}

impl Auth {
    /// A user and a password. The user must be without a colon, which ends it (RFC 7617 section 2).
    pub fn basic(user: &str, password: &str) -> Self {
        Self {
            scheme: "basic",
            challenge: "Basic realm=\"logd\", charset=\"UTF-8\"",
            expected: STANDARD.encode(format!("{user}:{password}")).into(),
        }
    }

    /// A token.
    pub fn bearer(token: &str) -> Self {
        Self { scheme: "bearer", challenge: "Bearer realm=\"logd\"", expected: token.into() }
    }

    /// Judges a request. How long that takes depends on the length of what was sent, never on how much of it is right
    /// (CWE-208).
    ///
    /// # Errors
    /// 401, the same for missing, malformed and wrong credentials.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let sent = match (values.next(), values.next()) {
            (Some(value), None) => self.credentials(value.as_bytes()),
            _ => None,
        };
        let right = sent.is_some_and(|sent| sent.ct_eq(self.expected.expose_secret().as_bytes()).into());
        if right { Ok(()) } else { Err(Refusal::unauthorized(self.challenge)) }
    }

    /// What follows the scheme, whose case does not matter (RFC 9110 section 11.1).
    fn credentials<'a>(&self, value: &'a [u8]) -> Option<&'a [u8]> {
        let (scheme, credentials) = value.split_at_checked(self.scheme.len())?;
        let rest = credentials.strip_prefix(b" ")?;
        scheme.eq_ignore_ascii_case(self.scheme.as_bytes()).then(|| rest.trim_ascii())
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Auth").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn accepts(auth: &Auth, values: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        auth.check(&headers).is_ok()
    }

    #[test]
    fn right_credentials_pass() {
        // The example of RFC 7617 section 2.
        let basic = Auth::basic("Aladdin", "open sesame");
        assert!(accepts(&basic, &["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]));
        assert!(accepts(&basic, &["bASIC  QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]));
        assert!(accepts(&Auth::bearer("mF_9.B5f-4.1JqM"), &["Bearer mF_9.B5f-4.1JqM"]));
    }

    #[test]
    fn all_others_get_one_answer() {
        let auth = Auth::bearer("token");
        for values in [
            &[][..],
            &["token"],
            &["Bearer"],
            &["Bearer "],
            &["Bearertoken"],
            &["Bearer toke"],
            &["Bearer tokens"],
            &["Bearer TOKEN"],
            &["Basic token"],
            &["Bearer token", "Bearer token"],
        ] {
            assert!(!accepts(&auth, values), "{values:?}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?} {:?}", Auth::basic("user", "canary"), Auth::bearer("canary"));
        assert!(!shown.contains("canary") && !shown.contains("dXNlcjpjYW5hcnk"));
    }
}
