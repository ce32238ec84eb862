//! Two that are compared run in turns: a machine that is slow for a while is slow for both.

use crate::support::measure::Measured;

/// How often each of them runs.
const ROUNDS: usize = 5;

/// A round of both.
pub(crate) struct Round<B, O> {
    /// What the bare loop came to.
    pub(crate) bare: B,
    /// What logd came to.
    pub(crate) own: O,
    /// The share of the bare loop's speed that logd has.
    pub(crate) share: f64,
}

/// Runs both some times, and returns the round whose share is the median. Who is first changes.
pub(crate) fn compare<B, O>(
    mut bare: impl FnMut() -> B,
    mut own: impl FnMut() -> O,
    share: impl Fn(&B, &O) -> f64,
) -> Round<B, O> {
    let round = |number: usize| {
        let (bare, own) = if number.is_multiple_of(2) {
            let bare = bare();
            (bare, own())
        } else {
            let own = own();
            (bare(), own)
        };
        Round { share: share(&bare, &own), bare, own }
    };
    let mut rounds: Vec<_> = (0..ROUNDS).map(round).collect();
    rounds.sort_by(|one, other| one.share.total_cmp(&other.share));
    rounds.swap_remove(ROUNDS / 2)
}

/// The share of the speed of one that has done the same work.
pub(crate) fn of_speed(bare: &Measured, own: &Measured) -> f64 {
    bare.wall / own.wall
}
