//! One service under the eyes of all contenders: requests in, windows of ten seconds to each of them.

use logd_backtest::alarms::Alarm;
use logd_detect::signals::Bucket;
use logd_detect::time::{Interval, Micros};
use logd_sdk::Time;

use super::contender::{Contender, Judge};

/// Microseconds in a window, as long as a bucket of `detect`.
const WINDOW: i64 = 10_000_000;

/// What happened in a window.
#[derive(Default)]
pub(super) struct Window {
    /// As `detect` counts it.
    pub(super) bucket: Bucket,
    /// The sum of all response times, in milliseconds.
    pub(super) latencies: f64,
}

/// A service that is watched.
pub(crate) struct Watched {
    judges: Vec<Box<dyn Judge>>,
    /// The start of the window that is under way; none before the first request.
    start: Option<i64>,
    window: Window,
    seen: Seen,
}

/// What was seen of a service, and said of it.
pub(crate) struct Seen {
    /// Its name.
    pub(crate) name: String,
    /// How many requests there were, and when the first and the last of them.
    pub(crate) events: u64,
    pub(crate) first: Time,
    pub(crate) last: Time,
    /// The alarms of each contender.
    pub(crate) alarms: Vec<Vec<Alarm>>,
}

impl Watched {
    /// Before its first request.
    pub(crate) fn new(name: &str, contenders: &[Contender]) -> Self {
        Self {
            judges: contenders.iter().map(|contender| contender.judge(name)).collect(),
            start: None,
            window: Window::default(),
            seen: Seen { name: name.to_owned(), events: 0, first: Time::MAX, last: Time::MIN, alarms: Vec::new() },
        }
    }

    /// Takes a request in. They come in the order of time.
    pub(crate) fn add(&mut self, at: Time, latency_ms: f64, error: bool) {
        if self.start.is_none_or(|start| start + WINDOW <= at.as_micros()) {
            self.go_on(at);
            self.start.get_or_insert(at.as_micros() - at.as_micros().rem_euclid(WINDOW));
            self.seen.first = self.seen.first.min(at);
        }
        self.window.bucket.add(Some(latency_ms), error);
        self.window.latencies += latency_ms;
        self.seen.events += 1;
        self.seen.last = at;
    }

    /// Lets time go on to the end, and returns what was seen.
    pub(crate) fn finish(mut self, end: Time) -> Seen {
        self.go_on(end);
        self.seen.alarms = self.judges.into_iter().map(|judge| judge.alarms()).collect();
        self.seen
    }

    /// Closes all windows that are over at this time, those without requests, too.
    fn go_on(&mut self, at: Time) {
        let Some(start) = &mut self.start else { return };
        while *start + WINDOW <= at.as_micros() {
            let interval = Interval { start: Micros(*start), end: Micros(*start + WINDOW) };
            let window = std::mem::take(&mut self.window);
            let window = (window.bucket.events() > 0).then_some(&window);
            self.judges.iter_mut().for_each(|judge| judge.close(interval, window));
            *start += WINDOW;
        }
    }
}
