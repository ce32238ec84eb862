//! Damaged and strange files: only what is broken is skipped, counted, and copied aside; the log starts by itself.

use std::path::{Path, PathBuf};

use super::{folder, open, read_all};
use crate::format::{Header, SEGMENT_HEADER};
use crate::place::Name;
use crate::testing::Disk;
use crate::{Follow, Recovered};

/// A record of 128 bytes with its header, so that 31 fit into a segment of 4 KiB.
const RECORD: [u8; 100] = [b'r'; 100];

/// Three segments, with the records 1 to 31, 32 to 62, and 63 to 80.
fn three() -> Disk {
    let disk = Disk::new();
    let (mut log, _) = open(&disk).unwrap();
    for _ in 0..80 {
        log.append(&[RECORD]).unwrap();
    }
    log.sync().unwrap();
    drop(log);
    assert_eq!(segments(&disk).len(), 3);
    disk
}

fn segments(disk: &Disk) -> Vec<PathBuf> {
    disk.paths().into_iter().filter(|path| path.extension().is_some_and(|kind| kind == "log")).collect()
}

fn bad(disk: &Disk) -> Vec<PathBuf> {
    disk.paths().into_iter().filter(|path| path.extension().is_some_and(|kind| kind == "bad")).collect()
}

fn change(disk: &Disk, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = disk.bytes(path);
    change(&mut bytes);
    disk.put(path, bytes);
}

/// What is found, the numbers of records that can be read, how many are lost, and the number of the next.
fn opened(disk: &Disk) -> (Recovered, Vec<u64>, u64) {
    let (mut log, recovered) = open(disk).unwrap();
    let (records, lost) = read_all(&log, 1);
    assert!(records.iter().all(|(_, bytes)| bytes == &RECORD));
    let next = log.append(&[RECORD]).unwrap().start;
    assert_eq!(next, recovered.next);
    log.sync().unwrap();
    assert_eq!(read_all(&log, next).0.len(), 1, "it goes on");
    (recovered, records.into_iter().map(|(number, _)| number).collect(), lost)
}

fn without(lost: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let lost: Vec<u64> = lost.into_iter().collect();
    (1..=80).filter(|number| !lost.contains(number)).collect()
}

#[test]
fn a_flipped_bit_costs_one_record_wherever_it_is() {
    let whole = three();
    for (place, first, count) in [(0, 1, 31), (1, 32, 31), (2, 63, 17)] {
        for byte in (SEGMENT_HEADER..SEGMENT_HEADER + count * 128).step_by(37) {
            let disk = three();
            let path = &segments(&disk)[place];
            change(&disk, path, |bytes| bytes[byte] ^= 4);
            let hit = first + (byte - SEGMENT_HEADER) as u64 / 128;
            let (recovered, numbers, lost) = opened(&disk);
            assert_eq!((numbers, lost), (without([hit]), 1), "segment {place}, byte {byte}");
            assert_eq!(recovered.broken, u64::from(place == 2));
            assert_eq!(bad(&disk).len(), 1);
            assert_eq!(disk.bytes(&bad(&disk)[0]).len(), 128);
        }
    }
    assert_eq!(opened(&whole).1, without([]));
}

#[test]
fn a_flipped_bit_in_the_last_payload_does_not_give_its_number_again() {
    let disk = three();
    change(&disk, &segments(&disk)[2], |bytes| *bytes.last_mut().unwrap() ^= 1);
    let (recovered, numbers, lost) = opened(&disk);
    assert_eq!((recovered.next, numbers, lost), (81, without([80]), 1));
}

#[test]
fn a_zeroed_page_costs_what_was_in_it() {
    for (place, first) in [(0, 1), (1, 32), (2, 63)] {
        let disk = three();
        change(&disk, &segments(&disk)[place], |bytes| bytes[..512].fill(0));
        let (recovered, numbers, lost) = opened(&disk);
        // 448 bytes behind the header: three records and a half.
        assert_eq!((numbers, lost), (without(first..first + 4), 4));
        assert_eq!(recovered.odd.len(), 1, "{recovered:?}");
        assert!(recovered.odd[0].reason.contains("damaged header"));
        assert_eq!(recovered.next, 81);
    }
}

#[test]
fn a_torn_end_is_cut_off_and_counted() {
    let disk = three();
    let path = &segments(&disk)[2];
    change(&disk, path, |bytes| bytes.truncate(bytes.len() - 50));
    let (recovered, numbers, lost) = opened(&disk);
    assert_eq!((recovered.torn, recovered.broken), (78, 0));
    assert_eq!((numbers, lost, recovered.next), (without([80]), 0, 80), "it was never durable");
    assert_eq!(disk.bytes(&bad(&disk)[0]).len(), 78);
    let (recovered, ..) = opened(&disk);
    assert!(recovered.is_clean(), "{recovered:?}");
}

