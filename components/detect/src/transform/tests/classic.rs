//! The classic rules and their known traps, through the transform. The core's own tests have them in full.

use super::*;

fn run(name: &'static str, toml: &str, values: impl IntoIterator<Item = f64>) -> Driver {
    let mut driver = Driver::new(name, toml, 2);
    for windows in windows(0, "web", values).chunks(7) {
        driver.feed(batch(windows));
    }
    driver
}

#[test]
fn a_slow_service_is_told_once_at_each_end() {
    let values = calm(200).chain([1180.0; 45]).chain(calm(100));
    let driver = run("zscore", &zscore("min_effect = 1.5\nconfirm = '2 of 3'"), values);
    assert_eq!(driver.told(), [(202, "open web".to_owned()), (255, "resolved back_to_normal web".to_owned())]);
}

#[test]
fn no_spread_hides_a_jump_unless_it_is_lifted() {
    let jump = || [200.0; 50].into_iter().chain([900.0]);
    assert_eq!(run("zscore", &zscore(""), jump()).told(), []);
    assert_eq!(run("zscore", &zscore("min_std = 10"), jump()).told().len(), 1);
}

#[test]
fn faster_answers_are_an_anomaly_only_where_asked_for() {
    let faster = || calm(100).chain([40.0; 3]);
    assert_eq!(run("zscore", &zscore(""), faster()).anomalies[0]["type"], "low_latency");
    assert_eq!(run("zscore", &zscore("direction = 'up'"), faster()).told(), []);
}

#[test]
fn a_lasting_shift_becomes_normal_unless_it_never_may() {
    let shifted = || calm(200).chain(calm(2000).map(|value| value + 400.0));
    let relearned = run("zscore", &zscore("relearn_after = '10m'"), shifted());
    let told = relearned.told();
    assert_eq!(told.last().unwrap(), &(800, "resolved new_normal web".to_owned()));
    let locked_in = run("zscore", &zscore("relearn_after = 'never'"), shifted());
    assert!(locked_in.anomalies.iter().all(|anomaly| anomaly["state"] != "resolved"), "it alarms for ever");
}

#[test]
fn a_spike_is_found_on_eleven_percent_and_not_on_twenty_five() {
    let errors = |base: f64, burst: f64| {
        let usual = move |n| (0..n).map(move |i| base + f64::from(i % 5 - 2) * 0.01);
        usual(120).chain([burst; 3]).chain(usual(60))
    };
    let driver = run("spike", &zscore(""), errors(0.11, 0.61));
    assert_eq!(driver.told(), [(121, "open web".to_owned()), (133, "resolved back_to_normal web".to_owned())]);
    assert_eq!(driver.anomalies[0]["type"], "error_spike");
    assert_eq!(run("spike", &zscore(""), errors(0.25, 0.6)).told(), []);
    assert_eq!(run("spike", &zscore("factor = 2\nmin_value = 0.05"), errors(0.25, 0.6)).told().len(), 2);
}

#[test]
fn keys_are_judged_apart() {
    let mut driver = Driver::new("zscore", &zscore(""), 3);
    let pairs = calm(100).chain([900.0]).zip(calm(101).map(|value| value * 10.0));
    let both = (0..).zip(pairs).flat_map(|(at, (web, db))| [window(at, "web", web), window(at, "db", db)]);
    driver.feed(batch(&both.collect::<Vec<_>>()));
    assert_eq!(driver.told(), [(101, "open web".to_owned())]);
}

#[test]
fn a_key_that_falls_silent_is_resolved_when_others_go_on() {
    for shards in [1, 8] {
        let mut driver = Driver::new("zscore", &zscore("relearn_after = '1h'"), shards);
        driver.feed(batch(&windows(0, "web", calm(100).chain([900.0]))));
        driver.feed(batch(&windows(3000, "db", calm(10))));
        assert_eq!(driver.told().len(), 1);
        // It is resolved as of the moment when the hour had passed, however late that is found out.
        driver.feed(batch(&windows(9000, "db", calm(10)))).feed(batch(&windows(9100, "web", calm(10))));
        assert_eq!(driver.told()[1..], [(101 + 3600, "resolved no_data web".to_owned())]);
        assert_eq!(driver.save(), 2);
    }
}

#[test]
fn the_end_of_the_input_resolves_nothing() {
    let mut driver = run("zscore", &zscore(""), calm(100).chain([900.0]));
    driver.end();
    driver.end();
    assert_eq!(driver.told(), [(101, "open web".to_owned())]);
    driver.restart(1);
    driver.feed(batch(&windows(101, "web", calm(60))));
    assert_eq!(driver.told().len(), 2, "a later run goes on with it");
}
