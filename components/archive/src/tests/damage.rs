//! Damage on disk: reported, set aside, and gone on without.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Bench, NOW, bring, detector, end_epoch, event, ids, log, sink};
use crate::{AnomalyFilter, Archive, Change, LogFilter, PageRequest, Scope};

/// An archive with one log in each of three hours, and an anomaly; it is closed.
async fn filled(bench: &Bench) -> Vec<u8> {
    let archive = bench.open().await;
    let feed = archive.feed(&sink("api"));
    let mut kept = Vec::new();
    for hour in 0..3 {
        feed.ready().await.expect("ready");
        bring(&feed, log(&hour.to_string(), "web", "INFO", "hello", NOW + hour));
        feed.anomaly(&detector(), event(&hour.to_string(), "i", "web", Change::Open, NOW)).expect("an anomaly");
        kept = end_epoch(&feed).await;
        bench.pass(3600);
    }
    kept
}

fn parts(bench: &Bench) -> Vec<PathBuf> {
    let mut parts: Vec<_> = entries(&bench.folder.path().join("logs"));
    parts.sort();
    parts
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
}

fn set_aside(folder: &Path) -> usize {
    entries(folder).iter().filter(|path| path.to_string_lossy().contains(".damaged-")).count()
}

/// Turns a byte in the middle of a file around.
fn flip(file: &Path) {
    let mut bytes = fs::read(file).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(file, bytes).expect("written");
}

fn cut(file: &Path) {
    let bytes = fs::read(file).expect("read");
    fs::write(file, &bytes[..bytes.len() / 2]).expect("written");
}

async fn still_works(archive: &Archive, kept: &[u8]) {
    let feed = archive.feed(&sink("api"));
    feed.restore(kept).await.expect("restored");
    feed.ready().await.expect("ready");
    bring(&feed, log("new", "web", "INFO", "hello again", NOW));
    end_epoch(&feed).await;
    let found = ids(archive, &Scope::all(), &LogFilter::default(), 10).await;
    assert_eq!(found.first().map(String::as_str), Some("new"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_part_is_set_aside() {
    let kinds = ["store", "idx", "term", "pos", "fast", "meta.json"];
    for kind in kinds {
        for damage in [flip as fn(&Path), cut, |file: &Path| fs::write(file, b"").expect("written")] {
            let bench = Bench::new();
            let kept = filled(&bench).await;
            let files = entries(&parts(&bench)[1]);
            let file = files.iter().find(|file| file.to_string_lossy().ends_with(kind));
            damage(file.unwrap_or_else(|| panic!("no {kind} in {files:?}")));
            let archive = bench.open().await;
            let found = ids(&archive, &Scope::all(), &LogFilter::default(), 10).await;
            assert!(found.contains(&"2".to_owned()) && found.contains(&"0".to_owned()), "{kind}: {found:?}");
            let search = archive.search(&Scope::all(), "hello", &LogFilter::default(), &PageRequest::first(10)).await;
            assert!(search.expect("an answer").items.len() >= 2, "{kind}");
            still_works(&archive, &kept).await;
            // The whole of it is looked at, one part at a time.
            for _ in 0..5 {
                archive.tend().await;
            }
            assert_eq!(set_aside(&bench.folder.path().join("logs")), 1, "{kind}");
            assert_eq!(ids(&archive, &Scope::all(), &LogFilter::default(), 10).await, ["new", "2", "0"], "{kind}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_part_that_is_written_to_is_set_aside() {
    let bench = Bench::new();
    let kept = filled(&bench).await;
    // Back to the last part's hour.
    bench.clock.set(super::at(NOW + 2 * 3600));
    let files = entries(&parts(&bench)[2]);
    flip(files.iter().find(|file| file.to_string_lossy().ends_with("store")).expect("a store"));
    let archive = bench.open().await;
    still_works(&archive, &kept).await;
    assert_eq!(ids(&archive, &Scope::all(), &LogFilter::default(), 10).await, ["new", "1", "0"]);
    assert_eq!(set_aside(&bench.folder.path().join("logs")), 1);
}

/// Turns one byte in `each` around, from `start` on.
fn spoil(file: &Path, start: usize, each: usize) {
    let mut bytes = fs::read(file).expect("read");
    bytes.iter_mut().skip(start).step_by(each).for_each(|byte| *byte ^= 0x55);
    fs::write(file, bytes).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_set_aside() {
    for damage in [
        cut as fn(&Path),
        |file| fs::write(file, b"").expect("written"),
        |file| fs::write(file, vec![7; 100_000]).expect("written"),
        |file| fs::remove_file(file).expect("removed"),
        |file| spoil(file, 0, 64),
        |file| spoil(file, 4096, 97),
        |file| spoil(file, 4096, 997),
    ] {
        let bench = Bench::new();
        let kept = filled(&bench).await;
        let file = bench.folder.path().join("archive.redb");
        damage(&file);
        let was_there = file.exists();
        let archive = bench.open().await;
        assert_eq!(set_aside(bench.folder.path()), usize::from(was_there));
        assert_eq!(archive.totals(&Scope::all()).logs, 0);
        let feed = archive.feed(&sink("api"));
        feed.ready().await.expect("ready");
        assert_eq!(ids(&archive, &Scope::all(), &LogFilter::default(), 10).await, ["2", "1", "0"], "logs stay");
        drop(feed);
        still_works(&archive, &kept).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_single_byte_stops_the_archive() {
    let bench = Bench::new();
    filled(&bench).await;
    let good = fs::read(bench.folder.path().join("archive.redb")).expect("read");
    for place in (0..good.len()).step_by(good.len() / 60) {
        let bench = Bench::new();
        let mut bytes = good.clone();
        bytes[place] ^= 0xff;
        fs::write(bench.folder.path().join("archive.redb"), bytes).expect("written");
        let archive = bench.open().await;
        // Not every byte is in use.
        let logs = archive.totals(&Scope::all()).logs;
        assert_eq!(logs, if set_aside(bench.folder.path()) == 1 { 0 } else { 3 }, "{place}");
        still_works(&archive, &archive.feed(&sink("api")).seal().await.expect("sealed")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_turns_out_to_be_damaged_is_set_aside() {
    let bench = Bench::new();
    let kept = filled(&bench).await;
    let archive = bench.open().await;
    // What is not looked at when it is opened.
    archive.inner.store.spoil();
    let page = PageRequest::first(10);
    assert!(archive.anomalies(&Scope::all(), &AnomalyFilter::default(), &page).await.is_err());
    assert_eq!(set_aside(bench.folder.path()), 1);
    let found = archive.anomalies(&Scope::all(), &AnomalyFilter::default(), &page).await.expect("a page").items;
    assert!(found.is_empty());
    still_works(&archive, &kept).await;
    assert_eq!(archive.totals(&Scope::all()).logs, 4, "what is in memory stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_can_not_be_read_is_damage_too() {
    let bench = Bench::new();
    let kept = filled(&bench).await;
    bench.open().await.inner.store.spoil();
    let archive = bench.open().await;
    assert_eq!(set_aside(bench.folder.path()), 1);
    still_works(&archive, &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_half_made_is_cleared_away() {
    let bench = Bench::new();
    filled(&bench).await;
    let logs = bench.folder.path().join("logs");
    fs::create_dir(logs.join("2026-11-23T09-001")).expect("made");
    fs::rename(&parts(&bench)[1], logs.join("2026-11-23T08-001.gone")).expect("renamed");
    let archive = bench.open().await;
    assert_eq!((archive.stats().parts, parts(&bench).len(), set_aside(&logs)), (2, 2, 0));
}