#[test]
fn an_empty_last_file_is_a_segment_that_was_never_begun() {
    let disk = three();
    let id = Name::parse(&name(&segments(&disk)[0])).unwrap().id;
    let path = folder().join(Name { ordinal: 4, first: 81, id }.to_string());
    disk.put(&path, Vec::new());
    let (recovered, numbers, lost) = opened(&disk);
    assert_eq!((numbers, lost, recovered.next), (without([]), 0, 81));
    assert!(recovered.is_clean(), "{recovered:?}");
}

#[test]
fn foreign_files_are_named_and_left_alone() {
    let disk = three();
    let other = Name { ordinal: 9, first: 500, id: 1 };
    let header = Header { id: 1, ordinal: 9, first: 500, before: 1, released: 400 }.encode();
    disk.put(&folder().join("notes.txt"), b"hello".to_vec());
    disk.put(&folder().join(other.to_string()), header.to_vec());
    let (recovered, numbers, lost) = opened(&disk);
    assert_eq!((numbers, lost, recovered.next), (without([]), 0, 81));
    let odd: Vec<&str> = recovered.odd.iter().map(|odd| odd.name.as_str()).collect();
    assert_eq!(odd, [&other.to_string(), "notes.txt"]);
    assert_eq!(disk.bytes(&folder().join("notes.txt")), b"hello");
}

#[test]
fn a_segment_with_the_name_of_another_is_left_alone() {
    let disk = three();
    let paths = segments(&disk);
    let first = disk.bytes(&paths[0]);
    disk.put(&paths[1], first);
    let (recovered, numbers, lost) = opened(&disk);
    assert_eq!((numbers, lost), (without(32..=62), 31));
    assert!(recovered.odd[0].reason.contains("another segment's name"), "{recovered:?}");
}

#[test]
fn another_version_is_left_alone_and_its_numbers_are_not_given_again() {
    for place in [1, 2] {
        let disk = three();
        let path = segments(&disk)[place].clone();
        change(&disk, &path, |bytes| {
            bytes[8] = 7;
            let check = xxhash_rust::xxh3::xxh3_64(&bytes[..56]);
            bytes[56..64].copy_from_slice(&check.to_le_bytes());
        });
        let before = disk.bytes(&path);
        let (recovered, numbers, lost) = opened(&disk);
        assert!(recovered.odd[0].reason.contains("version 7"), "{recovered:?}");
        let (gone, next) = if place == 1 { (32..=62, 81) } else { (63..=80, 63) };
        assert_eq!((numbers, recovered.next), (without(gone), next));
        assert_eq!(lost, if place == 1 { 31 } else { 0 });
        assert_eq!(disk.bytes(&path), before);
    }
}

#[test]
fn a_missing_segment_is_named_and_its_records_are_counted() {
    for (place, gone) in [(0, 1..=31), (1, 32..=62)] {
        let disk = three();
        disk.take(&segments(&disk)[place]);
        let (recovered, numbers, lost) = opened(&disk);
        assert_eq!(recovered.missing, vec![gone.clone()]);
        assert_eq!((numbers, lost), (without(gone), 31));
    }
}

#[test]
fn a_segment_that_is_taken_away_while_the_log_is_open_is_lost_and_nothing_else() {
    let disk = three();
    let (log, _) = open(&disk).unwrap();
    disk.take(&segments(&disk)[1]);
    let (records, lost) = read_all(&log, 1);
    assert_eq!((records.len(), lost), (49, 31));
}

#[test]
fn a_lost_lock_file_is_made_anew() {
    let disk = three();
    disk.take(&folder().join("lock"));
    let (recovered, numbers, _) = opened(&disk);
    assert!(recovered.is_clean());
    assert_eq!(numbers, without([]));
}

#[test]
fn a_large_broken_range_is_read_over() {
    let disk = Disk::new();
    let (mut log, _) = super::Log::open(disk.filesystem(), folder(), 8 << 20).unwrap();
    let records = vec![vec![b'y'; 100_000]; 5];
    log.append(&records).unwrap();
    log.sync().unwrap();
    change(&disk, &segments(&disk)[0], |bytes| bytes[100_000..300_000].fill(0xF5));
    let mut reader = log.reader(Follow::Durable);
    let (mut numbers, mut lost, mut next) = (Vec::new(), 0, 1);
    while next < 6 {
        let chunk = reader.read(next, 10).unwrap();
        numbers.extend(chunk.records.iter().map(|(number, _)| *number));
        (next, lost) = (chunk.next, lost + chunk.lost);
    }
    assert_eq!((numbers, lost), (vec![4, 5], 3));
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}
