//! NAB's scorer against the figures of its paper, against counting by hand, and against a slow oracle.

use std::fs;

use super::*;

fn close(one: f64, other: f64) {
    assert!((one - other).abs() < 5e-5, "{one} is not {other}");
}

fn standard(worth: &Worth, alarms: &[usize]) -> f64 {
    let mut tally = Tally::new(Profile::STANDARD);
    tally.add(worth, alarms.iter().copied());
    tally.score().unwrap()
}

#[test]
fn the_sigmoid_is_that_of_the_paper() {
    for (position, worth) in [(-1.0, 0.98661), (-0.5, 0.84828), (0.0, 0.0), (1.0, -0.98661), (3.0, -1.0), (9.0, -1.0)] {
        close(sigmoid(position), worth);
    }
}

/// Lavin and Ahmad (2015), figure 3: one false alarm before a window, two alarms in it, of which the better counts, one
/// shortly behind it, and one far behind it.
#[test]
fn the_example_of_the_paper() {
    let worth = Worth::new(10_000, &[2000..=3000]);
    let (missed, most) = (-1.0, 1.0);
    let raw = missed + (most - missed) * standard(&worth, &[1500, 2001, 2600, 3450, 9000]) / 100.0;
    let by_hand = 0.9999 - (1.0 + 0.8093 + 1.0) * 0.11;
    close(raw, by_hand);
    close(by_hand, 0.6909);
}

#[test]
fn nothing_is_0_and_the_best_is_100() {
    let worth = Worth::new(1000, &[300..=400, 700..=800]);
    assert_eq!(standard(&worth, &[]), 0.0);
    assert_eq!(standard(&worth, &[300, 700]), 100.0);
    // The first at once, the second at the last but one of 101 points, and one false alarm a width behind it.
    let sigmoid = |position: f64| 2.0 / (1.0 + (5.0 * position).exp()) - 1.0;
    let raw = 1.0 + sigmoid(-2.0 / 101.0) / sigmoid(-1.0) + 0.11 * sigmoid(1.0);
    close(standard(&worth, &[300, 799, 900]), 100.0 * (raw + 2.0) / 4.0);
    let all: Vec<_> = (0..1000).collect();
    assert!(standard(&worth, &all) < 0.0, "to alarm always is worse than nothing");
    assert_eq!(Tally::new(Profile::STANDARD).score(), None, "without windows there is no scale");
}

#[test]
fn what_is_learned_from_does_not_count() {
    let worth = Worth::new(1000, &[10..=20, 500..=600]);
    assert_eq!(worth.windows(), 1);
    assert_eq!(standard(&worth, &[15, 149, 500]), 100.0);
    assert!(standard(&worth, &[150, 500]) < 100.0);
    // Of a long series 750 points, and of no more.
    let long = Worth::new(20_000, &[5000..=6000]);
    assert_eq!(standard(&long, &[749, 5000]), 100.0);
    assert!(standard(&long, &[750, 5000]) < 100.0);
    // A window that has begun before counts for the rest of it.
    assert_eq!(Worth::new(1000, &[100..=200]).windows(), 1);
    assert!(standard(&Worth::new(1000, &[100..=200]), &[150]) > 90.0);
}

#[test]
fn profiles_weigh_misses_and_false_alarms() {
    let worth = Worth::new(1000, &[500..=600, 800..=900]);
    let scores = Profile::ALL.map(|profile| {
        let mut tally = Tally::new(profile);
        tally.add(&worth, [200, 500]);
        assert_eq!((tally.windows(), tally.found(), tally.false_alarms()), (2, 1, 1));
        tally.score().unwrap()
    });
    // (1 found - its weight of the false alarm - its weight of the miss - least) of (most - least)
    for (score, by_hand) in scores.into_iter().zip([1.89 / 4.0, 1.78 / 4.0, 2.89 / 6.0]) {
        close(score / 100.0, by_hand);
    }
}

#[test]
fn the_threshold_is_the_best_of_all() {
    let worth = Worth::new(400, &[100..=149, 300..=349]);
    // Few different scores, so that many are equal.
    let scores: Vec<f64> =
        (0..400).map(|i| f64::from(i * 7919 % 97 % 23) / 23.0 + f64::from(u8::from(i == 110))).collect();
    let other = (Worth::new(50, &[]), vec![0.5; 50]);
    let series = [(worth, scores), other];
    for profile in Profile::ALL {
        let score = |threshold: f64| {
            let mut tally = Tally::new(profile);
            for (worth, scores) in &series {
                tally.add(worth, (0..scores.len()).filter(|&index| scores[index] >= threshold));
            }
            tally.score().unwrap()
        };
        let best = best_threshold(&series, &profile).unwrap();
        close(best.score, score(best.threshold));
        let oracle =
            series.iter().flat_map(|(_, scores)| scores).map(|&threshold| score(threshold)).fold(0.0, f64::max);
        close(best.score, oracle);
        assert!(best.score > 10.0);
    }
    let hopeless =
        [(Worth::new(100, &[50..=60]), (0..100).map(|i| if (50..=60).contains(&i) { 0.0 } else { 1.0 }).collect())];
    let never = best_threshold(&hopeless, &Profile::REWARD_LOW_FP).unwrap();
    assert_eq!((never.threshold, never.score), (f64::INFINITY, 0.0));
}

