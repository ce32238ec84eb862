//! Which URI an event goes to, and that it can be no other.
//!
//! The host and the beginning of the path are the user's own words. A field may be what a stranger wrote into a log: it is
//! percent-encoded, and an event with which the URI would mean something else (`..` as a part of the path) is rejected.

use logd_sdk::Time;
use logd_sdk::settings::{Fault, FieldPath, NameTemplate};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

use crate::client::{Addresses, Target};
use crate::fields::Fields;

/// What is encoded in a field: all but what RFC 3986 section 2.3 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest URI, in bytes: servers refuse more (RFC 9110 section 4.1).
const LONGEST: usize = 8000;

/// A template of URIs that all begin with the same host.
#[derive(Clone)]
pub(super) struct Uri {
    template: NameTemplate,
    /// The literal that all of them begin with.
    base: Target,
    /// Whether no event changes anything.
    constant: bool,
}

impl Uri {
    /// From a template.
    ///
    /// # Errors
    /// It is no URI, an event could choose the host, or there is an address in it that may not be called.
    pub(super) fn new(template: &NameTemplate, addresses: &Addresses) -> Result<Self, Fault> {
        let prefix = template.prefix();
        let constant = template.only_literal().is_some();
        let host_ends = prefix.split_once("://").is_none_or(|(_, rest)| rest.contains(['/', '?']));
        if !constant && !host_ends {
            return Err(Fault::new("no event chooses the host, so a field can't stand in front of the path")
                .help("write \"https://example.com/{{ service }}\""));
        }
        let uri = Self { template: template.clone(), base: Target::parse(prefix, addresses)?, constant };
        match uri.render(Time::EPOCH, |_| Some("x".to_owned())) {
            Err(_) => Err(Fault::new("there are characters behind the first field that a URI does not have")
                .help("write them percent-encoded, with two percent signs: \"%%20\"")),
            Ok(_) => Ok(uri),
        }
    }

    /// The URI, as far as no event changes it.
    pub(super) fn base(&self) -> &Target {
        &self.base
    }

    /// The URI for an event.
    ///
    /// # Errors
    /// Why the event makes none.
    pub(super) fn of(&self, event: Fields<'_>) -> Result<Url, String> {
        self.render(event.time(), |field| event.text(field))
    }

    fn render(&self, time: Time, field: impl Fn(&FieldPath) -> Option<String>) -> Result<Url, String> {
        if self.constant {
            return Ok(self.base.url().clone());
        }
        let mut empty = None;
        let rendered = self.template.render(time, |path| {
            let value = field(path)?;
            if value.is_empty() {
                empty = Some(format!("the field `{path}` is empty, and the URI needs it"));
            }
            Some(utf8_percent_encode(&value, RESERVED).to_string())
        });
        let rendered = rendered.map_err(|path| format!("the event has no field `{path}`, which the URI needs"))?;
        if let Some(reason) = empty {
            return Err(reason);
        }
        if rendered.len() > LONGEST {
            return Err(format!("the URI would have more than {LONGEST} bytes"));
        }
        let tail = rendered.get(self.template.prefix().len()..).unwrap_or_default();
        // What is understood must be what is written, behind the literal as in front of it.
        match Url::parse(&rendered) {
            Ok(url) if url.as_str().strip_prefix(self.base.url().as_str()) == Some(tail) => Ok(url),
            _ => Err("the event's fields would change what the URI means".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;

    fn uri(text: &str) -> Result<Uri, String> {
        let template = text.parse::<NameTemplate>().map_err(|fault| fault.message)?;
        Uri::new(&template, &Addresses::Any).map_err(|fault| fault.message)
    }

    fn of(text: &str, service: &str) -> Result<String, String> {
        let uri = uri(text).unwrap();
        let batch = event(&serde_json::json!({ "service": service }).to_string(), uri.template.fields());
        uri.of(Fields::of(&batch, 0)).map(|url| url.as_str().to_owned())
    }

    #[test]
    fn fields_and_times_make_a_uri() {
        assert_eq!(of("https://a.example/%Y/{{ service }}", "api").unwrap(), "https://a.example/2026/api");
        assert_eq!(of("https://a.example?q={{ service }}", "a b&c=d").unwrap(), "https://a.example/?q=a%20b%26c%3Dd");
        assert_eq!(of("https://a.example:443/logs-{{service}}/_doc", "x").unwrap(), "https://a.example/logs-x/_doc");
        assert_eq!(of("https://a.example/a%%20b", "").unwrap(), "https://a.example/a%20b");
        assert_eq!(of("https://a.example/a%%20b/{{service}}%%21", "ü").unwrap(), "https://a.example/a%20b/%C3%BC%21");
    }

    #[test]
    fn no_event_leaves_its_place() {
        for (evil, encoded) in [
            ("../x", "..%2Fx"),
            ("/etc", "%2Fetc"),
            ("%2f", "%252f"),
            ("%2e%2e", "%252e%252e"),
            ("a?b", "a%3Fb"),
            ("a#b", "a%23b"),
            ("a\\b", "a%5Cb"),
            ("a\r\nHost: b", "a%0D%0AHost%3A%20b"),
            ("@evil.example", "%40evil.example"),
            ("-x", "-x"),
        ] {
            assert_eq!(
                of("https://a.example/x/{{ service }}", evil).unwrap(),
                format!("https://a.example/x/{encoded}")
            );
        }
        for evil in ["..", ".", ""] {
            for template in ["https://a.example/x/{{ service }}", "https://a.example/x/{{ service }}/y"] {
                assert!(of(template, evil).is_err(), "{template} {evil:?}");
            }
        }
        assert!(of("https://a.example/x/{{ service }}{{ service }}", ".").is_err(), "dots that come together");
        assert!(of("https://a.example/x/{{ service }}", &"x".repeat(10_000)).unwrap_err().contains("8000 bytes"));
        let missing = of("https://a.example/{{ host }}", "").unwrap_err();
        assert_eq!(missing, "the event has no field `host`, which the URI needs");
    }

    #[test]
    fn no_event_chooses_the_host() {
        for template in [
            "https://{{ service }}",
            "https://{{ service }}/x",
            "https://a.{{ service }}/x",
            "https://a.example:{{ service }}/x",
            "https://a.example{{ service }}/x",
            "https://%Y.example/",
        ] {
            assert!(uri(template).err().unwrap().starts_with("no event chooses the host"), "{template}");
        }
        assert!(uri("{{ service }}").is_err());
        assert!(uri("http{{ service }}://a.example/").is_err());
        assert!(
            uri("https://a.example/{{ service }}/<x>").err().unwrap().contains("characters behind the first field")
        );
    }
}
