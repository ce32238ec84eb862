//! How fast a log is on the disk of a folder, next to `dd` with the same blocks: `speed [FOLDER]`.
//!
//! Each round writes with `dd` and one `fdatasync` at its end, with many tasks of which each goes on when its block is
//! durable, so that the log syncs again and again, and with `dd` that syncs as often. Then a log with 256 MiB in it is
//! opened.

use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use logd_disklog::fs::Real;
use logd_disklog::{Follow, Log, Writer};
use tokio::time::Instant;

/// What a round writes, in bytes.
const TOTAL: usize = 256 << 20;
/// What all tasks together have under way, in bytes: a task has one block.
const UNDER_WAY: usize = 32 << 20;
/// What the log syncs at once while there is enough of it, in bytes.
const GROUP: usize = 14 << 20;
/// Rounds for each size of blocks; the medians are shown.
const ROUNDS: usize = 5;
const MAX_SIZE: u64 = 1 << 30;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("speed.tmp"), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    let result = rounds(&folder).await;
    std::fs::remove_dir_all(&folder)?;
    result
}

async fn rounds(folder: &Path) -> anyhow::Result<()> {
    let mut out = stdout();
    writeln!(
        out,
        "{:>8} {:>14} {:>14} {:>14} {:>16}",
        "block", "log", "dd, one sync", "dd, as often", "durable after"
    )?;
    for block in [16 << 10, 64 << 10, 1 << 20] {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let once = dd(folder, block, "conv=fdatasync")?;
            let (log, latency) = log(folder, block).await?;
            let often = dd(folder, GROUP, "oflag=dsync")?;
            rounds.push((log / often, log, once, often, latency));
        }
        rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (share, log, once, often, latency) = rounds[ROUNDS / 2];
        write!(out, "{block:>8} {log:>9.0} MB/s {once:>9.0} MB/s {often:>9.0} MB/s {latency:>16.1?}")?;
        writeln!(out, "   share {:.2} and {share:.2}", log / once)?;
    }
    let began = Instant::now();
    let (log, recovered) = Log::open(Arc::new(Real), &folder.join("log"), MAX_SIZE)?;
    writeln!(out, "opened {} MB in {:.1?}", recovered.bytes / 1_000_000, began.elapsed())?;
    let (began, mut reader, mut next) = (Instant::now(), log.reader(Follow::Durable), 1);
    while next < recovered.next {
        next = reader.read(next, 1 << 20)?.next;
    }
    writeln!(out, "read with {:.0} MB/s", speed(recovered.bytes, began))?;
    Ok(())
}

/// Writes with `dd`, and returns MB/s.
fn dd(folder: &Path, block: usize, sync: &str) -> anyhow::Result<f64> {
    let (file, count) = (folder.join("dd"), TOTAL / block);
    let began = Instant::now();
    let done = Command::new("dd")
        .args(["if=/dev/zero", "status=none", sync])
        .args([format!("of={}", file.display()), format!("bs={block}"), format!("count={count}")])
        .status()
        .context("dd can't be run")?;
    ensure!(done.success(), "dd has failed");
    let speed = speed((count * block) as u64, began);
    std::fs::remove_file(file)?;
    Ok(speed)
}

/// Writes with a log that syncs for groups, and returns MB/s and the mean time until a block is durable.
async fn log(folder: &Path, block: usize) -> anyhow::Result<(f64, Duration)> {
    let folder = folder.join("log");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let writer = Writer::start(Log::open(Arc::new(Real), &folder, MAX_SIZE)?.0)?;
    let payload = Bytes::from(vec![b'x'; block]);
    let began = Instant::now();
    let tasks: Vec<_> = (0..UNDER_WAY / block)
        .map(|_| {
            let (writer, payload) = (writer.clone(), payload.clone());
            tokio::spawn(async move {
                for _ in 0..TOTAL / UNDER_WAY {
                    writer.append_durable(vec![payload.clone()]).await?;
                }
                Ok::<_, logd_disklog::Error>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let latency = began.elapsed() / u32::try_from(TOTAL / UNDER_WAY)?;
    let speed = speed(TOTAL as u64, began);
    writer.close().await?;
    Ok((speed, latency))
}

#[expect(clippy::cast_precision_loss, reason = "bytes, to be shown as megabytes")]
fn speed(bytes: u64, since: Instant) -> f64 {
    bytes as f64 / 1e6 / since.elapsed().as_secs_f64()
}
