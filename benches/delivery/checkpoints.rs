//! What checkpoints cost: the same job with one a second, and with none before the end.

use std::fs;

use crate::bench::Bench;
use crate::rounds::{compare, of_speed};
use crate::support::measure::measure;
use crate::support::pipeline::{PARSE, analyse};
use crate::table::Row;

/// Prints the rows.
pub(crate) fn run(bench: &Bench) {
    let take = |interval: &str| {
        let config = bench.folder().join("logd.toml");
        fs::write(&config, format!("checkpoint.interval = \"{interval}\"\n")).expect("the settings can be written");
        let mut command = bench.once(&[&bench.source(bench.topic()), PARSE, &analyse("parsed")].concat());
        measure(command.arg("--config").arg(config))
    };
    let round = compare(|| take("1h"), || take("1s"), of_speed);
    Row::new("Kafka → blackhole, no checkpoints").events(bench.logs, round.bare).print();
    let row = Row::new("the same, a checkpoint a second");
    row.events(bench.logs, round.own).at_least(round.share, 0.95).print();
}
