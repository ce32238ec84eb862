//! What may happen to logd and around it: with a ledger of ids, nothing that was acknowledged is lost, and what comes
//! twice is counted.
//!
//! The whole daemon stands here. What one crate can show by itself stands there:
//!
//! | fault | shown in |
//! |---|---|
//! | kill -9 of logd: HTTP → disk buffer → HTTP; Kafka → Elasticsearch | `kills`, `stream` |
//! | the same: HTTP → disk buffer → file; file → windows, detectors → file; generator → Redis | `tests/durable.rs`, `tests/buffer.rs`, `tests/crash.rs`, `tests/classic.rs` |
//! | kill -9 of Kafka, Elasticsearch; of Redis | `stream`; `tests/classic.rs` |
//! | power cut at every call, n-th call fails, short write, failed sync | `components/disklog/src/tests/faults.rs` |
//! | damaged disk log: flipped bit, zeroed page, torn end, foreign file, other version, missing middle | `components/disklog/src/tests/damage.rs` |
//! | full log; receiver away, slow, silent, and what waits beside it | `tests/durable.rs`; `away` |
//! | reload: at random under load; beside Kafka, and kill -9 in its middle; broken file, neighbours, what can't be started, what is removed | `reloads`; `stream`; `tests/reload.rs`, `src/daemon/reload/tests.rs`, `src/topology/part/tests.rs` |
//! | Kafka: members come and go, partitions are added, a message is no event | `stream` |
//! | Kafka: broker dies, topic is made anew or missing, offset is gone | `components/kafka/tests/kafka/{faults,group,topics,source}.rs` |
//! | Elasticsearch: 429, 503, 413, mapping errors, half an answer, no answer | `components/elasticsearch/src/sink/tests`, `components/elasticsearch/tests/service` |
//! | Redis: wrong or changed password, no memory, read-only, half-open connection | `components/redis/tests/redis/{faults,secrets}.rs` |
//! | webhook receiver: 500, 410, 429, timeout, redirect, long answer | `components/http/src/webhook/tests/calls.rs`, `components/http/src/client/tests.rs`, `tests/alerts` |
//! | times that are late or too far ahead, silent partitions; a clock that jumps | `components/detect/src/window/tests/time.rs`; `src/topology/watermarks.rs` |
//! | a million keys | `keys` |
//! | few file descriptors, little memory, a starved processor | `scarce` |
//! | a panic in a component, and an event at which it panics again | `src/topology/part/tests.rs`, `src/topology/suspects.rs`, `components/parse/src/program/tests.rs` |
//! | half load for long | `soak` |
//! | every example with kill -9, and with a reload, in its middle | `tests/examples.rs` |
//!
//! `SEED=N` repeats the moments of kills. `tests/soak` runs all of this for longer.

mod away;
mod cluster;
mod daemon;
mod keys;
mod kills;
mod receiver;
mod reloads;
mod scarce;
mod soak;
mod stream;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Held by the test that runs: they measure times and memory, and two at once would measure each other.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For how long the soak lasts, if `tests/soak` has started this; then all others are longer, too.
fn soak() -> Option<Duration> {
    let seconds = std::env::var("SOAK_SECONDS").ok()?;
    Some(Duration::from_secs(seconds.parse().expect("SOAK_SECONDS is a number")))
}

/// How often a daemon is killed.
fn lives() -> u32 {
    if soak().is_some() { 50 } else { 20 }
}
