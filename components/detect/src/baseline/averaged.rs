//! The last values of one key, to judge the mean of the most recent ones by.
//!
//! After Ahmad, Lavin, Purdy and Agha (2017), "Unsupervised real-time anomaly detection for streaming data", section 3.2:
//! how improbable is the mean of the last ten values, if all of the last thousands are normally distributed? There the
//! recent ones are among the thousands. Here they are not, for with some hundred the deviation would be their own: a value
//! enters the window when it is no longer recent, and no mean that it was part of was kept out.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Summary, Window};

/// The last values, and apart from them the most recent ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Averaged {
    window: Window,
    /// The most recent values, and before them the one that was until now; oldest first.
    recent: VecDeque<f64>,
    /// How many means, one after the other, were learned from;
    calm: usize,
    /// and whether the last was.
    is_calm: bool,
}

impl Averaged {
    /// Notes that a value has come, and returns by how much the mean of the last `recent` is above it.
    pub fn see(&mut self, value: f64, recent: usize) -> f64 {
        if !self.is_calm {
            self.calm = 0;
        }
        self.is_calm = false;
        let recent = recent.max(1);
        while self.recent.len() > recent {
            self.recent.pop_front();
        }
        self.recent.push_back(value);
        let passed = self.recent.len().saturating_sub(recent);
        // Of differences, so that the mean of equal values is exactly that.
        let differences = self.recent.iter().skip(passed).map(|earlier| earlier - value);
        differences.sum::<f64>() / (self.recent.len() - passed) as f64
    }

    /// Learns from the mean that was asked for last: the value that is no longer recent, if all means that it was part of
    /// were learned from, is one of the last `capacity`.
    pub fn learn(&mut self, recent: usize, capacity: usize) {
        self.is_calm = true;
        self.calm = self.calm.saturating_add(1);
        if let Some(&value) = self.recent.front()
            && self.recent.len() > recent.max(1)
            && self.calm > recent
        {
            self.window.push(value, capacity);
        }
    }

    /// Number, mean and standard deviation of the values that are no longer recent.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.window.summary()
    }
}
