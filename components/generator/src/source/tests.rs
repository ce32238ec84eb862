//! The source in paused time: its pace, its positions, its end, and what it makes of stops.

use std::time::Duration;

use logd_sdk::component::SourceSettings;
use logd_sdk::contract;
use logd_sdk::source::{Next, Source};
use logd_sdk::{Batch, Body, Clock, Context, Time};
use tokio::time::{Instant, timeout};

use super::GeneratorSource;
use crate::{GeneratorSettings, Plan, write_lines};

const SECOND: i64 = 1_000_000;
const START: i64 = 1_700_000_000_000_000;

/// An event: its offset, its time, its text.
pub(super) type Event = (u64, i64, String);

pub(super) fn clock_at(time: i64) -> Clock {
    Clock::fixed(Time::from_micros(time))
}

fn settings(text: &str) -> GeneratorSettings {
    toml::from_str(text).unwrap()
}

async fn named(id: &str, text: &str, clock: &Clock) -> GeneratorSource {
    let context = Context { clock: clock.clone(), ..contract::context("demo", id, "source", "generator") };
    settings(text).build(&context).await.unwrap()
}

pub(super) async fn source(text: &str, clock: &Clock) -> GeneratorSource {
    named("services", text, clock).await
}

pub(super) async fn resumed(text: &str, clock: &Clock, position: &[u8]) -> GeneratorSource {
    let mut source = source(text, clock).await;
    source.seek(position).unwrap();
    source
}

pub(super) fn events(batch: &Batch) -> Vec<Event> {
    let text = |row| String::from_utf8(batch.raw(row).to_vec()).unwrap();
    batch.rows().iter().enumerate().map(|(row, at)| (at.position, at.time.as_micros(), text(row))).collect()
}

/// The next batch that has events; none at the end.
pub(super) async fn batch(source: &mut GeneratorSource) -> Option<Batch> {
    loop {
        match source.next().await.unwrap() {
            Next::Batch(batch) if batch.is_empty() => {}
            Next::Batch(batch) => return Some(batch),
            Next::End => return None,
        }
    }
}

/// The events of the next batches, at least so many of them, or all up to the end.
pub(super) async fn take(source: &mut GeneratorSource, least: usize) -> Vec<Event> {
    let mut all = Vec::new();
    while all.len() < least
        && let Some(batch) = batch(source).await
    {
        all.extend(events(&batch));
    }
    all
}

#[tokio::test(start_paused = true)]
async fn keeps_its_rate() {
    for (rate, most) in [(1000, 51), (3, 1), (100_000, 1000)] {
        let mut source = source(&format!("rate = {rate}"), &clock_at(START)).await;
        let (began, mut made) = (Instant::now(), 0);
        while began.elapsed() < Duration::from_secs(5) {
            let batch = batch(&mut source).await.unwrap();
            let now = START + began.elapsed().as_micros() as i64;
            let (first, last) = (&batch.rows()[0], &batch.rows()[batch.len() - 1]);
            assert!(last.time.as_micros() <= now && now - first.time.as_micros() <= 52_000, "rate {rate}");
            assert!(batch.len() <= most, "{} at rate {rate}", batch.len());
            assert_eq!((batch.blocks()[0].greatest, last.seen), (last.time, last.time));
            assert_eq!(first.position, made);
            made += batch.len() as u64;
        }
        assert!(made.abs_diff(5 * rate) <= rate / 10 + 1, "{made} at rate {rate}");
    }
}

