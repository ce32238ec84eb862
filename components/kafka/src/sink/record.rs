//! From an event to a message: its topic, its key, its bytes.

use std::borrow::Cow;

use logd_sdk::settings::{Codec, FieldPath, NameTemplate, Template};
use logd_sdk::{Batch, Field};

use crate::connection::is_name;

/// What a message's key is made of.
#[derive(Clone, Debug)]
pub(crate) enum Key {
    /// A text with fields in it.
    Template(Template),
    /// A field.
    Field(FieldPath),
}

/// Makes messages of events.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    /// Which topic.
    pub(crate) topic: NameTemplate,
    /// Which key.
    pub(crate) key: Option<Key>,
    /// What the event is written as.
    pub(crate) codec: Codec,
}

impl Records {
    /// The topic of an event.
    ///
    /// # Errors
    /// Why it has none, for the dead letter.
    pub(crate) fn topic(&self, batch: &Batch, row: usize) -> Result<Cow<'_, str>, String> {
        let topic = self.topic.render(batch.rows()[row].time, |path| text(batch, row, path));
        let topic = topic.map_err(|path| format!("the topic's name needs the field `{path}`"))?;
        if is_name(&topic) { Ok(topic) } else { Err(format!("`{}` is no name for a topic", topic.escape_debug())) }
    }

    /// The key of an event, if it has one.
    pub(crate) fn key(&self, batch: &Batch, row: usize) -> Option<String> {
        match self.key.as_ref()? {
            Key::Template(template) => {
                let rendered = template.render(batch.rows()[row].time, |path| text(batch, row, path));
                rendered.ok().map(Cow::into_owned)
            }
            Key::Field(path) => text(batch, row, path),
        }
    }
}

/// A field as text, if the event has it.
fn text(batch: &Batch, row: usize, path: &FieldPath) -> Option<String> {
    let field = batch.columns().find(path.path()).map_or(Field::Missing, |column| batch.field(row, column));
    field.display().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use logd_sdk::{Block, Body, Columns, Partition, Row, Time};

    use super::*;

    fn batch(documents: &[&str]) -> Batch {
        let (mut bytes, mut rows) = (String::new(), Vec::new());
        for document in documents {
            let start = bytes.len() as u32;
            bytes.push_str(document);
            rows.push(Row { body: Body::Json, ..Row::line(start, bytes.len() as u32, start.into(), Time::EPOCH) });
        }
        let mut batch = Batch::new(Block::new(bytes.into(), Partition::new("test/source", "")), rows);
        batch.require(&Columns::new(["service", "user"].map(vrl::path::OwnedValuePath::single_field)));
        batch
    }

    #[test]
    fn topics_and_keys_come_from_fields() {
        let batch = batch(&[r#"{"service":"shop","user":7}"#, r#"{"service":"../x"}"#, "{}"]);
        let records = Records {
            topic: "logs-{{ service }}-%Y".parse().unwrap(),
            key: Some(Key::Template("u{{ user }}".parse().unwrap())),
            codec: Codec::Json,
        };
        assert_eq!(records.topic(&batch, 0).as_deref(), Ok("logs-shop-1970"));
        assert_eq!(records.topic(&batch, 1).unwrap_err(), "`logs-../x-1970` is no name for a topic");
        assert_eq!(records.topic(&batch, 2).unwrap_err(), "the topic's name needs the field `service`");
        assert_eq!([0, 1].map(|row| records.key(&batch, row)), [Some("u7".to_owned()), None]);
        let by_field = Records { key: Some(Key::Field("user".parse().unwrap())), ..records };
        assert_eq!([0, 1].map(|row| by_field.key(&batch, row)), [Some("7".to_owned()), None]);
    }
}
