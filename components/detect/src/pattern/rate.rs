//! How often a template comes, and whether that has changed.
//!
//! Events are counted in buckets of ten seconds. What is usual is a rate whose past decays with a half-life of two hours:
//! with a Gamma(½, 1) prior, after the events S in the time T, the next count is of a gamma-Poisson distribution with the
//! mean E = (S + ½) / (T + 1) and the relative variance 1 / (S + ½). Logs are more restless than that, so what was seen
//! of their restlessness is added: τ², for each span of time, by the method of moments.
//!
//! - **More or fewer**: the signed root of the Poisson deviance, 2 (n ln(n/E) − (n − E)), over √(1 + spread · E), is beyond
//!   6.05 over ten seconds (twice in a row), a minute or five; and the count is at least three times what is expected
//!   (at most a third), ten events more, and twice what any usual span of late has had.
//! - **Vanished**: the gamma-Poisson chance of nothing, where Λ was expected since the last event, is below 10⁻⁶:
//!   a ln(1 + Λ/a) > 13.8 with a = 1 / spread; and Λ is twice that of any usual silence of late.
//!
//! All of that is one key's and one template's, in the order of time: sums of counts are whole numbers, and the rest is
//! worked out in the same order always.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// How long a bucket is, in microseconds.
pub(super) const BUCKET: i64 = 10_000_000;

/// The spans that are looked at, in buckets.
const SPANS: [usize; 3] = [1, 6, 30];

/// So many buckets must have been seen before there is a verdict: half an hour.
const WARM: u32 = 180;

/// The root deviance that is too much.
const DEVIANCE: f64 = 6.05;

/// The chance of a silence that is too small: −ln 10⁻⁶.
const SURPRISE: f64 = 13.815_510_557_964_274;

/// A change is at least so many times the usual, or less than it by that factor.
const TIMES: f64 = 3.0;

/// A rise is so many events at least.
const RISE: f64 = 10.0;

/// A change is so many times what was usual at the utmost.
const BEYOND: f64 = 2.0;

/// What a bucket leaves of what is usual: half of it in two hours, 2^(−1/720),
const RATE_DECAY: f64 = 0.9990377588337834;

/// and of the utmost that is usual: half of it in four hours, 2^(−1/1440).
const UTMOST_DECAY: f64 = 0.9995187636226662;

/// What a bucket adds to the spread in the long run: half of it is of the last twelve hours, 1 − 2^(−1/4320).
const SPREAD_WEIGHT: f64 = 0.0001604378647097615;

/// Spread before anything is known of it: counts about half as large again are nothing odd.
const FIRST_SPREAD: f64 = 0.25;

/// Spread is never taken for less.
const LEAST_SPREAD: f64 = 0.0009;

/// What has changed about a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was never seen before.
    New,
    /// It used to come, and does not any more.
    Vanished,
    /// It comes far more often.
    More,
    /// It comes far less often.
    Fewer,
}

impl Change {
    /// All, in the order in which they are told.
    pub(super) const ALL: [Self; 4] = [Self::New, Self::Vanished, Self::More, Self::Fewer];
}

/// What a verdict on a template rests on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// What has changed.
    pub change: Change,
    /// The stretch of time that is looked at, in seconds; for a silence, how long it has lasted.
    pub seconds: u64,
    /// How many events came in it.
    pub count: u64,
    /// How many were expected.
    pub expected: f64,
    /// The relative variance of what is expected: what is not known of the rate, and its restlessness (τ²).
    pub spread: f64,
}

impl Figures {
    /// How far it is out of the usual: for `more` and `fewer` the root deviance in standard deviations, for `vanished`
    /// −ln of the chance of such a silence, for `new` the number of templates, which is one.
    #[must_use]
    pub fn score(&self) -> f64 {
        let count = self.count as f64;
        match self.change {
            Change::New => 1.0,
            Change::Vanished => surprise(self.expected, self.spread),
            Change::More | Change::Fewer => {
                deviance(count, self.expected).abs() / (1.0 + self.spread * self.expected).sqrt()
            }
        }
    }