#[tokio::test(start_paused = true)]
async fn makes_the_backfill_at_once() {
    let text = "rate = 500\nbackfill = '1m'";
    let mut source = source(text, &clock_at(START)).await;
    let began = Instant::now();
    let past = take(&mut source, 30_001).await;
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!((past.len(), past[0].1, past[30_000].1), (30_001, START - 60 * SECOND, START));
    let live = take(&mut source, 5_000).await;
    assert!((9_900..=10_100).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert_eq!(live[0].0, 30_001);
}

#[tokio::test(start_paused = true)]
async fn announces_its_partition_and_ends_after_count() {
    let mut source = source("rate = 0\ncount = 2500", &clock_at(START)).await;
    let mut told = Vec::new();
    while let Next::Batch(batch) = source.next().await.unwrap() {
        assert!(batch.rows().iter().all(|row| matches!(row.body, Body::Line)));
        told.push((batch.len(), batch.blocks()[0].greatest.as_micros()));
    }
    let expected =
        [(0, i64::MIN), (1000, START + 999_000), (1000, START + 1_999_000), (500, START + 2_499_000), (0, i64::MAX)];
    assert_eq!(told, expected);
    assert!(matches!(source.next().await.unwrap(), Next::End));
}

#[tokio::test(start_paused = true)]
async fn same_seed_and_start_same_bytes() {
    let text = "seed = 5\nrate = 0\ncount = 3000\nstart = 2025-05-20T09:00:00Z";
    let clock = clock_at(START);
    let lines = take(&mut source(text, &clock).await, 3000).await;
    clock.set(Time::from_micros(START + 99 * SECOND));
    assert!(take(&mut named("other", text, &clock).await, 3000).await == lines);
    assert!(lines[0].2.contains("2025-05-20T09:00:00.000Z"));

    let mut written = Vec::new();
    let start = Time::parse_rfc3339(b"2025-05-20T09:00:00Z").unwrap().as_micros();
    let plan = Plan { seed: 5, start, live: start, rate: 0, count: Some(3000), incidents: Vec::new() };
    write_lines(&plan, &mut written).await.unwrap();
    let text: String = lines.iter().map(|(_, _, line)| format!("{line}\n")).collect();
    assert!(text.as_bytes() == written, "what is written is what a pipeline is given");
}

#[tokio::test(start_paused = true)]
async fn without_a_seed_the_name_decides() {
    let clock = clock_at(START);
    let first = take(&mut named("a", "rate = 0", &clock).await, 100).await;
    assert!(take(&mut named("a", "rate = 0", &clock).await, 100).await == first);
    assert!(take(&mut named("b", "rate = 0", &clock).await, 100).await != first);
}

#[tokio::test(start_paused = true)]
async fn goes_on_at_every_position_as_if_it_had_never_stopped() {
    let incidents = "[{ kind = 'traffic', service = 'database', at = '-1s', for = '2s', factor = 2.5 }]";
    for pace in ["rate = 0", "rate = 1000\nbackfill = '2s'", "rate = 1000\nstart = 2025-05-20T09:00:00Z"] {
        let text = format!("count = 6000\nincidents = {incidents}\n{pace}");
        let clock = clock_at(START);
        let began = Instant::now();
        let mut undisturbed = source(&text, &clock).await;
        let mut boundaries = vec![(undisturbed.position().unwrap(), 0)];
        let mut whole = Vec::new();
        while let Some(batch) = batch(&mut undisturbed).await {
            whole.extend(events(&batch));
            boundaries.push((undisturbed.position().unwrap(), whole.len()));
        }
        assert_eq!(whole.len(), 6000);
        // It was down for ten seconds: too short a stop to move anything.
        clock.set(Time::from_micros(START + began.elapsed().as_micros() as i64 + 10 * SECOND));
        for (position, made) in &boundaries {
            let rest = take(&mut resumed(&text, &clock, position).await, 6000).await;
            assert!(rest == whole[*made..], "{pace}, from line {made}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_of_its_own_stands_still_while_it_is_down() {
    let text = "start = 2025-05-20T09:00:00Z";
    let mut before = source(text, &clock_at(START)).await;
    let made = take(&mut before, 500).await.len();
    let position = before.position().unwrap();
    let mut after = resumed(text, &clock_at(START + 86_400 * SECOND), &position).await;
    let began = Instant::now();
    assert_eq!(take(&mut after, 1000).await[0].0, made as u64);
    assert!((950..=1050).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_a_short_stop_missed_is_made_at_once() {
    let clock = clock_at(START);
    let mut before = source("", &clock).await;
    take(&mut before, 500).await;
    let position = before.position().unwrap();
    clock.set(Time::from_micros(START + 50 * SECOND));
    let mut after = resumed("", &clock, &position).await;
    let began = Instant::now();
    let missed = take(&mut after, 49_000).await;
    assert!(began.elapsed().is_zero());
    assert!(missed.windows(2).all(|pair| pair[1].1 - pair[0].1 == 1000), "without a gap");
}

#[tokio::test(start_paused = true)]
async fn a_long_stop_moves_what_was_still_to_come() {
    let incidents = "[{ kind = 'silence', service = 'database', at = '90s', for = '10s' }]";
    let text = format!("seed = 1\nincidents = {incidents}");
    let clock = clock_at(START);
    let mut undisturbed = source(&text, &clock).await;
    let whole = take(&mut undisturbed, 120_000).await;

    let mut before = source(&text, &clock).await;
    let made = take(&mut before, 5000).await.len();
    let mut position = before.position().unwrap();
    // Two stops, the second before the stream has come to the first.
    let mut rest = Vec::new();
    for days in 1..=2 {
        clock.set(Time::from_micros(START + days * 86_400 * SECOND));
        let mut after = resumed(&text, &clock, &position).await;
        rest.extend(take(&mut after, if days == 1 { 1 } else { 100_000 }).await);
        position = after.position().unwrap();
    }
    let jump = rest.windows(2).position(|pair| pair[1].1 - pair[0].1 > SECOND).unwrap() + 1;
    assert!((59_900..60_100).contains(&jump), "what may have been out is made again as it was: {jump}");
    assert!(rest[..jump] == whole[made..made + jump]);
    assert!((0..=SECOND / 10).contains(&(rest[jump].1 - (START + 2 * 86_400 * SECOND))), "then the clock leads");
    for ((place, _, line), (old_place, _, old_line)) in rest[jump..].iter().zip(&whole[made + jump..]) {
        assert_eq!(place, old_place, "no line is left out, and the incident is still to come");
        assert_eq!(line.split_once("Z\"").unwrap().1, old_line.split_once("Z\"").unwrap().1);
    }
}

#[tokio::test(start_paused = true)]
async fn another_rate_holds_from_the_position_on() {
    let clock = clock_at(START);
    let mut before = source("rate = 1000", &clock).await;
    let made = take(&mut before, 5000).await;
    let position = before.position().unwrap();
    let step = made[made.len() - 1].1 + 1000;
    for (text, distance) in [("rate = 1000", 1000), ("rate = 10", 100_000), ("rate = 0", 1000), ("rate = 2000", 500)] {
        let next = take(&mut resumed(text, &clock, &position).await, 50).await;
        assert_eq!((next[0].0, next[0].1), (made.len() as u64, step), "{text}");
        assert_eq!(next[40].1 - next[0].1, 40 * distance, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_loses_nothing() {
    let text = "rate = 100\ncount = 200";
    let whole = take(&mut source(text, &clock_at(START)).await, 200).await;
    let mut impatient = source(text, &clock_at(START)).await;
    let mut all = Vec::new();
    loop {
        match timeout(Duration::from_millis(7), batch(&mut impatient)).await {
            Ok(Some(batch)) => all.extend(events(&batch)),
            Ok(None) => break,
            Err(_) => {}
        }
    }
    assert!(all == whole);
}

#[tokio::test(start_paused = true)]
async fn labels_are_written_at_the_first_start_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("labels.jsonl");
    let incidents = "[{ kind = 'latency', service = 'payment-service', at = '20s', for = '15s', factor = 4 }]";
    let text = format!("labels = {file:?}\nincidents = {incidents}");
    let clock = clock_at(START);
    let mut first = source(&text, &clock).await;
    assert!(!file.exists(), "building touches nothing");
    first.next().await.unwrap();
    let labels = std::fs::read_to_string(&file).unwrap();
    assert!(labels.starts_with(r#"{"service":"payment-service","kind":"latency","start":"2023-11-14T22:13:40.000Z""#));
    assert_eq!(labels.matches('\n').count(), 1);

    std::fs::remove_file(&file).unwrap();
    resumed(&text, &clock, &first.position().unwrap()).await.next().await.unwrap();
    assert!(!file.exists());

    let nowhere = text.replace("labels.jsonl", "missing/labels.jsonl");
    let error = source(&nowhere, &clock).await.next().await.unwrap_err();
    assert!(error.to_string().contains("missing/labels.jsonl"), "{error}");
}

#[tokio::test]
async fn a_position_of_another_kind_is_refused() {
    let mut source = source("", &clock_at(START)).await;
    assert!(source.seek(&[]).is_err());
    assert!(source.seek(&[9, 1, 2]).is_err());
}
