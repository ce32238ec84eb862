//! Redis as a sink: lists, hashes, strings, streams, channels, sorted sets; and as the place where the API reads figures.
//!
//! - `settings`, `check`: what a pipeline file says, and what may be wrong with it,
//! - `endpoint`, `connections`, `reply`: from an address to replies within a deadline, and what they mean,
//! - `rows`: keys and texts of a batch's events,
//! - `write`: what goes to Redis with each batch,
//! - `counters`: what goes to Redis with each epoch, once and only once,
//! - `sink`: which of both it is,
//! - `figures`: what several daemons have counted, read back.

mod check;
mod connections;
mod counters;
mod endpoint;
mod figures;
mod reply;
mod rows;
mod settings;
mod sink;
#[cfg(test)]
mod testing;
mod write;

use logd_sdk::Component;

pub use figures::FiguresSettings;
pub use settings::RedisSettings;
pub use sink::Redis;

/// What this family has.
pub static COMPONENTS: &[Component] = &[Component::sink::<RedisSettings>()];
