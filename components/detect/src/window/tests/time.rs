//! Which windows events belong to, what is late, and when windows close.

use super::*;

const COUNT: &str = "aggregates.n = { fn = 'count' }\nallowed_lateness = '100ms'\n";

/// Start and count of all windows.
fn windows(driver: &Driver) -> Vec<(String, String)> {
    let seconds = |text: String| text.trim_start_matches("\"1970-01-01T00:00:").trim_end_matches("Z\"").to_owned();
    driver.fields("window.start").into_iter().map(seconds).zip(driver.fields("n")).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|&(start, count)| (start.to_owned(), count.to_owned())).collect()
}

#[test]
fn a_window_closes_when_the_watermark_reaches_its_end() {
    let mut driver = Driver::new(&format!("size = '1s'\n{COUNT}"), 2, 1);
    driver.send(&events(&[(0, ""), (999, ""), (1000, "")]));
    driver.send(&events(&[(1099, "")]));
    assert!(driver.results.is_empty());
    driver.send(&events(&[(1100, "")]));
    assert_eq!(windows(&driver), pairs(&[("00", "2")]));
    driver.end();
    assert_eq!(windows(&driver), pairs(&[("00", "2"), ("01", "3")]));
}

#[test]
fn the_least_partition_holds_windows_open() {
    let mut driver = Driver::new(&format!("size = '1s'\n{COUNT}"), 1, 2);
    driver.send(&events(&[(0, ""), (5000, "")]));
    assert!(driver.results.is_empty(), "the other partition has said nothing");
    let mut other = events(&[(500, "")]);
    other[0].partition = 1;
    driver.send(&other);
    assert!(driver.late.is_empty(), "late is who is late in their own partition");
    driver.end();
    assert_eq!(windows(&driver), pairs(&[("00", "2"), ("05", "1")]));
}

#[test]
fn an_event_is_late_by_those_before_it_and_not_by_its_batch() {
    let stream = events(&[(900, ""), (1099, ""), (950, ""), (1100, ""), (960, ""), (1000, ""), (2101, ""), (1999, "")]);
    let toml = format!("size = '1s'\n{COUNT}");
    for cut in 0..=stream.len() {
        let mut driver = Driver::new(&toml, 2, 1);
        driver.send(&stream[..cut]);
        driver.send(&stream[cut..]);
        driver.end();
        assert_eq!(windows(&driver), pairs(&[("00", "2"), ("01", "3"), ("02", "1")]), "cut at {cut}");
        assert_eq!(driver.late.iter().map(|late| late.1).collect::<Vec<_>>(), [4, 7], "cut at {cut}");
    }
}

#[test]
fn late_for_one_window_is_in_time_for_the_next() {
    let mut driver = Driver::new(&format!("size = '2s'\nslide = '1s'\n{COUNT}"), 1, 1);
    // The last of them is late for the window that ends at 1 s, and not for the one that ends at 2 s.
    driver.send(&events(&[(1200, ""), (900, "")]));
    driver.end();
    assert_eq!(windows(&driver), pairs(&[("00", "2"), ("01", "1")]));
    assert_eq!(driver.absorbed, 2);
}

#[test]
fn sliding_windows_overlap() {
    let mut driver = Driver::new(&format!("size = '3s'\nslide = '1s'\n{COUNT}"), 3, 1);
    for time in [500, 1500, 1600, 4200, 5500, 9000] {
        driver.send(&events(&[(time, "")]));
    }
    driver.end();
    let starts = driver.fields("window.start");
    assert!(starts[0].contains("1969-12-31T23:59:58Z"), "{}", starts[0]);
    let counts = driver.fields("n");
    // Ends 1 s, 2 s, 3 s, 4 s, then 5 s, …
    assert_eq!(counts, ["1", "3", "3", "2", "1", "2", "2", "1", "1", "1", "1"]);
}

