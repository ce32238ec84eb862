//! Text with fields and times in it, for the names of indices, topics, keys and files.
//!
//! As in Vector, `{{ field }}` is a field of the event and `%Y.%m.%d` its time (strftime); `%%` is a percent sign.
//!
//! ```text
//! logs-{{ service }}-%Y.%m.%d   →   logs-payment-service-2026.11.23
//! ```
//!
//! Parsed once, when a pipeline is read; rendering an event's name allocates only if something in it varies. A template
//! does not make what it renders safe for a file system, a header or a query: the sink knows what that takes.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::ops::{Deref, Range};
use std::str::FromStr;

use chrono::format::{Item, StrftimeItems};

use super::text::text_setting;
use super::{Fault, FieldPath};
use crate::time::Time;

/// A text with fields (`{{ service }}`) and times (`%Y.%m.%d`, in UTC) in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

/// What stands between two borders of a template.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    Literal(String),
    Time(Vec<Item<'static>>),
    Field(FieldPath),
}

/// A [`Template`] that begins with a literal, for what names an index, topic, key or path: so no event can choose a
/// name outside those that the file allows.
#[derive(Clone, Debug, PartialEq)]
pub struct NameTemplate(Template);

text_setting!(
    Template,
    expected: "a template like \"{{ service }} at %H:%M\"",
    bare_number: None,
    schema: {
        "type": "string",
        "description": "A text with fields (`{{ service }}`) and the event's time (`%Y.%m.%d`, UTC) in it.",
        "examples": ["{{ service }}: {{ message }}"]
    }
);

text_setting!(
    NameTemplate,
    expected: "a template like \"logs-{{ service }}-%Y.%m.%d\"",
    bare_number: None,
    schema: {
        "type": "string",
        "description": "A name, first a literal, with fields (`{{ service }}`) and the event's time (`%Y.%m.%d`, UTC) in it.",
        "examples": ["logs-{{ service }}-%Y.%m.%d"]
    }
);

impl Template {
    /// The template as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The fields that it reads.
    pub fn fields(&self) -> impl Iterator<Item = &FieldPath> {
        self.parts.iter().filter_map(|part| match part {
            Part::Field(path) => Some(path),
            Part::Literal(_) | Part::Time(_) => None,
        })
    }

    /// The field, where the template is one field and nothing else: its value need not become text.
    pub fn only_field(&self) -> Option<&FieldPath> {
        match self.parts.as_slice() {
            [Part::Field(path)] => Some(path),
            _ => None,
        }
    }

    /// The text, where nothing in it varies.
    pub fn only_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The literal that it begins with, possibly empty.
    pub fn prefix(&self) -> &str {
        match self.parts.first() {
            Some(Part::Literal(text)) => text,
            _ => "",
        }
    }

    /// The text for an event of this time, whose fields `field` gives as text; borrowed if nothing varies.
    ///
    /// # Errors
    ///
    /// The first field that the event does not have.
    pub fn render(
        &self,
        time: Time,
        mut field: impl FnMut(&FieldPath) -> Option<String>,
    ) -> Result<Cow<'_, str>, &FieldPath> {
        if let Some(text) = self.only_literal() {
            return Ok(Cow::Borrowed(text));
        }
        // Beyond the years that a calendar has (some 262,000) there is nothing to format: such a time counts as the epoch.
        let time = time.to_chrono().unwrap_or_default();
        let mut rendered = String::with_capacity(self.text.len() + 16);
        for part in &self.parts {
            match part {
                Part::Literal(text) => rendered.push_str(text),
                // Writing to a string fails only for items that a date with a time zone lacks, and there is none.
                Part::Time(items) => _ = write!(rendered, "{}", time.format_with_items(items.iter())),
                Part::Field(path) => rendered.push_str(&field(path).ok_or(path)?),
            }
        }
        Ok(Cow::Owned(rendered))
    }

    /// Adds literal text, to the literal before it if there is one.
    fn push_literal(&mut self, more: &str) {
        match self.parts.last_mut() {
            _ if more.is_empty() => {}
            Some(Part::Literal(text)) => text.push_str(more),
            _ => self.parts.push(Part::Literal(more.to_owned())),
        }
    }

    /// Adds the text between two fields: literals and times.
    fn push_text(&mut self, mut text: &str, mut offset: usize) -> Result<(), Fault> {
        while let Some(percent) = text.find('%') {
            self.push_literal(&text[..percent]);
            text = &text[percent..];
            offset += percent;
            let length = match specifier(text) {
                Some((length, _)) if &text[..length] == "%%" => {
                    self.push_literal("%");
                    length
                }
                Some((length, items)) => {
                    self.parts.push(Part::Time(items));
                    length
                }
                None => {
                    let length = text.char_indices().nth(2).map_or(text.len(), |(end, _)| end);
                    return Err(Fault::new(format!("`{}` is not a time specifier", &text[..length]))
                        .at(offset..offset + length)
                        .help("write times as in \"%Y-%m-%d\", and a percent sign as \"%%\""));
                }
            };
            text = &text[length..];
            offset += length;
        }
        self.push_literal(text);
        Ok(())
    }
}

