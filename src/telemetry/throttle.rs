//! Keeps one place in the code from flooding the log.
//!
//! A broken input can make every event a log line. So that the log stays readable and other lines are still seen, each
//! place may write [`LINES`] lines in [`PERIOD`] for each component; the rest are counted, and the count is logged.

use std::collections::HashMap;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// How many lines a place may write in a period.
const LINES: u32 = 10;
/// The period.
const PERIOD: Duration = Duration::from_secs(10);

/// Counts lines by where they come from. Clones share the counts.
#[derive(Clone, Default)]
pub(crate) struct Throttle(Arc<Mutex<HashMap<Place, Window>>>);

/// Where lines come from: a place in the code, and the component that it is about (empty if it is about none).
#[derive(PartialEq, Eq, Hash)]
struct Place {
    callsite: Identifier,
    component: String,
}

/// What came from there of late.
struct Window {
    since: Instant,
    lines: u32,
    suppressed: u64,
    /// The message of the first line that was suppressed.
    message: String,
}

impl Throttle {
    /// Whether this line may be written. Called for every line that the filter lets through, so it asks for the message
    /// only when a flood begins.
    fn admit(&self, event: &Event<'_>) -> bool {
        let mut component = Text::of("component");
        event.record(&mut component);
        let place = Place { callsite: event.metadata().callsite(), component: component.text };
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Window { since: Instant::now(), lines: 0, suppressed: 0, message: String::new() };
        let window = windows.entry(place).or_insert_with(fresh);
        if window.since.elapsed() >= PERIOD {
            (window.since, window.lines) = (Instant::now(), 0);
        }
        window.lines = window.lines.saturating_add(1);
        if window.lines <= LINES {
            return true;
        }
        if window.suppressed == 0 {
            let mut message = Text::of("message");
            event.record(&mut message);
            window.message = message.text;
        }
        window.suppressed += 1;
        false
    }

    /// Logs how many lines were suppressed since the last report, and forgets places that have fallen silent.
    ///
    /// That is not done when the next line of a place passes, for it may be the last of its kind that was suppressed.
    pub(crate) fn report(&self) {
        let mut suppressed = Vec::new();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|place, window| {
            if window.suppressed > 0 {
                let message = std::mem::take(&mut window.message);
                suppressed.push((place.component.clone(), std::mem::take(&mut window.suppressed), message));
            }
            window.since.elapsed() < PERIOD
        });
        for (component, lines, message) in suppressed {
            tracing::warn!(component, lines, like = message, "Log lines were left out.");
        }
    }

    /// Reports every now and then; never ends.
    pub(crate) async fn upkeep(self) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.report();
        }
    }
}

/// To be put behind the filter, for a line that nobody wants to see must not count.
impl<S: Subscriber> Layer<S> for Throttle {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        self.admit(event)
    }
}

/// Reads one field of a line as text.
struct Text {
    field: &'static str,
    text: String,
}

impl Text {
    /// The field of this name; empty if the line has none.
    fn of(field: &'static str) -> Self {
        Self { field, text: String::new() }
    }
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == self.field {
            value.clone_into(&mut self.text);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == self.field {
            // Writing to a string can't fail. What is logged by `%` comes here too, and prints as itself.
            let _ = write!(self.text, "{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::telemetry::log::tests::{Lines, logged};

    fn warn(component: &str, number: u32) {
        tracing::warn!(component = %component, number, "It went wrong.");
    }

    fn throttled(throttle: &Throttle, work: impl FnOnce()) -> Vec<String> {
        let lines = Lines::default();
        let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(lines.clone()).without_time();
        let subscriber = tracing_subscriber::registry().with(throttle.clone()).with(layer);
        logged(subscriber, &lines, work)
    }

    #[tokio::test(start_paused = true)]
    async fn lets_some_through_and_says_how_many_it_did_not() {
        let throttle = Throttle::default();
        let lines = throttled(&throttle, || {
            (0..100).for_each(|number| warn("p/a", number));
            warn("p/b", 0);
            tracing::warn!(component = "p/a", "Another place.");
            (0..100).for_each(|_| tracing::info!("About nobody."));
            throttle.report();
            throttle.report();
        });
        let count = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
        assert_eq!(count("It went wrong. component=p/a"), 10);
        assert_eq!(count("It went wrong. component=p/b"), 1, "another component");
        assert_eq!(count("Another place."), 1);
        assert_eq!(count("INFO"), 10);
        assert_eq!(count(r#"left out. component="p/a" lines=90 like="It went wrong.""#), 1, "{lines:#?}");
        assert_eq!(count(r#"left out. component="" lines=90 like="About nobody.""#), 1, "{lines:#?}");
        assert_eq!(lines.len(), 10 + 1 + 1 + 10 + 2);
    }

    #[tokio::test(start_paused = true)]
    async fn begins_anew_after_the_period() {
        let throttle = Throttle::default();
        let lines = throttled(&throttle, || (0..11).for_each(|number| warn("p/a", number)));
        assert_eq!(lines.len(), 10);
        tokio::time::advance(PERIOD).await;
        assert_eq!(throttled(&throttle, || warn("p/a", 11)).len(), 1);
        assert_eq!(throttled(&throttle, || throttle.report()).len(), 1, "the one before is still told");
        tokio::time::advance(PERIOD).await;
        assert_eq!(throttled(&throttle, || throttle.report()).len(), 0);
        assert!(throttle.0.lock().expect("a lock").is_empty(), "silent places are forgotten");
    }
}
