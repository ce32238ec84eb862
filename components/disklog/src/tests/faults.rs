//! A power cut, a failed call and a short write at every single call; a full disk; failed syncs.

use super::{Ledger, MAX_SIZE, folder, open, read_all};
use crate::testing::{Disk, Fault};
use crate::{Error, Log};

/// A life with several segments, releases, and a start in the middle.
fn life(ledger: &mut Ledger) {
    for round in 0..12 {
        let _ = ledger.append(&[700, 0, 300]);
        if round % 3 == 1 {
            let _ = ledger.sync();
        }
        if round % 4 == 3 {
            ledger.release(round * 2);
        }
        if round == 6 {
            ledger.kill();
        }
    }
}

/// Runs a life for each call that it makes, with a fault at that call.
fn at_every_call(fault: Fault, then: impl Fn(&mut Ledger)) {
    for n in 1.. {
        let mut ledger = Ledger::new();
        ledger.disk.fail_at(n, fault);
        life(&mut ledger);
        let fired = ledger.disk.fired();
        then(&mut ledger);
        if !fired {
            assert!(n > 60, "a life has more calls than {n}");
            return;
        }
    }
}

#[test]
fn a_power_cut_at_any_call_takes_nothing_that_was_durable() {
    for seed in 0..12 {
        at_every_call(Fault::PowerCut, |ledger| {
            ledger.cut_power(seed);
            assert!(ledger.log().is_some(), "it starts by itself");
            ledger.append(&[10, 20]).unwrap();
            ledger.sync().unwrap();
            ledger.cut_power(seed + 1);
            assert!(ledger.log().is_some());
        });
    }
}

#[test]
fn a_failed_or_short_call_costs_no_record_that_was_taken() {
    for fault in [Fault::Error, Fault::Short] {
        at_every_call(fault, |ledger| {
            assert!(ledger.log().is_some());
            ledger.check_open();
            ledger.append(&[10]).unwrap();
            ledger.sync().unwrap();
            ledger.check_open();
            ledger.cut_power(0);
            assert!(ledger.log().is_some());
            ledger.check_open();
        });
    }
}

#[test]
fn a_failed_sync_is_made_good_in_a_new_segment() {
    let disk = Disk::new();
    let (mut log, _) = open(&disk).unwrap();
    log.append(&[b"one"]).unwrap();
    log.sync().unwrap();
    log.append(&[b"two"]).unwrap();
    disk.fail_at(1, Fault::Error);
    assert_eq!(log.sync().unwrap(), 2, "the caller does not notice");
    assert!(disk.fired());
    let segments = disk.paths().iter().filter(|path| path.extension().is_some()).count();
    assert_eq!(segments, 2);
    log.append(&[b"three"]).unwrap();
    drop(log);
    disk.restart(0);
    let (log, recovered) = open(&disk).unwrap();
    let expected = vec![(1, b"one".to_vec()), (2, b"two".to_vec())];
    assert_eq!(read_all(&log, 1), (expected, 0));
    assert!(recovered.is_clean(), "{recovered:?}");
}

#[test]
fn when_the_new_segment_fails_too_the_next_sync_tries_again() {
    let disk = Disk::new();
    let (mut log, _) = open(&disk).unwrap();
    log.append(&[b"one"]).unwrap();
    disk.set_capacity(Some(0));
    disk.fail_at(1, Fault::Error);
    assert!(matches!(log.sync(), Err(Error::Io { .. })));
    assert!(log.append(&[b"two"]).is_err(), "no more is taken than can be kept");
    disk.set_capacity(None);
    assert_eq!(log.append(&[b"two"]).unwrap(), 2..3);
    log.sync().unwrap();
    drop(log);
    disk.restart(0);
    let (log, _) = open(&disk).unwrap();
    assert_eq!(read_all(&log, 1).0.len(), 2);
}

