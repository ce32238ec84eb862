//! Results of windows: each number is a point of a series of its service.

use logd_archive::Point;
use logd_sdk::sink::Attempt;
use logd_sdk::{Batch, Time};
use vrl::path;
use vrl::value::{ObjectMap, Value};

use super::{MALFORMED, Open, component};

/// What a window says of itself.
const WINDOW: &str = "window";

impl Open {
    /// Takes results of windows.
    pub(super) fn windows(&self, batch: &Batch) -> Attempt {
        let mut drop = Vec::new();
        for (number, row) in (0..).zip(0..batch.len()) {
            let Value::Object(fields) = batch.value(row) else {
                drop.push((number, MALFORMED));
                continue;
            };
            let time = end(&fields).unwrap_or(batch.rows()[row].time);
            let mut figures = Figures::default();
            let whole = Value::Object(fields);
            figures.service = whole.get(self.service()).and_then(label);
            if let Value::Object(fields) = whole {
                figures.take("", fields);
            }
            let (service, suffix) = figures.named(self.service().to_string().trim_start_matches('.'));
            let source = component(batch, row);
            for (metric, value) in figures.numbers {
                let metric = metric + &suffix;
                self.feed.point(&Point { source: &source, service: &service, metric: &metric, time, value });
            }
        }
        Attempt { drop, ..Attempt::delivered() }
    }
}

/// When a window ends.
fn end(fields: &ObjectMap) -> Option<Time> {
    match fields.get(WINDOW)?.get(path!("end"))? {
        Value::Timestamp(end) => Some(Time::from_micros(end.timestamp_micros())),
        _ => None,
    }
}

/// What an event says: its numbers, and the texts that tell whose they are.
#[derive(Default)]
struct Figures {
    service: Option<String>,
    numbers: Vec<(String, f64)>,
    labels: Vec<(String, String)>,
}

impl Figures {
    /// Takes what an object has, under names that are joined by dots.
    fn take(&mut self, prefix: &str, fields: ObjectMap) {
        for (key, value) in fields {
            let name = if prefix.is_empty() { key.to_string() } else { format!("{prefix}.{key}") };
            match value {
                Value::Object(_) if name == WINDOW => {}
                Value::Object(fields) => self.take(&name, fields),
                Value::Integer(number) => {
                    // Beyond 2^53 the last digits are lost: a chart does not show them.
                    #[allow(clippy::cast_precision_loss)]
                    self.numbers.push((name, number as f64));
                }
                Value::Float(number) => self.numbers.push((name, number.into_inner())),
                value => self.labels.extend(label(&value).map(|label| (name, label))),
            }
        }
    }

    /// Whom the numbers are about, and what is put behind their names, where that does not say it all.
    fn named(&mut self, service: &str) -> (String, String) {
        self.labels.retain(|(name, _)| name != service);
        let labels = std::mem::take(&mut self.labels);
        match self.service.take() {
            Some(service) if labels.is_empty() => (service, String::new()),
            Some(service) => {
                let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
                (service, format!("{{{}}}", labels.join(",")))
            }
            // Without a service the key stands for it.
            None => {
                let values: Vec<String> = labels.into_iter().map(|(_, value)| value).collect();
                (values.join("/"), String::new())
            }
        }
    }
}

/// A text, as the name of something.
fn label(value: &Value) -> Option<String> {
    value.to_str_lossy().map(|text| text.into_owned())
}