    /// What the score has to exceed.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        match self.change {
            Change::New => 0.0,
            Change::Vanished => SURPRISE,
            Change::More | Change::Fewer => DEVIANCE,
        }
    }
}

/// What was found out of the usual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sign {
    pub(super) figures: Figures,
    /// Whether it is an anomaly; otherwise it is half of one, which keeps an incident open.
    pub(super) exceeds: bool,
}

/// How often one template comes: about 500 bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rate {
    /// Its events, decayed,
    events: f64,
    /// and the buckets in which they came.
    buckets: f64,
    /// The last buckets, oldest first.
    recent: VecDeque<Count>,
    spans: [Span; SPANS.len()],
    /// What was expected since the last event,
    silence: Silence,
    /// How many buckets were seen, up to [`WARM`].
    seen: u32,
    /// Whether the last bucket alone was too much.
    hot: bool,
}

/// A bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Count {
    events: u32,
    expected: f32,
}

/// What is known of the counts of spans of one length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Span {
    /// Their relative variance beyond Poisson's: τ².
    spread: f64,
    /// How often it was looked at, up to what no longer matters.
    looks: u32,
    /// The largest usual one, decayed.
    most: f64,
}

/// The silence since the last event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Silence {
    /// What was expected in it.
    expected: f64,
    /// How many buckets it has lasted.
    buckets: u32,
    /// What was expected in the longest usual one, decayed.
    longest: f64,
}

impl Default for Span {
    fn default() -> Self {
        Self { spread: FIRST_SPREAD, looks: 0, most: 0.0 }
    }
}

impl Rate {
    /// Takes the next bucket in and says what is out of the usual, the worst of it first in mind. `frozen`: nothing is
    /// learned, for an incident is open.
    pub(super) fn observe(&mut self, events: u32, frozen: bool) -> Option<Sign> {
        let (expected, ignorance) = (self.expected(), 1.0 / (self.events + 0.5));
        let longest = *SPANS.last().unwrap_or(&1);
        if self.recent.len() >= longest {
            self.recent.pop_front();
        }
        self.recent.push_back(Count { events, expected: expected as f32 });
        let is_warm = self.seen >= WARM;
        self.seen = (self.seen + 1).min(WARM);

        let vanished = self.silence(events, expected, ignorance, frozen);
        let mut worst = vanished;
        let was_hot = std::mem::replace(&mut self.hot, false);
        for (place, &length) in SPANS.iter().enumerate() {
            if self.recent.len() < length {
                continue;
            }
            let sign = self.span(place, length, ignorance, was_hot, frozen);
            worst = [worst, sign].into_iter().flatten().max_by(|one, other| one.rank().total_cmp(&other.rank()));
        }
        // A silence that may become a finding is none of what is usual.
        if !frozen && vanished.is_none() {
            self.events = self.events * RATE_DECAY + f64::from(events);
            self.buckets = self.buckets * RATE_DECAY + 1.0;
        }
        worst.filter(|_| is_warm)
    }

    /// What is expected of a bucket.
    pub(super) fn expected(&self) -> f64 {
        (self.events + 0.5) / (self.buckets + 1.0)
    }

    /// What has come lately is the usual from now on.
    pub(super) fn rebase(&mut self) {
        let (events, buckets) =
            (self.recent.iter().map(|count| u64::from(count.events)).sum::<u64>(), self.recent.len());
        (self.events, self.buckets) = (events as f64, buckets as f64);
        self.spans.iter_mut().for_each(|span| span.most = 0.0);
        self.rest();
    }

    /// Nobody was there to send anything: nothing follows from the time that has passed.
    pub(super) fn rest(&mut self) {
        self.recent.clear();
        (self.silence.expected, self.silence.buckets, self.hot) = (0.0, 0, false);
    }

