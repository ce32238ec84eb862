//! Where the events end that a test looks at.

use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use logd_sdk::component::{Describe, SinkPlan};
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::erased::AnySink;
use logd_sdk::sink::{Attempt, Delivery, Sink};
use logd_sdk::{Batch, Context};

/// Keeps events as they are. Its clones keep them together.
#[derive(Clone, Debug, Default)]
pub(super) struct Collector(Arc<Mutex<Vec<Batch>>>);

impl Collector {
    /// What came; a batch says by which way.
    pub(super) fn take(&self) -> Vec<Batch> {
        take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sink for Collector {
    async fn deliver(&self, batch: &Batch) -> Attempt {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(batch.clone());
        Attempt::delivered()
    }
}

impl Describe for Collector {
    fn name(&self) -> &'static str {
        "test"
    }

    fn reads(&self, _: &dyn Conditions) -> Reads {
        Reads::Whole
    }
}

impl SinkPlan for Collector {
    fn delivery(&self) -> Delivery {
        Delivery::default()
    }

    fn build<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, anyhow::Result<Arc<dyn AnySink>>> {
        Box::pin(async { Ok(Arc::new(self.clone()) as Arc<dyn AnySink>) })
    }
}
