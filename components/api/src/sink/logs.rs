//! Logs: all are counted, and those that the budget has room for are kept for search.

use logd_archive::{Counted, LogRecord, Tally, is_error};
use logd_sdk::event::{Body, write_json};
use logd_sdk::sink::Attempt;
use logd_sdk::{Batch, Field};

use super::{Open, text};
use crate::webhooks::Counts;

impl Open {
    /// Takes logs.
    pub(super) async fn logs(&self, batch: &Batch) -> Attempt {
        let (admitted, tallies) = self.count(batch);
        if !admitted.is_empty() {
            self.keep(&batch.select(&admitted));
        }
        self.tell_rates(&tallies).await;
        Attempt::delivered()
    }

    /// Counts all. Returns the rows that there is room for, and what there was of each service.
    fn count(&self, batch: &Batch) -> (Vec<u32>, Vec<Tally>) {
        let [service, level, response_time] = self.counted.each_ref().map(|path| batch.columns().find(path));
        let mut admitted = Vec::new();
        let mut counting = self.feed.counting(&self.pipeline);
        for (number, row) in (0..).zip(batch.rows()) {
            let field = |column: Option<usize>| batch.field_if(number as usize, column);
            let log = Counted {
                service: &text(field(service)),
                is_error: is_error(&text(field(level))),
                response_time: field(response_time).number(),
                time: row.time,
            };
            if counting.count(&log) {
                admitted.push(number);
            }
        }
        (admitted, counting.end())
    }

    /// Keeps logs for search.
    fn keep(&self, batch: &Batch) {
        let batch = batch.with_fields(&self.columns);
        let [service, level, message] = self.searched.each_ref().map(|path| batch.columns().find(path));
        for row in 0..batch.len() {
            let field = |column: Option<usize>| batch.field_if(row, column);
            let event = event(&batch, row);
            let message = match field(message) {
                Field::Missing | Field::Null => event.clone(),
                message => text(message).into_owned(),
            };
            self.feed.log(LogRecord {
                id: batch.id(row).to_string(),
                time: batch.rows()[row].time,
                service: text(field(service)).into_owned(),
                level: text(field(level)).into_owned(),
                message,
                pipeline: self.pipeline.clone(),
                event,
            });
        }
    }

    /// Tells how many logs of each service are errors, for those who want to know when these are too many.
    async fn tell_rates(&self, tallies: &[Tally]) {
        #[allow(clippy::cast_precision_loss)]
        let figure = |count: u64| count as f64;
        let counts = tallies.iter().map(|tally| Counts {
            service: tally.service(),
            time: tally.latest(),
            logs: figure(tally.logs()),
            errors: figure(tally.errors()),
        });
        let counts: Vec<Counts<'_>> = counts.collect();
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
