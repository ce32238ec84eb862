//! The headers of requests: templates whose values can't become another header.
//!
//! A field of an event may hold whatever a stranger wrote into a log. A line's end in it would begin a header of the
//! stranger's own (CWE-113), so an event whose fields make no header is rejected, and nothing is cut out in silence.

use std::collections::BTreeMap;

use logd_sdk::report::Report;
use logd_sdk::settings::{FieldPath, Template};
use reqwest::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};

use crate::fields::Fields;
use crate::hidden::Hidden;

/// Headers by their names.
pub(crate) type HeaderSettings = Hidden<BTreeMap<String, Template>>;

/// The longest value, in bytes: servers refuse more.
const LONGEST: usize = 4 << 10;

/// Headers that say how a message is sent, and so are the client's own.
const RESERVED: [HeaderName; 9] =
    [CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// Says what is wrong with the headers that stand at `headers`; `own` are those that the sink sets by itself.
pub(crate) fn check(headers: &HeaderSettings, own: &[HeaderName], report: &mut Report) {
    let mut names = Vec::new();
    for (written, template) in headers.iter() {
        let key = ["headers", written];
        match HeaderName::from_bytes(written.as_bytes()) {
            Err(_) => _ = report.error(key, format!("`{written}` can't be the name of a header")),
            Ok(name) if RESERVED.contains(&name) || own.contains(&name) => {
                report.error(key, format!("`{written}` is set by logd itself"));
            }
            Ok(name) if names.contains(&name) => {
                report.error(key, format!("the header `{written}` is there twice"));
            }
            Ok(name) => names.push(name),
        }
        if template.as_str().contains(|character: char| character.is_control() && character != '\t') {
            report.error(key, "a header's value has no line ends and no control characters");
        }
    }
}

/// Templates of headers, ready to be filled in.
#[derive(Clone, Default)]
pub(crate) struct Headers(Vec<(HeaderName, Template)>);

impl Headers {
    /// Those of settings that have been checked.
    ///
    /// # Errors
    /// They have not.
    pub(crate) fn new(settings: &HeaderSettings) -> anyhow::Result<Self> {
        let named = |(name, template): (&String, &Template)| Ok((name.parse()?, template.clone()));
        Ok(Self(settings.iter().map(named).collect::<anyhow::Result<_>>()?))
    }

    /// The values for an event, in the order of [`put`](Self::put).
    ///
    /// # Errors
    /// Why the event makes no headers.
    pub(crate) fn values(&self, event: Fields<'_>) -> Result<Vec<HeaderValue>, String> {
        self.0.iter().map(|(name, template)| value(name, template, event)).collect()
    }

    /// Sets the headers to these values.
    pub(crate) fn put(&self, values: &[HeaderValue], headers: &mut HeaderMap) {
        for ((name, _), value) in self.0.iter().zip(values) {
            headers.insert(name.clone(), value.clone());
        }
    }
}

/// The fields that the headers read.
pub(crate) fn fields(settings: &HeaderSettings) -> impl Iterator<Item = &FieldPath> {
    settings.values().flat_map(Template::fields)
}

fn value(name: &HeaderName, template: &Template, event: Fields<'_>) -> Result<HeaderValue, String> {
    let text = template
        .render(event.time(), |field| event.text(field))
        .map_err(|field| format!("the event has no field `{field}`, which the header `{name}` needs"))?;
    let mut value = match HeaderValue::from_bytes(text.as_bytes()) {
        Ok(value) if value.len() <= LONGEST => value,
        Ok(_) => return Err(format!("the header `{name}` would have more than {LONGEST} bytes")),
        Err(_) => return Err(format!("the header `{name}` would have a line end or a control character in it")),
    };
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;

    fn settings(text: &str) -> HeaderSettings {
        toml::from_str(text).unwrap()
    }

    fn problems(text: &str) -> Vec<String> {
        let mut report = Report::default();
        check(&settings(text), &[HeaderName::from_static("webhook-id")], &mut report);
        report.problems().iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect()
    }

    fn filled(text: &str, json: &str) -> Result<Vec<String>, String> {
        let settings = settings(text);
        let batch = event(json, fields(&settings));
        let values = Headers::new(&settings).unwrap().values(Fields::of(&batch, 0))?;
        Ok(values.iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect())
    }

    #[test]
    fn fields_and_times_make_a_value() {
        let text = "x-service = 'a {{ service }}'\nx-time = '%Y-%m-%d'";
        assert_eq!(filled(text, r#"{"service":"größe"}"#).unwrap(), ["a größe", "2026-11-23"]);
        let missing = "the event has no field `service`, which the header `x-service` needs";
        assert_eq!(filled(text, "{}").unwrap_err(), missing);
    }

    #[test]
    fn no_event_adds_a_header() {
        for evil in [r"a\r\nx-evil: 1", r"a\nb", r"a\rb", r"a\u0000b", r"a\u007f", r"\r\n\r\nbody"] {
            let reason = filled("x-a = '{{ a }}'", &format!(r#"{{"a":"{evil}"}}"#)).unwrap_err();
            assert_eq!(reason, "the header `x-a` would have a line end or a control character in it", "{evil}");
        }
        assert!(filled("x-a = '%n'", "{}").is_err(), "a time can be a line end");
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(10_000));
        assert_eq!(filled("x-a = '{{ a }}'", &long).unwrap_err(), "the header `x-a` would have more than 4096 bytes");
    }

    #[test]
    fn rejects_what_it_must() {
        assert_eq!(
            problems(
                "'a b' = 'x'\n'a:' = 'x'\n'' = 'x'\nHost = 'x'\ncontent-length = '1'\nWebhook-Id = '1'\nx-a = '1'\n\
                 X-A = '2'\nx-b = \"a\\r\\nb\""
            ),
            [
                "headers.: `` can't be the name of a header",
                "headers.Host: `Host` is set by logd itself",
                "headers.Webhook-Id: `Webhook-Id` is set by logd itself",
                "headers.a b: `a b` can't be the name of a header",
                "headers.a:: `a:` can't be the name of a header",
                "headers.content-length: `content-length` is set by logd itself",
                "headers.x-a: the header `x-a` is there twice",
                "headers.x-b: a header's value has no line ends and no control characters",
            ]
        );
        assert_eq!(problems("authorization = 'GenieKey canary'"), [""; 0]);
        assert_eq!(format!("{:?}", settings("authorization = 'canary'")), "***");
    }
}
