//! What an alarm is worth, by where it is.

use std::ops::RangeInclusive;

/// Beyond so many widths of the last window, a false alarm has nothing to do with it.
const FAR: f64 = 3.0;

/// The share of a series in which a detector may learn and nothing counts,
const PROBATION: f64 = 0.15;

/// of at most so many points.
const PROBATION_OF: usize = 5000;

/// What an alarm at each point of one series is worth, before the weights of a profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Worth {
    points: Vec<Point>,
    /// How many windows count: those that are not over before anything does.
    windows: usize,
}

/// One point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Point {
    /// Nothing counts yet.
    Probation,
    /// In a window, counted from 0: from nearly 0 at its end to 1 at its beginning.
    Inside { window: usize, worth: f64 },
    /// From -1, which is far from any window, to nearly 0.
    Outside { worth: f64 },
}

/// NAB's scaled sigmoid of a position in units of a window's width: -1 is the window's beginning and 0 its end. From
/// nearly 1 before the window, over 0 at its end, to -1 from three widths behind it.
#[must_use]
pub fn sigmoid(position: f64) -> f64 {
    if position >= FAR { -1.0 } else { 2.0 / (1.0 + (5.0 * position).exp()) - 1.0 }
}

impl Worth {
    /// For a series of so many points with these windows, first and last point each, in order and without overlap.
    #[must_use]
    pub fn new(points: usize, windows: &[RangeInclusive<usize>]) -> Self {
        // Whole points, rounded down as NAB does; both numbers are small.
        let probation = (points.min(PROBATION_OF) as f64 * PROBATION).floor() as usize;
        let mut ahead = windows.iter().enumerate().peekable();
        let mut behind: Option<&RangeInclusive<usize>> = None;
        let mut worth = Vec::with_capacity(points);
        for index in 0..points {
            while let Some((_, window)) = ahead.next_if(|(_, window)| *window.end() < index) {
                behind = Some(window);
            }
            let point = match ahead.peek() {
                _ if index < probation => Point::Probation,
                Some((number, window)) if window.contains(&index) => {
                    let left = (window.end() - index + 1) as f64;
                    let position = -left / (window.end() - window.start() + 1) as f64;
                    // Divided by the worth of its beginning, so that this is 1.
                    Point::Inside { window: *number, worth: sigmoid(position) / sigmoid(-1.0) }
                }
                _ => Point::Outside { worth: behind.map_or(-1.0, |window| after(window, index)) },
            };
            worth.push(point);
        }
        let counted = windows.iter().filter(|window| *window.end() >= probation && *window.end() < points).count();
        Self { points: worth, windows: counted }
    }

    /// How many windows count.
    #[must_use]
    pub fn windows(&self) -> usize {
        self.windows
    }

    /// What a point is; none beyond the end of the series.
    pub(super) fn at(&self, index: usize) -> Option<Point> {
        self.points.get(index).copied()
    }
}

/// The worth of a false alarm behind a window.
fn after(window: &RangeInclusive<usize>, index: usize) -> f64 {
    let width = window.end() - window.start();
    // A window of one point has no width: all that is behind it is far away.
    if width == 0 { -1.0 } else { sigmoid((index - window.end()) as f64 / width as f64) }
}
