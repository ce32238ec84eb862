//! Random lives of a log against a ledger of what it owes.

use proptest::collection::vec;
use proptest::prelude::*;

use super::Ledger;
use crate::Error;
use crate::testing::Fault;

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<usize>),
    Sync,
    /// So many percent of what waits is released.
    Release(u64),
    Kill,
    CutPower(u64),
    Fault(u64, Fault),
    Capacity(Option<u64>),
}

fn step() -> impl Strategy<Value = Step> {
    let fault = prop_oneof![Just(Fault::Error), Just(Fault::Short), Just(Fault::PowerCut)];
    prop_oneof![
        8 => vec(prop_oneof![4 => 0..200_usize, 1 => 200..6000_usize], 0..5).prop_map(Step::Append),
        3 => Just(Step::Sync),
        3 => (0..=100_u64).prop_map(Step::Release),
        1 => Just(Step::Kill),
        2 => (0..1000_u64).prop_map(Step::CutPower),
        2 => (1..30_u64, fault).prop_map(|(n, fault)| Step::Fault(n, fault)),
        1 => proptest::option::of(0..40_000_u64).prop_map(Step::Capacity),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_invented_or_out_of_order(steps in vec(step(), 1..60), seed in 0..1000_u64) {
        let mut ledger = Ledger::new();
        for step in steps {
            match step {
                Step::Append(sizes) => drop(ledger.append(&sizes)),
                Step::Sync => drop(ledger.sync()),
                Step::Release(percent) => {
                    let up_to = ledger.log().map(|log| {
                        let view = log.view().borrow().clone();
                        view.released() + view.records() * percent / 100
                    });
                    ledger.release(up_to.unwrap_or(0));
                }
                Step::Kill => ledger.kill(),
                Step::CutPower(seed) => ledger.cut_power(seed),
                Step::Fault(n, fault) => ledger.disk.fail_at(n, fault),
                Step::Capacity(capacity) => ledger.disk.set_capacity(capacity),
            }
        }
        ledger.disk.set_capacity(None);
        ledger.cut_power(seed);
        prop_assert!(ledger.log().is_some(), "it starts by itself");
        if let Err(error) = ledger.append(&[1]) {
            prop_assert!(matches!(error, Error::Full { .. }), "{error}");
            ledger.release(u64::MAX);
            ledger.append(&[1]).unwrap();
        }
        ledger.sync().unwrap();
        ledger.cut_power(0);
        prop_assert!(ledger.log().is_some());
    }
}
