//! What all routes share.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use logd_access::Access;
use logd_archive::Archive;
use logd_sdk::Clock;
use logd_sdk::control::Control;
use tokio::sync::{Semaphore, watch};

use crate::audit::Audit;
use crate::routes::Rates;
use crate::server::{Outcome, Problem};
use crate::stores::{Figures, Logs};
use crate::webhooks::{Alerts, Registry};

/// What all routes share.
pub(crate) struct Api {
    /// What is shown.
    pub(crate) archive: Archive,
    /// What is shown in the place of the archive's logs.
    pub(crate) logs: Logs,
    /// What is shown in the place of the archive's totals.
    pub(crate) figures: Figures,
    /// Who may see it.
    pub(crate) access: Access,
    /// The daemon.
    pub(crate) control: Arc<dyn Control>,
    /// Who is told of it.
    pub(crate) webhooks: Registry,
    /// Tells them.
    pub(crate) alerts: Arc<Alerts>,
    /// Who has changed something.
    pub(crate) audit: Audit,
    /// The time of day.
    pub(crate) clock: Clock,
    /// How often somebody may ask.
    pub(crate) pace: Pace,
    /// How many events components handle in a second.
    pub(crate) rates: Arc<Rates>,
    /// Room for live streams.
    pub(crate) streams: Arc<Semaphore>,
    /// So many may be open.
    pub(crate) max_streams: usize,
    /// Whether browsers reach it by HTTPS.
    pub(crate) is_https: bool,
    /// Changes when the server stops: streams end then.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// How often somebody who is known may ask, by name.
pub(crate) struct Pace(DefaultKeyedRateLimiter<String>);

impl Pace {
    /// So many requests a second, and as many more at once.
    pub(crate) fn new(rate: NonZeroU32) -> Self {
        Self(DefaultKeyedRateLimiter::keyed(Quota::per_second(rate).allow_burst(rate)))
    }

    /// Lets a request in.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub(crate) fn admit(&self, who: &str) -> Outcome<()> {
        self.0.check_key(&who.to_owned()).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            Problem::too_many("There are too many requests.", wait.max(Duration::from_millis(1)))
        })
    }

    /// Forgets those who have not asked for a while.
    pub(crate) fn tend(&self) {
        self.0.retain_recent();
    }
}
