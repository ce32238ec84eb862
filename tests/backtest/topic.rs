//! Input from a real Kafka.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};

use super::input::{WATCH, labelled};
use super::outcome;
use crate::support::services::Service;
use crate::support::{Place, files, run};

/// Makes a topic of three partitions, and sends lines to all of them, each a millisecond after the one before.
fn send(brokers: &str, topic: &str, lines: &str) {
    // Of a new topic the first batches may have to be sent again, and must not come in another order.
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("enable.idempotence", "true");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let admin: AdminClient<DefaultClientContext> = config.create().expect("a client");
    let new = NewTopic::new(topic, 3, TopicReplication::Fixed(1));
    let made = runtime.block_on(admin.create_topics([&new], &AdminOptions::new())).expect("the broker answers");
    made.into_iter().for_each(|made| drop(made.expect("the topic is made")));
    let producer: ThreadedProducer<DefaultProducerContext> = config.create().expect("a producer");
    // A time of 0 would mean the present.
    for (line, number) in lines.lines().zip(1_i32..) {
        let mut record = BaseRecord::<str, str>::to(topic).payload(line).timestamp(number.into());
        record.partition = Some(number % 7 % 3);
        while let Err((_, back)) = producer.send(record) {
            std::thread::sleep(Duration::from_millis(1));
            record = back;
        }
    }
    producer.flush(Duration::from_secs(60)).expect("the broker takes them");
}

#[test]
fn a_topic_says_what_the_same_lines_in_a_file_say() {
    let kafka = Service::start("kafka");
    let brokers = format!("127.0.0.1:{}", kafka.port());
    let place = labelled();
    let logs = std::fs::read_to_string(place.path("logs.jsonl")).expect("there");
    send(&brokers, "logs", &logs);
    let source = format!(
        "type = \"kafka\"\nbootstrap_servers = \"{brokers}\"\ngroup_id = \"g\"\ntopics = [\"logs\"]\nkey_field = \"key\""
    );
    place.write("kafka/watch.toml", WATCH.replace("type = \"file\"\ninclude = [\"logs.jsonl\"]", &source));
    let input = format!("services=kafka://{brokers}/logs");
    let whole = |pipeline: &str, input: &str| {
        let mut outcome = outcome(&place, &[pipeline, "--input", input, "--labels", "labels.jsonl"]);
        outcome["trial"]["pipeline"].take();
        outcome
    };
    let expected = whole("watch.toml", "logs.jsonl");
    assert_eq!(whole("watch.toml", &input), expected);

    // Two runs say the same, byte for byte, of a sweep too, and leave nothing behind.
    let temporary = place.path("tmp");
    std::fs::create_dir(&temporary).expect("made");
    let told = [(); 2].map(|()| {
        let mut logd = place.logd();
        logd.env("TMPDIR", &temporary).args(["backtest", "watch.toml", "--input", &input, "--anomalies", "a.jsonl"]);
        let said = run(logd.args(["--sweep", "transforms.latency.threshold=3..300/2", "--format", "json"]));
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
        (said.out, std::fs::read_to_string(place.path("a.jsonl")).expect("there"))
    });
    assert_eq!(told[0], told[1]);
    assert!(files(&temporary).is_empty(), "{:?}", files(&temporary));

    // What is learned of both is the same.
    let learned = |data_dir: &str, input: &str| {
        let state = |arguments: &[&str]| {
            let said = run(place.logd().args(["state", "-c", "watch.toml", "--data-dir", data_dir]).args(arguments));
            assert_eq!(said.code, Some(0), "{}", said.err);
            said.out
        };
        state(&["learn", "watch.toml", "--input", input]);
        state(&["show", "latency"])
    };
    assert_eq!(learned("by-topic", &input), learned("by-file", "logs.jsonl"));

    // What is no line is told of once.
    send(&brokers, "broken", "{}");
    let producer: ThreadedProducer<DefaultProducerContext> =
        ClientConfig::new().set("bootstrap.servers", &brokers).create().expect("a producer");
    producer.send(BaseRecord::<str, str>::to("broken").payload("a\nb")).map_err(|(error, _)| error).expect("sent");
    producer.flush(Duration::from_secs(60)).expect("the broker takes it");
    let said = run(place.logd().args(["backtest", "watch.toml", "--input", &format!("kafka://{brokers}/broken")]));
    assert_eq!(said.code, Some(69), "{}", said.err);
    assert_eq!(said.err.matches("Messages hold line breaks").count(), 1, "{}", said.err);
    assert!(said.err.contains("messages=1"), "{}", said.err);
}

#[test]
fn a_broker_that_is_not_there_is_named() {
    let place = Place::new();
    place.write("watch.toml", WATCH);
    for (input, code, expected) in [
        ("kafka://127.0.0.1:1/logs", 69, "kafka://127.0.0.1:1/logs can't be read: no answer within 10s: "),
        ("kafka://127.0.0.1:1", 64, "`kafka://127.0.0.1:1` names no topic"),
        // What can't be run is not fetched for.
        ("other=kafka://127.0.0.1:1/logs", 64, "no source is named `other`"),
    ] {
        let said = run(place.logd().args(["backtest", "watch.toml", "--input", input]));
        assert_eq!(said.code, Some(code), "{}", said.err);
        assert!(said.err.contains(expected), "{}", said.err);
    }
}
