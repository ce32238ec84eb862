//! `detect` itself, as the transform drives it; its events are read as a backtest reads them.

use std::time::Duration;

use logd_backtest::alarms::{Alarm, Reader};
use logd_detect::explain::Measure;
use logd_detect::incident::{Identity, Key};
use logd_detect::signals::{Settings, Watch, Watched};
use logd_detect::time::Interval;

use super::contender::Judge;
use super::watched::Window;

/// The transform's own, by default.
const COOLDOWN: Duration = Duration::from_secs(60);

/// Watches one service.
pub(super) struct Detect {
    watch: Watch,
    watched: Watched,
    key: Key,
    reader: Reader,
    alarms: Vec<Alarm>,
}

impl Detect {
    /// For a service.
    pub(super) fn new(service: &str, sensitivity: f64) -> Self {
        let settings = Settings { sensitivity, ..Settings::default() };
        Self {
            watch: watch(&settings),
            watched: Watched::default(),
            key: Key::from_iter([("service".to_owned(), service.to_owned())]),
            reader: Reader::new("detect"),
            alarms: Vec::new(),
        }
    }
}

impl Judge for Detect {
    fn close(&mut self, interval: Interval, window: Option<&Window>) {
        let bucket = window.map(|window| &window.bucket);
        let (_, told) = self.watch.close(&mut self.watched, || self.key.clone(), interval.start, bucket);
        let read = |anomaly| {
            let event = serde_json::to_value(anomaly).expect("an anomaly is JSON");
            self.reader.read(event).expect("an anomaly can be read")
        };
        self.alarms.extend(told.and_then(read));
    }

    fn alarms(self: Box<Self>) -> Vec<Alarm> {
        self.alarms
    }
}

/// Watches response times in milliseconds.
fn watch(settings: &Settings) -> Watch {
    let name = || "detect".to_owned();
    let identity = Identity { pipeline: name(), component: name(), field: "latency_ms".to_owned() };
    Watch::new(settings, COOLDOWN, identity, Measure::of_field("latency_ms", "detect"))
}
