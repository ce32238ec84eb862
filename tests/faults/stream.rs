//! Kafka → logd → Elasticsearch, and kill -9 of each of them: in the end there is one document for each event.

use std::time::Duration;

use tokio::time::Instant;

use super::cluster::{Cluster, PARTITIONS, Sender, cluster};
use super::daemon::Daemon;
use super::{alone, lives};
use crate::support::moments::Moments;
use crate::support::services::Service;

/// How long after a service is back events have to flow again.
const SOON: Duration = Duration::from_secs(5);
/// Windows of the topic's events by the time at which they were sent.
const WINDOWS: &str = r#"
[transforms.counted]
type = "window"
inputs = ["parsed"]
size = "1s"
allowed_lateness = "0s"
aggregates.count = { fn = "count" }

[sinks.seen]
type = "blackhole"
inputs = ["counted"]
"#;

/// A flow under way.
struct Flow {
    name: &'static str,
    cluster: &'static Cluster,
    daemon: Daemon,
    sender: Sender,
}

impl Flow {
    /// Begins to send events through a topic to an index, both of this name.
    fn start(name: &'static str) -> Self {
        Self::start_with(name, "")
    }

    /// The same, and with more that the pipeline does.
    fn start_with(name: &'static str, more: &str) -> Self {
        let cluster = cluster();
        cluster.make_topic(name);
        let daemon = Daemon::new(&[&*cluster.pipeline(name), more].concat());
        Self { name, cluster, daemon, sender: Sender::start(cluster, name) }
    }

    /// Waits until events are delivered that were not when this was called.
    fn flows(&mut self) {
        let before = self.daemon.delivered();
        self.daemon.wait_for("a delivery", |daemon| daemon.delivered() > before);
    }

    /// Ends it, and counts.
    fn ends_exactly(mut self) {
        let sent = self.sender.stop();
        let numbers = || self.cluster.numbers(self.name);
        self.daemon.wait_for("all events", |_| numbers().len() as u64 >= sent);
        self.daemon.settles();
        // Partitions catch up one after the other, and a window waits for all of them.
        assert_eq!(self.daemon.sum("logd_component_late_events_total{", &[]), 0.0);
        self.daemon.end("TERM");
        let numbers = numbers();
        let lost = (1..=sent).filter(|number| !numbers.contains_key(number)).count();
        let doubled: u32 = numbers.values().map(|times| times - 1).sum();
        println!("{}: {sent} events, {lost} lost, {doubled} doubled", self.name);
        assert_eq!((lost, doubled, numbers.len() as u64), (0, 0, sent));
    }
}

fn through(name: &'static str, lives: u32, signal: &str) {
    let mut flow = Flow::start(name);
    let mut moments = Moments::new();
    for _ in 0..lives {
        flow.daemon.start();
        flow.flows();
        std::thread::sleep(moments.within(Duration::from_millis(500)));
        flow.daemon.end(signal);
    }
    flow.daemon.start();
    flow.ends_exactly();
}

#[test]
fn kills_of_logd_lose_and_double_no_document() {
    let _alone = alone();
    through("killed", lives(), "KILL");
}

#[test]
fn stops_of_logd_lose_and_double_no_document() {
    let _alone = alone();
    through("stopped", 3, "TERM");
}

/// Kills a service under way, waits until `/ready` tells that `component` has no one to talk to, and starts it again. What
/// the others wait for meanwhile is not late for them.
fn without(name: &'static str, service: fn(&Cluster) -> &Service, component: &str) {
    let mut flow = Flow::start_with(name, WINDOWS);
    flow.daemon.start();
    flow.flows();
    let service = service(flow.cluster);
    let killed = service.killed();
    flow.daemon.wait_for("a reason", |daemon| {
        let ready = daemon.ready();
        ready.contains("\"ready\":false") && ready.contains(&format!("\"component\":\"{component}\""))
    });
    println!("{name}: {}", flow.daemon.ready());
    drop(killed);
    let back = Instant::now();
    flow.flows();
    println!("{name}: flows {:?} after the service was back", back.elapsed());
    assert!(back.elapsed() < SOON, "{:?}", back.elapsed());
    flow.daemon.wait_for("readiness", |daemon| daemon.ready().contains("\"ready\":true"));
    let windows = |daemon: &Daemon| daemon.sum("logd_component_sent_events_total{", &["component_id=\"counted\""]);
    let before = windows(&flow.daemon);
    flow.daemon.wait_for("a window", |daemon| windows(daemon) > before);
    flow.ends_exactly();
}

