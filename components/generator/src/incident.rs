//! Incidents: what goes wrong with a service, from when till when, and the label that says so.
//!
//! Each kind changes one thing and leaves the others as they were, so that a label names all there is to find. The
//! lines of other services, and of the same service at other times, stay the same byte for byte, and so does whatever
//! else a changed line says.

use crate::draw::{Draw, share};
use crate::level::Level;
use crate::service::Service;
use crate::timestamp::{rfc3339, whole_milliseconds};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Every response time is multiplied by the factor.
    Latency,
    /// The share of lines that are ERROR or CRITICAL, classically 11 %, is multiplied by the factor, up to all. What
    /// fails because of it fails in the time that it would have taken anyway: the latency stays as it was.
    ErrorRate,
    /// The number of lines is multiplied by the factor.
    Traffic,
    /// The service writes nothing. The factor has no meaning.
    Silence,
}

impl Kind {
    /// The name in settings and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::ErrorRate => "error_rate",
            Self::Traffic => "traffic",
            Self::Silence => "silence",
        }
    }
}

/// One thing that goes wrong with one service. Several of one kind at the same time multiply.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Incident {
    /// What goes wrong.
    pub kind: Kind,
    /// With which service.
    pub service: Service,
    /// When it begins, in microseconds after live time begins; before that, in the backfill, if negative.
    pub at: i64,
    /// How long it lasts, in microseconds.
    pub duration: i64,
    /// How bad it is, see [`Kind`]; between 0 and [`Incident::MAX_FACTOR`].
    pub factor: f64,
}

impl Incident {
    /// The greatest factor. It bounds how many lines one slot of the stream can hold.
    pub const MAX_FACTOR: f64 = 1000.0;

    /// Which figures make no sense: each one's setting, `for` or `factor`, and what is expected of it.
    pub fn check(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let lasts = self.duration > 0;
        let bounded = (0.0..=Self::MAX_FACTOR).contains(&self.factor);
        let expected = [
            (lasts, ("for", "an incident lasts longer than 0")),
            (bounded, ("factor", "a factor lies between 0 and 1000")),
        ];
        expected.into_iter().filter_map(|(holds, fault)| (!holds).then_some(fault))
    }

    /// The first time within and the first time after, in whole milliseconds, for lines show no finer ones.
    fn span(&self, live: i64) -> (i64, i64) {
        let begin = live.saturating_add(self.at);
        (whole_milliseconds(begin), whole_milliseconds(begin.saturating_add(self.duration)))
    }

    /// The label: a JSON object on one line, without its newline. None if the incident is over before the stream's
    /// `start`; both times in microseconds since the epoch.
    pub(crate) fn label(&self, start: i64, live: i64) -> Option<String> {
        let (begin, end) = self.span(live);
        let begin = begin.max(whole_milliseconds(start));
        let factor = if self.kind == Kind::Silence { 0.0 } else { self.factor };
        (begin < end).then(|| {
            format!(
                r#"{{"service":"{}","kind":"{}","start":"{}","end":"{}","benign":false,"params":{{"factor":{factor}}}}}"#,
                self.service.name(),
                self.kind.name(),
                rfc3339(begin),
                rfc3339(end),
            )
        })
    }
}

/// What all incidents together do to a service at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Effect {
    /// Factor on response times.
    latency: f64,
    /// Factor on the share of failures.
    failures: f64,
    /// Factor on the number of lines.
    traffic: f64,
}

impl Effect {
    /// Nothing goes wrong.
    const NONE: Self = Self { latency: 1.0, failures: 1.0, traffic: 1.0 };

    /// Adds one more incident.
    fn add(&mut self, incident: &Incident) {
        match incident.kind {
            Kind::Latency => self.latency *= incident.factor,
            Kind::ErrorRate => self.failures *= incident.factor,
            Kind::Traffic => self.traffic *= incident.factor,
            Kind::Silence => self.traffic = 0.0,
        }
    }

    /// How many lines a slot of this service holds: the traffic's whole part, and one more as often as its fraction.
    pub(crate) fn copies(&self, draw: &Draw) -> u32 {
        self.traffic.floor() as u32 + u32::from(share(draw.copies) < self.traffic.fract())
    }

    /// What becomes of a level drawn by the classic mix. With fewer failures than classic, those spared are INFO.
    pub(crate) fn level(&self, classic: Level, draw: &Draw) -> Level {
        let (fate, failures) = (share(draw.fate), (Level::FAILURE_SHARE * self.failures).min(1.0));
        if classic.is_failure() {
            if fate < self.failures { classic } else { Level::Info }
        } else if fate < (failures - Level::FAILURE_SHARE) / (1.0 - Level::FAILURE_SHARE) {
            Level::drawn_failure(draw.failure)
        } else {
            classic
        }
    }

