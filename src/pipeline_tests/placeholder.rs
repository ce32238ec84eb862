//! Times in the lines of a test: `{{ timestamp }}` stands for the time of the event, by RFC 3339, and
//! `{{ timestamp %d/%b/%Y:%H:%M:%S %z }}` for the same in another form (strftime, UTC).
//!
//! Anything else in braces is what it is: lines may well have some.

use chrono::format::{Item, StrftimeItems};
use logd_sdk::Time;
use logd_sdk::settings::Fault;

/// A text with places for a time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Timed(Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Literal(String),
    /// By RFC 3339.
    Time,
    Formatted(Vec<Item<'static>>),
}

impl Timed {
    /// Finds the places.
    ///
    /// # Errors
    /// A form is none that strftime knows, or the braces are not closed.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        const OPEN: &str = "{{ timestamp ";
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((literal, behind)) = rest.split_once(OPEN) {
            let start = text.len() - behind.len() - OPEN.len();
            let Some((form, behind)) = behind.split_once("}}") else {
                let fault = Fault::new("`{{ timestamp` is not closed").help("write \"{{ timestamp }}\"");
                return Err(fault.at(start..text.len()));
            };
            parts.push(Part::Literal(literal.to_owned()));
            parts.push(match form.trim() {
                "" => Part::Time,
                form => {
                    let items = StrftimeItems::new(form).parse_to_owned().map_err(|_| {
                        let fault = Fault::new(format!("`{form}` is no form of a time"));
                        let help = "write it like \"{{ timestamp %Y-%m-%d %H:%M:%S }}\"";
                        fault.at(start..text.len() - behind.len()).help(help)
                    })?;
                    Part::Formatted(items)
                }
            });
            rest = behind;
        }
        parts.push(Part::Literal(rest.to_owned()));
        Ok(Self(parts))
    }

    /// The text of an event at `time`.
    pub(super) fn at(&self, time: Time) -> String {
        let show = |part: &Part| match part {
            Part::Literal(text) => text.clone(),
            Part::Time => time.to_string(),
            // Moments in a file are within the years that `chrono` knows.
            Part::Formatted(items) => {
                time.to_chrono().map(|time| time.format_with_items(items.iter()).to_string()).unwrap_or_default()
            }
        };
        self.0.iter().map(show).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let time = Time::parse_rfc3339(b"2026-11-26T10:00:01.5Z").unwrap();
        Timed::parse(text).unwrap().at(time)
    }

    #[test]
    fn times_take_their_places() {
        assert_eq!(shown("no {{ place }} %Y {{timestamp}}"), "no {{ place }} %Y {{timestamp}}");
        assert_eq!(
            shown(r#"{"t":"{{ timestamp }}","a":{"b":{}}}"#),
            r#"{"t":"2026-11-26T10:00:01.500Z","a":{"b":{}}}"#
        );
        assert_eq!(
            shown("[{{ timestamp %d/%b/%Y:%H:%M:%S %z }}] {{ timestamp %s}}"),
            "[26/Nov/2026:10:00:01 +0000] 1795687201"
        );
    }

    #[test]
    fn what_is_no_time_is_refused_at_its_place() {
        let fault = Timed::parse("a {{ timestamp %Q }} b").unwrap_err();
        assert_eq!((fault.message.as_str(), fault.within), ("`%Q` is no form of a time", Some(2..20)));
        assert_eq!(Timed::parse("{{ timestamp %Y").unwrap_err().within, Some(0..15));
    }
}
