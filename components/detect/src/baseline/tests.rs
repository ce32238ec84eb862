//! The methods against exact or naive figures. NumPy's are checked in `tests/core`.

use super::*;
use proptest::prelude::*;

/// Mean and standard deviation in integers: exact but for the last division and root.
fn exact(values: &[i64]) -> (f64, f64) {
    let n = values.len() as i128;
    let sum: i128 = values.iter().map(|&value| i128::from(value)).sum();
    let squares: i128 = values.iter().map(|&value| i128::from(value).pow(2)).sum();
    (sum as f64 / n as f64, ((n * squares - sum * sum) as f64).sqrt() / n as f64)
}

fn assert_close(actual: f64, expected: f64, what: &str) {
    assert!((actual - expected).abs() <= 1e-9 * expected.abs(), "{what}: {actual} is not {expected}");
}

fn assert_exact(values: &[i64], capacity: usize) {
    let mut baseline = Window::default();
    for (index, &value) in values.iter().enumerate() {
        baseline.push(value as f64, capacity);
        let (mean, std) = exact(&values[(index + 1).saturating_sub(capacity)..=index]);
        let summary = baseline.summary();
        assert!((summary.mean - mean).abs() <= 1e-9 * (mean.abs() + std), "mean {} is not {mean}", summary.mean);
        assert_close(summary.std, std, "std");
    }
}

#[test]
fn noise_on_a_large_offset_keeps_its_digits() {
    let values: Vec<i64> = (0..3000).map(|i| 1_000_000_000 + (i * 7919) % 13).collect();
    assert_exact(&values, 1000);
}

#[test]
fn a_huge_value_leaves_no_trace_once_it_has_gone() {
    let values: Vec<i64> = (0..400).map(|i| if i == 50 { 1_000_000_000_000 } else { 295 + i % 3 }).collect();
    assert_exact(&values, 100);
}

#[test]
fn equal_values_deviate_by_exactly_nothing() {
    let mut baseline = Window::default();
    for value in [1e9, 3.0, 0.2].into_iter().chain([0.1; 50]) {
        baseline.push(value, 50);
    }
    assert_eq!(baseline.summary(), Summary { n: 50, mean: 0.1, ..Summary::default() });
}

#[test]
fn the_capacity_may_shrink_and_grow() {
    let mut baseline = Window::default();
    (0..10).for_each(|value| baseline.push(f64::from(value), 10));
    baseline.push(10.0, 3);
    assert_eq!(baseline.values().collect::<Vec<_>>(), [8.0, 9.0, 10.0]);
    assert_close(baseline.summary().std, (2.0_f64 / 3.0).sqrt(), "std");
    baseline.push(11.0, 5);
    assert_eq!(baseline.values().len(), 4);
    baseline.push(12.0, 0);
    assert_eq!(baseline.summary(), Summary { n: 1, mean: 12.0, ..Summary::default() });
}

#[test]
fn nothing_has_neither_mean_nor_spread() {
    assert_eq!(Window::default().summary(), Summary::default());
}

