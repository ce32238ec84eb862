//! The source of a scenario in paused time: its clocks, its speed, its positions, its labels.

use std::time::Duration;

use logd_sdk::Time;
use logd_sdk::source::{Next, Source};
use tokio::time::Instant;

use crate::scenario::Label;
use crate::source::tests::{batch, clock_at, resumed, source, take};

const SECOND: i64 = 1_000_000;

/// Monday, 2024-01-01.
const MONDAY: i64 = 1_704_067_200 * SECOND;

/// A hundredth of the usual traffic for a day.
const SMALL: &str = "scenario = 'incidents'\nseed = 1\ndays = 1\nwarm_up_days = 0\nrate_factor = 0.01\n";

#[tokio::test(start_paused = true)]
async fn as_fast_as_can_be_is_all_at_once() {
    let (text, clock, began) = (format!("{SMALL}speed = 'max'"), clock_at(5 * SECOND), Instant::now());
    let mut source = source(&text, &clock).await;
    let all = take(&mut source, usize::MAX).await;
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert!((100_000..140_000).contains(&all.len()), "{}", all.len());
    assert!(all.iter().all(|(_, time, _)| (MONDAY..MONDAY + 86_400 * SECOND).contains(time)));
    assert!(all.is_sorted_by_key(|(_, time, _)| *time));
    assert!(all.iter().map(|(place, ..)| *place).eq(0..all.len() as u64));
    assert!(matches!(source.next().await.unwrap(), Next::End));
}

#[tokio::test(start_paused = true)]
async fn its_clock_goes_as_fast_as_told() {
    for speed in [1, 60, 3600] {
        let (text, clock) = (format!("{SMALL}start = 2024-01-01T00:00:00Z\nspeed = {speed}"), clock_at(0));
        let mut source = source(&text, &clock).await;
        let (began, mut last) = (Instant::now(), MONDAY);
        while began.elapsed() < Duration::from_secs(20) {
            let batch = batch(&mut source).await.unwrap();
            let now = MONDAY + began.elapsed().as_micros() as i64 * speed;
            last = batch.rows()[batch.len() - 1].time.as_micros();
            assert!(last <= now, "nothing comes too soon");
            assert!(now - batch.rows()[0].time.as_micros() <= 60_000 * speed, "nothing comes late");
        }
        assert!(last >= MONDAY + 15 * SECOND * speed, "{speed}");
    }
}

#[tokio::test(start_paused = true)]
async fn by_the_systems_clock_a_stop_is_made_up_for() {
    let text = format!("{SMALL}backfill = '1h'");
    let clock = clock_at(MONDAY + 43_210 * SECOND);
    let mut whole =
        source(&format!("{SMALL}start = 2024-01-01T12:00:10Z\nbackfill = '1h'\nspeed = 'max'"), &clock).await;
    let whole = take(&mut whole, 30_000).await;

    let (mut first, began) = (source(&text, &clock).await, Instant::now());
    let mut all = take(&mut first, 3000).await;
    assert_eq!(began.elapsed(), Duration::ZERO, "the past is made at once");
    let position = first.position().unwrap();
    clock.set(Time::from_micros(MONDAY + 46_810 * SECOND));
    let (mut second, began) = (resumed(&text, &clock, &position).await, Instant::now());
    let made = all.len();
    while all.last().is_none_or(|(_, time, _)| *time < MONDAY + 46_800 * SECOND) {
        all.extend(take(&mut second, 1).await);
    }
    assert_eq!(began.elapsed(), Duration::ZERO, "so is what was left out");
    assert!(all.len() > made + 1000 && all[..] == whole[..all.len()]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_of_its_own_stands_still_in_a_stop() {
    let text = format!("{SMALL}speed = 600");
    let whole = take(&mut source(&format!("{SMALL}speed = 'max'"), &clock_at(0)).await, 2000).await;
    let clock = clock_at(0);
    let mut first = source(&text, &clock).await;
    let mut all = take(&mut first, 500).await;
    clock.set(Time::from_micros(3 * 86_400 * SECOND));
    let (mut second, began) = (resumed(&text, &clock, &first.position().unwrap()).await, Instant::now());
    let (made, stopped) = (all.len(), all[all.len() - 1].1);
    all.extend(take(&mut second, 500).await);
    let passed = (all[all.len() - 1].1 - stopped) / 600;
    assert!((began.elapsed().as_micros() as i64 - passed).abs() < 200_000, "time goes on where it was");
    assert!(all.len() >= made + 500 && all[..] == whole[..all.len()]);
}

#[tokio::test(start_paused = true)]
async fn positions_say_where_to_go_on() {
    let text = format!("{SMALL}speed = 'max'\ncount = 5500");
    let whole = take(&mut source(&text, &clock_at(0)).await, usize::MAX).await;
    assert_eq!(whole.len(), 5500);
    let (mut all, mut position): (Vec<_>, Option<Vec<u8>>) = (Vec::new(), None);
    loop {
        let mut part = match &position {
            None => source(&text, &clock_at(0)).await,
            Some(position) => resumed(&text, &clock_at(7), position).await,
        };
        let Some(batch) = batch(&mut part).await else { break };
        all.extend(crate::source::tests::events(&batch));
        position = part.position();
    }
    assert!(all == whole);
    let classic = source("rate = 0", &clock_at(0)).await.position().unwrap();
    assert!(source(&text, &clock_at(0)).await.seek(&classic).is_err(), "another scenario's position is refused");
}

#[tokio::test(start_paused = true)]
async fn labels_are_written_at_the_first_start_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("labels.jsonl");
    let text = format!(
        "{SMALL}speed = 'max'\nincidents_per_day = 0\nlabels = {file:?}\nincidents = [{{ kind = 'outage', service = 'auth', at = '2h', for = '5m', factor = 3, share = 0.5 }}]"
    );
    let mut first = source(&text, &clock_at(0)).await;
    assert!(!file.exists(), "building touches nothing");
    first.next().await.unwrap();
    let labels = std::fs::read_to_string(&file).unwrap();
    let labels: Vec<Label> = labels.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let incidents: Vec<&Label> = labels.iter().filter(|label| !label.benign).collect();
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0].start, Time::from_micros(MONDAY + 7200 * SECOND));
    assert_eq!(incidents[0].end, Time::from_micros(MONDAY + 7500 * SECOND));
    assert!(labels.len() > 2, "what is benign has labels too");

    std::fs::remove_file(&file).unwrap();
    resumed(&text, &clock_at(0), &first.position().unwrap()).await.next().await.unwrap();
    assert!(!file.exists());
}
