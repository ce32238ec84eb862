//! logd: a log-analysis daemon.
//!
//! ```text
//!   pipelines/*.toml ──► config ──► graph of plans ──► build ──► tasks
//!                        (spans,     (topology::graph)            │
//!                      diagnostics)                               ▼
//!      source ══edge══► transform ══edge══► keyed (shards) ══edge══► driver ──► sink
//!        ▲                                     │ snapshots             │ acknowledged
//!        └── positions ◄── checkpoint store ◄──┴── coordinator ◄───────┘
//! ```
//!
//! - [`config`]: from files to a checked graph, with diagnostics that name file, line and column,
//! - `topology`: the running graph: edges bounded in bytes, a task for each component, parts that fail alone,
//! - `checkpoint`: epochs, by which a crash becomes a pause,
//! - `delivery`: the driver in front of every sink, and `buffer`: the disk buffer before that,
//! - `dead_letters`: events that nobody can handle, kept until somebody looks,
//! - `state`: what components keep by key, for those who look at it or carry it elsewhere,
//! - `backtest`: recorded input through the same graph, for the alarms that it gives,
//! - `pipeline_tests`: the tests that stand in pipeline files, through the same graph,
//! - `telemetry`: metrics and logs.
//!
//! What can stand in a pipeline lives in `components/`, and implements the contract of `logd-sdk`.

mod admin;
mod backtest;
pub mod config;

mod buffer;
pub mod catalogue;
mod checkpoint;
pub mod cli;
mod daemon;
mod dead_letters;
mod delivery;
mod pipeline_tests;
mod state;
mod telemetry;
#[cfg(test)]
mod testing;
mod topology;
