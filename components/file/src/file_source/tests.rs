//! Reading files to their ends: what becomes events, in which order, and how a run goes on where another was.

use std::collections::BTreeSet;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::testing::{Folder, NOW, drain, next, problems, reads_its_example, said, texts};
use logd_sdk::Time;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn reads_its_example_and_rejects_what_it_must() {
    reads_its_example::<FileSourceSettings>();
    for (settings, expected) in [
        ("include = []", "include: no file is included"),
        ("include = ['a', 'b[']", "include[1]: not a pattern for files: invalid range pattern"),
        ("include = ['a']\nexclude = ['***']", "exclude[0]: not a pattern for files: "),
        ("include = ['a']\nfingerprint.length = '0 B'", "fingerprint.length: the length must lie between"),
        ("include = ['a']\nglob_interval = '0s'", "glob_interval: `glob_interval` must be longer"),
        ("include = ['a']\nmax_line_size = '0 B'", "max_line_size: "),
    ] {
        let found = problems::<FileSourceSettings>(settings);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{settings}: {found:?}");
    }
    assert!(toml::from_str::<FileSourceSettings>("include = ['a']\nmax_line_bytes = 5").is_err());
    assert!(toml::from_str::<FileSourceSettings>("exclude = ['a']").is_err());
}

#[tokio::test]
async fn reads_every_file_once_to_its_end() {
    let folder = Folder::new();
    folder.write("a.log", b"one\r\n\r\ntw\xff\n");
    folder.write("b.log", "last");
    folder.write("c.txt", "not included\n");
    folder.write("d.log.gz", "not wanted\n");
    folder.write("e.log", "");
    std::os::unix::fs::symlink(folder.path("a.log"), folder.path("f.log")).unwrap();
    std::fs::create_dir(folder.path("g.log")).unwrap();
    let mut source = folder.source("exclude = ['*.gz']", true, 1024);

    let announced = next(&mut source).await.unwrap();
    let partitions: BTreeSet<_> = announced.blocks().iter().map(|block| block.partition.name().to_owned()).collect();
    assert_eq!((announced.len(), partitions.len()), (0, 3), "a, b and e, before any event");
    assert!(announced.blocks().iter().all(|block| block.greatest == Time::MIN));

    let first = next(&mut source).await.unwrap();
    assert_eq!((first.raw(0), first.raw(1)), (&b"one"[..], &b"tw\xff"[..]));
    assert_eq!(first.rows().iter().map(|row| (row.position, row.time)).collect::<Vec<_>>(), [(0, NOW), (7, NOW)]);
    assert!(partitions.contains(first.blocks()[0].partition.name()));
    assert_eq!(first.blocks()[0].greatest, NOW);

    // `b` has no line to its end, and `e` has none at all; each ends once.
    let mut rest = Vec::new();
    let mut ends = 0;
    while let Some(batch) = next(&mut source).await {
        rest.extend(texts(&batch));
        ends += batch.blocks().iter().filter(|block| block.greatest == Time::MAX).count();
    }
    assert_eq!((rest, ends), (vec!["last".to_owned()], 3));
    assert!(next(&mut source).await.is_none(), "and stays at its end");
}

#[tokio::test]
async fn files_take_turns() {
    let folder = Folder::new();
    folder.write("a.log", "a1 56\na2 56\na3 56\n");
    folder.write("b.log", "b1 56\nb2 56\nb3 56\n");
    let mut source = folder.source("", true, 6);
    assert_eq!(drain(&mut source).await, ["a1 56", "b1 56", "a2 56", "b2 56", "a3 56", "b3 56"]);
}

#[tokio::test]
async fn no_file_is_an_early_end() {
    assert!(next(&mut Folder::new().source("", true, 64)).await.is_none());
}

#[tokio::test]
async fn reads_compressed_files() {
    let folder = Folder::new();
    let text: String = (0..200).map(|line| format!("line {line}\n")).collect();
    let mut members = gzip(&text[..700]);
    members.extend(gzip(&text[700..]));
    folder.write("a.log.gz", &members);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(drain(&mut folder.source("", true, 64)).await, lines);

    // What is right in a file that is cut off or broken is read all the same.
    folder.write("a.log.gz", &members[..members.len() - 5]);
    assert_eq!(drain(&mut folder.source("", true, 64)).await, lines);
    folder.write("a.log.gz", "no gzip\n");
    assert!(drain(&mut folder.source("", true, 64)).await.is_empty());
}