proptest! {
    #[test]
    fn moments_are_exact_for_any_mix_of_magnitudes(
        values in prop::collection::vec(
            prop_oneof![-1_000_000_000_000_i64..1_000_000_000_000, 0_i64..100, 999_999_990_i64..1_000_000_010, Just(5)],
            1..300,
        ),
        capacity in 1_usize..60,
    ) {
        assert_exact(&values, capacity);
    }

    #[test]
    fn a_snapshot_goes_on_bit_for_bit(values in prop::collection::vec(-1e12_f64..1e12, 2..200), cut in 0_usize..200) {
        let (mut whole, mut restored) = (Window::default(), Window::default());
        for (index, &value) in values.iter().enumerate() {
            if index == cut % values.len() {
                restored = postcard::from_bytes(&postcard::to_stdvec(&restored).unwrap()).unwrap();
            }
            whole.push(value, 50);
            restored.push(value, 50);
            prop_assert_eq!(whole.summary(), restored.summary());
        }
    }

    #[test]
    fn robust_figures_are_those_of_sorting(
        values in prop::collection::vec(
            prop_oneof![-1e12_f64..1e12, (0_i32..6).prop_map(f64::from), Just(-0.0), Just(1e150)],
            1..200,
        ),
        capacities in prop::collection::vec(1_usize..40, 1..4),
    ) {
        let (mut sorted, mut kept) = (Sorted::default(), Vec::new());
        for (index, &value) in values.iter().enumerate() {
            let capacity = capacities[index * capacities.len() / values.len()];
            sorted.push(value, capacity);
            kept.push(value);
            kept.drain(..kept.len().saturating_sub(capacity));
            let median = median(kept.clone());
            let std = 1.482_602_218_505_602 * self::median(kept.iter().map(|value| (value - median).abs()).collect());
            prop_assert_eq!(sorted.summary(), Summary { n: kept.len(), mean: median, std, seasonal: 0.0 });
        }
    }

    #[test]
    fn weighted_figures_are_those_of_the_weights(
        values in prop::collection::vec(-1e6_f64..1e6, 1..200),
        alpha in 0.001_f64..0.9,
    ) {
        let mut decayed = Decayed::default();
        values.iter().for_each(|&value| decayed.push(value, alpha));
        let weights: Vec<f64> = (0..values.len() as i32).rev().map(|age| (1.0 - alpha).powi(age)).collect();
        let mean_of = |of: &dyn Fn(f64) -> f64| {
            let sum: f64 = weights.iter().zip(&values).map(|(weight, &value)| weight * of(value)).sum();
            sum / weights.iter().sum::<f64>()
        };
        let mean = mean_of(&|value| value);
        let std = mean_of(&|value| (value - mean).powi(2)).sqrt();
        let summary = decayed.summary();
        prop_assert_eq!(summary.n, values.len());
        prop_assert!((summary.mean - mean).abs() <= 1e-6 && (summary.std - std).abs() <= 1e-6, "{:?}", summary);
    }

    #[test]
    fn any_method_goes_on_from_a_snapshot_bit_for_bit(
        values in prop::collection::vec(-1e12_f64..1e12, 2..200),
        cut in 0_usize..200,
    ) {
        for method in [Method::Classic, Method::Gaussian, Method::Robust, Method::Ewma] {
            let settings = settings(method);
            let (mut whole, mut restored) = (Baseline::new(method), Baseline::new(method));
            for (index, &value) in values.iter().enumerate() {
                if index == cut % values.len() {
                    restored = postcard::from_bytes(&postcard::to_stdvec(&restored).unwrap()).unwrap();
                }
                prop_assert_eq!(whole.see(value, 0.0, &settings), restored.see(value, 0.0, &settings));
                whole.learn(value, 1.0, Micros(0), &settings);
                restored.learn(value, 1.0, Micros(0), &settings);
                prop_assert_eq!(whole.summary(1.0), restored.summary(1.0));
            }
        }
    }
}

/// By sorting.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let upper = values[values.len() / 2];
    if values.len() % 2 == 1 { upper } else { f64::midpoint(values[values.len() / 2 - 1], upper) }
}

fn settings(method: Method) -> BaselineSettings {
    let classic = crate::rule::Settings::zscore().baseline;
    BaselineSettings { method, samples: 50, recent: 4, alpha: 0.05, ..classic }
}

#[test]
fn equal_values_deviate_by_nothing_whatever_the_method() {
    for method in [Method::Classic, Method::Gaussian, Method::Robust, Method::Ewma] {
        let (settings, mut baseline) = (settings(method), Baseline::new(method));
        for _ in 0..60 {
            assert_eq!(baseline.see(0.1, 0.0, &settings), 0.1, "{method:?}");
            baseline.learn(0.1, 1.0, Micros(0), &settings);
        }
        let Summary { mean, std, .. } = baseline.summary(1.0);
        assert_eq!((mean, std), (0.1, 0.0), "{method:?}");
    }
}

#[test]
fn gaussian_judges_the_mean_of_the_recent_values() {
    let (settings, mut baseline) = (settings(Method::Gaussian), Baseline::new(Method::Gaussian));
    let judged: Vec<f64> = [1.0, 2.0, 6.0, 3.0, 5.0].into_iter().map(|v| baseline.see(v, 0.0, &settings)).collect();
    assert_eq!(judged, [1.0, 1.5, 3.0, 3.0, 4.0]);
    // What the time of day adds now is added to all of them.
    assert_eq!(baseline.see(104.0, 100.0, &settings), 104.5);
}

#[test]
fn half_of_the_values_may_be_anything() {
    let mut sorted = Sorted::default();
    (0..21).for_each(|i| sorted.push(f64::from(i), 40));
    let before = sorted.summary();
    (0..19).for_each(|_| sorted.push(1e9, 40));
    let after = sorted.summary();
    assert!(after.mean < 21.0 && after.std < 1.482_602_3 * 21.0, "{before:?} {after:?}");
}