    /// What becomes of a response time; both in whole milliseconds.
    pub(crate) fn response_time_ms(&self, classic: u32) -> u64 {
        (f64::from(classic) * self.latency).round() as u64
    }
}

/// All incidents of a stream, read in the order of time. Looking at them costs something only where one begins or ends.
#[derive(Debug)]
pub(crate) struct Effects {
    /// Each incident with its first time within and its first time after, in microseconds since the epoch.
    incidents: Vec<(i64, i64, Incident)>,
    /// What happens to each service before `until`.
    current: [Effect; Service::ALL.len()],
    /// The next time at which something begins or ends.
    until: i64,
}

impl Effects {
    /// The effects of incidents, told when live time begins, in microseconds since the epoch.
    pub(crate) fn new(incidents: &[Incident], live: i64) -> Self {
        let placed = |incident: &Incident| {
            let (begin, end) = incident.span(live);
            (begin, end, *incident)
        };
        let incidents = incidents.iter().map(placed).collect();
        Self { incidents, current: [Effect::NONE; Service::ALL.len()], until: i64::MIN }
    }

    /// The effect on a service at a time, in microseconds since the epoch and never less than the last one asked for.
    pub(crate) fn on(&mut self, service: Service, time: i64) -> Effect {
        if time >= self.until {
            self.turn(time);
        }
        self.current[service as usize]
    }

    /// Finds what happens from `time` on, and until when it stays so.
    fn turn(&mut self, time: i64) {
        self.current = [Effect::NONE; Service::ALL.len()];
        self.until = i64::MAX;
        for (begin, end, incident) in &self.incidents {
            if (*begin..*end).contains(&time) {
                self.current[incident.service as usize].add(incident);
            }
            let next = [*begin, *end].into_iter().filter(|boundary| *boundary > time).min();
            self.until = self.until.min(next.unwrap_or(i64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half past two in the afternoon of a day in 2023, in microseconds.
    const LIVE: i64 = 1_700_000_000_000_000;
    const SECOND: i64 = 1_000_000;

    fn incident(kind: Kind, at: i64, duration: i64, factor: f64) -> Incident {
        Incident { kind, service: Service::PaymentService, at: at * SECOND, duration: duration * SECOND, factor }
    }

    #[test]
    fn figures_that_make_no_sense_are_refused() {
        let faults = |duration, factor| {
            let incident = incident(Kind::Latency, -5, duration, factor);
            incident.check().map(|(setting, _)| setting).collect::<Vec<_>>()
        };
        assert!(faults(1, 4.0).is_empty());
        assert_eq!((faults(0, 4.0), faults(-1, 4.0)), (vec!["for"], vec!["for"]));
        for factor in [-1.0, 1000.5, f64::NAN, f64::INFINITY] {
            assert_eq!(faults(1, factor), ["factor"]);
        }
        assert_eq!(faults(0, -1.0), ["for", "factor"]);
    }

    #[test]
    fn a_label_says_who_what_and_when() {
        let label = incident(Kind::Latency, -600, 60, 4.0).label(LIVE - 1800 * SECOND, LIVE).unwrap();
        let expected = concat!(
            r#"{"service":"payment-service","kind":"latency","start":"2023-11-14T22:03:20.000Z","#,
            r#""end":"2023-11-14T22:04:20.000Z","benign":false,"params":{"factor":4}}"#
        );
        assert_eq!(label, expected);
    }

    #[test]
    fn a_label_keeps_to_the_stream() {
        let incident = incident(Kind::Silence, -600, 60, 1.0);
        assert_eq!(incident.label(LIVE, LIVE), None);
        let cut = incident.label(LIVE - 570 * SECOND, LIVE).unwrap();
        assert!(cut.contains("22:03:50.000Z") && cut.contains(r#""factor":0"#), "{cut}");
    }

    #[test]
    fn effects_begin_end_and_multiply() {
        let list = [incident(Kind::Latency, 10, 20, 4.0), incident(Kind::Latency, 20, 20, 2.0)];
        let mut effects = Effects::new(&list, LIVE);
        let expected = [(9, 1.0), (10, 4.0), (19, 4.0), (20, 8.0), (29, 8.0), (30, 2.0), (39, 2.0), (40, 1.0)];
        for (second, latency) in expected {
            assert_eq!(effects.on(Service::PaymentService, LIVE + second * SECOND).latency, latency, "{second}");
            assert_eq!(effects.on(Service::Database, LIVE + second * SECOND), Effect::NONE, "{second}");
        }
    }
}
