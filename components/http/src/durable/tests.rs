//! The log of requests on a disk that is full, fails, or loses its power.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use logd_disklog::Log;
use logd_disklog::testing::{Disk, Fault};
use logd_sdk::http::{Refusal, StatusCode};
use logd_sdk::{Context, Time};
use tokio::time::timeout;

use super::keys::AGE;
use super::{Bounds, FOLDER, Key, Replay, left, log_folder, record};
use crate::decode::Decoder;
use crate::settings::{Codec, Framing};
use crate::tests::context;

const HANG: Duration = Duration::from_secs(30);

fn open(disk: &Disk, context: &Context) -> Replay {
    let (log, _) = Log::open(disk.filesystem(), Path::new("/log"), 64 << 20).unwrap();
    replay(log, context)
}

fn replay(log: Log, context: &Context) -> Replay {
    let bounds = Bounds { patience: HANG, retry_after: Duration::from_secs(1), until_delivered: false };
    let mut replay = Replay::new(log, 64 << 20, bounds, context).unwrap();
    replay.start();
    replay
}

async fn take(replay: &Replay, text: &'static str, key: Option<&str>) -> Result<(), Refusal> {
    let body = Bytes::from_static(text.as_bytes());
    let key = key.map(|key| Key::new("/", key.as_bytes(), &body));
    let pieces = Decoder::new(Framing::NewlineDelimited, Codec::Text, &Arc::default()).decode(&body).unwrap();
    Arc::clone(replay.intake()).take(pieces, key).await.map(|kept| assert!(kept.is_none()))
}

/// All that waits in the log.
async fn waiting(replay: &mut Replay) -> Vec<String> {
    let mut texts = Vec::new();
    while let Ok(batch) = timeout(Duration::from_millis(100), replay.next()).await {
        let batch = batch.unwrap();
        texts.extend((0..batch.len()).map(|row| String::from_utf8_lossy(batch.raw(row)).into_owned()));
    }
    texts
}

#[test]
fn a_record_is_its_events_and_nothing_else_is_one() {
    let lines: String = (0..5000).map(|number| format!("{number}\r\n\n")).collect();
    let pieces =
        Decoder::new(Framing::NewlineDelimited, Codec::Text, &Arc::default()).decode(&lines.clone().into()).unwrap();
    let (received, key) = (Time::from_micros(7), Key::new("/", b"key", b"body"));
    let record = record::encode(&pieces, received, Some(key)).unwrap();
    assert_eq!(record::head(&record).unwrap(), record::Head { received: 7, key: Some(key) });
    for skip in [0, 1, 4095, 4096, 4999, 5000] {
        let pieces = record::decode(3, &record, skip).unwrap();
        let rows = pieces.iter().flat_map(|piece| piece.rows.iter().map(|row| (row, &piece.bytes[row.range()])));
        let found: Vec<_> = rows.map(|(row, text)| (row.position, row.time, str::from_utf8(text).unwrap())).collect();
        let expected: Vec<_> = (skip..5000).map(|number| (u64::from(number), number.to_string())).collect();
        assert_eq!(found.len(), expected.len());
        for ((position, time, text), (place, expected)) in found.into_iter().zip(&expected) {
            assert_eq!((position, time, text), (3 << 21 | place, received, expected.as_str()));
        }
    }
    for other in [&b""[..], b"\x02", &record[..3], &record[..record.len() / 2]] {
        assert!(record::decode(3, &Bytes::copy_from_slice(other), 0).is_err());
    }
}

#[tokio::test]
async fn a_full_disk_is_503_and_passes() {
    let (disk, context) = (Disk::new(), context(&[]));
    let mut replay = open(&disk, &context);
    take(&replay, "one", None).await.unwrap();
    disk.set_capacity(Some(0));
    for key in [None, Some("key")] {
        let refusal = take(&replay, "two", key).await.unwrap_err();
        assert_eq!(refusal.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert!(context.health.reason().is_some());
    disk.set_capacity(None);
    take(&replay, "two", Some("key")).await.unwrap();
    assert_eq!(waiting(&mut replay).await, ["one", "two"], "what was refused is not there");
    replay.commit(&replay.position().unwrap()).await.unwrap();
    assert_eq!(context.health.reason(), None);
}

#[tokio::test]
async fn a_power_cut_takes_nothing_that_was_answered() {
    for seed in 0..8 {
        let (disk, context) = (Disk::new(), context(&[]));
        let replay = open(&disk, &context);
        take(&replay, "one", None).await.unwrap();
        take(&replay, "two", Some("key")).await.unwrap();
        disk.restart(seed);
        drop(replay);
        let mut replay = open(&disk, &context);
        take(&replay, "two", Some("key")).await.unwrap();
        assert_eq!(waiting(&mut replay).await, ["one", "two"]);
    }
}

#[tokio::test]
async fn a_failing_disk_never_makes_an_answer_a_lie() {
    for call in 1..12 {
        let (disk, context) = (Disk::new(), context(&[]));
        let replay = open(&disk, &context);
        disk.fail_at(call, Fault::Error);
        let mut answered = Vec::new();
        for text in ["one", "two", "three"] {
            if take(&replay, text, None).await.is_ok() {
                answered.push(text);
            }
        }
        disk.restart(call);
        drop(replay);
        let found = waiting(&mut open(&disk, &context)).await;
        assert!(answered.iter().all(|text| found.contains(&(*text).to_owned())), "{answered:?} {found:?}");
    }
}

#[tokio::test]
async fn what_is_left_is_needed_until_it_is_delivered_and_nobody_repeats_it() {
    let (place, context) = (tempfile::tempdir().unwrap(), context(&[]));
    assert_eq!(log_folder(place.path()), None);
    let log = super::open(place.path().join(FOLDER), 64 << 20).await.unwrap();
    let mut replay = replay(log, &context);
    let folder = log_folder(place.path()).unwrap();
    let (now, later) = (context.clock.now(), context.clock.now().after(Duration::from_micros(AGE as u64)));
    let look = |position: Option<&[u8]>, now| {
        let left = left(&folder, position, now).unwrap();
        (left.requests, left.is_needed, left.is_position_its)
    };
    take(&replay, "one", None).await.unwrap();
    take(&replay, "two", Some("key")).await.unwrap();
    assert_eq!(look(None, later), (2, true, false));
    assert_eq!(waiting(&mut replay).await, ["one", "two"]);
    let position = replay.position().unwrap();
    replay.commit(&position).await.unwrap();
    assert_eq!(look(Some(&position), now), (0, true, true), "its client may still send it again");
    assert_eq!(look(Some(&position), later), (0, false, true));
    assert!(!look(Some(b"of another component"), later).2);
}
