//! `novelty`, as a component would drive it: what it finds, what it keeps quiet at, and that nothing else matters.

use std::time::Duration;

use logd_detect::detector::{Observation, Unusable};
use logd_detect::explain::{Measure, verify};
use logd_detect::incident::{Anomaly, Identity, Kind, Reason, Severity, State};
use logd_detect::novelty::{Compared, Novelty, NoveltyState, Settings};
use logd_detect::time::Interval;
use proptest::prelude::*;

use crate::noise::Random;
use crate::{Key, second};

/// A detector and one key of it, with values once a second.
struct Watch {
    novelty: Novelty,
    state: NoveltyState,
    at: i64,
    anomalies: Vec<Anomaly>,
}

impl Watch {
    fn new(settings: Settings, fields: &[&str]) -> Self {
        assert_eq!(settings.problems(fields.len()), []);
        let identity = Identity { pipeline: "demo".to_owned(), component: "odd".to_owned(), field: fields.join(", ") };
        let measures = fields.iter().map(|field| Measure::of_field(field, "odd")).collect();
        let novelty = Novelty::new(settings, identity, measures);
        Self { novelty, state: NoveltyState::default(), at: 0, anomalies: Vec::new() }
    }

    fn see(&mut self, values: &[f64]) -> Result<Observation, Unusable> {
        let window = Interval { start: second(self.at), end: second(self.at + 1) };
        let key = || Key::from([("host".to_owned(), "a".to_owned())]);
        let observation = self.novelty.observe(&mut self.state, key, window, values)?;
        self.at += 1;
        for anomaly in &observation.anomalies {
            assert_eq!(verify(anomaly), Ok(()), "{anomaly:?}");
        }
        self.anomalies.extend(observation.anomalies.iter().cloned());
        Ok(observation)
    }

    fn see_all(&mut self, values: impl IntoIterator<Item = f64>) -> &mut Self {
        values.into_iter().for_each(|value| drop(self.see(&[value]).unwrap()));
        self
    }

    /// What was told, with its second.
    fn told(&self) -> Vec<(i64, State, Option<Reason>)> {
        self.anomalies.iter().map(|a| (a.timestamp.0 / 1_000_000, a.state, a.reason)).collect()
    }
}

/// A history that is quicker to fill.
fn small() -> Settings {
    Settings { history: 600, ..Settings::knn() }
}

/// A wave with a period of 24 values, and noise of a twentieth of it.
fn wave(n: usize, period: f64) -> impl Iterator<Item = f64> {
    let mut random = Random(1);
    (0..n).map(move |i| (i as f64 * std::f64::consts::TAU / period).sin() * 10.0 + 50.0 + random.unit() * 0.5)
}

#[test]
fn what_repeats_is_quiet() {
    // No noise at all: every stretch has been there.
    let exact = (0..2500).map(|i| f64::from(i % 24 * 7 % 24));
    assert_eq!(Watch::new(small(), &["cpu"]).see_all(exact).told(), []);
    assert_eq!(Watch::new(small(), &["cpu"]).see_all(vec![42.5; 1500]).told(), []);
    assert_eq!(Watch::new(small(), &["cpu"]).see_all(vec![0.0; 1500]).told(), []);
}

#[test]
fn rounding_is_nothing_new_and_a_jump_is() {
    let mut watch = Watch::new(small(), &["cpu"]);
    watch.see_all((0..2000).map(|i| 1e9 + f64::from(u8::from(i == 1500)) * 1e-4));
    assert_eq!(watch.told(), []);
    watch.see_all([1.01e9]);
    assert_eq!(watch.told(), [(2001, State::Open, None)]);
    assert_eq!(watch.anomalies[0].severity, Severity::Critical);
}

