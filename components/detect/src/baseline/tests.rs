//! The running moments against exact ones. NumPy's figures are checked in `tests/core`.

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
    let mut baseline = Baseline::default();
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
    let mut baseline = Baseline::default();
    for value in [1e9, 3.0, 0.2].into_iter().chain([0.1; 50]) {
        baseline.push(value, 50);
    }
    assert_eq!(baseline.summary(), Summary { n: 50, mean: 0.1, std: 0.0 });
}

#[test]
fn the_capacity_may_shrink_and_grow() {
    let mut baseline = Baseline::default();
    (0..10).for_each(|value| baseline.push(f64::from(value), 10));
    baseline.push(10.0, 3);
    assert_eq!(baseline.values().collect::<Vec<_>>(), [8.0, 9.0, 10.0]);
    assert_close(baseline.summary().std, (2.0_f64 / 3.0).sqrt(), "std");
    baseline.push(11.0, 5);
    assert_eq!(baseline.values().len(), 4);
    baseline.push(12.0, 0);
    assert_eq!(baseline.summary(), Summary { n: 1, mean: 12.0, std: 0.0 });
}

#[test]
fn nothing_has_neither_mean_nor_spread() {
    assert_eq!(Baseline::default().summary(), Summary::default());
    assert_eq!(Baseline::from(VecDeque::new()), Baseline::default());
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
        let (mut whole, mut restored) = (Baseline::default(), Baseline::default());
        for (index, &value) in values.iter().enumerate() {
            if index == cut % values.len() {
                restored = postcard::from_bytes(&postcard::to_stdvec(&restored).unwrap()).unwrap();
            }
            whole.push(value, 50);
            restored.push(value, 50);
            prop_assert_eq!(whole.summary(), restored.summary());
        }
    }
}
