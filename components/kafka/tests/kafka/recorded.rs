//! Topics as files of lines.

use std::path::Path;
use std::time::Duration;

use logd_kafka::{Fetch, Fetched, Progress};
use rdkafka::producer::{BaseRecord, Producer as _};
use tempfile::TempDir;

use crate::broker::{Broker, PASSWORD, broker};
use crate::member::source_plan;

/// Fetches a topic by way of an address, and returns what that made, and the lines.
fn fetch(address: &str, topic: &str, settings: Option<&str>) -> anyhow::Result<(Fetched, String)> {
    let plan = settings.map(source_plan);
    let fetch = Fetch::new(format!("kafka://{address}/{topic}").parse().unwrap(), plan.as_deref());
    let (folder, progress) = (TempDir::new().unwrap(), Progress::default());
    let path = folder.path().join("lines");
    let fetched = fetch.run(&path, &progress)?;
    assert_eq!((progress.messages(), left(folder.path())), (fetched.messages, 1));
    assert!(fetched.messages == 0 || progress.share() == 1.0);
    Ok((fetched, std::fs::read_to_string(&path).unwrap()))
}

fn left(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

/// Sends a message of this time, in milliseconds.
fn send(broker: &Broker, topic: &str, partition: i32, time: i64, text: &str) {
    let producer = broker.producer();
    let record = BaseRecord::<str, str>::to(topic).partition(partition).timestamp(time).payload(text);
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(Duration::from_secs(30)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_one_by_time() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("recorded", 4).await;
    assert_eq!(fetch(&broker.address(), &topic, None).unwrap(), (Fetched::default(), String::new()));
    // The fourth stays empty.
    broker.send(&topic, 3, 0..20_000);
    let expected: String = (0..20_000).map(|number| format!("{number}\n")).collect();
    let fetched = Fetched { messages: 20_000, divided: 0 };
    for _ in 0..2 {
        assert_eq!(fetch(&broker.address(), &topic, None).unwrap(), (fetched, expected.clone()));
    }
    // What was deleted is not there, and what a transaction has taken back neither.
    broker.delete_before(&topic, 0, 6_666).await;
    broker.transactions(&topic, ["committed", "aborted"]);
    let (fetched, lines) = fetch(&broker.address(), &topic, None).unwrap();
    assert_eq!((fetched.messages, lines.lines().count()), (13_335, 13_335));
    assert!(lines.starts_with("1\n2\n4\n") && lines.ends_with("19999\ncommitted\n"), "{}", &lines[lines.len() - 50..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_several_lines_are_counted() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("lines", 2).await;
    for (partition, time, text) in [(0, 5, "a\n"), (1, 5, "b\nc"), (0, 3, "d\n\n"), (1, 6, "")] {
        send(broker, &topic, partition, time, text);
    }
    let fetched = Fetched { messages: 4, divided: 2 };
    assert_eq!(fetch(&broker.address(), &topic, None).unwrap(), (fetched, "a\nd\n\nb\nc\n\n".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_says_how_the_broker_is_reached() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("credentials", 1).await;
    broker.send(&topic, 1, 0..3);
    let sasl = format!("sasl = {{ mechanism = 'PLAIN', username = 'logd', password = '{PASSWORD}' }}");
    let settings = crate::source::settings(broker, &topic, &sasl);
    let (_, lines) = fetch(&broker.sasl_address(), &topic, Some(&settings)).unwrap();
    assert_eq!(lines, "0\n1\n2\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_named() {
    let (broker, _use) = broker().await;
    let (address, silent) = (broker.address(), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    // Twice: asking must not make it.
    for _ in 0..2 {
        let error = format!("{:#}", fetch(&address, "recorded-missing", None).unwrap_err());
        assert!(error.starts_with(&format!("kafka://{address}/recorded-missing can't be read: ")), "{error}");
        assert!(error.contains("nknown topic"), "{error}");
    }
    let address = silent.local_addr().unwrap();
    let error = format!("{:#}", fetch(&address.to_string(), "logs", None).unwrap_err());
    assert!(error.starts_with(&format!("kafka://{address}/logs can't be read: no answer within 10s")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_is_stopped() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("stopped", 1).await;
    broker.send(&topic, 1, 0..10);
    let fetch = Fetch::new(format!("kafka://{}/{topic}", broker.address()).parse().unwrap(), None);
    let (folder, progress) = (TempDir::new().unwrap(), Progress::default());
    progress.stop();
    let error = fetch.run(&folder.path().join("lines"), &progress).unwrap_err();
    assert!(format!("{error:#}").ends_with(": it was stopped"), "{error:#}");
    assert_eq!(left(folder.path()), 0);
}
