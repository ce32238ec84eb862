//! A receiver that is gone: it has answered 410, and is called no more (Standard Webhooks, "Endpoint disabling").
//!
//! That is kept with the epoch, so that a restart does not begin anew, until the URI is another one.

use std::sync::{Mutex, PoisonError};

use logd_sdk::{Health, Time, snapshot};
use metrics::{Gauge, Unit};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

/// The version of what is kept.
const VERSION: u8 = 1;

/// Which receiver is gone, and since when.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Farewell {
    /// A hash of its URI, which may hold a secret.
    receiver: u128,
    since: Time,
}

/// Whether the receiver is gone.
#[derive(Debug)]
pub(super) struct Gone {
    receiver: u128,
    farewell: Mutex<Option<Farewell>>,
    health: Health,
    gauge: Gauge,
}

impl Gone {
    /// The metric that shows it.
    pub(super) const NAME: &'static str = "logd_webhook_disabled";

    /// Nobody is gone yet.
    pub(super) fn new(url: &Url, health: Health, gauge: Gauge) -> Self {
        let help = "Whether a webhook's receiver has answered 410 and is called no more: 1, or 0.";
        metrics::describe_gauge!(Self::NAME, Unit::Count, help);
        gauge.set(0.0);
        Self { receiver: xxh3_128(url.as_str().as_bytes()), farewell: Mutex::default(), health, gauge }
    }

    /// The receiver has said that it is gone. Returns the reason, as [`reason`](Self::reason) does.
    pub(super) fn say(&self, now: Time) -> String {
        self.take(Farewell { receiver: self.receiver, since: now })
    }

    /// Why it is called no more, if it is not.
    pub(super) fn reason(&self) -> Option<String> {
        self.lock().as_ref().map(reason)
    }

    /// What is to be kept: also that nobody is gone, which takes the place of what was kept of an earlier URI.
    pub(super) fn keep(&self) -> anyhow::Result<Vec<u8>> {
        snapshot::encode(VERSION, &*self.lock())
    }

    /// Takes up what was kept, if it is of this receiver.
    pub(super) fn restore(&self, kept: &[u8]) -> anyhow::Result<()> {
        let farewell: Option<Farewell> = snapshot::decode(VERSION, kept)?;
        if let Some(farewell) = farewell.filter(|farewell| farewell.receiver == self.receiver) {
            self.take(farewell);
        }
        Ok(())
    }

    fn take(&self, farewell: Farewell) -> String {
        let reason = reason(&farewell);
        *self.lock() = Some(farewell);
        self.health.ill(reason.clone());
        self.gauge.set(1.0);
        reason
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Farewell>> {
        self.farewell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reason(farewell: &Farewell) -> String {
    format!(
        "the receiver has answered 410 (gone) at {}: it is called no more until `uri` is another one",
        farewell.since
    )
}
