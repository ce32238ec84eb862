//! Redis as a sink.

use logd_sdk::Component;

/// What this family has.
pub static COMPONENTS: &[Component] = &[];
