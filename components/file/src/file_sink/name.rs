//! Which file an event goes to, and that it can't be any other.

use std::borrow::Cow;
use std::path::Path;

use logd_sdk::Batch;
use logd_sdk::settings::{FieldPath, NameTemplate};

/// The longest name of a file or folder on the usual file systems, less room for a number.
const LONGEST_NAME: usize = 255 - 20;

/// Names files by a template.
#[derive(Debug)]
pub(crate) struct Namer {
    template: NameTemplate,
    /// How many of the template's first bytes name the folder that all files stay in.
    folder: usize,
}

/// The names for one batch.
pub(crate) struct Names<'n> {
    /// Whose template it is.
    namer: &'n Namer,
    /// Whose events they are.
    batch: &'n Batch,
    /// The template's fields, and where they stand in the batch.
    columns: Vec<(&'n FieldPath, Option<usize>)>,
}

impl Namer {
    /// By this template, whose literal beginning is the user's own word and so trusted.
    pub(crate) fn new(template: NameTemplate) -> Self {
        let folder = template.prefix().rfind('/').map_or(0, |slash| slash + 1);
        Self { template, folder }
    }

    /// The names for the events of a batch.
    pub(crate) fn of<'n>(&'n self, batch: &'n Batch) -> Names<'n> {
        let columns = self.template.fields().map(|field| (field, batch.columns().find(field.path()))).collect();
        Names { namer: self, batch, columns }
    }

    /// The folder that all files stay in, which no event decides on; the empty path where this runs.
    pub(crate) fn folder(&self) -> &Path {
        // Without the slash at its end, which a file would not be found by.
        Path::new(&self.template.prefix()[..self.folder]).components().as_path()
    }

    /// The file, if all events go to the same one.
    pub(crate) fn only_file(&self) -> Option<&Path> {
        self.template.only_literal().map(Path::new)
    }

    /// Why the part of the path that events decide on is not allowed.
    fn fault(&self, path: &str) -> Option<String> {
        path.get(self.folder..)?.split('/').find_map(|part| match part {
            "" | "." | ".." => Some(format!("`{path}` leaves its folder, or names no file")),
            part if part.len() > LONGEST_NAME => Some(format!("a file name has at most {LONGEST_NAME} bytes")),
            _ => None,
        })
    }
}

impl<'n> Names<'n> {
    /// The path for an event.
    ///
    /// # Errors
    /// The event makes none: why.
    pub(crate) fn name(&self, row: usize) -> Result<Cow<'n, str>, String> {
        let Self { namer, batch, columns } = self;
        let mut wrong = None;
        let name = namer.template.render(batch.rows()[row].time, |field| {
            let column = columns.iter().find_map(|(path, column)| (*path == field).then_some(*column)).flatten()?;
            let value = batch.field(row, column).display()?;
            if value.is_empty() || value.contains(|character: char| character == '/' || character.is_control()) {
                wrong = Some(format!("the field `{field}` makes no file name: {:?}", shortened(&value)));
            }
            Some(value.into_owned())
        });
        match name {
            Err(field) => Err(format!("the event has no field `{field}`, which its file's name needs")),
            Ok(Cow::Borrowed(name)) => Ok(Cow::Borrowed(name)),
            Ok(Cow::Owned(name)) => match wrong.or_else(|| namer.fault(&name)) {
                Some(reason) => Err(reason),
                None => Ok(Cow::Owned(name)),
            },
        }
    }
}

/// As much of a value as an error should repeat.
fn shortened(text: &str) -> &str {
    let end = text.char_indices().map(|(start, _)| start).nth(60).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use logd_sdk::{Block, Body, Columns, Partition, Row};

    use super::*;
    use crate::testing::NOW;

    fn name(template: &str, service: &str) -> Result<String, String> {
        let namer = Namer::new(template.parse().unwrap());
        let json = serde_json::json!({ "service": service, "other": 1 }).to_string();
        let row = Row { body: Body::Json, ..Row::line(0, json.len() as u32, 0, NOW) };
        let mut batch = Batch::new(Block::new(Bytes::from(json), Partition::new("test", "")), vec![row]);
        batch.require(&Columns::new(namer.template.fields().map(|field| field.path().clone())));
        namer.of(&batch).name(0).map(Cow::into_owned)
    }

    #[test]
    fn fields_and_times_make_a_name() {
        assert_eq!(name("logs/{{ service }}-%Y-%m-%d.log", "api").unwrap(), "logs/api-2026-11-23.log");
        assert_eq!(name("/var/log/%Y/{{ service }}", "a b").unwrap(), "/var/log/2026/a b");
        assert_eq!(name("../up/all.log", "").unwrap(), "../up/all.log", "what the user writes is meant");
        assert_eq!(name("x-{{ other }}", "").unwrap(), "x-1");
        for tame in ["-rf", "..x", "%2f", "a\\b", "é", "...", "~"] {
            assert!(name("logs/{{ service }}", tame).is_ok(), "{tame}");
        }
    }

    #[test]
    fn no_event_leaves_the_folder() {
        for evil in ["", "..", ".", "../x", "/etc/passwd", "a/../../x", "a/b", "a\nb", "a\0b", &"x".repeat(10_000)] {
            for template in ["logs/{{ service }}", "logs/{{ service }}/x"] {
                assert!(name(template, evil).is_err(), "{template}: {evil:?}");
            }
        }
        assert!(name("logs/.{{ service }}/x", ".").is_err(), "dots that come together");
        assert!(name("logs/{{ service }}{{ service }}", ".").is_err());
        let reason = name("logs/{{ host }}", "a").unwrap_err();
        assert_eq!(reason, "the event has no field `host`, which its file's name needs");
        let reason = name("logs/{{ service }}", "a/b").unwrap_err();
        assert_eq!(reason, "the field `service` makes no file name: \"a/b\"");
    }

    #[test]
    fn knows_what_no_event_decides_on() {
        let fixed = |template: &str| {
            let namer = Namer::new(template.parse().unwrap());
            (namer.folder().to_owned(), namer.only_file().map(Path::to_owned))
        };
        assert_eq!(fixed("all.log"), ("".into(), Some("all.log".into())));
        assert_eq!(fixed("/var/log/100%%.log"), ("/var/log".into(), Some("/var/log/100%.log".into())));
        assert_eq!(fixed("logs/x-{{ service }}/%Y.log"), ("logs".into(), None));
    }
}
