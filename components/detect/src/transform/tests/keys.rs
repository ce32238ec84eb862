//! Keys: how they are kept, given up, saved, and brought back.

use super::*;

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

#[test]
fn without_group_by_there_is_one_key() {
    let mut driver = Driver::new("zscore", "field = 'value'", 4);
    let windows: Vec<_> = calm(100).chain([900.0]).zip(NAMES.iter().cycle()).collect();
    let windows = (0..).zip(windows).map(|(at, (value, name))| window(at, name, value));
    driver.feed(batch(&windows.collect::<Vec<_>>()));
    assert_eq!(driver.told(), [(101, "open".to_owned())]);
    assert_eq!(driver.anomalies[0]["key"], serde_json::json!({}));
    assert_eq!(driver.save(), 1);
}

#[test]
fn beyond_max_keys_the_oldest_are_forgotten() {
    let mut driver = Driver::new("zscore", &zscore("max_keys = 3\nrelearn_after = '1d'"), 1);
    driver.feed(batch(&windows(0, "a", calm(100).chain([900.0]))));
    driver.feed(batch(&[window(200, "b", 1.0), window(201, "c", 1.0)]));
    assert_eq!((driver.save(), driver.store.len()), (3, 3));
    assert!(driver.errors.is_empty());
    driver.feed(batch(&[window(202, "d", 1.0), window(203, "c", 1.0)]));
    assert_eq!(driver.errors, BTreeMap::from([("key_evicted", 1)]));
    assert_eq!(driver.told()[1..], [(101, "resolved no_longer_watched a".to_owned())]);
    assert_eq!((driver.save(), driver.store.len()), (3, 3), "c and d have changed, and a is gone");

    // It comes back as a stranger.
    driver.feed(batch(&windows(300, "a", calm(10))));
    assert_eq!(driver.scores.last().unwrap()["expected"], Json::Null);
    driver.feed(batch(&windows(310, "a", [900.0])));
    assert_eq!(driver.told()[2..], [(311, "open a".to_owned())]);
}

#[test]
fn a_flood_of_keys_is_bounded() {
    let mut driver = Driver::new("spike", "field = 'n'\ngroup_by = ['user']\nmax_keys = 100", 2);
    for step in 0..40 {
        let line = |user| (step, format!(r#"{{"n":1,"user":{user}}}"#));
        driver.feed(lines(&(step * 50..step * 50 + 50).map(line).collect::<Vec<_>>()));
        driver.save();
        assert!(driver.store.len() <= 100, "{}", driver.store.len());
    }
    assert_eq!(driver.errors["key_evicted"] as usize + driver.store.len(), 2000);
}

#[test]
fn a_snapshot_has_what_changed_and_no_more() {
    let mut driver = Driver::new("zscore", &zscore(""), 2);
    driver.feed(batch(&[window(0, "a", 1.0), window(0, "b", 1.0)]));
    assert_eq!((driver.save(), driver.save()), (2, 0));
    driver.feed(batch(&[window(1, "b", 1.0)]));
    assert_eq!(driver.save(), 1);
}

/// A run of these settings, from the state of another.
fn after(store: &BTreeMap<Vec<u8>, Vec<u8>>, name: &'static str, toml: &str) -> Driver {
    let mut driver = Driver::new(name, toml, 1);
    driver.store = store.clone();
    driver.restart(1);
    driver
}

#[test]
fn a_baseline_outlives_new_thresholds_but_no_other_field() {
    let mut driver = Driver::new("zscore", &zscore(""), 1);
    driver.feed(batch(&windows(0, "web", calm(100))));
    driver.save();
    let next = || batch(&windows(100, "web", [500.0]));
    let told = |name, toml: &str| after(&driver.store, name, toml).feed(next()).told().len();
    assert_eq!(told("zscore", &zscore("")), 1);
    assert_eq!(told("zscore", &zscore("threshold = 50")), 0);
    assert_eq!(told("zscore", &zscore("threshold = 5\nbaseline.samples = 20\nconfirm = '1 of 2'")), 1);
    assert_eq!(told("zscore", &zscore("min_std_ratio = 0.1\nbaseline.alpha = 0.5\nbaseline.recent = 3")), 1);

    for (name, toml) in [
        ("spike", zscore("")),
        ("zscore", "field = 'samples'\ngroup_by = ['service']".to_owned()),
        ("zscore", "field = 'value'".to_owned()),
        ("zscore", "field = 'value'\ngroup_by = ['service', 'host']".to_owned()),
        ("zscore", zscore("method = 'robust'")),
        ("zscore", zscore("season = 'day'")),
    ] {
        let mut other = Driver::new(name, &toml, 1);
        let (key, state) = driver.store.iter().next().expect("a state");
        let error = other.shards[0].load(key, state).expect_err("it does not fit").to_string();
        assert_eq!(error, "the baseline is of another field, of other keys, or by another method");
    }
}

#[test]
fn a_state_that_can_not_be_read_is_an_error() {
    let mut driver = Driver::new("zscore", &zscore(""), 1);
    assert!(driver.shards[0].load(b"key", b"").is_err());
    assert!(driver.shards[0].load(b"key", &[99, 0, 0]).is_err());
    assert!(driver.shards[0].load(b"key", &[1, 200]).is_err());
}
