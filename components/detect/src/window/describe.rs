//! What a window has of a key, for people: which windows are open, and what they have come to.
//!
//! `1 open window, the next ends 2026-…; the last event 2026-…`

use logd_sdk::event::write_json;
use logd_sdk::keyed::Description;
use logd_sdk::{Field, Partition, Time};
use serde_json::{Value, json};

use super::operator::Window;

impl Window {
    /// Says it of a key.
    pub(super) fn described(&self, key: &[u8], state: &[u8]) -> anyhow::Result<Description> {
        let (open, newest) = self.recipe.open(key, state)?;
        let batch = self.results(&open, &Partition::new("", ""), Time::MIN);
        let groups = self.recipe.group_columns(&batch);
        let value = |column: &Option<usize>| {
            let field = column.map_or(Field::Missing, |column| batch.field(0, column));
            Some(field.display()?.into_owned())
        };
        let named = groups.iter().filter(|_| !batch.is_empty()).filter_map(value);
        let windows = (0..batch.len()).map(|row| {
            let mut text = Vec::new();
            write_json(&batch, row, &mut text);
            serde_json::from_slice::<Value>(&text)
        });
        let next = open.first().map(|next| format!(", the next ends {}", next.end)).unwrap_or_default();
        let words = match open.len() {
            1 => format!("1 open window{next}; the last event {newest}"),
            count => format!("{count} open windows{next}; the last event {newest}"),
        };
        let figures = json!({ "open": windows.collect::<Result<Vec<_>, _>>()?, "last_event": newest.to_string() });
        Ok(Description { key: named.collect::<Vec<_>>().join(","), words, figures })
    }
}
