//! How unlikely a count is, in the unit of standard deviations: signed roots of the deviance.
//!
//! The deviance is twice the log-likelihood ratio between what was seen and what was expected. Its root is distributed
//! nearly as a standard normal value also where counts are small and their distribution is skewed, which (k − E) / √E is
//! not (Pierce and Schafer, "Residuals in generalized linear models", JASA 81, 1986).

/// For `successes` of `trials`, where each is one with probability `p`, between 0 and 1. Negative where there are fewer
/// than expected; 0 without trials.
pub(super) fn binomial(successes: f64, trials: f64, p: f64) -> f64 {
    if trials <= 0.0 {
        return 0.0;
    }
    let share = successes / trials;
    let mut divergence = 0.0;
    if share > 0.0 {
        divergence += share * (share / p).ln();
    }
    if share < 1.0 {
        divergence += (1.0 - share) * ((1.0 - share) / (1.0 - p)).ln();
    }
    signed_root(2.0 * trials * divergence, share > p)
}

/// For `count` events where `expected` of a Poisson process were, more than 0. Negative where there are fewer.
pub(super) fn poisson(count: f64, expected: f64) -> f64 {
    let mut divergence = expected - count;
    if count > 0.0 {
        divergence += count * (count / expected).ln();
    }
    signed_root(2.0 * divergence, count > expected)
}

/// Rounding can bring a deviance of nothing slightly below nothing.
fn signed_root(deviance: f64, above: bool) -> f64 {
    let root = deviance.max(0.0).sqrt();
    if above { root } else { -root }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviances_are_those_of_the_textbook() {
        // 30 of 100 at 0.2: 2 (30 ln 1.5 + 70 ln 0.875) = 5.6337; 3 where 10 were due: 2 (10 − 3 + 3 ln 0.3) = 6.7762.
        assert!((binomial(30.0, 100.0, 0.2) - 5.6337_f64.sqrt()).abs() < 1e-4);
        assert!((poisson(3.0, 10.0) + 6.7762_f64.sqrt()).abs() < 1e-4);
        assert_eq!((binomial(20.0, 100.0, 0.2), binomial(1.0, 0.0, 0.2)), (-0.0, 0.0));
        assert_eq!((binomial(0.0, 10.0, 1e-9) < 0.0, binomial(10.0, 10.0, 0.5) > 0.0), (true, true));
        assert_eq!(poisson(0.0, 8.0), -4.0);
    }
}
