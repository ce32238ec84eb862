//! What an answer, or none, means for what was sent.

use std::time::{Duration, UNIX_EPOCH};

use logd_sdk::Time;
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{StatusCode, Url};

/// What became of one request.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// The receiver has it.
    Delivered,
    /// It may take it later.
    Again {
        /// Not before so long from now, if it said so.
        after: Option<Duration>,
        /// Why not now.
        error: String,
    },
    /// It never will.
    Refused {
        /// With which status it said so.
        status: StatusCode,
        /// The status, and the beginning of what it said.
        reason: String,
    },
}

/// A wish to wait for longer is cut to this: a receiver may not put off events for ever.
const LONGEST_WISH: Duration = Duration::from_secs(60 * 60);

/// So much of an answer is repeated in a reason, in characters.
const SHOWN: usize = 200;

impl Verdict {
    /// What an answer means, that came at `now` with a body that begins with `body`.
    pub(super) fn of(status: StatusCode, headers: &HeaderMap, body: &[u8], now: Time) -> Self {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let said = || {
            let said = shown(body);
            if said.is_empty() { status.to_string() } else { format!("{status}: {said}") }
        };
        match status.as_u16() {
            200..=299 => Self::Delivered,
            300..=399 => {
                // Only where to: the path may repeat a secret of the URI that was called.
                let location = header(LOCATION).and_then(|location| Url::parse(location).ok());
                let location = location.and_then(|url| Some(format!("{}://{}", url.scheme(), url.host_str()?)));
                let to = location.map_or_else(String::new, |to| format!(" to {to}"));
                Self::Refused { status, reason: format!("{status}{to}: redirects are not followed; set the new URI") }
            }
            408 | 425 | 429 | 500.. => {
                Self::Again { after: header(RETRY_AFTER).and_then(|wish| wait(wish, now)), error: said() }
            }
            _ => Self::Refused { status, reason: said() },
        }
    }
}

/// How long a `Retry-After` asks to wait (RFC 9110 section 10.2.3): seconds, or until a time of day.
fn wait(wish: &str, now: Time) -> Option<Duration> {
    let wish = wish.trim();
    let wait = if !wish.is_empty() && wish.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::from_secs(wish.parse().unwrap_or(u64::MAX))
    } else {
        let at = httpdate::parse_http_date(wish).ok()?.duration_since(UNIX_EPOCH).ok()?;
        Time::from_micros(i64::try_from(at.as_micros()).ok()?).since(now)
    };
    Some(wait.min(LONGEST_WISH))
}

/// The beginning of a body on one line, for people: what a receiver sends can't forge a line of a log.
fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let plain = text.chars().map(|character| if character.is_control() { ' ' } else { character });
    plain.take(SHOWN).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23T14:03:10Z.
    const NOW: Time = Time::from_micros(1_795_442_590_000_000);

    fn verdict(status: u16, header: Option<(&'static str, &str)>, body: &str) -> Verdict {
        let headers = header.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Verdict::of(StatusCode::from_u16(status).unwrap(), &headers.into_iter().collect(), body.as_bytes(), NOW)
    }

    #[test]
    fn a_status_says_whether_to_try_again() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(verdict(status, None, ""), Verdict::Delivered, "{status}");
        }
        for status in [408, 425, 429, 500, 501, 502, 503, 504, 599, 999] {
            assert!(matches!(verdict(status, None, ""), Verdict::Again { after: None, .. }), "{status}");
        }
        for status in [100, 300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 410, 413, 422, 451] {
            assert!(matches!(verdict(status, None, ""), Verdict::Refused { .. }), "{status}");
        }
    }

    #[test]
    fn the_receiver_says_how_long_to_wait() {
        for (wish, seconds) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("Mon, 23 Nov 2026 14:03:40 GMT", Some(30)),
            ("Monday, 23-Nov-26 14:03:40 GMT", Some(30)),
            ("Mon, 23 Nov 2026 14:00:00 GMT", Some(0)),
            ("99999999999999999999999", Some(3600)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(3600)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            let Verdict::Again { after, .. } = verdict(429, Some(("retry-after", wish)), "") else { panic!("{wish}") };
            assert_eq!(after.map(|after| after.as_secs()), seconds, "{wish}");
        }
    }

    #[test]
    fn a_reason_is_short_on_one_line_and_repeats_no_secret() {
        let Verdict::Refused { reason, .. } = verdict(400, None, "no\nsuch\r\n\x1b[31mfield") else { panic!() };
        assert_eq!(reason, "400 Bad Request: no such   [31mfield");
        let Verdict::Refused { reason, .. } = verdict(400, None, &"é".repeat(10_000)) else { panic!() };
        assert_eq!(reason.chars().count(), "400 Bad Request: ".len() + 200);
        let to = Some(("location", "https://hooks.example.com/services/canary"));
        let Verdict::Refused { reason, .. } = verdict(308, to, "canary") else { panic!() };
        assert_eq!(
            reason,
            "308 Permanent Redirect to https://hooks.example.com: redirects are not followed; set the new URI"
        );
    }
}