    /// One more bucket with or without events, for the silence.
    fn silence(&mut self, events: u32, expected: f64, ignorance: f64, frozen: bool) -> Option<Sign> {
        let spread = self.spans[SPANS.len() - 1].spread + ignorance;
        let silence = &mut self.silence;
        if events > 0 {
            if !frozen {
                let longest = silence.longest * UTMOST_DECAY;
                silence.longest = longest.max(silence.expected.min(3.0 * silence.longest.max(1.0)));
            }
            (silence.expected, silence.buckets) = (0.0, 0);
            return None;
        }
        silence.expected += expected;
        silence.buckets += 1;
        let figures = Figures {
            change: Change::Vanished,
            seconds: seconds(silence.buckets as usize),
            count: 0,
            expected: silence.expected,
            spread,
        };
        let exceeds = figures.score() > SURPRISE && silence.expected > BEYOND * silence.longest;
        (figures.score() > SURPRISE / 2.0).then_some(Sign { figures, exceeds })
    }

    /// The last buckets of one length.
    fn span(&mut self, place: usize, length: usize, ignorance: f64, was_hot: bool, frozen: bool) -> Option<Sign> {
        let recent = self.recent.iter().rev().take(length);
        let (count, expected) = recent.fold((0_u64, 0.0), |(count, expected), bucket| {
            (count + u64::from(bucket.events), expected + f64::from(bucket.expected))
        });
        let span = &mut self.spans[place];
        let number = count as f64;
        let change = if number > expected { Change::More } else { Change::Fewer };
        let figures = Figures { change, seconds: seconds(length), count, expected, spread: span.spread + ignorance };
        let score = figures.score();
        let (far, half) = match change {
            Change::More => (
                number >= TIMES * expected && number - expected >= RISE && number > BEYOND * span.most,
                number >= TIMES / 2.0 * expected && number > span.most,
            ),
            // Nothing at all is a silence, and ten seconds are too short to miss anything in.
            _ => {
                (count > 0 && length > 1 && number <= expected / TIMES, length > 1 && number <= 2.0 / TIMES * expected)
            }
        };
        let mut exceeds = far && score > DEVIANCE;
        if length == 1 {
            self.hot = exceeds;
            exceeds &= was_hot;
        }
        if !frozen {
            span.learn(number, expected);
        }
        (half && score > DEVIANCE / 2.0).then_some(Sign { figures, exceeds })
    }
}

impl Span {
    fn learn(&mut self, number: f64, expected: f64) {
        self.most = (self.most * UTMOST_DECAY).max(number.min((3.0 * self.most).max(RISE)));
        if expected < 3.0 {
            return;
        }
        let weight = SPREAD_WEIGHT.max(1.0 / (f64::from(self.looks) + 20.0));
        self.looks = self.looks.saturating_add(1).min(100_000);
        let moment = ((number - expected).powi(2) - expected) / (expected * expected);
        let limit = 6.25 * (self.spread + 1.0 / expected);
        self.spread = (self.spread + weight * (moment.min(limit) - self.spread)).max(LEAST_SPREAD);
    }
}

impl Sign {
    /// What counts for more: an anomaly before half of one, then the score in multiples of its threshold.
    pub(super) fn rank(&self) -> f64 {
        let times = self.figures.score() / self.figures.threshold().max(1.0);
        if self.exceeds { times + 1e9 } else { times }
    }
}

fn seconds(buckets: usize) -> u64 {
    buckets as u64 * (BUCKET / 1_000_000).unsigned_abs()
}

/// The signed root of twice the log-likelihood ratio of a Poisson count.
fn deviance(count: f64, expected: f64) -> f64 {
    let part = if count > 0.0 { count * (count / expected).ln() } else { 0.0 };
    let root = (2.0 * (part - (count - expected))).max(0.0).sqrt();
    if count < expected { -root } else { root }
}

/// −ln of the chance that nothing comes where `expected` should, of a gamma-Poisson distribution.
fn surprise(expected: f64, spread: f64) -> f64 {
    (expected * spread).ln_1p() / spread
}

#[cfg(test)]
mod tests;
