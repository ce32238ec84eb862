//! Fills an archive with logs as a small shop's services write them, and says what that costs:
//! `cargo run --release -p logd-archive --example fill -- 1000000 [FOLDER]`.
//!
//! An epoch ends after each 5000 logs, which is a second's budget by default, so that what is measured has the commits of
//! real use. Without a folder it uses one that it deletes.

use std::fs;
use std::io::{self, Write as _};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use logd_archive::{Archive, Counted, LogFilter, LogRecord, Options, PageRequest, Scope};
use logd_sdk::{Clock, ComponentId, Time};
use tokio::time::Instant;

const SERVICES: [&str; 5] = ["api-gateway", "user-service", "payment-service", "auth-service", "database"];
const LEVELS: [&str; 10] = ["INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "DEBUG", "WARNING", "WARNING", "ERROR"];
const ENDPOINTS: [&str; 4] = ["/api/v1/users", "/api/v1/products", "/api/v1/orders", "/api/v1/payments"];
/// Logs in an epoch.
const EPOCH: u64 = 5000;
/// How often each query is asked.
const ASKED: usize = 200;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().map_or(Ok(200_000), |count| count.parse()).context("the number of logs")?;
    let temporary = std::env::temp_dir().join(format!("logd-archive-fill-{}", std::process::id()));
    let given = arguments.next().map(PathBuf::from);
    let folder = given.clone().unwrap_or_else(|| temporary.clone());
    let filled = fill(&folder, count).await;
    if given.is_none() {
        fs::remove_dir_all(&temporary).context("the folder can't be deleted")?;
    }
    filled
}

async fn fill(folder: &std::path::Path, count: u64) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let begin = Clock::system().now();
    let clock = Clock::fixed(begin);
    let max_rate = NonZeroU32::new(u32::MAX).context("a rate")?;
    let options = Options { max_rate, max_bytes: 1 << 40, ..Options::default() };
    let archive = Archive::open(folder, options, clock.clone()).await?;
    let feed = archive.feed(&ComponentId::new("shop", "api"));
    let (start, cpu) = (Instant::now(), cpu_seconds()?);
    // The best batch: others share the machine.
    let mut counting = Duration::MAX;
    for epoch in 0..count.div_ceil(EPOCH) {
        feed.ready().await?;
        let now = begin.after(Duration::from_secs(epoch));
        clock.set(now);
        let numbers = epoch * EPOCH..count.min((epoch + 1) * EPOCH);
        let records: Vec<_> = numbers.map(|number| record(number, now)).collect();
        let logs: Vec<_> = records.iter().map(counted_of).collect();
        let counted = Instant::now();
        {
            let mut guard = feed.counting("shop");
            for log in &logs {
                guard.count(log);
            }
            guard.end();
        }
        counting = counting.min(counted.elapsed() / u32::try_from(logs.len())?);
        records.into_iter().for_each(|record| feed.log(record));
        let kept = feed.seal().await?;
        feed.apply(&kept).await?;
    }
    let (took, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    archive.tend().await;
    let (stats, logs) = (archive.stats(), count as f64);
    let (per_second, per_core) = (logs / took, logs / cpu);
    writeln!(out, "{count} logs in {took:.1} s: {per_second:.0} logs/s; {per_core:.0} logs/s per core")?;
    writeln!(out, "counted, and asked for by the budget, in {} ns a log", counting.as_nanos())?;
    let (per_log, parts) = (stats.log_bytes as f64 / logs, stats.parts);
    writeln!(out, "{per_log:.0} bytes on disk per log in {parts} parts; {} bytes in all", stats.bytes)?;
    writeln!(out, "peak memory (VmHWM): {}", status("VmHWM:")?)?;
    for query in [
        "timeout",
        "timeout gateway",
        r#""connection refused""#,
        "user_id:user_4242",
        "level:ERROR service:database",
        "request 4242424",
    ] {
        let mut times = Vec::with_capacity(ASKED);
        let mut hits = 0;
        for _ in 0..ASKED {
            let asked = Instant::now();
            let page = PageRequest::first(20);
            hits = archive.search(&Scope::all(), query, &LogFilter::default(), &page).await?.items.len();
            times.push(asked.elapsed());
        }
        times.sort_unstable();
        let (p50, p99) = (times[ASKED / 2].as_secs_f64() * 1e3, times[ASKED * 99 / 100].as_secs_f64() * 1e3);
        writeln!(out, "search {query:32} {hits:2} hits, p50 {p50:.1} ms, p99 {p99:.1} ms")?;
    }
    writeln!(out, "peak memory after that: {}; now {}", status("VmHWM:")?, status("VmRSS:")?)?;
    Ok(())
}

fn counted_of(record: &LogRecord) -> Counted<'_> {
    let LogRecord { service, time, .. } = record;
    Counted { service, is_error: record.is_error(), response_time: Some(12.5), time: *time }
}

/// A log that follows from its number.
fn record(number: u64, time: Time) -> LogRecord {
    // Knuth's multiplier: neighbours have nothing in common.
    let draw = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let of = |shift: u32, limit: usize| (draw >> shift) as usize % limit;
    let (service, level, endpoint) = (SERVICES[of(20, 5)], LEVELS[of(25, 10)], ENDPOINTS[of(30, 4)]);
    let (user, took) = (of(33, 10_000), of(40, 500));
    let message = match (level, of(50, 3)) {
        ("ERROR", 0) => format!("connection refused by {service} after {took} ms"),
        ("ERROR", 1) => format!("timeout: no answer from the gateway within {took} ms"),
        ("ERROR", _) => format!("request {number} failed with status 500"),
        ("WARNING", _) => format!("slow query took {took} ms, retrying request {number}"),
        (_, 0) => format!("user user_{user} logged in from 192.168.{}.{}", of(41, 256), of(49, 256)),
        (_, 1) => format!("GET {endpoint} answered 200 in {took} ms"),
        _ => format!("processed request {number} for user_{user}"),
    };
    let event = format!(
        r#"{{"timestamp":"{time}","service":"{service}","level":"{level}","message":"{message}","response_time_ms":{took},"user_id":"user_{user}","request_id":"req-{draw:012x}","ip_address":"192.168.{}.{}","endpoint":"{endpoint}","is_anomaly":false}}"#,
        of(41, 256),
        of(49, 256),
    );
    LogRecord {
        id: format!("{draw:032x}"),
        time,
        service: service.to_owned(),
        level: level.to_owned(),
        message,
        pipeline: "shop".to_owned(),
        event,
    }
}

/// A line of what Linux says of this process.
fn status(line: &str) -> anyhow::Result<String> {
    let status = fs::read_to_string("/proc/self/status")?;
    let found = status.lines().find_map(|found| found.strip_prefix(line)).context("no such line")?;
    Ok(found.trim().to_owned())
}

/// The seconds that all threads have computed: Linux counts hundredths.
fn cpu_seconds() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, after_name) = stat.rsplit_once(')').context("no name")?;
    let fields: Vec<_> = after_name.split_whitespace().collect();
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
}
