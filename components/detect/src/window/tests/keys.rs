//! Groups: their keys, how many there may be, and their snapshots.

use super::*;

const BY_G: &str = "size = '1s'\ngroup_by = ['g']\nallowed_lateness = '100ms'\naggregates.n = { fn = 'count' }\n";

#[test]
fn each_type_is_a_group_of_its_own() {
    let fields = [
        r#""g":"1""#,
        r#""g":1"#,
        r#""g":1.0"#,
        r#""x":0"#,
        r#""g":null"#,
        r#""g":true"#,
        r#""g":"1""#,
        r#""g":-0.0"#,
        r#""g":0.0"#,
        r#""g":{"a":[1]}"#,
        r#""g":{"a": [1]}"#,
    ];
    let stream: Vec<_> = fields.iter().map(|json| (0, *json)).collect();
    let driver = run(BY_G, &events(&stream));
    let groups: Vec<_> = driver.fields("g").into_iter().zip(driver.fields("n")).collect();
    let expected = [
        ("null", "1"),
        ("null", "1"),
        ("true", "1"),
        ("1", "1"),
        ("0.0", "2"),
        ("1.0", "1"),
        (r#""1""#, "2"),
        (r#"{"a":[1]}"#, "2"),
    ];
    assert_eq!(groups, expected.map(|(group, count)| (group.to_owned(), count.to_owned())));
    assert!(!driver.results[0].contains(r#""g""#), "a missing field stays missing");
}

#[test]
fn groups_leave_in_their_order() {
    let stream: Vec<_> = [r#""g":"web""#, r#""g":"a-longer-name""#, r#""g":"b""#].map(|json| (0, json)).to_vec();
    for shards in 1..5 {
        let mut driver = Driver::new(BY_G, shards, 1);
        driver.send(&events(&stream));
        driver.end();
        assert_eq!(driver.fields("g"), [r#""a-longer-name""#, r#""b""#, r#""web""#]);
    }
}

#[test]
fn a_condition_on_the_whole_event_costs_no_column() {
    let toml = "size = '1s'\ngroup_by = ['g']\naggregates.r = { fn = 'ratio', where = '. l == E' }";
    let window = settings(toml).build(&context(Clock::fixed(at(0)))).expect("built");
    // Nobody has taken `g` out of it.
    let batch = batch(&events(&[(0, r#""g":"a","l":"E""#), (1, r#""g":"b""#)]));
    let floors = [Floor { closed: Time::MIN, ahead: Time::MAX }];
    let split = window.split(&batch, &floors, 1);
    assert_eq!(split.parts[0].as_ref().map(|part| part.cells.len()), Some(2));
}

#[test]
fn beyond_max_keys_the_oldest_go() {
    let mut driver = Driver::new(&format!("{BY_G}max_keys = 2"), 1, 1);
    driver.send(&events(&[(500, r#""g":"a""#), (100, r#""g":"b""#)]));
    driver.send(&events(&[(300, r#""g":"c""#), (501, r#""g":"d""#)]));
    assert_eq!(driver.errors, BTreeMap::from([("key_evicted", 2)]));
    driver.send(&events(&[(502, r#""g":"a""#)]));
    driver.end();
    assert_eq!(driver.fields("g"), [r#""a""#, r#""d""#], "b and c had the oldest events");
    assert_eq!(driver.fields("n"), ["2", "1"]);
}

#[test]
fn keys_stay_within_the_limit_however_many_come() {
    let mut driver = Driver::new(&format!("{BY_G}max_keys = 100"), 2, 1);
    for batch in 0..50 {
        let keys: Vec<String> = (0..40).map(|key| format!(r#""g":{}"#, batch * 40 + key)).collect();
        let stream: Vec<_> = keys.iter().map(|json| (batch, json.as_str())).collect();
        driver.send(&events(&stream));
        driver.save();
        assert!(driver.store.len() <= 100, "{}", driver.store.len());
    }
    driver.end();
    assert_eq!(driver.errors["key_evicted"] + driver.results.len() as u64, 2000);
    driver.save();
    assert!(driver.store.is_empty());
}

#[test]
fn only_what_changed_is_saved() {
    let mut driver = Driver::new(BY_G, 1, 1);
    let saved = |driver: &mut Driver| {
        let mut keys = Vec::new();
        driver.shards[0]
            .save(&mut |key, state| keys.push((String::from_utf8_lossy(key).into_owned(), state.is_some())));
        keys.sort();
        keys
    };
    driver.send(&events(&[(0, r#""g":"a""#), (1, r#""g":"b""#)]));
    assert_eq!(saved(&mut driver), [("\u{7}a\0".to_owned(), true), ("\u{7}b\0".to_owned(), true)]);
    assert!(saved(&mut driver).is_empty());
    driver.send(&events(&[(2, r#""g":"b""#)]));
    assert_eq!(saved(&mut driver), [("\u{7}b\0".to_owned(), true)]);
    // `c` comes and goes between two snapshots: they need not hear of it.
    driver.send(&events(&[(3, r#""g":"c""#), (1500, r#""g":"b""#)]));
    assert_eq!(saved(&mut driver), [("\u{7}a\0".to_owned(), false), ("\u{7}b\0".to_owned(), true)]);
}

#[test]
fn a_state_of_other_settings_is_refused() {
    let mut driver = Driver::new(BY_G, 1, 1);
    driver.send(&events(&[(0, r#""g":"a""#)]));
    driver.save();
    let (key, state) = driver.store.first_key_value().expect("saved");
    for (toml, fits) in [
        (BY_G.to_owned(), true),
        (BY_G.replace("aggregates.n", "aggregates.other").replace("100ms", "3s"), true),
        (BY_G.replace("size = '1s'", "size = '2s'"), false),
        (BY_G.replace("['g']", "['h']"), false),
        (BY_G.replace("'count'", "'rate'"), false),
        (format!("{BY_G}\naggregates.m = {{ fn = 'count' }}"), false),
    ] {
        let mut shard = Driver::new(&toml, 1, 1).shards.remove(0);
        assert_eq!(shard.load(key, state).is_ok(), fits, "{toml}");
    }
    assert!(driver.shards[0].load(key, &[]).is_err());
}

#[test]
fn a_long_key_is_cut_and_stays_apart() {
    let long = "x".repeat(1_000_000);
    let fields = [format!(r#""g":"{long}""#), format!(r#""g":"{long}y""#), format!(r#""g":"{long}""#)];
    let stream: Vec<_> = fields.iter().map(|json| (0, json.as_str())).collect();
    let driver = run(BY_G, &events(&stream));
    let mut counts = driver.fields("n");
    counts.sort();
    assert_eq!(counts, ["1", "2"]);
    assert!(driver.fields("g").iter().all(|group| group.len() == 1024 + 2 && group.starts_with("\"xxx")));
}