/// The shortest strftime specifier that `text` begins with, and its length: `%Y`, `%-d`, `%3f`, `%:::z`.
fn specifier(text: &str) -> Option<(usize, Vec<Item<'static>>)> {
    let ends = text.char_indices().map(|(start, c)| start + c.len_utf8()).skip(1).take(4);
    ends.into_iter().find_map(|end| {
        let items = StrftimeItems::new(&text[..end]).parse_to_owned().ok()?;
        Some((end, items))
    })
}

/// A field between `{{` and `}}`, which stand in the template at `place`.
fn field(inner: &str, place: Range<usize>) -> Result<FieldPath, Fault> {
    let path = inner.trim();
    let start = place.start + 2 + (inner.len() - inner.trim_start().len());
    if path.is_empty() {
        return Err(Fault::new("no field between `{{` and `}}`").at(place).help("write \"{{ service }}\""));
    }
    path.parse().map_err(|fault: Fault| {
        let within = fault.within.clone().unwrap_or(0..path.len());
        fault.at(start + within.start..start + within.end)
    })
}

impl FromStr for Template {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let mut template = Self { text: text.to_owned(), parts: Vec::new() };
        let mut position = 0;
        while let Some(open) = text[position..].find("{{").map(|found| position + found) {
            template.push_text(&text[position..open], position)?;
            let Some(length) = text[open..].find("}}") else {
                return Err(Fault::new("`{{` without `}}`").at(open..text.len()).help("write \"{{ service }}\""));
            };
            let close = open + length;
            template.parts.push(Part::Field(field(&text[open + 2..close], open..close + 2)?));
            position = close + 2;
        }
        template.push_text(&text[position..], position)?;
        Ok(template)
    }
}

/// Faults: those of a template, or one that begins with a field or a time.
impl FromStr for NameTemplate {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let template: Template = text.parse()?;
        if template.prefix().is_empty() {
            let end = text.find("}}").map_or(text.len(), |close| close + 2);
            return Err(Fault::new("a name begins with a literal, so that no event can choose it freely")
                .at(0..end)
                .help(format!("write \"logs-{text}\"")));
        }
        Ok(Self(template))
    }
}

impl Deref for NameTemplate {
    type Target = Template;

    fn deref(&self) -> &Template {
        &self.0
    }
}

impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Display for NameTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str) -> Result<String, String> {
        let template: Template = text.parse().map_err(|fault: Fault| fault.to_string())?;
        let time = Time::from_micros(1_431_849_930_042_000);
        let field = |path: &FieldPath| (path.as_str() == "service").then(|| "api".to_owned());
        template.render(time, field).map(Cow::into_owned).map_err(|path| format!("no {path}"))
    }

    #[test]
    fn renders_fields_and_times() {
        assert_eq!(render("logs-{{ service }}-%Y.%m.%d").unwrap(), "logs-api-2015.05.17");
        assert_eq!(render("{{service}}{{ service }}").unwrap(), "apiapi");
        assert_eq!(render("%H:%M:%S%.3f 100 %% %-d").unwrap(), "08:05:30.042 100 % 17");
        assert_eq!(render("plain } text {").unwrap(), "plain } text {");
        assert_eq!(render("").unwrap(), "");
        assert_eq!(render("x{{ host }}").unwrap_err(), "no host");
    }

    #[test]
    fn points_at_the_mistake() {
        for (text, within) in [
            ("a-{{ service", 2..12),
            ("a-{{  }}", 2..8),
            ("a-{{ b c }}", 6..8),
            ("a-%Q-%d", 2..4),
            ("a-%", 2..3),
            ("{{ a }}%é", 7..10),
        ] {
            assert_eq!(text.parse::<Template>().unwrap_err().within, Some(within), "{text}");
        }
    }

    #[test]
    fn a_name_begins_with_a_literal() {
        assert_eq!("logs/{{ a }}".parse::<NameTemplate>().unwrap().prefix(), "logs/");
        assert_eq!("{{ a }}-logs".parse::<NameTemplate>().unwrap_err().within, Some(0..7));
        assert!("%Y-logs".parse::<NameTemplate>().is_err());
        assert!("".parse::<NameTemplate>().is_err());
    }

    #[test]
    fn lists_its_fields() {
        let template: Template = "a {{ x }} %Y {{ y.z }}".parse().unwrap();
        assert_eq!(template.fields().map(FieldPath::as_str).collect::<Vec<_>>(), ["x", "y.z"]);
        assert_eq!(template.only_field(), None);
        let alone: Template = "{{ y.z }}".parse().unwrap();
        assert_eq!(alone.only_field().map(FieldPath::as_str), Some("y.z"));
    }
}