#[test]
fn events_too_far_ahead_push_nothing() {
    let stream = events(&[(100, ""), (900_000, ""), (950, ""), (700, ""), (1100, ""), (800, "")]);
    for cut in 0..=stream.len() {
        let mut driver = Driver::new(&format!("size = '1s'\nmax_ahead = '1m'\n{COUNT}"), 1, 1);
        driver.send(&stream[..cut]);
        driver.send(&stream[cut..]);
        driver.end();
        assert_eq!(driver.late.iter().map(|late| late.1).collect::<Vec<_>>(), [1, 5], "cut at {cut}");
        assert_eq!(windows(&driver), pairs(&[("00", "3"), ("01", "1")]));
    }
}

#[test]
fn a_split_that_was_overtaken_is_made_again() {
    let mut driver = Driver::new(&format!("size = '1s'\n{COUNT}"), 1, 1);
    let stream = events(&[(500, ""), (2000, ""), (600, ""), (2100, "")]);
    let second = batch(&stream[2..3]);
    let stale = driver.floors(&second);
    driver.send(&stream[..2]);
    driver.feed(second, &stale);
    assert_eq!(driver.splits, 3);
    assert_eq!(driver.late.len(), 1);
    let third = batch(&stream[3..]);
    driver.feed(third, &stale);
    assert_eq!(driver.splits, 4, "nothing of it was overtaken");
}

#[test]
fn an_ended_partition_makes_nothing_late() {
    let mut driver = Driver::new(&format!("size = '1s'\n{COUNT}"), 1, 1);
    let mut ended = batch(&events(&[(500, ""), (400, "")]));
    ended.blocks_mut()[0].greatest = Time::MAX;
    ended.note_times();
    let floors = driver.floors(&ended);
    driver.feed(ended, &floors);
    assert!(driver.late.is_empty());
}

#[test]
fn the_processing_clock_asks_no_event() {
    let mut driver = Driver::new(&format!("size = '1s'\nclock = 'processing'\n{COUNT}"), 1, 0);
    driver.clock.set(at(10_500));
    driver.send(&events(&[(9999, ""), (5, "")]));
    driver.clock.set(at(10_999));
    driver.send(&events(&[(90_000_000, "")]));
    assert!(driver.results.is_empty());
    driver.clock.set(at(11_000));
    driver.send(&[]);
    assert_eq!(windows(&driver), pairs(&[("10", "3")]));
    assert!(driver.late.is_empty());
}

#[test]
fn windows_stand_over_windows() {
    let mut driver =
        Driver::new("size = '1s'\ngroup_by = ['g']\nallowed_lateness = '0s'\naggregates.n = { fn = 'count' }", 2, 1);
    for second in 0..10 {
        driver.send(&events(&[(second * 1000, r#""g":"a""#), (second * 1000 + 1, r#""g":"b""#)]));
    }
    driver.end();
    let mut upper = Driver::new(
        "size = '5s'\nallowed_lateness = '0s'\naggregates.sum = { fn = 'sum', field = 'n' }\naggregates.rows = { fn = 'count' }",
        2,
        0,
    );
    for batch in driver.sent {
        let floors = upper.floors(&batch);
        upper.feed(Batch::clone(&batch), &floors);
    }
    upper.end();
    assert!(upper.late.is_empty());
    assert_eq!((upper.fields("sum"), upper.fields("rows")), (vec!["10".to_owned(); 2], vec!["10".to_owned(); 2]));
}

#[test]
fn a_watermark_that_moves_is_told() {
    let mut driver = Driver::new(&format!("size = '1h'\n{COUNT}"), 1, 2);
    let told = |driver: &Driver| driver.sent.iter().map(|batch| batch.blocks()[0].greatest).collect::<Vec<_>>();
    driver.send(&events(&[(1000, "")]));
    assert_eq!(told(&driver), [Time::MIN], "the partition is announced");
    driver.send(&events(&[(1500, "")]));
    assert_eq!(driver.sent.len(), 1, "the other partition has said nothing");
    let mut other = events(&[(1200, "")]);
    other[0].partition = 1;
    driver.send(&other);
    driver.end();
    assert_eq!(told(&driver), [Time::MIN, at(1100), Time::MAX]);
    assert_eq!(driver.sent[2].len(), 1);
}
