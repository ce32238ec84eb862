//! Contenders: who takes part, and what each of them has to do.

use std::time::Duration;

use logd_backtest::alarms::Alarm;
use logd_detect::time::Interval;
use logd_sdk::Time;

use super::classic::Classic;
use super::control::Control;
use super::detect::Detect;
use super::watched::Window;

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Contender {
    /// `detect` with all defaults but this sensitivity.
    Detect { sensitivity: f64 },
    /// The classic rules to the letter. An alarm is left out that comes so soon after another of its kind.
    Classic { apart: Duration },
    /// An alarm every so often, whatever happens: what others do better than this is what they are worth.
    Control { every: Duration },
}

/// A contender that watches one service.
pub(super) trait Judge {
    /// A window is over; none where no request came in it.
    fn close(&mut self, interval: Interval, window: Option<&Window>);

    /// All that it has said.
    fn alarms(self: Box<Self>) -> Vec<Alarm>;
}

impl Contender {
    /// Lets it watch a service.
    pub(super) fn judge(self, service: &str) -> Box<dyn Judge> {
        match self {
            Self::Detect { sensitivity } => Box::new(Detect::new(service, sensitivity)),
            Self::Classic { apart } => Box::new(Classic::new(service, apart)),
            Self::Control { every } => Box::new(Control::new(service, every)),
        }
    }
}

/// An alarm of a contender that has no sentence for it.
pub(super) fn alarm(service: &str, interval: Interval, signals: &[&str]) -> Alarm {
    Alarm {
        at: Time::from_micros(interval.end.0),
        service: service.to_owned(),
        detector: String::new(),
        signals: signals.iter().map(|&signal| signal.to_owned()).collect(),
        severity: String::new(),
        explanation: String::new(),
        id: String::new(),
        incident_id: String::new(),
    }
}
