//! Figures: what is counted, and what is made of the counts at the very end.

use serde::{Serialize, Serializer};

use super::{Found, Verdict};

/// Microseconds of a day.
const DAY: f64 = 86_400e6;

/// What is counted: whole numbers, so that their order does not matter.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    incidents: u64,
    right: u64,
    judged: u64,
    false_alarms: u64,
    duplicates: u64,
    neutral: u64,
    /// In microseconds.
    delays: Vec<u64>,
    /// In microseconds, over all services.
    watched: u64,
}

/// How good the alarms are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// How many incidents count.
    pub incidents: u64,
    /// How many of them were found.
    pub found: u64,
    /// How many alarms were wrong; those that follow one another closely are one.
    pub false_alarms: u64,
    /// How many alarms told of an incident that was found already.
    pub duplicates: u64,
    /// How many alarms were neither right nor wrong.
    pub neutral: u64,
    /// Of the incidents, the share that was found; `None` without any.
    #[serde(serialize_with = "rounded")]
    pub recall: Option<f64>,
    /// Of what was told, found incidents and false alarms, the share that was right; `None` if nothing was told.
    #[serde(serialize_with = "rounded")]
    pub precision: Option<f64>,
    /// The harmonic mean of both; `None` where the recall is.
    #[serde(serialize_with = "rounded")]
    pub f1: Option<f64>,
    /// For how long services were watched, in days, over all of them.
    #[serde(serialize_with = "rounded_number")]
    pub service_days: f64,
    /// How many false alarms there are for each service and day; `None` if nobody was watched.
    #[serde(serialize_with = "rounded")]
    pub false_per_service_day: Option<f64>,
    /// Half of the incidents that were found were found within this time from their start, in seconds.
    #[serde(serialize_with = "rounded")]
    pub delay_median: Option<f64>,
    /// Nine in ten were found within this time, in seconds.
    #[serde(serialize_with = "rounded")]
    pub delay_p90: Option<f64>,
    /// Of the incidents that were found, the share whose kind was told rightly.
    #[serde(serialize_with = "rounded")]
    pub kind_accuracy: Option<f64>,
}

/// The same for incidents of one kind: a false alarm is of none.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KindFigures {
    /// How many incidents count.
    pub incidents: u64,
    /// How many of them were found.
    pub found: u64,
    /// The share that was found.
    #[serde(serialize_with = "rounded")]
    pub recall: Option<f64>,
    /// As [`Figures::delay_median`].
    #[serde(serialize_with = "rounded")]
    pub delay_median: Option<f64>,
    /// As [`Figures::delay_p90`].
    #[serde(serialize_with = "rounded")]
    pub delay_p90: Option<f64>,
    /// As [`Figures::kind_accuracy`].
    #[serde(serialize_with = "rounded")]
    pub kind_accuracy: Option<f64>,
}

impl Tally {
    /// One more service was watched, for so many microseconds.
    pub(super) fn watch(&mut self, span: u64) {
        self.watched += span;
    }

    /// One more incident counts.
    pub(super) fn incident(&mut self, incident: &Found) {
        self.incidents += 1;
        self.delays.extend(incident.delay());
        self.judged += u64::from(incident.kind_is_right.is_some());
        self.right += u64::from(incident.kind_is_right == Some(true));
    }

    /// One more alarm.
    pub(super) fn alarm(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::False => self.false_alarms += 1,
            Verdict::Duplicate => self.duplicates += 1,
            Verdict::Neutral => self.neutral += 1,
            Verdict::WarmUp | Verdict::Found | Verdict::FalseAgain => {}
        }
    }

    fn found(&self) -> u64 {
        self.delays.len() as u64
    }

    /// What it comes to.
    pub(super) fn figures(mut self) -> Figures {
        let found = self.found();
        let recall = share(found, self.incidents);
        let precision = share(found, found + self.false_alarms);
        // 2 P R / (P + R), from the counts.
        let f1 = recall.and(share(2 * found, self.incidents + found + self.false_alarms));
        let service_days = self.watched as f64 / DAY;
        self.delays.sort_unstable();
        Figures {
            incidents: self.incidents,
            found,
            false_alarms: self.false_alarms,
            duplicates: self.duplicates,
            neutral: self.neutral,
            recall,
            precision,
            f1,
            service_days,
            false_per_service_day: (self.watched > 0).then(|| self.false_alarms as f64 / service_days),
            delay_median: quantile(&self.delays, 0.5),
            delay_p90: quantile(&self.delays, 0.9),
            kind_accuracy: share(self.right, self.judged),
        }
    }

    /// What it comes to for one kind.
    pub(super) fn of_kind(self) -> KindFigures {
        let Figures { incidents, found, recall, delay_median, delay_p90, kind_accuracy, .. } = self.figures();
        KindFigures { incidents, found, recall, delay_median, delay_p90, kind_accuracy }
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A quantile in seconds, between the two nearest of the sorted microseconds (Hyndman and Fan 1996, type 7).
fn quantile(sorted: &[u64], q: f64) -> Option<f64> {
    let place = q * sorted.len().checked_sub(1)? as f64;
    let below = sorted[place.floor() as usize] as f64;
    let above = sorted[place.ceil() as usize] as f64;
    Some((below + (above - below) * place.fract()) / 1e6)
}

/// Six digits are more than anybody reads, and the last bits of a float are nobody's business.
fn rounded<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => rounded_number(value, serializer),
        None => serializer.serialize_none(),
    }
}

fn rounded_number<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((value * 1e6).round() / 1e6)
}
