//! What must not matter: the unit of latencies, the week, the name, where a snapshot was taken.

use logd_detect::incident::{Kind, State};
use logd_detect::signals::Settings;

use super::workload::{DAY, Doing, HOUR, Random, events, usual};
use super::{MONDAY, Run};

/// Two days, and three incidents on the third.
fn doing(tick: usize) -> Doing {
    let after = tick.saturating_sub(2 * DAY);
    match after {
        1..=90 => Doing { latency: 400.0, ..usual(tick) },
        1000..=1060 => Doing { errors: 0.3, ..usual(tick) },
        2000..=2060 => Doing { events: 0.0, ..usual(tick) },
        _ => usual(tick),
    }
}

/// What is told of them: when, what became of it, and of which kind. `cut` puts the key away and restores it before a
/// bucket; latencies are `times` as long.
fn told(service: &str, start: i64, times: f64, cut: impl Fn(usize) -> bool) -> Vec<(usize, State, Kind)> {
    let (mut run, mut random) = (Run::with(&Settings::default(), service, start), Random::new(11));
    for tick in 0..2 * DAY + 8 * HOUR {
        if cut(tick) {
            run.watched = postcard::from_bytes(&postcard::to_stdvec(&run.watched).unwrap()).unwrap();
        }
        let events = events(&mut random, doing(tick));
        let scaled: Vec<_> = events.iter().map(|&(latency, error)| (latency.map(|x| x * times), error)).collect();
        run.close(&scaled);
    }
    run.told.iter().map(|anomaly| (run.tick_of(anomaly), anomaly.state, anomaly.r#type)).collect()
}

#[test]
fn what_must_not_matter_does_not() {
    let plain = told("payment", MONDAY, 1.0, |_| false);
    let opened: Vec<_> = plain.iter().filter(|told| told.1 == State::Open).map(|told| told.2).collect();
    assert_eq!(opened, [Kind::Latency, Kind::ErrorRate, Kind::Silence]);
    assert_eq!(told("payment", MONDAY + 7 * 86_400_000_000, 1.0, |_| false), plain, "a week later");
    assert_eq!(told("another", MONDAY, 1.0, |_| false), plain, "another name");
    assert_eq!(told("payment", MONDAY, 1.0, |tick| tick % 617 == 0), plain, "put away and restored");
    // Whole bins of the histogram, so that what is slow stays so.
    for bins in [-138.0, 20.0] {
        assert_eq!(told("payment", MONDAY, (bins / 20.0_f64).exp(), |_| false), plain, "another unit");
    }
}

#[test]
fn a_state_is_as_small_as_is_said() {
    let (mut run, mut random) = (Run::new(), Random::new(12));
    let size = |run: &Run| postcard::to_stdvec(&run.watched).unwrap().len();
    run.go_on(&mut random, 1, usual);
    assert!(size(&run) < 1024, "{}", size(&run));
    run.go_on(&mut random, 8 * DAY, usual);
    assert!(size(&run) < 60_000, "{}", size(&run));
}
