//! Files as they stand on the disk: their names, rotation, compression, and what a crash leaves of them.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use logd_sdk::{Columns, Time};
use tempfile::TempDir;

use super::*;
use crate::testing::{NOW, batch, context, problems, reads_its_example};

/// A folder for the sink's files, and one for its journal.
struct Disk(TempDir);

impl Disk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("out").join(name)
    }

    async fn sink(&self, path: &str, more: &str) -> FileSink {
        let path = self.path(path).display().to_string();
        let settings: FileSinkSettings = toml::from_str(&format!("path = '{path}'\n{more}")).unwrap();
        settings.build(&context(&self.0.path().join("data"), false)).await.unwrap()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| format!("{name}: {error}"))
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

async fn write(sink: &FileSink, lines: &[&str]) {
    assert_eq!(sink.deliver(&batch(lines.iter().copied(), NOW)).await, Attempt::delivered());
}

/// A batch of which every event has the field `message`, taken out as the daemon does it.
fn with_message(lines: &[&str], time: Time) -> Batch {
    let mut batch = batch(lines.iter().copied(), time);
    batch.require(&Columns::new(["message".parse::<logd_sdk::settings::FieldPath>().unwrap().path().clone()]));
    batch
}

#[test]
fn reads_its_example_and_rejects_what_it_must() {
    reads_its_example::<FileSinkSettings>();
    for (settings, expected) in [
        ("path = 'logs/'", "path: the path names a folder"),
        ("path = \"a\\nb\"", "path: a path has no control characters"),
        ("path = 'a'\nmax_size = '0 B'", "max_size: `max_size` must be larger than nothing"),
        ("path = 'a'\ninterval = '0s'", "interval: `interval` must be longer than nothing"),
    ] {
        assert_eq!(problems::<FileSinkSettings>(settings), [expected]);
    }
    for wrong in ["path = '{{ service }}.log'", "path = '%Y.log'", "", "path = 'a'\ncompression = 'lz4'"] {
        assert!(toml::from_str::<FileSinkSettings>(wrong).is_err(), "{wrong}");
    }
    let settings: FileSinkSettings = toml::from_str("path = 'a-{{ b.c }}-{{ d }}'").unwrap();
    struct None;
    impl Conditions for None {
        fn compile(
            &self,
            _: &str,
        ) -> Result<std::sync::Arc<dyn logd_sdk::condition::Condition>, Vec<logd_sdk::settings::Fault>> {
            Err(Vec::new())
        }
    }
    let Reads::Fields(fields) = settings.reads(&None) else { panic!("not the whole event") };
    assert_eq!(fields.iter().map(ToString::to_string).collect::<Vec<_>>(), ["b.c", "d"]);
}

