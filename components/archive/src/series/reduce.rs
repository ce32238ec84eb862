//! Cells made into the points that were asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use logd_sdk::Time;

use super::{Cell, Count, ERROR_RATE, LOGS, SeriesPoint, Stat};

/// No answer has more points.
const MAX_POINTS: i64 = 2000;
const SECOND: i64 = 1_000_000;

/// The stretches into which a range of time is divided. All are in seconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    /// The first second.
    pub(crate) from: i64,
    /// The first second after it.
    pub(crate) to: i64,
    /// The length of a stretch.
    pub(crate) step: i64,
}

impl Grid {
    /// Divides a range into stretches of `step`, or longer ones if there would be more than `most`.
    pub(crate) fn new(from: Time, to: Time, step: Duration, most: i64) -> Self {
        let from = from.as_micros().div_euclid(SECOND);
        let to = to.as_micros().div_euclid(SECOND) + i64::from(to.as_micros().rem_euclid(SECOND) > 0);
        let to = to.max(from);
        let least = (to - from) / most + 1;
        let step = i64::try_from(step.as_secs()).unwrap_or(i64::MAX);
        // No longer than the longest range, so that the end of a stretch is never beyond all numbers.
        Self { from, to, step: step.clamp(1, 1 << 40).max(if to - from <= most { 1 } else { least }) }
    }

    /// As [`new`](Self::new), for a series.
    pub(crate) fn of_series(from: Time, to: Time, step: Duration) -> Self {
        Self::new(from, to, step, MAX_POINTS)
    }

    /// The same in stretches of whole cells, each of which has so many seconds: of a part of a cell nothing is known.
    pub(crate) fn of_cells(self, seconds: i64) -> Self {
        Self { step: (self.step + seconds - 1) / seconds * seconds, ..self }
    }

    /// Where the stretch of a second begins; `None` outside the range.
    pub(crate) fn start(&self, second: i64) -> Option<i64> {
        (self.from..self.to).contains(&second).then(|| second - second.rem_euclid(self.step))
    }

    pub(crate) fn step(&self) -> Duration {
        Duration::from_secs(self.step.unsigned_abs())
    }
}

/// The seconds since the epoch as a time.
pub(crate) fn time(second: i64) -> Time {
    Time::from_micros(second.saturating_mul(SECOND))
}

/// Cells by the stretches of a grid.
#[derive(Debug)]
pub(crate) struct Reduced {
    grid: Grid,
    cells: BTreeMap<i64, Cell>,
}

