//! One threshold for all series: the one with the best score, as NAB chooses it.

use super::tally::{Ledger, normalized};
use super::{Profile, Worth};

/// A threshold, and what it brings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Best {
    /// An alarm is at every point whose score is this or more; infinite if it is best never to alarm.
    pub threshold: f64,
    /// What it gets, from 0 to 100.
    pub score: f64,
}

/// Tries every score that there is as a threshold. Of equal ones it is the highest.
///
/// `series` is the worth of each one's points with their scores, numbers all of them. None if there is no window.
#[must_use]
pub fn best_threshold(series: &[(Worth, Vec<f64>)], profile: &Profile) -> Option<Best> {
    let windows = series.iter().map(|(worth, _)| worth.windows()).sum();
    let mut ledgers: Vec<_> = series.iter().map(|(worth, _)| Ledger::new(worth, *profile)).collect();
    let mut raw: f64 = ledgers.iter().map(Ledger::nothing_found).sum();
    let mut best = Best { threshold: f64::INFINITY, score: normalized(raw, windows, profile)? };

    let of_series = |(number, (_, scores)): (usize, &(Worth, Vec<f64>))| {
        scores.iter().enumerate().map(move |(index, &score)| (score, number, index)).collect::<Vec<_>>()
    };
    let mut points: Vec<_> = series.iter().enumerate().flat_map(of_series).collect();
    // From the highest on; where equal, in their order, which the sort keeps.
    points.sort_by(|(one, ..), (other, ..)| other.total_cmp(one));
    for alike in points.chunk_by(|(one, ..), (other, ..)| one == other) {
        raw += alike.iter().map(|&(_, number, index)| ledgers[number].gain(index)).sum::<f64>();
        let score = normalized(raw, windows, profile)?;
        if score > best.score {
            best = Best { threshold: alike[0].0, score };
        }
    }
    Some(best)
}
