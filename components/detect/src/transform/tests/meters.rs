//! The detector's own metrics.

use std::collections::BTreeSet;
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use super::*;

/// All that was counted or set: the name with the labels that are not every component's, and the value.
fn meters(snapshotter: &Snapshotter) -> BTreeMap<String, f64> {
    let standard = ["pipeline", "component_id", "component_kind", "component_type"];
    let all = snapshotter.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
        let labels = key.key().labels().filter(|label| !standard.contains(&label.key()));
        let labels: Vec<_> = labels.map(|label| format!("{}={}", label.key(), label.value())).collect();
        let value = match value {
            DebugValue::Counter(count) => count as f64,
            DebugValue::Gauge(value) => value.into_inner(),
            DebugValue::Histogram(_) => panic!("there is none"),
        };
        (format!("{}{{{}}}", key.key().name(), labels.join(",")), value)
    });
    all.collect()
}

fn recorded(test: impl FnOnce(&Snapshotter)) {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || test(&snapshotter));
}

#[test]
fn the_figures_of_a_key_and_its_incidents() {
    recorded(|snapshotter| {
        let mut driver = Driver::new("zscore", &zscore(""), 2);
        driver.feed(batch(&windows(0, "web", calm(100).chain([900.0]))));
        let open = meters(snapshotter);
        let score = driver.scores.last().unwrap();
        let figures = ["value", "expected", "lower", "upper", "score"];
        for (meter, figure) in ["value", "baseline", "lower", "upper", "score"].into_iter().zip(figures) {
            let name = format!("logd_detector_{meter}{{detector=latency,key=web}}");
            assert_eq!(open.get(&name).copied(), score[figure].as_f64(), "{name}");
        }
        assert_eq!(open["logd_incidents_open{}"], 1.0);
        let counted = "logd_anomalies_total{detector=latency,type=high_latency,severity=critical,key=web}";
        assert_eq!(open[counted], 1.0);

        driver.feed(batch(&windows(101, "web", [9000.0])));
        assert_eq!(driver.told().len(), 2, "it gets worse");
        assert_eq!(meters(snapshotter).get(counted).copied().unwrap_or(0.0), 0.0, "and is the same incident");

        driver.feed(batch(&windows(102, "web", calm(60))));
        let resolved = meters(snapshotter);
        assert_eq!(driver.told().last().map(|(_, told)| told.contains("resolved")), Some(true));
        assert_eq!(resolved["logd_incidents_open{}"], 0.0);
        assert_eq!(resolved.get(counted).copied().unwrap_or(0.0), 0.0, "an end is no anomaly");
        assert!(!resolved.keys().any(|name| name.contains("overflow")));
    });
}

#[test]
fn what_is_not_known_yet_is_nan() {
    recorded(|snapshotter| {
        Driver::new("zscore", &zscore(""), 1).feed(batch(&windows(0, "web", calm(3))));
        assert!(meters(snapshotter)["logd_detector_upper{detector=latency,key=web}"].is_nan());
    });
}

#[test]
fn at_most_max_series_keys_are_shown() {
    recorded(|snapshotter| {
        let mut driver = Driver::new("zscore", &zscore("max_series = 2"), 3);
        let names = ["a", "b", "c", "d"];
        for at in 0..2 {
            driver.feed(batch(&names.map(|name| window(at, name, 1.0))));
        }
        let all = meters(snapshotter);
        let shown = all.keys().filter(|name| name.starts_with("logd_detector_value")).count();
        assert_eq!((shown, all["logd_detector_series_overflow_total{}"]), (2, 4.0));
        driver.restart(2);
        driver.feed(batch(&[window(2, "e", 1.0)]));
        assert!(meters(snapshotter).contains_key("logd_detector_value{detector=latency,key=e}"), "there is room again");
    });
}

#[test]
fn anomalies_of_keys_without_room_are_counted_together() {
    recorded(|snapshotter| {
        let mut driver = Driver::new("zscore", &zscore("max_series = 0"), 1);
        driver.feed(batch(&windows(0, "web", calm(100).chain([900.0]))));
        let counted = "logd_anomalies_total{detector=latency,type=high_latency,severity=critical,key=_other}";
        assert_eq!(meters(snapshotter)[counted], 1.0);
    });
}

#[test]
fn a_key_that_has_fallen_silent_makes_room() {
    recorded(|snapshotter| {
        let mut driver = Driver::new("zscore", &zscore("max_series = 1"), 1);
        driver.feed(batch(&[window(0, "a", 1.0)]));
        driver.clock.set(Time::EPOCH.after(Duration::from_secs(290)));
        driver.feed(batch(&[window(1, "b", 1.0)]));
        assert!(!meters(snapshotter).contains_key("logd_detector_value{detector=latency,key=b}"));
        driver.clock.set(Time::EPOCH.after(Duration::from_secs(301)));
        driver.feed(batch(&[window(2, "b", 1.0)]));
        assert!(meters(snapshotter).contains_key("logd_detector_value{detector=latency,key=b}"));
    });
}

#[test]
fn keys_that_come_and_go_take_no_more_room_than_others() {
    recorded(|snapshotter| {
        let mut driver = Driver::new("zscore", &zscore("max_series = 2\nmax_keys = 2"), 1);
        let mut shown = BTreeSet::new();
        let mut feed = |driver: &mut Driver, at, key| {
            driver.feed(batch(&[window(at, key, 1.0)]));
            shown.extend(meters(snapshotter).into_keys().filter(|name| name.starts_with("logd_detector_value")));
            shown.len()
        };
        for (at, key) in (0..).zip(["a", "b", "c", "d", "e", "f", "g", "h"]) {
            assert!(feed(&mut driver, at, key) <= 2);
        }
        driver.clock.set(Time::EPOCH.after(Duration::from_secs(301)));
        assert_eq!(feed(&mut driver, 8, "i"), 3, "they are forgotten, and there is room again");
    });
}
