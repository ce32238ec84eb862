//! The log for tasks, and tools that look at its folder, on a real filesystem.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use crate::fs::Real;
use crate::testing::{Disk, Fault};
use crate::{Error, Follow, Log, Writer, inspect};

const DEADLINE: Duration = Duration::from_secs(20);

fn real(folder: &std::path::Path, max_size: u64) -> Writer {
    Writer::start(Log::open(Arc::new(Real), folder, max_size).unwrap().0).unwrap()
}

fn records(count: usize) -> Vec<Bytes> {
    vec![Bytes::from_static(&[b'e'; 100]); count]
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_share_the_log_and_each_gets_its_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let writer = real(folder.path(), 64 << 20);
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let writer = writer.clone();
            tokio::spawn(async move {
                let mut numbers = Vec::new();
                for _ in 0..10 {
                    let range = writer.append_durable(records(3)).await.unwrap();
                    assert!(writer.view().borrow().durable() >= range.end - 1);
                    numbers.extend(range);
                }
                numbers
            })
        })
        .collect();
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.extend(task.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=1500).collect::<Vec<u64>>());
    timeout(DEADLINE, writer.close()).await.unwrap().unwrap();
    let (_, recovered) = Log::open(Arc::new(Real), folder.path(), 64 << 20).unwrap();
    assert_eq!(recovered.records, 1500, "closing gives the folder free");
    assert!(matches!(writer.append(records(1)).await, Err(Error::Closed)));
}

#[tokio::test]
async fn a_follower_waits_for_more_and_can_be_cancelled() {
    let disk = Disk::new();
    let (log, _) = super::open(&disk).unwrap();
    let writer = Writer::start(log).unwrap();
    let mut durable = writer.follow(Follow::Durable);
    let mut appended = writer.follow(Follow::Appended);
    writer.append(records(2)).await.unwrap();
    let chunk = timeout(DEADLINE, appended.next(1000)).await.unwrap().unwrap();
    assert_eq!((chunk.records.len(), appended.position()), (2, 3));
    assert!(timeout(Duration::ZERO, durable.next(1000)).await.is_err(), "nothing is durable yet");
    assert_eq!(writer.sync().await.unwrap(), 2);
    let chunk = timeout(DEADLINE, durable.next(1000)).await.unwrap().unwrap();
    assert_eq!(chunk.records.len(), 2);

    let waiting = tokio::spawn(async move { (durable.next(1000).await, durable) });
    writer.append_durable(records(1)).await.unwrap();
    let (chunk, mut durable) = timeout(DEADLINE, waiting).await.unwrap().unwrap();
    assert_eq!(chunk.unwrap().records[0].0, 3);
    writer.release(3).await.unwrap();
    assert_eq!(writer.follow(Follow::Durable).position(), 4);
    durable.seek(2);
    assert_eq!(durable.next(1000).await.unwrap().records[0].0, 2, "its segment is still there");
    drop(writer);
    assert!(matches!(timeout(DEADLINE, durable.next(1000)).await.unwrap(), Err(Error::Closed)));
}

#[tokio::test]
async fn whoever_finds_the_log_full_waits_for_its_view_to_change() {
    let disk = Disk::new();
    let (log, _) = super::open(&disk).unwrap();
    let writer = Writer::start(log).unwrap();
    let mut view = writer.view();
    let full = loop {
        view.borrow_and_update();
        match writer.append(records(20)).await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(full, Error::Full { .. }), "{full}");
    let releasing = writer.clone();
    tokio::spawn(async move { releasing.release(u64::MAX).await });
    timeout(DEADLINE, view.changed()).await.unwrap().unwrap();
    writer.append(records(20)).await.unwrap();
}

#[tokio::test]
async fn a_failed_sync_is_the_answer_to_all_who_waited_for_it() {
    let disk = Disk::new();
    let (log, _) = super::open(&disk).unwrap();
    let writer = Writer::start(log).unwrap();
    writer.append(records(1)).await.unwrap();
    disk.set_capacity(Some(0));
    disk.fail_at(1, Fault::Error);
    let (one, two) = tokio::join!(writer.sync(), writer.sync());
    assert!(one.is_err() && two.is_err());
    disk.set_capacity(None);
    assert_eq!(writer.append_durable(records(1)).await.unwrap(), 2..3);
}

#[tokio::test]
async fn tools_see_what_a_writer_has_open() {
    let folder = tempfile::tempdir().unwrap();
    let writer = real(folder.path(), 64 << 10);
    writer.append(records(200)).await.unwrap();
    writer.append(records(200)).await.unwrap();
    writer.release(210).await.unwrap();
    std::fs::write(folder.path().join("notes.txt"), "hello").unwrap();
    let report = inspect::report(folder.path()).unwrap();
    assert_eq!((report.released, report.foreign.as_slice()), (210, ["notes.txt".to_owned()].as_slice()));
    let [segment] = report.segments.as_slice() else { panic!("{report:?}") };
    assert_eq!((segment.first, segment.last, segment.records), (Some(201), Some(400), 200));
    assert!(report.is_whole());
    let numbers: Vec<u64> = inspect::records(folder.path(), 399).unwrap().map(|record| record.unwrap().0).collect();
    assert_eq!(numbers, [399, 400]);

    let path = folder.path().join(&segment.name);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let report = inspect::report(folder.path()).unwrap();
    assert_eq!((report.segments[0].records, report.segments[0].broken), (199, 1));
    assert!(!report.is_whole());
    assert_eq!(inspect::records(folder.path(), 0).unwrap().count(), 199);
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 3, "the lock, a segment and the notes: nothing was written");
    writer.close().await.unwrap();
}
