//! Is this like anything that was there before? The detector `novelty`, for metrics of which nothing is known.
//!
//! - [`shingle`]: one field: the last values in their order, and the stretches that are most like them;
//! - [`trees`]: several fields: how many points are where this one is;
//! - [`conformal`]: how strange that is, by its rank among the last values' strangeness;
//! - [`incident`]: what opens, and is resolved when it has become usual; [`explain`]: the sentence of it;
//! - [`detector`]: all of it key by key; [`describe`]: what it knows of one; [`evidence`]: what a verdict rests on; [`settings`]: what can be set.
//!
//! It has no baseline that anomalies would have to be kept out of: what is strange is learned at once, and is strange no
//! longer when it has come often enough. That was measured to be a strength: with the strange kept out of what is ranked
//! among, the score by the rules of the Numenta Anomaly Benchmark falls from 67 to 39.

mod conformal;
mod describe;
mod detector;
mod evidence;
mod explain;
mod incident;
mod settings;
mod shingle;
mod trees;

pub use self::conformal::{HIGHEST, Rank};
pub use self::detector::{Novelty, NoveltyState};
pub use self::evidence::{Compared, NoveltyEvidence};
pub use self::settings::{Method, Settings};
pub use self::shingle::Shingling;
