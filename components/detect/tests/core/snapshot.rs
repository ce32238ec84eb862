//! Whatever the cuts, the anomalies are the same; and what does not matter to a rule does not matter to its anomalies.

use logd_detect::detector::KeyState;
use logd_detect::incident::Anomaly;
use logd_detect::rule::{Confirm, RuleEvidence, Settings};
use proptest::prelude::*;

use crate::{Run, calm, minutes};

/// A value, and the seconds of silence before it.
type Sent = (i64, Option<f64>);

/// Stretches of usual, far too high and far too low values, of gaps and of NaN, some after a silence.
fn stream() -> impl Strategy<Value = Vec<Sent>> {
    let level = prop_oneof![
        3 => Just(Some(295.0)),
        2 => Just(Some(1500.0)),
        1 => Just(Some(5.0)),
        1 => prop_oneof![Just(None), Just(Some(f64::NAN))],
    ];
    let silence = prop_oneof![4 => Just(0_i64), 1 => 0..200_i64];
    let stretch = (level, silence, 1..70_usize, any::<u8>()).prop_map(|(level, silence, n, seed)| {
        let wobble = move |i: usize| 1.0 + ((i * 7 + usize::from(seed)) % 11) as f64 / 50.0;
        (0..n).map(move |i| (if i == 0 { silence } else { 0 }, level.map(|level| level * wobble(i)))).collect()
    });
    prop::collection::vec(stretch, 1..12).prop_map(|stretches: Vec<Vec<Sent>>| stretches.concat())
}

fn settings() -> impl Strategy<Value = Settings> {
    let base = prop_oneof![Just(Settings::zscore()), Just(Settings::spike())];
    (base, 1..4_u8, any::<bool>(), 5..200_usize).prop_map(|(base, needed, exclude_anomalies, samples)| {
        let mut settings = base;
        settings.confirm = Confirm::new(needed, needed + 1).unwrap();
        settings.baseline.samples = samples.max(settings.rule.min_samples);
        settings.baseline.exclude_anomalies = exclude_anomalies;
        settings.relearn_after = Some(minutes(1));
        settings.cooldown = minutes(0);
        settings
    })
}

fn restore(state: &KeyState) -> KeyState {
    postcard::from_bytes(&postcard::to_stdvec(state).unwrap()).unwrap()
}

/// The anomalies of a run that is put away and restored before every point for which `cut` holds.
fn anomalies(settings: Settings, stream: &[Sent], cut: impl Fn(usize) -> bool) -> (Vec<Anomaly>, KeyState) {
    let mut run = Run::new(settings);
    for (index, &(silence, value)) in stream.iter().enumerate() {
        run.second += silence;
        if cut(index) {
            run.state = restore(&run.state);
        }
        let window = run.window();
        run.second += 1;
        if let Ok(observation) = run.detector.observe(&mut run.state, || run.key.clone(), window, value, None) {
            run.anomalies.extend(observation.anomalies);
        }
    }
    (run.anomalies, run.state)
}

proptest! {
    #[test]
    fn snapshots_change_nothing(settings in settings(), stream in stream(), every in 1..50_usize) {
        let whole = anomalies(settings, &stream, |_| false);
        prop_assert_eq!(&whole, &anomalies(settings, &stream, |index| index % every == 0));
    }

    #[test]
    fn incidents_are_told_in_order_and_can_be_verified(settings in settings(), stream in stream()) {
        let (told, state) = anomalies(settings, &stream, |_| false);
        let mut open: Option<&Anomaly> = None;
        let mut ids = std::collections::HashSet::new();
        for anomaly in &told {
            prop_assert!(ids.insert(&anomaly.id), "an id came twice");
            let evident = anomaly.evidence.rule().and_then(RuleEvidence::confirmed);
            match (open, anomaly.reason) {
                (None, None) => prop_assert_eq!(evident.map(|(_, since)| since), Some(anomaly.since)),
                (Some(opened), _) => prop_assert_eq!(&opened.incident_id, &anomaly.incident_id),
                (None, Some(_)) => prop_assert!(false, "resolved before it opened"),
            }
            open = anomaly.reason.is_none().then_some(anomaly);
        }
        prop_assert_eq!(open.is_some(), state.is_open());
    }

    #[test]
    fn the_scale_does_not_matter_to_a_z_score(stream in stream(), power in -20..20_i32) {
        let scale = |&(silence, value): &Sent| (silence, value.map(|value| value * 2_f64.powi(power)));
        let scaled: Vec<_> = stream.iter().map(scale).collect();
        let ids = |stream: &[_]| anomalies(Settings::zscore(), stream, |_| false).0.into_iter().map(|a| (a.id, a.score));
        prop_assert!(ids(&stream).eq(ids(&scaled)));
    }
}

#[test]
fn a_full_state_is_hardly_more_than_its_values() {
    let mut run = Run::new(Settings::zscore());
    run.see_all(calm(2000));
    let size = postcard::to_stdvec(&run.state).unwrap().len();
    assert!(size < 1000 * 8 + 512, "{size} bytes");
    let empty = postcard::to_stdvec(&Run::new(Settings::zscore()).state).unwrap().len();
    assert!(empty < 64, "{empty} bytes");
}
