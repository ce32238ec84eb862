//! What a log does when nothing goes wrong.

use std::sync::Arc;

use super::{MAX_SIZE, folder, open, read_all};
use crate::fs::Real;
use crate::testing::Disk;
use crate::{Error, Follow, Log, MAX_RECORD};

#[test]
fn numbers_go_on_after_everything_was_released() {
    let disk = Disk::new();
    let (mut log, recovered) = open(&disk).unwrap();
    assert_eq!((recovered.next, recovered.is_clean()), (1, true));
    assert_eq!(log.append(&["a", "b"]).unwrap(), 1..3);
    assert_eq!(log.append::<&str>(&[]).unwrap(), 3..3);
    log.release(u64::MAX).unwrap();
    log.sync().unwrap();
    assert_eq!(log.view().borrow().records(), 0);
    drop(log);
    disk.restart(0);
    let (mut log, recovered) = open(&disk).unwrap();
    assert_eq!((recovered.released, recovered.records, recovered.next), (2, 0, 3));
    assert_eq!(log.append(&["c"]).unwrap(), 3..4);
    assert_eq!(read_all(&log, 3), (vec![(3, b"c".to_vec())], 0));
}

#[test]
fn what_is_full_has_room_again_after_a_release() {
    let disk = Disk::new();
    let (mut log, _) = open(&disk).unwrap();
    let record = [1_u8; 2000];
    let taken = std::iter::from_fn(|| log.append(&[record]).ok()).count() as u64;
    let used = log.view().borrow().bytes();
    assert!(used <= MAX_SIZE && used > MAX_SIZE - 4096, "{used}");
    assert!(matches!(log.append(&[record]), Err(Error::Full { .. })));
    assert!(matches!(log.append(&[[0; MAX_SIZE as usize]]), Err(Error::TooLarge { .. })));
    log.release(taken - 1).unwrap();
    assert!(log.view().borrow().bytes() < 5000);
    log.append(&[record]).unwrap();
    let (records, lost) = read_all(&log, taken);
    assert_eq!((records.len(), lost), (2, 0));
}

#[test]
fn one_segment_that_takes_all_the_room_goes_when_it_is_released() {
    let disk = Disk::new();
    let (mut log, _) = open(&disk).unwrap();
    let large = vec![0; usize::try_from(MAX_SIZE).unwrap() - 200];
    for number in 1..5 {
        log.append(&[&large]).unwrap();
        assert!(matches!(log.append(&[&large]), Err(Error::Full { .. })));
        log.release(number).unwrap();
    }
}

#[test]
fn records_are_bounded() {
    let disk = Disk::new();
    let (mut log, _) = Log::open(disk.filesystem(), folder(), 1 << 30).unwrap();
    let largest = vec![3; MAX_RECORD];
    assert!(matches!(log.append(&[vec![0; MAX_RECORD + 1]]), Err(Error::TooLarge { .. })));
    assert_eq!(log.append(&[&largest]).unwrap(), 1..2);
    assert_eq!(log.append(&[b"x"]).unwrap(), 2..3);
    let mut reader = log.reader(Follow::Appended);
    let chunk = reader.read(1, 1).unwrap();
    assert_eq!(chunk.records.len(), 1, "at least one, however large");
    assert!(chunk.records[0].1 == largest);
    assert_eq!(reader.read(2, 1).unwrap().records, [(2, bytes::Bytes::from_static(b"x"))]);
}

#[test]
fn a_reader_goes_back_and_forth_and_is_bounded() {
    let disk = Disk::new();
    let (mut log, _) = open(&disk).unwrap();
    for _ in 0..40 {
        log.append(&[[1_u8; 200], [2; 200]]).unwrap();
    }
    let mut reader = log.reader(Follow::Appended);
    for from in [1, 70, 3, 3, 20, 80, 81] {
        let chunk = reader.read(from, 450).unwrap();
        let numbers: Vec<u64> = chunk.records.iter().map(|(number, _)| *number).collect();
        let expected: Vec<u64> = (from..81).take(2).collect();
        // A segment may end after the first.
        assert!(expected.starts_with(&numbers) && numbers.is_empty() == expected.is_empty(), "{from}: {numbers:?}");
        assert_eq!((chunk.next, chunk.lost), (from + numbers.len() as u64, 0));
    }
}

#[test]
fn a_durable_reader_does_not_read_what_a_power_cut_takes() {
    let disk = Disk::new();
    let (mut log, _) = open(&disk).unwrap();
    log.append(&["durable"]).unwrap();
    log.sync().unwrap();
    log.append(&["not yet"]).unwrap();
    let read = |log: &Log, follow| log.reader(follow).read(1, 1000).unwrap().records.len();
    assert_eq!((read(&log, Follow::Durable), read(&log, Follow::Appended)), (1, 2));
    log.sync().unwrap();
    assert_eq!(read(&log, Follow::Durable), 2);
}

#[test]
fn a_folder_has_one_writer() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("a/b");
    let (mut log, _) = Log::open(Arc::new(Real), &folder, 1 << 20).unwrap();
    assert!(matches!(Log::open(Arc::new(Real), &folder, 1 << 20), Err(Error::Locked(_))));
    log.append(&["x"]).unwrap();
    drop(log);
    let (log, recovered) = Log::open(Arc::new(Real), &folder, 1 << 20).unwrap();
    assert_eq!((recovered.records, recovered.is_clean()), (1, true));
    assert_eq!(read_all(&log, 1).0, [(1, b"x".to_vec())]);
}