impl Reduced {
    pub(crate) fn new(grid: Grid) -> Self {
        Self { grid, cells: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, second: i64, cell: &Cell) {
        let Some(start) = self.grid.start(second) else { return };
        self.cells.entry(start).and_modify(|mine| mine.add(cell)).or_insert(*cell);
    }

    /// The points of values; where these are none, those of what a detector judged; and with them its band.
    pub(crate) fn with_band(&self, band: &Self) -> Vec<SeriesPoint> {
        let mut points: BTreeMap<i64, SeriesPoint> = BTreeMap::new();
        let own_values = !self.cells.is_empty();
        for (start, cell) in &self.cells {
            points.entry(*start).or_insert_with(|| empty(*start)).take(cell.stat());
        }
        for (start, cell) in &band.cells {
            let Cell::Band(found) = cell else { continue };
            let point = points.entry(*start).or_insert_with(|| empty(*start));
            if !own_values {
                point.take(Some(found.value));
            }
            let mean = |stat: Option<Stat>| stat.map(|stat| stat.mean());
            (point.expected, point.lower, point.upper) = (mean(found.expected), mean(found.lower), mean(found.upper));
            point.score = found.score;
        }
        points.into_values().collect()
    }

    /// The points of a metric that is made of counts. Where no log came, there were 0 a second, and there is no rate. Logs a
    /// second of a stretch that is not over at `now` are not known yet.
    pub(crate) fn counted(&self, metric: &str, known: Option<(i64, i64)>, now: i64) -> Vec<SeriesPoint> {
        let Grid { from, to, step } = self.grid;
        let mut points = BTreeMap::new();
        if let (LOGS, Some((first, last))) = (metric, known) {
            let first = first.max(from);
            let mut start = first - first.rem_euclid(step);
            while start < to && start <= last {
                points.insert(start, point(start, 0.0));
                start += step;
            }
        }
        for (start, cell) in &self.cells {
            let Cell::Count(count) = cell else { continue };
            if let Some(value) = value(metric, count, step) {
                points.insert(*start, point(*start, value));
            }
        }
        if metric == LOGS {
            points.retain(|start, _| start + step <= now);
        }
        points.into_values().collect()
    }

    /// The first and the last stretch of which something is known.
    pub(crate) fn known(&self) -> Option<(i64, i64)> {
        Some((*self.cells.first_key_value()?.0, *self.cells.last_key_value()?.0))
    }
}

fn value(metric: &str, count: &Count, step: i64) -> Option<f64> {
    match metric {
        LOGS => Some(count.logs as f64 / step as f64),
        ERROR_RATE => (count.logs > 0).then(|| count.errors as f64 * 100.0 / count.logs as f64),
        _ => (count.timed > 0).then(|| count.time as f64 / 1000.0 / count.timed as f64),
    }
}

fn empty(start: i64) -> SeriesPoint {
    let (value, min, max, expected, lower, upper, score) = (None, None, None, None, None, None, None);
    SeriesPoint { time: time(start), value, min, max, expected, lower, upper, score }
}

fn point(start: i64, value: f64) -> SeriesPoint {
    SeriesPoint { value: Some(value), min: Some(value), max: Some(value), ..empty(start) }
}

impl SeriesPoint {
    fn take(&mut self, stat: Option<Stat>) {
        let Some(stat) = stat else { return };
        (self.value, self.min, self.max) = (Some(stat.mean()), Some(stat.min), Some(stat.max));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::{Band, RESPONSE_TIME};

    fn grid(from: i64, to: i64, step: u64) -> Grid {
        Grid::of_series(time(from), time(to), Duration::from_secs(step))
    }

    #[test]
    fn no_answer_is_too_long() {
        assert_eq!(grid(0, 3600, 0), Grid { from: 0, to: 3600, step: 2 });
        assert_eq!(grid(0, 3600, 60).step, 60);
        assert_eq!(grid(0, 10, 0).step, 1);
        let all = Grid::of_series(Time::MIN, Time::MAX, Duration::MAX);
        assert!((all.to - all.from) / all.step < MAX_POINTS, "{all:?}");
        assert_eq!(grid(10, 5, 1).start(7), None);
        assert_eq!(grid(-10, 5, 4).start(-1), Some(-4));
    }

    #[test]
    fn means_are_weighted_and_bands_are_put_to_them() {
        let mut values = Reduced::new(grid(0, 100, 10));
        for (second, cell) in [(11, Cell::Value(1.0)), (12, Cell::Stat(Stat { n: 3, sum: 9.0, min: 2.0, max: 4.0 }))] {
            values.add(second, &cell);
        }
        values.add(200, &Cell::Value(7.0));
        let mut band = Reduced::new(grid(0, 100, 10));
        let expected = Some(Stat::of(2.0));
        band.add(13, &Cell::Band(Band { value: Stat::of(9.0), expected, lower: None, upper: None, score: Some(1.0) }));
        let points = values.with_band(&band);
        assert_eq!(points.len(), 1);
        assert_eq!((points[0].value, points[0].min, points[0].max), (Some(2.5), Some(1.0), Some(4.0)));
        assert_eq!((points[0].expected, points[0].score, points[0].time), (Some(2.0), Some(1.0), time(10)));
        let alone = Reduced::new(grid(0, 100, 10)).with_band(&band);
        assert_eq!(alone[0].value, Some(9.0));
    }

    #[test]
    fn counts_become_rates() {
        let mut counts = Reduced::new(grid(0, 100, 20));
        for second in [20, 30, 80] {
            counts.add(second, &Cell::Count(Count { logs: 40, errors: 10, timed: 2, time: 9000 }));
        }
        let values = |metric: &str| -> Vec<_> {
            let points = counts.counted(metric, counts.known(), 200);
            points.iter().map(|point| (point.time.as_micros() / SECOND, point.value.unwrap())).collect()
        };
        assert_eq!(values(LOGS), [(20, 4.0), (40, 0.0), (60, 0.0), (80, 2.0)]);
        assert_eq!(values(ERROR_RATE), [(20, 25.0), (80, 25.0)]);
        assert_eq!(values(RESPONSE_TIME), [(20, 4.5), (80, 4.5)]);
    }
}