#[tokio::test]
async fn building_touches_nothing() {
    let disk = Disk::new();
    let sink = disk.sink("a.log", "").await;
    sink.probe().await.unwrap();
    assert_eq!(std::fs::read_dir(disk.0.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_go_to_the_files_that_they_name() {
    let disk = Disk::new();
    let sink = disk.sink("%Y-%m/{{ message }}.log", "encoding.codec = 'json'").await;
    let attempt = sink.deliver(&with_message(&["api", "../api", "web", "api", ""], NOW)).await;
    let reasons: Vec<_> = attempt.reject.iter().map(|(row, reason)| (*row, reason.as_str())).collect();
    let expected = [
        (1, "the field `message` makes no file name: \"../api\""),
        (4, "the field `message` makes no file name: \"\""),
    ];
    assert_eq!((reasons, attempt.retry.len()), (expected.to_vec(), 0));
    let early = Time::parse_rfc3339(b"2015-05-20T09:05:00Z").unwrap();
    sink.deliver(&with_message(&["api"], early)).await;
    let api = "{\"message\":\"api\"}\n";
    assert_eq!(disk.read("2026-11/api.log"), api.repeat(2));
    assert_eq!(disk.read("2015-05/api.log"), api);
    assert_eq!(disk.names(), ["2015-05", "2026-11"]);
}

#[tokio::test]
async fn bytes_pass_as_they_are() {
    let disk = Disk::new();
    let sink = disk.sink("a.log", "").await;
    let line = bytes::Bytes::from_static(b"\xff\0\r");
    let block = logd_sdk::Block::new(line, logd_sdk::Partition::new("test", ""));
    sink.deliver(&Batch::new(block, vec![logd_sdk::Row::line(0, 3, 0, NOW)])).await;
    assert_eq!(std::fs::read(disk.path("a.log")).unwrap(), b"\xff\0\r\n");
}

#[tokio::test]
async fn a_full_file_is_followed_by_another() {
    let disk = Disk::new();
    let sink = disk.sink("a.log", "max_size = '8 B'").await;
    write(&sink, &["one", "two", "three", "a longer one", "x"]).await;
    write(&sink, &["y"]).await;
    let files = ["a.log", "a.1.log", "a.2.log", "a.3.log"].map(|name| disk.read(name));
    assert_eq!(files, ["one\ntwo\n", "three\n", "a longer one\n", "x\ny\n"]);
    // Another run goes on with the last of them.
    drop(sink);
    let sink = disk.sink("a.log", "max_size = '8 B'").await;
    write(&sink, &["z", "new"]).await;
    assert_eq!((disk.read("a.3.log"), disk.read("a.4.log")), ("x\ny\nz\n".to_owned(), "new\n".to_owned()));
}

#[tokio::test]
async fn an_old_file_is_followed_by_another() {
    let disk = Disk::new();
    let sink = disk.sink("a.log", "interval = '1h'").await;
    write(&sink, &["one"]).await;
    drop(sink);
    let born = std::fs::metadata(disk.path("a.log")).unwrap().created().unwrap();
    let born = Time::EPOCH.after(born.duration_since(std::time::UNIX_EPOCH).unwrap());
    let minutes = |minutes: u64| born.after(std::time::Duration::from_secs(60 * minutes));
    let sink = |time| {
        let path = disk.path("a.log").display().to_string();
        let settings: FileSinkSettings = toml::from_str(&format!("path = '{path}'\ninterval = '1h'")).unwrap();
        let clock = logd_sdk::Clock::fixed(time);
        let context = Context { clock, ..context(&disk.0.path().join("data"), false) };
        async move { settings.build(&context).await.unwrap() }
    };
    write(&sink(minutes(59)).await, &["two"]).await;
    write(&sink(minutes(61)).await, &["three"]).await;
    assert_eq!((disk.read("a.log"), disk.read("a.1.log")), ("one\ntwo\n".to_owned(), "three\n".to_owned()));
}

#[tokio::test]
async fn two_sinks_never_share_a_file() {
    let disk = Disk::new();
    let (first, second) = (disk.sink("a.log", "").await, disk.sink("a.log", "").await);
    write(&first, &["first"]).await;
    write(&second, &["second"]).await;
    assert_eq!((disk.read("a.log"), disk.read("a.1.log")), ("first\n".to_owned(), "second\n".to_owned()));
}

#[tokio::test]
async fn many_files_are_not_open_at_once() {
    let disk = Disk::new();
    let sink = disk.sink("{{ message }}", "").await;
    let names: Vec<String> = (0..200).map(|name| name.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for _ in 0..2 {
        sink.deliver(&with_message(&names, NOW)).await;
    }
    let open = || async { sink.files.lock().await.open().len() };
    assert_eq!(open().await, 64);
    assert!(names.iter().all(|name| disk.read(name) == format!("{name}\n").repeat(2)));
    sink.sync().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn idle_and_removed_files_are_let_go() {
    let disk = Disk::new();
    let sink = disk.sink("{{ message }}", "").await;
    sink.deliver(&with_message(&["a", "b"], NOW)).await;
    std::fs::remove_file(disk.path("b")).unwrap();
    sink.sync().await.unwrap();
    assert_eq!(sink.files.lock().await.open(), [disk.path("a")]);
    tokio::time::advance(std::time::Duration::from_secs(31)).await;
    sink.sync().await.unwrap();
    assert!(sink.files.lock().await.open().is_empty());
    sink.deliver(&with_message(&["b"], NOW)).await;
    assert_eq!(disk.read("b"), "b\n", "begun anew");
}

/// What a compressed file holds.
fn decompressed(compression: &str, path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    let mut text = String::new();
    match compression {
        "gzip" => flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).map(drop),
        "zstd" => zstd::stream::read::Decoder::new(&bytes[..]).unwrap().read_to_string(&mut text).map(drop),
        _ => {
            text = String::from_utf8(bytes).unwrap();
            Ok(())
        }
    }
    .unwrap();
    text
}

#[tokio::test]
async fn a_restart_cuts_back_to_the_epoch() {
    for compression in ["none", "gzip", "zstd"] {
        let disk = Disk::new();
        let more = format!("compression = '{compression}'\nmax_size = '2 MiB'");
        let long: Vec<String> = (0..30_000).map(|line| format!("{compression} line {line:090}")).collect();
        let long: Vec<&str> = long.iter().map(String::as_str).collect();
        let sink = disk.sink("a.log", &more).await;
        write(&sink, &["one"]).await;
        sink.sync().await.unwrap();
        write(&sink, &["two"]).await;
        let epoch = sink.sync().await.unwrap().unwrap();
        write(&sink, &["three"]).await;
        write(&sink, &long).await;
        sink.sync().await.unwrap();
        write(&sink, &["lost"]).await;
        drop(sink);

        for _ in 0..2 {
            let sink = disk.sink("a.log", &more).await;
            sink.restore(&epoch).await.unwrap();
            assert_eq!(decompressed(compression, &disk.path("a.log")), "one\ntwo\n");
            for rest in disk.names().iter().filter(|name| *name != "a.log") {
                assert_eq!(std::fs::metadata(disk.path(rest)).unwrap().len(), 0, "{rest} came later");
            }
            write(&sink, &["again"]).await;
            sink.sync().await.unwrap();
            let written: String = disk.names().iter().map(|name| decompressed(compression, &disk.path(name))).collect();
            assert_eq!(written.matches("again").count(), 1);
        }
    }
}

#[tokio::test]
async fn another_sink_goes_on_in_the_middle_of_an_epoch() {
    for (before, after) in [("none", "none"), ("gzip", "gzip"), ("gzip", "zstd")] {
        let disk = Disk::new();
        let old = disk.sink("a.log", &format!("compression = '{before}'")).await;
        write(&old, &["one"]).await;
        let epoch = old.sync().await.unwrap().unwrap();
        write(&old, &["two"]).await;
        // Another file, for one that is open would be compressed in two ways.
        let name = if before == after { "a.log" } else { "b.log" };
        let new = disk.sink(name, &format!("compression = '{after}'")).await;
        new.succeed(&old).await.unwrap();
        drop(old);
        write(&new, &["three"]).await;
        new.sync().await.unwrap();
        let written = || disk.names().into_iter().map(|name| (disk.path(&name), name));
        let text = |(path, name): (PathBuf, String)| decompressed(if name == "b.log" { after } else { before }, &path);
        assert_eq!(written().map(text).collect::<String>(), "one\ntwo\nthree\n", "{before} {after}");
        // That epoch did not complete: the one before it knows the files of both.
        drop(new);
        let new = disk.sink(name, &format!("compression = '{after}'")).await;
        new.restore(&epoch).await.unwrap();
        let left = written().filter(|(path, _)| std::fs::metadata(path).unwrap().len() > 0);
        assert_eq!(left.map(text).collect::<String>(), "one\n", "{before} {after}");
    }
}

#[tokio::test]
async fn files_of_no_epoch_are_cut_back_too() {
    let disk = Disk::new();
    let sink = disk.sink("{{ message }}", "").await;
    let known = ["old", "closed"];
    sink.deliver(&with_message(&known, NOW)).await;
    sink.sync().await.unwrap();
    sink.files.lock().await.close_all();
    let epoch = sink.sync().await.unwrap().unwrap();
    // Neither is open at the end of the epoch, and `new` has never been.
    sink.deliver(&with_message(&["old", "new", "closed"], NOW)).await;
    sink.files.lock().await.close_all();
    sink.deliver(&with_message(&["old", "new"], NOW)).await;
    drop(sink);
    let sink = disk.sink("{{ message }}", "").await;
    sink.restore(&epoch).await.unwrap();
    assert_eq!(["old", "closed", "new"].map(|name| disk.read(name)), ["old\n", "closed\n", ""]);
}

#[tokio::test]
async fn files_that_others_have_changed_are_left_alone() {
    let disk = Disk::new();
    let sink = disk.sink("{{ message }}", "").await;
    sink.deliver(&with_message(&["removed", "replaced", "shorter"], NOW)).await;
    let epoch = sink.sync().await.unwrap().unwrap();
    drop(sink);
    std::fs::remove_file(disk.path("removed")).unwrap();
    std::fs::write(disk.path("other"), "something long that is not ours").unwrap();
    std::fs::rename(disk.path("other"), disk.path("replaced")).unwrap();
    std::fs::write(disk.path("shorter"), "x").unwrap();
    let sink = disk.sink("{{ message }}", "").await;
    sink.restore(&epoch).await.unwrap();
    assert_eq!(disk.read("replaced"), "something long that is not ours");
    assert_eq!(disk.read("shorter"), "x");
    assert!(sink.restore(b"nonsense").await.is_err());
}

#[tokio::test]
async fn what_can_not_be_written_is_tried_again() {
    let disk = Disk::new();
    let sink = disk.sink("{{ message }}/x.log", "").await;
    std::fs::create_dir_all(disk.path("")).unwrap();
    std::fs::write(disk.path("b"), "a file where a folder should be").unwrap();
    let attempt = sink.deliver(&with_message(&["a", "b", "a", "b"], NOW)).await;
    assert_eq!((attempt.retry, attempt.reject.len()), (vec![1, 3], 0));
    assert!(attempt.error.unwrap().contains("b/x.log"));
    assert_eq!(disk.read("a/x.log"), "a\na\n");
}

#[tokio::test]
async fn a_full_disk_doubles_and_loses_nothing() {
    // Every write to this device fails as on a full disk.
    let full = Path::new("/dev/full");
    if !full.exists() || std::fs::metadata(full).unwrap().rdev() == 0 {
        return;
    }
    for compression in [Compression::None, Compression::Gzip] {
        let file = std::fs::OpenOptions::new().write(true).open(full).unwrap();
        let mut output = output::Output::new(full.to_owned(), file, compression).unwrap();
        let mut piece = Piece::default();
        piece.push(|out| out.extend_from_slice(b"one\n"));
        let taken = output.write(&piece, 0, u64::MAX);
        assert_eq!(taken.is_ok(), compression == Compression::Gzip, "compressed text waits in memory");
        assert_eq!(output.flush().is_err(), compression == Compression::Gzip);
        assert!(output.write(&piece, 0, u64::MAX).is_err(), "and takes nothing more until it is written");
        assert_eq!(output.length, 0);
    }
}
