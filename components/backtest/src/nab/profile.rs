//! What finds, false alarms and misses weigh, for three sorts of users.

/// The weights of one sort of user, all of them 0 or more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// What NAB calls it.
    pub name: &'static str,
    /// What a window is worth that is found at its first point.
    pub found: f64,
    /// What a false alarm costs, far from any window.
    pub false_alarm: f64,
    /// What a missed window costs.
    pub missed: f64,
}

impl Profile {
    /// A clock's false alarms, one in each hundred points that are nine tenths outside of windows, and what it finds by
    /// chance even out.
    pub const STANDARD: Self = Self { name: "standard", found: 1.0, false_alarm: 0.11, missed: 1.0 };

    /// For those whom false alarms cost more.
    pub const REWARD_LOW_FP: Self = Self { name: "reward_low_FP", found: 1.0, false_alarm: 0.22, missed: 1.0 };

    /// For those whom a missed window costs more.
    pub const REWARD_LOW_FN: Self = Self { name: "reward_low_FN", found: 1.0, false_alarm: 0.11, missed: 2.0 };

    /// All three.
    pub const ALL: [Self; 3] = [Self::STANDARD, Self::REWARD_LOW_FP, Self::REWARD_LOW_FN];
}
