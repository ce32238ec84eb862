//! Logs: all are counted, and those that the budget has room for are kept for search.

use std::borrow::Cow;
use std::collections::BTreeMap;

use logd_archive::{Counted, LogRecord, is_error};
use logd_sdk::event::{Body, write_json};
use logd_sdk::sink::Attempt;
use logd_sdk::{Batch, Field};

use super::{Open, text};
use crate::webhooks::Counts;

impl Open {
    /// Takes logs.
    pub(super) async fn logs(&self, batch: &Batch) -> Attempt {
        let columns = self.fields.each_ref().map(|path| batch.columns().find(path));
        let field = |row: usize, which: usize| columns[which].map_or(Field::Missing, |column| batch.field(row, column));
        let (admitted, counts) = self.count(batch, &field);
        for row in admitted {
            let event = event(batch, row);
            let message = match field(row, 2) {
                Field::Missing | Field::Null => event.clone(),
                message => text(message).into_owned(),
            };
            self.feed.log(LogRecord {
                id: batch.id(row).to_string(),
                time: batch.rows()[row].time,
                service: text(field(row, 0)).into_owned(),
                level: text(field(row, 1)).into_owned(),
                message,
                pipeline: self.pipeline.clone(),
                event,
            });
        }
        self.tell_rates(&counts).await;
        Attempt::delivered()
    }

    /// Counts all. Returns those that there is room for, and how many there were of each service.
    fn count<'b>(
        &self,
        batch: &'b Batch,
        field: &impl Fn(usize, usize) -> Field<'b>,
    ) -> (Vec<usize>, BTreeMap<Cow<'b, str>, Counts<'static>>) {
        let (mut admitted, mut counts) = (Vec::new(), BTreeMap::new());
        let mut counting = self.feed.counting();
        for row in 0..batch.len() {
            let (service, time) = (text(field(row, 0)), batch.rows()[row].time);
            let is_error = is_error(&text(field(row, 1)));
            let log = Counted {
                pipeline: &self.pipeline,
                service: &service,
                is_error,
                response_time: field(row, 3).number(),
                time,
            };
            counting.count(&log);
            if counting.admits(&log) {
                admitted.push(row);
            }
            let counted = counts.entry(service).or_insert(Counts { service: "", time, logs: 0.0, errors: 0.0 });
            counted.time = counted.time.max(time);
            counted.logs += 1.0;
            counted.errors += f64::from(u8::from(is_error));
        }
        (admitted, counts)
    }

    /// Tells how many logs of each service are errors, for those who want to know when these are too many.
    async fn tell_rates(&self, counts: &BTreeMap<Cow<'_, str>, Counts<'static>>) {
        let counts: Vec<Counts<'_>> = counts.iter().map(|(service, counted)| Counts { service, ..*counted }).collect();
        if let Err(error) = self.alerts.count(&self.id, &counts).await {
            tracing::warn!(error = format!("{error:#}"), "Webhooks could not be told of an error rate.");
        }
    }
}

/// The event as JSON: as it came in, if it came as that.
fn event(batch: &Batch, row: usize) -> String {
    if matches!(batch.rows()[row].body, Body::Json)
        && let Ok(text) = str::from_utf8(batch.raw(row))
    {
        return text.to_owned();
    }
    let mut json = Vec::new();
    write_json(batch, row, &mut json);
    String::from_utf8(json).unwrap_or_default()
}
