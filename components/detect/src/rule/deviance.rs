//! How improbable a share of events is, given the usual one: the deviance of the binomial distribution.
//!
//! The signed root of the deviance of k hits in n events is nearly standard normal, also where few hits are expected and a
//! z-score by the standard deviation is far off (McCullagh and Nelder 1989, section 2.4.3).

/// So often a bisection is done: until the last of a double's digits.
const HALVINGS: u32 = 52;

/// |D| = √(2 n [f ln(f / p) + (1 − f) ln((1 − f) / (1 − p))]) of a share `f` of `events`, where `usual` is p, between 0
/// and 1, both excluded.
pub(super) fn root_deviance(share: f64, usual: f64, events: f64) -> f64 {
    let term = |part: f64, of: f64| if part > 0.0 { part * libm::log(part / of) } else { 0.0 };
    let divergence = term(share, usual) + term(1.0 - share, 1.0 - usual);
    (2.0 * events * divergence.max(0.0)).sqrt()
}

/// The share between `usual` and `end` (0 or 1) from which on the root deviance is above `threshold`; none if it is not
/// even at the end.
pub(super) fn share_at(threshold: f64, usual: f64, end: f64, events: f64) -> Option<f64> {
    let exceeds = |share| root_deviance(share, usual, events) > threshold;
    if !exceeds(end) {
        return None;
    }
    let (mut within, mut beyond) = (usual, end);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(within, beyond);
        if exceeds(middle) { beyond = middle } else { within = middle }
    }
    Some(within)
}
