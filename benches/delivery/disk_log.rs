//! The disk log, whose writers each wait until their block is durable, next to `dd` with the same bytes: with one sync
//! at its end, and with one as often as the log syncs.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use logd_disklog::fs::Real;
use logd_disklog::{Log, Writer};

use crate::bench::{Bench, role};
use crate::rounds::{compare, of_speed};
use crate::support::measure::measure;
use crate::table::Row;

/// The role of this binary as the log's writer.
pub(crate) const ROLE: &str = "disk-log";

/// What is written, in bytes.
const TOTAL: usize = 256 << 20;
/// How large each block is, in bytes.
const BLOCK: usize = 64 << 10;
/// How many bytes wait to be durable at once.
const UNDER_WAY: usize = 32 << 20;
/// What the log syncs at once while there is enough of it, in bytes.
const GROUP: usize = 14 << 20;
/// How large the log may become, in bytes.
const MAX_SIZE: u64 = 1 << 30;

/// Prints the rows.
pub(crate) fn run(bench: &Bench) {
    let (log, file) = (bench.folder().join("log"), bench.folder().join("dd"));
    let own = || {
        let measured = measure(role(ROLE).arg(&log));
        fs::remove_dir_all(&log).expect("the log can be removed");
        measured
    };
    for (name, block, sync, least) in [
        ("`dd`, one sync at the end", BLOCK, "conv=fsync", Some(0.6)),
        ("`dd`, a sync every 14 MiB", GROUP, "oflag=dsync", None),
    ] {
        let bare = || {
            let measured = measure(dd(block, sync).arg(format!("of={}", file.display())));
            fs::remove_file(&file).expect("the file can be removed");
            measured
        };
        let round = compare(bare, own, of_speed);
        Row::new(name).megabytes((TOTAL / block * block) as u64, &round.bare).print();
        let row = Row::new("disk log, 64 KiB blocks, each durable").megabytes(TOTAL as u64, &round.own);
        match least {
            Some(least) => row.at_least(round.share, least).print(),
            None => row.share(round.share).print(),
        }
    }
}

fn dd(block: usize, sync: &str) -> Command {
    let mut command = Command::new("dd");
    command.args(["if=/dev/zero", "status=none", sync]);
    command.args([format!("bs={block}"), format!("count={}", TOTAL / block)]);
    command
}

/// Writes to a new log in a folder.
pub(crate) fn write(folder: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (log, _) = Log::open(Arc::new(Real), Path::new(folder), MAX_SIZE).expect("a log");
        let writer = Writer::start(log).expect("a writer");
        let payload = Bytes::from(vec![b'x'; BLOCK]);
        let tasks: Vec<_> = (0..UNDER_WAY / BLOCK)
            .map(|_| {
                let (writer, payload) = (writer.clone(), payload.clone());
                tokio::spawn(async move {
                    for _ in 0..TOTAL / UNDER_WAY {
                        writer.append_durable(vec![payload.clone()]).await.expect("durable");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("written");
        }
        writer.close().await.expect("closed");
    });
}
