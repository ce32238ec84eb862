//! What the tests of this crate share: settings that are read and checked.

use logd_sdk::contract::NoConditions;
use logd_sdk::report::Report;
use logd_sdk::{Check, Component, Settings};

/// Asserts that a component reads its own example, by the way that the daemon takes.
pub(crate) fn reads_its_example<S: Settings>() {
    let component = crate::COMPONENTS.iter().find(|component| component.example == S::EXAMPLE);
    let Component { parse, example, .. } = component.expect("listed");
    let plan = parse(toml::de::DeTable::parse(example).unwrap()).unwrap();
    let mut report = Report::default();
    plan.describe().check(&mut Check { report: &mut report, conditions: &NoConditions });
    assert_eq!(report.problems(), []);
}

/// What a component's check says of these settings: `key: message`.
pub(crate) fn problems<S: Settings>(text: &str) -> Vec<String> {
    let mut report = Report::default();
    let settings: S = toml::from_str(text).unwrap();
    settings.check(&mut Check { report: &mut report, conditions: &NoConditions });
    report.problems().iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect()
}
