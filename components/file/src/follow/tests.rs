//! Files that change while they are followed, or while nobody looks.

use logd_sdk::source::Source as _;

use crate::testing::{Folder, next, said, silent};

const NONE: [&str; 0] = [];

fn file_count(position: &[u8]) -> usize {
    logd_sdk::snapshot::decode::<Vec<super::Place>>(super::VERSION, position).unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn follows_what_is_added() {
    let folder = Folder::new();
    folder.write("a.log", "one\ntw");
    let mut source = folder.source("", false, 64);
    said(&mut source).await;
    assert_eq!(said(&mut source).await.0, ["one"]);
    silent(&mut source, 60).await;
    folder.append("a.log", "o\nthree");
    assert_eq!(said(&mut source).await.0, ["two"]);
    folder.write("b.log", "new\n");
    assert_eq!(said(&mut source).await.0, NONE, "announced first");
    assert_eq!(said(&mut source).await.0, ["new"]);
    silent(&mut source, 60).await;
}

#[tokio::test(start_paused = true)]
async fn a_renamed_file_is_read_to_its_end_before_the_new_one() {
    let folder = Folder::new();
    folder.write("a.log", "one\n");
    let mut source = folder.source("include = ['DIR/*.log']", false, 8);
    said(&mut source).await;
    let first = next(&mut source).await.unwrap();
    folder.append("a.log", "two\nthree\n");
    folder.rename("a.log", "a.old");
    folder.write("a.log", "new\n");
    let second = next(&mut source).await.unwrap();
    assert_eq!(second.raw(0), b"two");
    assert_eq!(second.blocks()[0].partition, first.blocks()[0].partition, "events keep their identity");
    assert_eq!(said(&mut source).await, (vec!["three".to_owned()], false));
    let mut said_of_new = Vec::new();
    for _ in 0..3 {
        said_of_new.push(said(&mut source).await);
    }
    let expected = [(vec![], true), (vec![], false), (vec!["new".to_owned()], false)];
    assert!(expected.iter().all(|expected| said_of_new.contains(expected)), "{said_of_new:?}");
    // Its writer may not know yet.
    folder.append("a.old", "late\nand cut");
    assert_eq!(said(&mut source).await, (vec!["late".to_owned()], false));
    assert_eq!(said(&mut source).await, (vec![], true));
    assert_eq!(file_count(&source.position().unwrap()), 2);
    assert_eq!(said(&mut source).await, (vec!["and cut".to_owned()], true), "let go");
    assert_eq!(file_count(&source.position().unwrap()), 1);
    folder.append("a.old", "too late\n");
    silent(&mut source, 60).await;
}

#[tokio::test(start_paused = true)]
async fn a_renamed_file_that_is_still_included_goes_on() {
    let folder = Folder::new();
    folder.write("a.log", "one\n");
    let mut source = folder.source("", false, 64);
    said(&mut source).await;
    assert_eq!(said(&mut source).await.0, ["one"]);
    folder.rename("a.log", "a.log.1");
    assert_eq!(said(&mut source).await, (vec![], true), "nothing more is awaited");
    folder.append("a.log.1", "two\n");
    assert_eq!(said(&mut source).await, (vec!["two".to_owned()], false));
    assert_eq!(said(&mut source).await, (vec![], true));
    silent(&mut source, 60).await;
    assert_eq!(file_count(&source.position().unwrap()), 1);
}

#[tokio::test(start_paused = true)]
async fn an_emptied_file_begins_anew() {
    let folder = Folder::new();
    folder.write("a.log", "one\nhalf");
    let mut source = folder.source("", false, 64);
    said(&mut source).await;
    let first = next(&mut source).await.unwrap();
    folder.write("a.log", "one\n");
    assert_eq!(said(&mut source).await, (vec!["half".to_owned()], true));
    let second = next(&mut source).await.unwrap();
    assert_eq!((second.raw(0), second.rows()[0].position), (first.raw(0), 0));
    assert_ne!(second.id(0), first.id(0), "it was written twice, and so is two events");
    // Longer than before, but with another beginning.
    folder.write("a.log", "another\nbeginning\n");
    assert_eq!(said(&mut source).await, (vec![], true));
    assert_eq!(said(&mut source).await.0, ["another", "beginning"]);
    silent(&mut source, 60).await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_file_is_forgotten() {
    let folder = Folder::new();
    folder.write("a.log", "one\nhalf");
    let mut source = folder.source("rotate_wait = '3s'", false, 64);
    said(&mut source).await;
    assert_eq!(said(&mut source).await.0, ["one"]);
    std::fs::remove_file(folder.path("a.log")).unwrap();
    assert_eq!(said(&mut source).await, (vec![], true));
    assert_eq!(said(&mut source).await, (vec!["half".to_owned()], true));
    assert_eq!(file_count(&source.position().unwrap()), 0);
    silent(&mut source, 60).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_of_several_lines_waits_for_its_timeout() {
    let folder = Folder::new();
    folder.write("a.log", "Error\n  at a\n");
    let mut source = folder.source("multiline = { start_pattern = '^[A-Z]', timeout = '5s' }", false, 64);
    said(&mut source).await;
    silent(&mut source, 4).await;
    folder.append("a.log", "  at b\n  at");
    let start = tokio::time::Instant::now();
    assert_eq!(said(&mut source).await.0, ["Error\n  at a\n  at b"]);
    assert!(start.elapsed().as_secs_f32() > 4.5, "the timeout counts from the last line");
    folder.append("a.log", " c\nNext\n");
    assert_eq!(said(&mut source).await.0, ["  at c"], "a line that comes too late stands alone");
    assert_eq!(said(&mut source).await.0, ["Next"]);
}

/// A source that has read `before` of `a.log`, stopped; and what it says after `change`, when it runs again.
async fn after(before: &str, change: impl FnOnce(&Folder)) -> (Vec<String>, usize) {
    let folder = Folder::new();
    folder.write("a.log", before);
    let settings = "include = ['DIR/*.log']";
    let mut source = folder.source(settings, true, 64);
    while next(&mut source).await.is_some() {}
    let position = source.position().unwrap();
    change(&folder);
    let mut source = folder.resumed(settings, true, 64, &position);
    let events = crate::testing::drain(&mut source).await;
    (events, file_count(&source.position().unwrap()))
}

#[tokio::test]
async fn what_happened_while_nobody_looked() {
    let events = |events: &[&str]| events.iter().map(|&event| event.to_owned()).collect::<Vec<_>>();
    let found = after("one\n", |folder| folder.append("a.log", "two\n")).await;
    assert_eq!(found, (events(&["two"]), 1), "it has grown");
    let found = after("one\ntwo\n", |folder| folder.write("a.log", "one\n")).await;
    assert_eq!(found, (events(&["one"]), 1), "it was emptied, and is shorter");
    let found = after("one\n", |folder| folder.write("a.log", "another\nbeginning\n")).await;
    assert_eq!(found, (events(&["another", "beginning"]), 1), "it was emptied, and is longer");
    let found = after("one\n", |folder| std::fs::remove_file(folder.path("a.log")).unwrap()).await;
    assert_eq!(found, (events(&[]), 0), "it is gone");
    let found = after("one\n", |folder| {
        folder.append("a.log", "two\n");
        folder.rename("a.log", "a.1");
        folder.write("a.log", "three\n");
    });
    let (mut found, files) = found.await;
    found.sort();
    assert_eq!((found, files), (events(&["three", "two"]), 2), "it was renamed, and another took its name");
    let found = after("one\n", |folder| {
        folder.append("a.log", "two\n");
        folder.rename("a.log", "b.log");
    });
    assert_eq!(found.await, (events(&["two"]), 1), "it was renamed, and is still included");
}

#[tokio::test]
async fn files_that_share_their_first_lines_are_not_one() {
    let folder = Folder::new();
    let header = "timestamp,value\n".repeat(50);
    folder.write("a.log", format!("{header}a\n"));
    folder.write("b.log", format!("{header}b\n"));
    let mut source = folder.source("", true, 256 * 1024);
    let events = crate::testing::drain(&mut source).await;
    assert_eq!(events.len(), 102);
    assert!(events.contains(&"a".to_owned()) && events.contains(&"b".to_owned()));
}

#[tokio::test]
async fn another_form_of_position_is_refused() {
    let folder = Folder::new();
    let mut source = folder.source("", true, 64);
    assert!(source.seek(b"\x07nonsense").is_err());
    assert!(source.seek(b"").is_err());
}
