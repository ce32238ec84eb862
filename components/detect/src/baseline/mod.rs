//! What is usual for one key, in figures: made of its values by one of several methods.
//!
//! - [`window`]: the last values, their mean and standard deviation: the classic rules';
//! - [`averaged`]: the same, apart from the most recent values, whose mean is judged;
//! - [`sorted`]: the last values, their median and the median of the deviations from it;
//! - [`decayed`]: all values, older ones for less and less;
//! - [`rate`]: a share of events, by counts that fade.
//!
//! All of them say it in the same figures, a [`Summary`], so that a rule need not know how they came about.

mod averaged;
mod decayed;
mod rate;
mod sorted;
mod window;

use serde::{Deserialize, Serialize};

pub use self::averaged::Averaged;
pub use self::decayed::Decayed;
pub use self::rate::Rate;
pub use self::sorted::Sorted;
pub use self::window::Window;
use crate::rule::BaselineSettings;
use crate::time::Micros;

/// How the usual is made of the values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Mean and standard deviation of the last values.
    #[default]
    Classic,
    /// The same of those before the most recent ones, whose mean is judged, and not each alone.
    Gaussian,
    /// Median of the last values, and 1.4826 times the median of their deviations from it.
    Robust,
    /// Mean and standard deviation of all values, weighted exponentially.
    Ewma,
    /// The share of all events that fade, and how far a share of as many as the value at hand's strays.
    Deviance,
}

/// Figures of a baseline at one moment, enough to judge a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many values it rests on.
    pub n: usize,
    /// What is expected: their mean, with [`Method::Robust`] their median, with
    /// [`Method::Deviance`] the share of hits; 0 if there are none.
    pub mean: f64,
    /// Their population standard deviation (divided by n, as NumPy's `std` does by default); with
    /// [`Method::Robust`] 1.4826 times the median absolute deviation, which is the same for normal values; with
    /// [`Method::Deviance`] that of a share of as many events as the value to be judged is of.
    pub std: f64,
    /// What the time of day or week adds, which is part of `mean`. It has no zero: only its differences mean anything.
    #[serde(default)]
    pub seasonal: f64,
}

impl Summary {
    /// The same at a time that adds so much.
    #[must_use]
    pub fn at(self, seasonal: f64) -> Self {
        Self { mean: self.mean - self.seasonal + seasonal, seasonal, ..self }
    }
}

/// What a key's values have made usual.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Baseline {
    /// Of [`Method::Classic`]: 8 bytes a value.
    Classic(Window),
    /// Of [`Method::Gaussian`]: 8 bytes a value, and 8 for each of the recent ones. In a box: it is the largest, and others
    /// are not to pay for it.
    Gaussian(Box<Averaged>),
    /// Of [`Method::Robust`]: 16 bytes a value.
    Robust(Sorted),
    /// Of [`Method::Ewma`]: 40 bytes in all.
    Ewma(Decayed),
    /// Of [`Method::Deviance`]: 56 bytes in all.
    Deviance(Rate),
}

impl Baseline {
    /// Of no value yet.
    #[must_use]
    pub fn new(method: Method) -> Self {
        match method {
            Method::Classic => Self::Classic(Window::default()),
            Method::Gaussian => Self::Gaussian(Box::default()),
            Method::Robust => Self::Robust(Sorted::default()),
            Method::Ewma => Self::Ewma(Decayed::default()),
            Method::Deviance => Self::Deviance(Rate::default()),
        }
    }

    /// Notes that `value` has come, and returns what is to be judged: with [`Method::Gaussian`] the mean of the most
    /// recent values, this one included, as they would have been at this time of day or week; else the value.
    /// `seasonal` is what the time adds to this one.
    pub fn see(&mut self, value: f64, seasonal: f64, settings: &BaselineSettings) -> f64 {
        match self {
            Self::Gaussian(averaged) => value + averaged.see(value - seasonal, settings.recent),
            _ => value,
        }
    }

    /// Learns from the value that was seen last, without what the time adds to it. It must be finite, and its square must not
    /// overflow.
    ///
    /// With [`Method::Deviance`], it is a share of so many `events`, which came until `at`; other methods don't ask.
    /// Settings are given each time and not kept, so that changed ones hold from the next value on.
    pub fn learn(&mut self, value: f64, events: f64, at: Micros, settings: &BaselineSettings) {
        debug_assert!((value * value).is_finite(), "callers sort out what can't be used");
        match self {
            Self::Classic(window) => window.push(value, settings.samples),
            Self::Gaussian(averaged) => averaged.learn(settings.recent, settings.samples),
            Self::Robust(sorted) => sorted.push(value, settings.samples),
            Self::Ewma(decayed) => decayed.push(value, settings.alpha),
            Self::Deviance(rate) => rate.push(value, events, at),
        }
    }

    /// What is usual; with [`Method::Deviance`], of a share of so many `events`.
    #[must_use]
    pub fn summary(&self, events: f64) -> Summary {
        match self {
            Self::Classic(window) => window.summary(),
            Self::Gaussian(averaged) => averaged.summary(),
            Self::Robust(sorted) => sorted.summary(),
            Self::Ewma(decayed) => decayed.summary(),
            Self::Deviance(rate) => rate.summary(events),
        }
    }
}

#[cfg(test)]
mod tests;
