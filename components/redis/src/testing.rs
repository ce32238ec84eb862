//! What the unit tests of this crate share.

use std::sync::Arc;

use logd_sdk::condition::{Condition, Conditions, Reads};
use logd_sdk::settings::{Fault, FieldPath};
use logd_sdk::{Batch, Block, Body, Columns, Partition, Row, Time};

/// A batch of these JSON objects, with these fields taken out.
pub(crate) fn batch(events: &[&str], fields: &[&str]) -> Batch {
    let (mut text, mut rows) = (String::new(), Vec::new());
    for event in events {
        let start = text.len() as u32;
        text.push_str(event);
        rows.push(Row { body: Body::Json, ..Row::line(start, text.len() as u32, start.into(), Time::EPOCH) });
    }
    let mut batch = Batch::new(Block::new(text.into(), Partition::new("test/source", "")), rows);
    let paths = fields.iter().map(|field| field.parse::<FieldPath>().expect("a path").path().clone());
    batch.require(&Columns::new(paths));
    batch
}

/// Compiles any text that has no blank into a condition that holds for an event with this field.
pub(crate) struct Has;

impl Conditions for Has {
    fn compile(&self, source: &str) -> Result<Arc<dyn Condition>, Vec<Fault>> {
        let field: FieldPath = source.parse().map_err(|fault| vec![fault])?;
        Ok(Arc::new(HasField(Reads::Fields(vec![field.path().clone()]))))
    }
}

struct HasField(Reads);

impl Condition for HasField {
    fn reads(&self) -> &Reads {
        &self.0
    }

    fn test(&self, batch: &Batch, answers: &mut Vec<bool>) -> u64 {
        let Reads::Fields(fields) = &self.0 else { return 0 };
        let column = batch.columns().find(&fields[0]);
        answers.extend((0..batch.len()).map(|row| column.is_some_and(|column| !batch.field(row, column).is_missing())));
        0
    }
}
