//! A component's own metrics. The standard ones (events and bytes in and out, errors, discards, latency) belong to the
//! daemon and are kept for every component alike.

use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, Label};

use crate::context::ComponentId;

/// Makes metrics that carry the component's labels.
#[derive(Clone, Debug)]
pub struct Meters(Arc<[Label]>);

impl Meters {
    /// For the component `id`, of this kind (`source`, `transform`, `sink`) and type.
    #[must_use]
    pub fn new(id: &ComponentId, kind: &'static str, component_type: &'static str) -> Self {
        Self(Arc::new([
            Label::new("pipeline", id.pipeline().to_owned()),
            Label::new("component_id", id.id().to_owned()),
            Label::new("component_kind", kind),
            Label::new("component_type", component_type),
        ]))
    }

    /// A counter, with the component's labels and `more`.
    pub fn counter(&self, name: &'static str, more: &[(&'static str, &str)]) -> Counter {
        metrics::counter!(name, self.labels(more))
    }

    /// A gauge, with the component's labels and `more`.
    pub fn gauge(&self, name: &'static str, more: &[(&'static str, &str)]) -> Gauge {
        metrics::gauge!(name, self.labels(more))
    }

    /// A histogram, with the component's labels and `more`.
    pub fn histogram(&self, name: &'static str, more: &[(&'static str, &str)]) -> Histogram {
        metrics::histogram!(name, self.labels(more))
    }

    fn labels(&self, more: &[(&'static str, &str)]) -> Vec<Label> {
        let more = more.iter().map(|(name, value)| Label::new(*name, (*value).to_owned()));
        self.0.iter().cloned().chain(more).collect()
    }
}
