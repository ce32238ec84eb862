//! From Kafka to incidents, next to a loop around a bare `rdkafka` consumer that only counts.

use std::hint::black_box;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, Message as _};

use crate::bench::{Bench, role};
use crate::rounds::{compare, of_speed};
use crate::support::measure::{Measured, measure};
use crate::support::pipeline::{PARSE, analyse};
use crate::table::Row;

/// The role of this binary as the bare consumer.
pub(crate) const ROLE: &str = "bare-consumer";

/// How long a poll waits.
const POLL: Duration = Duration::from_millis(100);

/// Prints the rows.
pub(crate) fn run(bench: &Bench) {
    let own = || measure(&mut bench.once(&[&bench.source(bench.topic()), PARSE, &analyse("parsed")].concat()));
    let round = compare(|| bare(bench), own, of_speed);
    Row::new("bare Kafka consumer").events(bench.logs, round.bare).print();
    let row = Row::new("Kafka → parse → window → zscore, spike → blackhole");
    row.events(bench.logs, round.own).at_least(round.share, 0.5).print();
}

/// What the bare consumer takes for all logs.
pub(crate) fn bare(bench: &Bench) -> Measured {
    measure(role(ROLE).args([bench.kafka(), bench.topic(), &bench.group(), &bench.logs.to_string()]))
}

/// Reads so many messages as the only member of a group, which is left in the end.
pub(crate) fn consume(brokers: &str, topic: &str, group: &str, count: &str) {
    let count: u64 = count.parse().expect("a number");
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    consumer.subscribe(&[topic]).expect("subscribed");
    let (mut messages, mut bytes) = (0, 0);
    while messages < count {
        if let Some(message) = consumer.poll(POLL) {
            messages += 1;
            bytes += message.expect("a message").payload().map_or(0, <[u8]>::len);
        }
    }
    black_box(bytes);
}
