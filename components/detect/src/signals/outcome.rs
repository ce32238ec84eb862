//! What comes of a bucket: alarms that open or close, and for each signal what was expected.

use serde::{Deserialize, Serialize};

use super::errors::ErrorFigures;
use super::latency_figures::LatencyFigures;
use super::settings::Limit;
use super::silence::SilenceFigures;
use super::tail::TailFigures;
use super::traffic::TrafficFigures;
use crate::incident::{Kind, Reason};

/// What is watched of a key. Each has an alarm of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// How long answers take.
    Latency,
    /// How many take very long.
    TailLatency,
    /// How many fail.
    ErrorRate,
    /// How many events come.
    Traffic,
    /// Whether any come.
    Silence,
}

/// The figures of one signal's test: all that its verdict rests on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figures {
    /// Of the latency.
    Latency(LatencyFigures),
    /// Of the slow answers.
    TailLatency(TailFigures),
    /// Of the errors.
    ErrorRate(ErrorFigures),
    /// Of the traffic.
    Traffic(TrafficFigures),
    /// Of a silence.
    Silence(SilenceFigures),
}

/// A latency is a degradation from windows of so many seconds on.
const DEGRADATION: u32 = 1800;

/// An alarm that opened or closed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Whose alarm it is.
    pub signal: Signal,
    /// Why it closed; none where it opened.
    pub closed: Option<Reason>,
}

/// What one bucket has brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Alarms that opened or closed, in the order of signals; nearly always none.
    pub changes: Vec<Change>,
    /// The figures of each signal, in the order of signals: of the scale that is out of the usual the furthest; none
    /// where nothing could be judged.
    pub figures: [Option<Figures>; Signal::COUNT],
    /// The same over the last minute, for charts.
    pub charted: [Option<Figures>; Signal::COUNT],
    /// Whether the figures are an alarm, in the order of signals.
    pub fires: [bool; Signal::COUNT],
}

impl Signal {
    /// How many there are.
    pub const COUNT: usize = 5;

    /// All, in order.
    pub const ALL: [Self; Self::COUNT] =
        [Self::Latency, Self::TailLatency, Self::ErrorRate, Self::Traffic, Self::Silence];
}

impl Figures {
    /// How far out of the usual it is, in the unit of [`threshold`](Self::threshold).
    #[must_use]
    pub fn score(&self) -> f64 {
        match self {
            Self::Latency(figures) => figures.score(),
            Self::TailLatency(figures) => figures.score(),
            Self::ErrorRate(figures) => figures.score(),
            Self::Traffic(figures) => figures.score().abs(),
            Self::Silence(figures) => figures.score(),
        }
    }

    /// Those that are the furthest out of the usual, in multiples of their thresholds.
    pub(crate) fn worst(figures: impl Iterator<Item = Self>) -> Option<Self> {
        figures.max_by(|one, other| one.times().total_cmp(&other.times()))
    }

    /// What a score must exceed.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        self.limit().threshold
    }

    /// The score in multiples of the threshold.
    #[must_use]
    pub fn times(&self) -> f64 {
        self.score() / self.threshold()
    }

    /// Whether this is an alarm: the same verdict as when it was judged.
    #[must_use]
    pub fn fires(&self) -> bool {
        match self {
            Self::Latency(figures) => figures.fires(),
            Self::TailLatency(figures) => figures.fires(),
            Self::ErrorRate(figures) => figures.fires(),
            Self::Traffic(figures) => figures.fires(),
            Self::Silence(figures) => figures.fires(),
        }
    }

    /// What has to be exceeded.
    #[must_use]
    pub fn limit(&self) -> Limit {
        match self {
            Self::Latency(LatencyFigures { limit, .. })
            | Self::TailLatency(TailFigures { limit, .. })
            | Self::ErrorRate(ErrorFigures { limit, .. })
            | Self::Traffic(TrafficFigures { limit, .. })
            | Self::Silence(SilenceFigures { limit, .. }) => *limit,
        }
    }

    /// How long the window is that it is of, in seconds.
    #[must_use]
    pub fn seconds(&self) -> u32 {
        match self {
            Self::Latency(LatencyFigures { seconds, .. })
            | Self::TailLatency(TailFigures { seconds, .. })
            | Self::ErrorRate(ErrorFigures { seconds, .. })
            | Self::Traffic(TrafficFigures { seconds, .. })
            | Self::Silence(SilenceFigures { seconds, .. }) => *seconds,
        }
    }

    /// What sort of anomaly it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Latency(figures) if figures.seconds >= DEGRADATION => Kind::Degradation,
            Self::Latency(_) => Kind::Latency,
            Self::TailLatency(_) => Kind::TailLatency,
            Self::ErrorRate(_) => Kind::ErrorRate,
            Self::Traffic(figures) if figures.is_surge() => Kind::TrafficSurge,
            Self::Traffic(_) => Kind::TrafficDrop,
            Self::Silence(_) => Kind::Silence,
        }
    }
}
