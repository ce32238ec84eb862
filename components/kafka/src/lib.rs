//! Apache Kafka as a source and a sink.
//!
//! - `connection`: what source and sink share: how a cluster is reached, and by whom,
//! - `source`: the member of a consumer group,
//! - `sink`: the producer.

mod connection;
mod sink;
mod source;
#[cfg(test)]
mod testing;

use logd_sdk::Component;

use self::sink::KafkaSinkSettings;
use self::source::KafkaSourceSettings;

/// What this family has.
pub static COMPONENTS: &[Component] =
    &[Component::source::<KafkaSourceSettings>(), Component::sink::<KafkaSinkSettings>()];