#[test]
fn a_kill_of_kafka_loses_and_doubles_no_document() {
    let _alone = alone();
    without("kafka-killed", |cluster| &cluster.kafka, "logs");
}

#[test]
fn a_kill_of_elasticsearch_loses_and_doubles_no_document() {
    let _alone = alone();
    without("elasticsearch-killed", |cluster| &cluster.elasticsearch, "documents");
}

/// Another logd of the same group comes and goes, partitions are added, and a message is no event.
#[test]
fn members_that_come_and_go_lose_and_double_no_document() {
    let _alone = alone();
    let mut flow = Flow::start("members");
    flow.daemon.start();
    flow.flows();
    let mut guest = Daemon::new(&flow.cluster.pipeline("members"));
    for signal in ["TERM", "KILL", "TERM", "KILL"] {
        guest.start();
        guest.wait_for("its share", |guest| guest.delivered() > 0.0);
        guest.watch(Duration::from_secs(2), |_| {});
        guest.end(signal);
    }
    flow.cluster.add_partitions("members", 2 * PARTITIONS as usize);
    guest.start();
    flow.cluster.send_poison("members");
    let dead = |daemon: &Daemon| daemon.sum("logd_component_dead_events_total{", &["component_id=\"parsed\""]);
    flow.daemon.wait_for("the dead letter", |daemon| dead(daemon) + dead(&guest) == 1.0);
    flow.ends_exactly();
    guest.settles();
    guest.end("TERM");
}

/// All but the source is edited, over and over; then logd dies in the middle of it.
#[test]
fn reloads_and_kills_within_them_rebalance_nothing_and_lose_and_double_no_document() {
    let _alone = alone();
    let mut flow = Flow::start("reloaded");
    let pipeline = flow.cluster.pipeline("reloaded");
    let edited = |turn: u32| {
        let timeout = format!("\"{}ms\"", 100 + turn % 7);
        let mut text = pipeline.replace("\"100ms\"", &timeout);
        if turn.is_multiple_of(3) {
            text += &format!(
                "[transforms.more]\ntype = \"filter\"\ninputs = [\"parsed\"]\ncondition = '.number > {turn}'\n\
                 [sinks.branch]\ntype = \"blackhole\"\ninputs = [\"more\"]\n"
            );
        }
        text
    };
    flow.daemon.start();
    flow.flows();
    let rebalances = |flow: &Flow| flow.daemon.sum("logd_kafka_rebalances_total{", &[]);
    let before = rebalances(&flow);
    for turn in 0..2 * lives() {
        flow.daemon.place.write("pipelines/pipeline.toml", edited(turn));
        assert!(flow.daemon.reload(), "{}", flow.daemon.said());
        flow.flows();
    }
    assert_eq!(rebalances(&flow), before);
    let mut moments = Moments::new();
    for turn in 0..lives() / 2 {
        flow.daemon.place.write("pipelines/pipeline.toml", edited(turn));
        let mut asking = flow.daemon.place.logd().arg("reload").spawn().expect("it runs");
        std::thread::sleep(moments.within(Duration::from_millis(60)));
        flow.daemon.end("KILL");
        asking.wait().expect("it ends when nobody answers");
        flow.daemon.start();
        flow.flows();
    }
    flow.ends_exactly();
}

/// A source with other settings is another consumer, and yet the same member: the others keep their partitions.
#[test]
fn a_source_that_is_replaced_keeps_its_place_in_the_group() {
    let _alone = alone();
    let mut flow = Flow::start("replaced");
    let pipeline = flow.cluster.pipeline("replaced");
    flow.daemon.start();
    flow.flows();
    let mut guest = Daemon::new(&pipeline);
    guest.start();
    guest.wait_for("its share", |guest| guest.delivered() > 0.0);
    guest.watch(Duration::from_secs(3), |_| {});
    let rebalances = |guest: &Daemon| guest.sum("logd_kafka_rebalances_total{", &[]);
    let before = rebalances(&guest);
    for turn in 0..5 {
        let edited = pipeline.replace("topics =", &format!("key_field = \"key_{turn}\"\ntopics ="));
        flow.daemon.place.write("pipelines/pipeline.toml", edited);
        assert!(flow.daemon.reload(), "{}", flow.daemon.said());
        flow.flows();
    }
    assert_eq!(rebalances(&guest), before);
    flow.ends_exactly();
    guest.settles();
    guest.end("TERM");
}
