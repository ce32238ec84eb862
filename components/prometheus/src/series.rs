//! The gauges that there are, and how many there may be.
//!
//! Keys come out of logs, and so from strangers: each new one costs memory here, in the daemon's registry and in
//! Prometheus. So there is a bound, for series and for names (what a name means is kept for as long as the process lives).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use metrics::{Gauge, Key, Label};
use tokio::time::Instant;

/// The longest value of a label, in bytes; the rest is cut off.
const LONGEST_LABEL: usize = 256;

/// How many names there may be, of all gauges.
const MAX_NAMES: usize = 1000;

/// The gauges that are held. Those that are dropped leave `/metrics` by the daemon's own doing.
#[derive(Debug)]
pub(crate) struct Series {
    gauges: HashMap<Key, Held>,
    names: HashSet<String>,
    max_series: usize,
    idle_timeout: Duration,
}

/// A gauge, and when it last had a value.
#[derive(Debug)]
struct Held {
    gauge: Gauge,
    set_at: Instant,
}

/// There is no room for another series.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Series {
    /// No gauge yet, and room for `max_series`; each is kept for `idle_timeout` after it was last set.
    pub(crate) fn new(max_series: usize, idle_timeout: Duration) -> Self {
        Self { gauges: HashMap::new(), names: HashSet::new(), max_series, idle_timeout }
    }

    /// Sets the gauge of this name and these labels. `help` is asked when the name is new.
    ///
    /// # Errors
    /// It would be one too many.
    pub(crate) fn set(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        value: f64,
        help: impl FnOnce() -> String,
    ) -> Result<(), Full> {
        let labels: Vec<Label> =
            labels.iter().map(|(name, value)| Label::new((*name).to_owned(), cut(value).to_owned())).collect();
        let key = Key::from_parts(name.to_owned(), labels);
        let set_at = Instant::now();
        if let Some(held) = self.gauges.get_mut(&key) {
            held.gauge.set(value);
            held.set_at = set_at;
            return Ok(());
        }
        if self.gauges.len() >= self.max_series || (self.names.len() >= MAX_NAMES && !self.names.contains(name)) {
            return Err(Full);
        }
        if self.names.insert(name.to_owned()) {
            metrics::describe_gauge!(name.to_owned(), help());
        }
        let gauge = metrics::gauge!(name.to_owned(), key.labels());
        gauge.set(value);
        self.gauges.insert(key, Held { gauge, set_at });
        Ok(())
    }

    /// Gives up the series that have not been set for too long.
    pub(crate) fn expire(&mut self) {
        self.gauges.retain(|_, held| held.set_at.elapsed() < self.idle_timeout);
    }
}

/// The beginning of a text that is too long for a label.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_LABEL)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(series: &mut Series, key: &str) -> Result<(), Full> {
        series.set("a", &[("key", key)], 1.0, String::new)
    }

    #[tokio::test(start_paused = true)]
    async fn has_room_for_so_many_and_no_more() {
        let mut series = Series::new(2, Duration::from_secs(60));
        assert_eq!([set(&mut series, "x"), set(&mut series, "y"), set(&mut series, "z")], [Ok(()), Ok(()), Err(Full)]);
        assert_eq!(set(&mut series, "x"), Ok(()), "it is there");
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(set(&mut series, "x"), Ok(()));
        tokio::time::advance(Duration::from_secs(1)).await;
        series.expire();
        assert_eq!(set(&mut series, "z"), Ok(()), "y is gone");
        assert_eq!(set(&mut series, "y"), Err(Full), "x is still there");
    }

    #[test]
    fn names_are_bounded_for_good() {
        let mut series = Series::new(usize::MAX, Duration::ZERO);
        for name in 0..MAX_NAMES {
            assert_eq!(series.set(&format!("n{name}"), &[], 0.0, String::new), Ok(()));
        }
        series.expire();
        assert_eq!(series.set("another", &[], 0.0, String::new), Err(Full));
        assert_eq!(series.set("n0", &[], 0.0, String::new), Ok(()));
    }

    #[test]
    fn labels_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(&"é".repeat(200)), "é".repeat(128));
        assert_eq!(cut(&format!("a{}", "é".repeat(200))).len(), 255);
    }
}
