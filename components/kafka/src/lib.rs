//! Apache Kafka as a source and a sink.
//!
//! - `connection`: what source and sink share: how a cluster is reached, and by whom,
//! - `source`: the member of a consumer group,
//! - `sink`: the producer,
//! - `recorded`: a topic as a file of lines, for runs over what was recorded.

mod connection;
mod recorded;
mod sink;
mod source;
#[cfg(test)]
mod testing;

use logd_sdk::Component;

pub use self::recorded::{Fetch, Fetched, Progress, Topic};
use self::sink::KafkaSinkSettings;
use self::source::KafkaSourceSettings;

/// What this family has.
pub static COMPONENTS: &[Component] =
    &[Component::source::<KafkaSourceSettings>(), Component::sink::<KafkaSinkSettings>()];
