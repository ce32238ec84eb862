//! The `blackhole` sink: takes everything, for tests and measurements.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use logd_sdk::component::{Settings, SinkSettings};
use logd_sdk::settings::Duration;
use logd_sdk::sink::{Attempt, Sink};
use logd_sdk::{Batch, Check, ComponentId, Context};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Takes events and forgets them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlackholeSettings {
    /// How often to log how many events came, while some come; never, if it is not given.
    #[serde(default)]
    print_interval: Option<Duration>,
}

impl Settings for BlackholeSettings {
    const NAME: &'static str = "blackhole";
    const SUMMARY: &'static str = "Takes events and forgets them";
    const EXAMPLE: &'static str = r#"print_interval = "10s""#;

    fn check(&self, check: &mut Check<'_>) {
        if self.print_interval.is_some_and(|interval| interval.is_zero()) {
            check.report.error("print_interval", "`print_interval` must be longer than nothing");
        }
    }
}

impl SinkSettings for BlackholeSettings {
    type Sink = Blackhole;

    async fn build(&self, context: &Context) -> anyhow::Result<Blackhole> {
        Ok(Blackhole {
            id: context.id.clone(),
            events: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            interval: self.print_interval,
            printed: Mutex::new(Instant::now()),
        })
    }
}

/// A running `blackhole`.
#[derive(Debug)]
pub(crate) struct Blackhole {
    id: ComponentId,
    /// How many events have come.
    events: AtomicU64,
    /// How many bytes they had as they came in.
    bytes: AtomicU64,
    interval: Option<Duration>,
    /// When that was last logged.
    printed: Mutex<Instant>,
}

impl Sink for Blackhole {
    async fn deliver(&self, batch: &Batch) -> Attempt {
        let events = self.events.fetch_add(batch.len() as u64, Relaxed) + batch.len() as u64;
        let bytes = self.bytes.fetch_add(batch.event_bytes() as u64, Relaxed) + batch.event_bytes() as u64;
        if let Some(interval) = self.interval {
            let mut printed = self.printed.lock().await;
            if printed.elapsed() >= *interval {
                *printed = Instant::now();
                tracing::info!(component = %self.id, events, bytes, "Events have gone into the black hole.");
            }
        }
        Attempt::delivered()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, batch, context, problems, reads_its_example};

    #[test]
    fn reads_its_example_and_rejects_what_it_must() {
        reads_its_example::<BlackholeSettings>();
        let expected = ["print_interval: `print_interval` must be longer than nothing"];
        assert_eq!(problems::<BlackholeSettings>("print_interval = '0s'"), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn counts_what_it_takes() {
        let settings: BlackholeSettings = toml::from_str("print_interval = '1s'").unwrap();
        let sink = settings.build(&context("unused".as_ref(), false)).await.unwrap();
        let start = Instant::now();
        tokio::time::advance(std::time::Duration::from_secs(2)).await;
        for _ in 0..3 {
            assert_eq!(sink.deliver(&batch(["one", "three"], NOW)).await, Attempt::delivered());
        }
        assert_eq!((sink.events.load(Relaxed), sink.bytes.load(Relaxed)), (6, 24));
        assert_eq!(*sink.printed.lock().await - start, std::time::Duration::from_secs(2));
    }
}