#[test]
fn a_spike_opens_an_incident_that_ends_when_it_has_left_the_shingle() {
    let mut watch = Watch::new(Settings { threshold: 1.0, ..small() }, &["cpu_percent"]);
    let spiked = wave(2000, 24.0).enumerate().map(|(i, value)| if i == 1500 { value + 30.0 } else { value });
    watch.see_all(spiked);
    let told = watch.told();
    let opened = told.iter().position(|told| *told == (1501, State::Open, None)).expect("found at once");
    let [open, resolved] = &watch.anomalies[opened..opened + 2] else { panic!("{told:?}") };
    assert_eq!((resolved.state, resolved.reason), (State::Resolved, Some(Reason::BackToNormal)));
    assert!((1501 + 32..1501 + 100).contains(&(resolved.timestamp.0 / 1_000_000)), "{told:?}");
    assert_eq!((open.r#type, &open.incident_id), (Kind::Novelty, &resolved.incident_id));
    assert!(open.explanation.starts_with("cpu 8"), "{}", open.explanation);
    assert!(
        open.explanation.contains(" %, beyond all values before it, 40 % to 60 % (novelty "),
        "{}",
        open.explanation
    );
    assert!(resolved.explanation.contains("nothing novel any more after"), "{}", resolved.explanation);
}

#[test]
fn another_period_is_found_though_each_value_is_usual() {
    let mut watch = Watch::new(Settings { threshold: 1.0, ..small() }, &["cpu"]);
    watch.see_all(wave(1500, 24.0));
    let before = watch.anomalies.len();
    watch.see_all(wave(60, 9.0));
    let found = &watch.anomalies[before];
    assert!((1501..1540).contains(&(found.timestamp.0 / 1_000_000)), "{:?}", watch.told());
    assert!(
        found.explanation.contains("its last 32 values stranger than all of the 600 before"),
        "{}",
        found.explanation
    );
}

#[test]
fn a_lasting_change_is_told_once_and_the_next_is_found() {
    let mut watch = Watch::new(small(), &["cpu"]);
    let level = |level: f64, n| wave(n, 24.0).map(move |value| value + level);
    watch.see_all(level(0.0, 1500)).anomalies.clear();
    watch.see_all(level(100.0, 1500));
    let opened = watch.told().iter().filter(|told| told.0 < 1500 + 600 && told.1 == State::Open).count();
    assert_eq!((watch.told()[0], opened), ((1501, State::Open, None), 1));
    watch.see_all(level(500.0, 10));
    assert_eq!(watch.told().last(), Some(&(3001, State::Open, None)));
}

#[test]
fn the_first_values_are_learned_from() {
    let mut watch = Watch::new(small(), &["cpu"]);
    watch.see_all((0..231).map(|i| f64::from(i * i)));
    assert_eq!(watch.told(), []);
    assert_eq!(watch.see(&[1.0]).unwrap().score.score, None);
    assert!(watch.see(&[1.0]).unwrap().score.score.is_some());
}

#[test]
fn after_an_incident_none_opens_for_the_refractory_values() {
    let mut watch = Watch::new(Settings { threshold: 0.8, refractory: 200, ..small() }, &["cpu"]);
    let mut random = Random(5);
    watch.see_all((0..4000).map(|_| random.unit()));
    let opened: Vec<_> = watch.told().into_iter().filter(|told| told.1 == State::Open).map(|told| told.0).collect();
    assert!(opened.len() > 5 && opened.windows(2).all(|pair| pair[1] - pair[0] >= 200), "{opened:?}");
}

#[test]
fn what_can_not_be_used_changes_nothing() {
    let mut watch = Watch::new(small(), &["cpu"]);
    watch.see_all(wave(700, 24.0));
    let before = watch.state.clone();
    for (value, reason) in [
        (f64::NAN, Unusable::NotANumber),
        (f64::INFINITY, Unusable::Infinite),
        (f64::NEG_INFINITY, Unusable::Infinite),
        (1e200, Unusable::Infinite),
    ] {
        assert_eq!(watch.see(&[value]), Err(reason));
    }
    assert_eq!(watch.see(&[]), Err(Unusable::Missing));
    assert_eq!(watch.state, before);
    watch.see_all([1e150, -1e150]);
    assert!(watch.anomalies.iter().all(|anomaly| anomaly.score.is_finite()));
}

#[test]
fn a_silent_key_and_one_that_is_let_go_end_their_incidents() {
    let settings = Settings { silent_after: Duration::from_secs(100), ..small() };
    let mut watch = Watch::new(settings, &["cpu"]);
    watch.see_all(vec![1.0; 700]).see_all([5.0]);
    let (mut other, key) = (watch.state.clone(), Key::new);
    assert_eq!(watch.novelty.advance(&mut watch.state, key, second(800)), None);
    let silent = watch.novelty.advance(&mut watch.state, key, second(900)).unwrap();
    assert_eq!((silent.reason, silent.timestamp), (Some(Reason::NoData), second(801)));
    let gone = watch.novelty.forget(&mut other, key).unwrap();
    assert_eq!((gone.reason, gone.timestamp), (Some(Reason::NoLongerWatched), second(701)));
    assert!(!watch.state.is_open() && !other.is_open());
}

#[test]
fn trees_find_a_combination_of_values_that_each_are_usual() {
    let settings = Settings { threshold: 0.99, refractory: 1, ..Settings::trees() };
    let mut watch = Watch::new(settings, &["cpu_percent", "requests"]);
    // One value in a hundred is novel by this threshold: the odd one comes where no incident is open.
    while watch.at < 2000 || watch.state.is_open() {
        let load = (watch.at * 37 % 101) as f64 / 101.0;
        watch.see(&[load * 95.0, load * 9500.0]).unwrap();
    }
    let score = watch.see(&[90.0, 100.0]).unwrap().score.score.unwrap();
    let open = watch.anomalies.last().unwrap().clone();
    let usual = watch.see(&[45.0, 4500.0]).unwrap().score.score.unwrap();
    assert!(score > 0.99 && usual < 0.9, "{score} {usual}");
    assert_eq!((open.state, open.timestamp, open.value), (State::Open, second(watch.at - 1), 90.0));
    let said = &open.explanation;
    assert!(said.starts_with("cpu 90 %, requests 100, together stranger than "), "{said}");
    assert!(matches!(&open.evidence.novelty().unwrap().compared, Compared::Place { values, .. } if values.len() == 2));
}

#[test]
fn a_state_is_as_large_as_is_said() {
    let size = |settings, fields: &[&str]| {
        let mut watch = Watch::new(settings, fields);
        let mut random = Random(3);
        let values = |random: &mut Random| fields.iter().map(|_| random.unit()).collect::<Vec<_>>();
        (0..settings.history + 2 * 250).for_each(|_| drop(watch.see(&values(&mut random)).unwrap()));
        postcard::to_stdvec(&watch.state).unwrap().len()
    };
    let (knn, trees) = (size(small(), &["x"]), size(Settings::trees(), &["x", "y", "z"]));
    assert!(knn < 16 * 600 + 1500, "{knn} bytes");
    assert!(trees < 8 * 3000 + 25 * 1024 + 3 * 2048, "{trees} bytes");
}

/// Waves, levels and noise, one after the other.
fn stream() -> impl Strategy<Value = Vec<f64>> {
    let stretch = (0..4_u8, 1.0..100.0_f64, 20..200_usize, any::<u64>()).prop_map(|(shape, level, n, seed)| {
        let mut random = Random(seed);
        let value = move |i: usize| match shape {
            0 => level,
            1 => level + (i % 24) as f64,
            2 => level * random.unit(),
            _ => level + if i == n / 2 { 500.0 } else { random.unit() },
        };
        (0..n).map(value).collect::<Vec<_>>()
    });
    prop::collection::vec(stretch, 2..8).prop_map(|stretches| stretches.concat())
}

fn settings() -> impl Strategy<Value = Settings> {
    (prop_oneof![Just(Settings::knn()), Just(Settings::trees())], 0.5..1.0_f64, 1..100_usize)
        .prop_map(|(settings, threshold, refractory)| Settings { threshold, refractory, history: 300, ..settings })
}

fn run(settings: Settings, stream: &[f64], cut: impl Fn(usize) -> bool) -> (Vec<Anomaly>, NoveltyState) {
    let mut watch = Watch::new(settings, &["cpu"]);
    for (index, &value) in stream.iter().enumerate() {
        if cut(index) {
            watch.state = postcard::from_bytes(&postcard::to_stdvec(&watch.state).unwrap()).unwrap();
        }
        watch.see(&[value]).unwrap();
    }
    (watch.anomalies, watch.state)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn snapshots_change_nothing(settings in settings(), stream in stream(), every in 1..200_usize) {
        prop_assert_eq!(run(settings, &stream, |_| false), run(settings, &stream, |index| index % every == 0));
    }

    #[test]
    fn evidence_comes_to_the_same_verdict_also_from_text(settings in settings(), stream in stream()) {
        let mut ids = std::collections::HashSet::new();
        for told in run(settings, &stream, |_| false).0 {
            prop_assert!(ids.insert(told.id.clone()), "an id came twice");
            let text = serde_json::to_string(&told).unwrap();
            let read: Anomaly = serde_json::from_str(&text).unwrap();
            let evidence = read.evidence.novelty().unwrap();
            let score = evidence.score().expect("it fits together");
            prop_assert!((score - told.peak.score).abs() < 1e-9 && evidence.is_novel());
            if evidence.compared.beyond() == 0.0 {
                prop_assert!(evidence.rank.strangeness > evidence.limit);
            }
            if told.reason.is_none() {
                prop_assert_eq!(told.score, told.peak.score);
            }
            let mut other = evidence.clone();
            other.rank.strangeness *= 1.001;
            prop_assert_eq!(other.score(), None, "what does not fit is no evidence");
        }
    }

    #[test]
    fn the_scale_does_not_matter(stream in stream(), power in -10..10_i32) {
        let scaled: Vec<_> = stream.iter().map(|value| value * 2_f64.powi(power)).collect();
        let ids = |stream: &[f64]| run(small(), stream, |_| false).0.into_iter().map(|a| (a.id, a.score)).collect::<Vec<_>>();
        prop_assert_eq!(ids(&stream), ids(&scaled));
    }
}
