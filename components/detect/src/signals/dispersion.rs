//! How much more values scatter than chance alone would have it, learned for each scale.
//!
//! Real services drift: a mean over half an hour differs from the next by more than its number of events explains. So
//! each test is measured by what its own scale has shown lately (it normalizes itself). What is learned is cut at 6.25
//! times what is known, 2.5 standard deviations, so that an incident that nobody saw makes no test blind.

/// Half of what was learned is forgotten in so many hours.
pub(super) const HALF_LIFE_HOURS: u64 = 12;

/// A square may exceed its expectation by so much.
const CUT: f64 = 6.25;

/// Learns the variance between windows, beside the variance `within` them that is known: `square` is the square of a
/// window's deviation.
pub(super) fn learn_between(between: &mut f64, square: f64, within: f64, weight: f64, least: f64) {
    let most = CUT * (*between + within);
    *between = (*between + weight * ((square - within).min(most) - *between)).max(least);
}

/// Learns the ratio of the variance to that of a binomial distribution: of `successes` in `trials` with probability `p`.
pub(super) fn learn_ratio(ratio: &mut f64, successes: f64, trials: f64, p: f64, weight: f64) {
    // Pearson's chi-square; half an event more in the variance, for there may be hardly any.
    let square = (successes - trials * p).powi(2) / (trials * p * (1.0 - p) + 0.5);
    *ratio += weight * (square.min(CUT * ratio.max(1.0)) - *ratio);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scatters_is_learned_and_outliers_are_cut() {
        let (mut between, mut ratio) = (0.01, 1.0);
        for step in 0..2000 {
            let off = if step % 2 == 0 { 0.2 } else { -0.2 };
            learn_between(&mut between, off * off, 0.01, 0.01, 0.0004);
            learn_ratio(&mut ratio, 30.0 + off * 100.0, 100.0, 0.3, 0.01);
        }
        assert!((between - 0.03).abs() < 0.001, "{between}");
        assert!((ratio - 400.0 / 21.5).abs() < 0.1, "{ratio}");
        learn_between(&mut between, 1e9, 0.01, 0.01, 0.0004);
        assert!(between < 0.035, "{between}");
        for _ in 0..2000 {
            learn_between(&mut between, 0.0, 0.01, 0.01, 0.0004);
        }
        assert!((between - 0.0004).abs() < 1e-9, "{between}");
    }
}
