//! Where events end that nobody can handle: as dead letters they would be kept for somebody to look at, and of a backtest
//! it is enough how many there were, as it is of a test.

use std::sync::Arc;

use futures::future::BoxFuture;
use logd_sdk::component::{Describe, SinkPlan};
use logd_sdk::erased::AnySink;
use logd_sdk::sink::{Attempt, Delivery, Sink};
use logd_sdk::{Batch, Context};

/// Takes events, and drops them as is intended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dropped;

impl Sink for Dropped {
    async fn deliver(&self, batch: &Batch) -> Attempt {
        Attempt::dropped(batch, "backtest")
    }
}

impl Describe for Dropped {
    fn name(&self) -> &'static str {
        "backtest"
    }
}

impl SinkPlan for Dropped {
    fn delivery(&self) -> Delivery {
        Delivery::default()
    }

    fn build<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, anyhow::Result<Arc<dyn AnySink>>> {
        Box::pin(async { Ok(Arc::new(*self) as Arc<dyn AnySink>) })
    }
}
