//! The settings: what they make, and what they refuse.

use logd_sdk::contract::NoConditions;
use logd_sdk::settings::Fault;
use toml::de::DeTable;

use super::*;
use crate::COMPONENTS;

/// What is wrong with a text: the message of the type that refused it, or all that `check` finds, with its key.
fn problems(text: &str) -> Vec<String> {
    let plan = match (COMPONENTS[0].parse)(DeTable::parse(text).unwrap()) {
        Ok(plan) => plan,
        Err(error) => return vec![Fault::parse(error.message()).message],
    };
    let mut report = Report::default();
    plan.describe().check(&mut Check { report: &mut report, conditions: &NoConditions });
    report.problems().iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect()
}

fn incident(rest: &str) -> Vec<String> {
    problems(&format!("backfill = '30m'\nincidents = [{{ service = 'database', {rest} }}]"))
}

#[test]
fn reads_its_example() {
    assert!(problems(GeneratorSettings::EXAMPLE).is_empty());
    let settings: GeneratorSettings = toml::from_str(GeneratorSettings::EXAMPLE).unwrap();
    let plan = settings.plan(Time::from_micros(3_600_000_000), 7);
    assert_eq!((plan.seed, plan.start, plan.live), (7, 1_800_000_000, 3_600_000_000));
    assert_eq!(plan.incidents[1].at, -600_000_000);
    assert_eq!(plan.incidents[0].duration, 15_000_000);
}

#[test]
fn needs_nothing() {
    let settings: GeneratorSettings = toml::from_str("").unwrap();
    assert_eq!((settings.plan(Time::EPOCH, 7).rate, settings.ends()), (1000, false));
    assert!(problems("rate = 0").is_empty());
    let settings: GeneratorSettings = toml::from_str("seed = 3\ncount = 5").unwrap();
    assert_eq!((settings.plan(Time::EPOCH, 7).seed, settings.ends()), (3, true));
}

#[test]
fn rejects_what_it_must() {
    for (text, message) in [
        ("rate = -1", "invalid value: integer `-1`, expected u32"),
        ("scenario = 'modern'", "unknown variant `modern`, expected `classic` or `incidents`"),
        ("backfill = 5", "the duration 5 has no unit"),
        ("start = 1969-01-01T00:00:00Z", "`1969-01-01T00:00:00Z` is not within the years 1970 to 9999"),
        ("start = 1970-01-01T00:10:00Z\nbackfill = '11m'", "backfill: the backfill begins before 1970"),
        ("labels = ''", "labels: a file needs a name"),
    ] {
        assert_eq!(problems(text), [message]);
    }
}

#[test]
fn rejects_incidents_that_make_no_sense() {
    for (text, message) in [
        ("kind = 'latency', at = '1s', for = '1s'", "factor: an incident of kind `latency` needs a factor"),
        ("kind = 'latency', at = '1s', for = '0s', factor = 4", "for: an incident lasts longer than 0"),
        ("kind = 'traffic', at = '1s', for = '1s', factor = -1", "factor: a factor lies between 0 and 1000"),
        ("kind = 'silence', at = '1s', for = '1s', factor = 2", "factor: silence has no factor"),
    ] {
        assert_eq!(incident(text), [format!("incidents[0].{message}")]);
    }
    let message = "incidents[0].at: the incident is over before the backfill begins, 30m before the start";
    assert_eq!(incident("kind = 'silence', at = '-31m', for = '1m'"), [message]);
    assert!(incident("kind = 'silence', at = '-31m', for = '2m'").is_empty());
    assert_eq!(incident("kind = 'silence', at = -5, for = '1s'"), ["the time -5 has no unit"]);
    let both = "kind = 'traffic', at = '1s', for = '0s', factor = 1001";
    assert_eq!(incident(both).len(), 2, "all that is wrong is said at once");
}

fn scenario(rest: &str) -> Vec<String> {
    problems(&format!("scenario = 'incidents'\n{rest}"))
}

#[test]
fn reads_a_scenario() {
    let text = r#"
        scenario = "incidents"
        start = 2024-06-03T06:00:00Z
        backfill = "6h"
        days = 2
        warm_up_days = 1
        speed = 60
        [[services]]
        name = "checkout"
        rate = 12.5
        median_ms = 40
        sigma = 0.5
        [[incidents]]
        kind = "outage"
        service = "checkout"
        at = "20h"
        for = "5m"
        factor = 3.0
        share = 0.5
    "#;
    assert_eq!(problems(text), Vec::<String>::new());
    let settings: GeneratorSettings = toml::from_str(text).unwrap();
    assert!(settings.ends());
    let scenario = settings.scenario(Time::EPOCH);
    assert_eq!(scenario.start.to_string(), "2024-06-03T00:00:00.000Z");
    assert_eq!(scenario.incidents[0].at.as_secs(), 26 * 3600, "told from the start of live time");
    assert_eq!((scenario.days, scenario.services.len()), (2, 1));
    let usual: GeneratorSettings = toml::from_str("scenario = 'incidents'\nspeed = 'max'").unwrap();
    assert_eq!(usual.scenario(Time::EPOCH), Scenario::incidents());
}

#[test]
fn rejects_scenarios_that_make_no_sense() {
    for (text, message) in [
        ("rate = 5", "rate: `rate` is a setting of the scenario `classic`"),
        (
            "services = [{ name = 'a', rate = -1, median_ms = 1, sigma = 1 }]",
            "services[0].rate: `rate` lies between 0 and 100000",
        ),
        ("days = 400", "days: a scenario lasts 1 to 366 days"),
        ("speed = 0", "a speed lies between 0.001 and 1000000, or is \"max\""),
    ] {
        assert_eq!(scenario(text), [message]);
    }
    let incident = |rest: &str| scenario(&format!("incidents = [{{ for = '1m', {rest} }}]"));
    for (rest, message) in [
        ("kind = 'silence', at = '1h', service = 'atuh'", "service: there is no service `atuh`"),
        ("kind = 'latency', at = '1h', service = 'auth'", "kind: this kind is of the scenario `classic`"),
        (
            "kind = 'silence', at = '-1h', service = 'auth'",
            "at: the incident begins before the backfill, 0s before the start",
        ),
        (
            "kind = 'outage', at = '1h', service = 'auth', factor = 2",
            "share: an incident of kind `outage` needs a share",
        ),
    ] {
        assert_eq!(incident(rest), [format!("incidents[0].{message}")]);
    }
}

#[test]
fn the_classic_scenario_knows_its_own_settings_only() {
    assert_eq!(problems("days = 3"), ["days: `days` is a setting of the scenario `incidents`"]);
    let incident = |rest: &str| problems(&format!("incidents = [{{ at = '1h', for = '1m', {rest} }}]"));
    assert_eq!(incident("kind = 'silence', service = 'auth'"), ["incidents[0].service: there is no service `auth`"]);
    let outage = incident("kind = 'outage', service = 'database', factor = 2, share = 0.5");
    assert_eq!(outage, ["incidents[0].kind: this kind is of the scenario `incidents`"]);
    let share = incident("kind = 'latency', service = 'database', factor = 2, share = 0.5");
    assert_eq!(share, ["incidents[0].share: the classic scenario knows no share"]);
}
