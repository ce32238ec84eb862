//! What a window has of a key, for people: which windows are open, and what they have come to.
//!
//! `1 open window, the next ends 2026-…; the last event 2026-…`

use logd_sdk::event::write_json;
use logd_sdk::keyed::Description;
use logd_sdk::{Partition, Time};
use serde_json::{Value, json};

use super::recipe::Recipe;
use super::shard::Closed;

impl Recipe {
    /// Says it of a key whose open windows would have these results, if they closed now.
    pub(super) fn describe(&self, open: &[Closed], newest: Time) -> Description {
        let batch = self.results(open, &Partition::new("", ""), Time::MIN);
        let groups = self.group_columns(&batch);
        let value = |column: &Option<usize>| Some(batch.field_if(0, *column).display()?.into_owned());
        let named: Vec<String> = groups.iter().filter(|_| !batch.is_empty()).filter_map(value).collect();
        let windows = (0..batch.len()).map(|row| {
            let mut text = Vec::new();
            write_json(&batch, row, &mut text);
            // What has just been written as JSON is some.
            serde_json::from_slice(&text).unwrap_or(Value::Null)
        });
        let next = open.first().map(|next| format!(", the next ends {}", next.end)).unwrap_or_default();
        let words = match open.len() {
            1 => format!("1 open window{next}; the last event {newest}"),
            count => format!("{count} open windows{next}; the last event {newest}"),
        };
        let figures = json!({ "open": windows.collect::<Vec<_>>(), "last_event": newest.to_string() });
        Description { key: named.join(","), words, figures }
    }
}