#[tokio::test]
async fn lines_that_are_too_long_are_left_out() {
    let folder = Folder::new();
    folder.write("a.log", format!("one\n{}\ntwo\n", "x".repeat(10_000)));
    assert_eq!(drain(&mut folder.source("max_line_size = '100 B'", true, 64)).await, ["one", "two"]);
}

/// A text of lines, some of which belong together, some empty, some too long, and the last not complete.
fn text() -> String {
    let line = |line: usize| match line % 7 {
        0 => "\r\n".to_owned(),
        1 | 2 => format!("  at {line}\n"),
        3 => format!("Long {line} {}\n", "x".repeat(90)),
        _ => format!("Line {line}\r\n"),
    };
    (0..100).map(line).collect::<String>() + "Last"
}

#[tokio::test]
async fn goes_on_behind_any_batch() {
    let folder = Folder::new();
    folder.write("a.log", text());
    folder.write("b.log.gz", gzip(&text()));
    folder.write("c.log", text());
    for more in ["max_line_size = '80 B'", "max_line_size = '80 B'\nmultiline.start_pattern = '^[A-Z]'"] {
        let mut source = folder.source(more, true, 48);
        let mut all = Vec::new();
        let mut cuts = vec![(0, source.position().unwrap())];
        while let Some(batch) = next(&mut source).await {
            all.extend((0..batch.len()).map(|row| (batch.id(row), batch.raw(row).to_vec())));
            cuts.push((all.len(), source.position().unwrap()));
        }
        assert!(cuts.len() > 50, "{} batches", cuts.len());
        all.iter().for_each(|(_, text)| assert!(text.len() <= 80));
        for (before, position) in cuts {
            let mut source = folder.resumed(more, true, 48, &position);
            assert_eq!(source.position().unwrap(), position, "nothing is forgotten before it has been looked for");
            let mut rest = Vec::new();
            while let Some(batch) = next(&mut source).await {
                rest.extend((0..batch.len()).map(|row| (batch.id(row), batch.raw(row).to_vec())));
            }
            // Files take turns in another order, so the order counts within each.
            let mut expected = all[before..].to_vec();
            expected.sort();
            rest.sort();
            assert_eq!(rest, expected, "behind {before} of {}", all.len());
        }
    }
}

#[tokio::test]
async fn a_dropped_call_loses_nothing() {
    let folder = Folder::new();
    let lines: Vec<String> = (0..100).map(|line| format!("line {line}")).collect();
    folder.write("a.log", lines.join("\n"));
    let mut source = folder.source("", true, 64);
    let (mut found, mut dropped) = (Vec::new(), 0);
    loop {
        let next = tokio::select! {
            biased;
            next = source.next() => next.unwrap(),
            () = tokio::task::yield_now() => {
                dropped += 1;
                continue;
            }
        };
        match next {
            Next::Batch(batch) => found.extend(texts(&batch)),
            Next::End => break,
        }
    }
    assert_eq!(found, lines);
    assert!(dropped > 0);
}

#[tokio::test(start_paused = true)]
async fn the_end_is_where_the_first_start_begins() {
    let folder = Folder::new();
    folder.write("a.log", "old\nhalf of");
    folder.write("b.log", "old\n");
    folder.write("c.log.gz", gzip("old\n"));
    let mut source = folder.source("read_from = 'end'", false, 64);
    said(&mut source).await;
    folder.append("a.log", " a line\nnew a\n");
    assert_eq!(said(&mut source).await, (vec!["new a".to_owned()], false));
    folder.append("b.log", "new b\n");
    assert_eq!(said(&mut source).await.0, ["new b"]);
    // What appears later is new as a whole, also while nobody looks.
    folder.write("d.log", "new d\n");
    assert_eq!(said(&mut source).await.0, [""; 0]);
    assert_eq!(said(&mut source).await.0, ["new d"]);
    let position = source.position().unwrap();
    drop(source);
    folder.write("e.log", "new e\n");
    let mut source = folder.resumed("read_from = 'end'", false, 64, &position);
    said(&mut source).await;
    assert_eq!(said(&mut source).await.0, ["new e"]);
}