#[test]
fn a_full_disk_is_an_error_and_goes_by() {
    let mut ledger = Ledger::new();
    ledger.append(&[100; 20]).unwrap();
    ledger.disk.set_capacity(Some(3000));
    assert!(matches!(ledger.append(&[900]), Err(Error::Io { .. })));
    assert!(ledger.append(&[5000]).is_err());
    ledger.sync().unwrap();
    ledger.check_open();
    ledger.disk.set_capacity(None);
    ledger.append(&[900]).unwrap();
    ledger.check_open();
    ledger.sync().unwrap();
    ledger.cut_power(0);
    assert!(ledger.log().is_some());
    ledger.check_open();
}

#[test]
fn a_full_disk_gets_room_from_a_release() {
    let disk = Disk::new();
    let (mut log, _) = open(&disk).unwrap();
    for _ in 0..4 {
        log.append(&[[7; 3000]]).unwrap();
    }
    log.sync().unwrap();
    disk.set_capacity(Some(0));
    assert!(log.append(&[[7; 3000]]).is_err());
    // The note of the release has no room either, until the segments that it lets go are gone.
    disk.set_capacity(Some(log.view().borrow().bytes() + 20));
    log.release(3).unwrap();
    assert_eq!(log.append(&[[7; 3000]]).unwrap(), 5..6);
    log.sync().unwrap();
    drop(log);
    disk.restart(0);
    let (log, recovered) = open(&disk).unwrap();
    assert_eq!((recovered.released, recovered.records), (3, 2));
    assert_eq!(read_all(&log, 4).0.len(), 2);
}

#[test]
fn a_kill_is_no_power_cut() {
    let disk = Disk::new();
    let (mut log, _) = open(&disk).unwrap();
    log.append(&[b"written"]).unwrap();
    log.release(1).unwrap();
    log.append(&[b"too"]).unwrap();
    drop(log);
    let (log, recovered) = open(&disk).unwrap();
    assert_eq!((recovered.released, recovered.next), (1, 3));
    assert_eq!(log.view().borrow().durable(), 2, "what is read after a start is durable");
    drop(log);
    disk.restart(0);
    let (log, _) = Log::open(disk.filesystem(), folder(), MAX_SIZE).unwrap();
    assert_eq!(read_all(&log, 2).0, [(2, b"too".to_vec())]);
}

#[test]
fn what_a_release_removes_on_a_full_disk_does_not_take_the_numbers_with_it() {
    for seed in 0..64 {
        let mut ledger = Ledger::new();
        for sizes in [&[1866][..], &[70, 134, 199, 48], &[2461], &[0, 3961]] {
            ledger.append(sizes).unwrap();
        }
        ledger.disk.set_capacity(Some(0));
        ledger.release(6);
        ledger.disk.set_capacity(None);
        ledger.cut_power(seed);
        assert!(ledger.log().is_some());
    }
}

#[test]
fn pages_of_a_process_whose_sync_has_failed_are_not_trusted() {
    let mut ledger = Ledger::new();
    ledger.append(&[100, 200]).unwrap();
    ledger.disk.set_capacity(Some(0));
    ledger.disk.fail_at(1, Fault::Error);
    assert!(ledger.sync().is_err());
    ledger.kill();
    assert!(ledger.log().is_some());
    ledger.note();
    assert_eq!(ledger.durable, 2, "after a start all is durable");
    ledger.cut_power(0);
    assert!(ledger.log().is_some());
}

#[test]
fn a_segment_that_was_not_finished_does_not_end_the_one_before() {
    for (n, seed) in (1..40).flat_map(|n| (0..8).map(move |seed| (n, seed))) {
        let mut ledger = Ledger::new();
        ledger.append(&[10, 20, 30]).unwrap();
        ledger.sync().unwrap();
        ledger.kill();
        // The start can't make the end durable, so that the next append writes it anew; then the power goes.
        ledger.disk.fail_at(13, Fault::Error);
        assert!(ledger.log().is_some());
        ledger.disk.fail_at(n, Fault::PowerCut);
        let _ = ledger.append(&[40]);
        ledger.cut_power(seed);
        assert!(ledger.log().is_some());
    }
}
