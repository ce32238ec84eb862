//! What is wrong with one value: the error type of every setting that is written as text.
//!
//! Serde carries an error from a type to the configuration loader as one string. So that the place inside the value and
//! the hint survive that journey, [`Fault`] prints them as lines of their own, and [`Fault::parse`] takes them apart again.

use std::fmt;
use std::ops::Range;

/// A mistake inside one value, with what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, in one line, without a full stop; never contains a secret.
    pub message: String,
    /// The bytes of the value that are wrong, if it is not the whole of it.
    pub within: Option<Range<usize>>,
    /// A few words to stand at the caret.
    pub label: Option<String>,
    /// What to write instead, in one line.
    pub help: Option<String>,
}

const PLACE: &str = "\nat bytes ";
const LABEL: &str = "\nlabel: ";
const HELP: &str = "\nhelp: ";

impl Fault {
    /// A fault of the whole value.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), within: None, label: None, help: None }
    }

    /// Narrows the fault to these bytes of the value.
    #[must_use]
    pub fn at(mut self, within: Range<usize>) -> Self {
        self.within = Some(within);
        self
    }

    /// Puts a few words at the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Reads back what [`Display`](fmt::Display) printed; any other text becomes a fault with that message.
    pub fn parse(text: &str) -> Self {
        let (rest, help) = cut(text, HELP);
        let (rest, label) = cut(rest, LABEL);
        let place = rest.rsplit_once(PLACE).and_then(|(message, place)| {
            let (start, end) = place.split_once("..")?;
            Some((message, start.parse().ok()?..end.parse().ok()?))
        });
        let (message, within) = place.map_or((rest, None), |(message, within)| (message, Some(within)));
        Self { message: message.to_owned(), within, label, help }
    }
}

/// Takes the line that `mark` begins off the end of `text`.
fn cut<'t>(text: &'t str, mark: &str) -> (&'t str, Option<String>) {
    text.rsplit_once(mark).map_or((text, None), |(rest, line)| (rest, Some(line.to_owned())))
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        if let Some(Range { start, end }) = &self.within {
            write!(formatter, "{PLACE}{start}..{end}")?;
        }
        for (mark, line) in [(LABEL, &self.label), (HELP, &self.help)] {
            if let Some(line) = line {
                write!(formatter, "{mark}{line}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_being_printed() {
        for fault in [
            Fault::new("wrong"),
            Fault::new("wrong").at(3..7),
            Fault::new("wrong").help("write this"),
            Fault::new("wrong").label("here"),
            Fault::new("wrong").at(0..1).label("here").help("write this"),
        ] {
            assert_eq!(Fault::parse(&fault.to_string()), fault);
        }
    }

    #[test]
    fn takes_any_other_text_as_the_message() {
        assert_eq!(Fault::parse("a\nat bytes x..y"), Fault::new("a\nat bytes x..y"));
        assert_eq!(Fault::parse(""), Fault::new(""));
    }
}
