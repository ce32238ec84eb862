//! The transform `pattern`: what log lines have in common, and which of that is new, missing, or suddenly frequent.
//!
//! - [`mine`]: from lines to templates; [`own_masks`]: what the user has masked in them;
//! - [`rate`]: how often one template comes, and what is odd about that; [`track`] and [`watch`]: one template, and all
//!   of a key, over time; [`open`]: incidents; [`tell`] and [`evidence`]: what is told of them;
//! - [`settings`], [`operator`], [`shard`]: all of it as a keyed transform; [`label`]: the fields that it adds.
//!
//! **The same result every time.** Templates depend on the lines of a key and their order, anomalies on that and on their
//! times; and not on batches, shards or restarts. (Beyond `max_keys`, and where a partition falls idle, they do.)

mod evidence;
mod label;
pub(crate) mod mine;
mod open;
mod operator;
mod own_masks;
mod rate;
mod settings;
mod shard;
mod tell;
#[cfg(test)]
mod tests;
mod track;
mod watch;

pub use evidence::{PatternEvidence, TemplateShown};
pub use rate::{Change, Figures};
pub(crate) use settings::PatternSettings;