#[test]
fn a_value_is_chosen_for_each_profile() {
    let times: Vec<_> = (0..1000).filter_map(|second| chrono::DateTime::from_timestamp(second, 0)).collect();
    let times: Vec<_> = times.into_iter().map(|time| time.naive_utc()).collect();
    let series =
        Series { name: "a/b.csv".to_owned(), values: vec![0.0; 1000], times, windows: vec![500..=599, 800..=899] };
    let run = |alarms: &[i64]| {
        let mut run = Run::default();
        run.add(&series, alarms.iter().map(|millis| millis * 1000));
        run
    };
    // Between two points it is at the later one, behind the last at that.
    assert_eq!(run(&[499_001, 799_500]), run(&[500_000, 800_000]));
    assert_eq!(run(&[2_000_000]), run(&[999_000]));
    // The first misses a window and has no false alarm, the other finds both and has twenty.
    let wrong: Vec<i64> = (0..20).map(|number| (200 + 10 * number) * 1000).collect();
    let (few, many) = (run(&[500_000]), run(&[&wrong[..], &[500_000, 800_000]].concat()));
    let runs = [(1.0, few.clone()), (2.0, few.clone()), (3.0, many.clone())];
    assert_eq!(best_values(&runs), Some([1.0, 1.0, 3.0]));
    assert_eq!(best_values(&[(1.0, Run::default())]), None);
    let corpus = Corpus { data: "/".into(), series: vec![series.clone()] };
    let chosen = [(Some(1.0), &few), (Some(1.0), &few), (Some(3.0), &many)];
    let text = Outcome::new("p.toml".to_owned(), &corpus, Some("threshold".to_owned()), chosen).to_string();
    let expected = [
        "p.toml: 1 series, 2 windows",
        "",
        "profile        score  found  false  threshold",
        "standard        50.0      1      0          1",
        "reward_low_FP   50.0      1      0          1",
        "reward_low_FN   63.3      2     20          3",
        "",
    ];
    assert_eq!(text, expected.join("\n"));
}

#[test]
fn folders_are_read_with_and_without_data_and_labels() {
    let windows = r#"{"a/one.csv": [["2014-04-10 00:05:00.000000", "2014-04-10 00:10:00.000000"]], "a/two.csv": []}"#;
    let lines = "timestamp,value\n2014-04-10 00:00:00,1\n2014-04-10 00:05:00,-2.5e3\n2014-04-10 00:10:00,0.1\n";
    let folder = |data: &str, labels: &str| {
        let folder = tempfile::tempdir().unwrap();
        let (data, labels) = (folder.path().join(data), folder.path().join(labels));
        fs::create_dir_all(data.join("a")).unwrap();
        fs::create_dir_all(&labels).unwrap();
        fs::write(data.join("a/one.csv"), lines).unwrap();
        fs::write(data.join("a/two.csv"), lines).unwrap();
        fs::write(labels.join("combined_windows.json"), windows).unwrap();
        folder
    };
    let (flat, deep) = (folder("", ""), folder("data", "labels"));
    let corpus = Corpus::read(flat.path()).unwrap();
    assert_eq!(corpus.series, Corpus::read(deep.path()).unwrap().series);
    let [one, two] = &corpus.series[..] else { panic!("there are two") };
    assert_eq!((one.name.as_str(), one.category(), &one.values[..]), ("a/one.csv", "a", &[1.0, -2500.0, 0.1][..]));
    assert_eq!((&one.windows[..], two.windows.len()), (&[1..=2][..], 0));

    for (lines, words) in [
        ("timestamp,value\n2014-04-10 00:00:00\n", "line 2 has no comma"),
        ("timestamp,value\n2014-04-10 00:00:00,1\nyesterday,1\n", "line 3: `yesterday` is no time"),
        ("timestamp,value\n2014-04-10 00:05:00,much\n", "line 2: `much`"),
        ("timestamp,value\n2014-04-10 00:05:00,1\n", "it has no point at 2014-04-10 00:10:00.000000"),
    ] {
        fs::write(flat.path().join("a/one.csv"), lines).unwrap();
        let error = format!("{:#}", Corpus::read(flat.path()).unwrap_err());
        assert!(error.contains(words) && error.contains("one.csv"), "{error}");
    }
    fs::remove_file(flat.path().join("combined_windows.json")).unwrap();
    assert!(format!("{:#}", Corpus::read(flat.path()).unwrap_err()).contains("combined_windows.json"));
}
