//! Apache Kafka as a source and a sink.

use logd_sdk::Component;

/// What this family has.
pub static COMPONENTS: &[Component] = &[];
