//! A real Kafka and a real Elasticsearch, for all tests here: numbered events go into the one, and are counted in the other.

use std::collections::HashMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use serde_json::Value;

use crate::support::run;
use crate::support::services::Service;

/// So many partitions has a topic at first.
pub(super) const PARTITIONS: i32 = 3;

/// Both services.
pub(super) struct Cluster {
    pub(super) kafka: Service,
    pub(super) elasticsearch: Service,
}

/// The services, which the first who asks starts and the end of the process ends.
pub(super) fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        std::thread::scope(|scope| {
            let kafka = scope.spawn(|| Service::start("kafka"));
            let elasticsearch = Service::start("elasticsearch");
            Cluster { kafka: kafka.join().expect("Kafka starts"), elasticsearch }
        })
    })
}

impl Cluster {
    fn kafka_client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", format!("127.0.0.1:{}", self.kafka.port()));
        config
    }

    /// Makes a topic of this name.
    pub(super) fn make_topic(&self, name: &str) {
        let new = NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1));
        let made = self.admin(async |admin, options| admin.create_topics([&new], options).await);
        made.into_iter().for_each(|made| drop(made.expect("the topic is made")));
    }

    /// Gives a topic more partitions.
    pub(super) fn add_partitions(&self, name: &str, to: usize) {
        let new = NewPartitions::new(name, to);
        let made = self.admin(async |admin, options| admin.create_partitions([&new], options).await);
        made.into_iter().for_each(|made| drop(made.expect("they are made")));
    }

    /// Sends a message that is no JSON.
    pub(super) fn send_poison(&self, topic: &str) {
        let producer: ThreadedProducer<DefaultProducerContext> = self.kafka_client().create().expect("a producer");
        producer.send(BaseRecord::<str, str>::to(topic).payload("{poison")).map_err(|(error, _)| error).expect("sent");
        producer.flush(Duration::from_secs(60)).expect("the broker takes it");
    }

    fn admin<T>(
        &self,
        ask: impl AsyncFnOnce(&AdminClient<DefaultClientContext>, &AdminOptions) -> rdkafka::error::KafkaResult<T>,
    ) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = self.kafka_client().create().expect("a client");
        runtime.block_on(ask(&client, &AdminOptions::new())).expect("the broker answers")
    }

    /// A pipeline that copies a topic to an index of the same name. What is no JSON is a dead letter.
    pub(super) fn pipeline(&self, name: &str) -> String {
        format!(
            "[sources.logs]\ntype = \"kafka\"\nbootstrap_servers = \"127.0.0.1:{}\"\ngroup_id = \"{name}\"\n\
             topics = [\"{name}\"]\nauto_offset_reset = \"earliest\"\n\
             librdkafka_options = {{ \"topic.metadata.refresh.interval.ms\" = \"1000\" }}\n\
             [transforms.parsed]\ntype = \"parse\"\ninputs = [\"logs\"]\nformat = \"json\"\n\
             [sinks.documents]\ntype = \"elasticsearch\"\ninputs = [\"parsed\"]\n\
             endpoints = [\"http://127.0.0.1:{}\"]\nbulk.index = \"{name}\"\nbatch.timeout = \"100ms\"\n",
            self.kafka.port(),
            self.elasticsearch.port()
        )
    }

    /// How many documents of an index have each number. Documents that have none count as 0.
    pub(super) fn numbers(&self, index: &str) -> HashMap<u64, u32> {
        let mut numbers = HashMap::new();
        self.ask("POST", &format!("{index}/_refresh"), "");
        let query = r#"{"size":10000,"_source":false,"docvalue_fields":["number"],"sort":["_doc"]}"#;
        let mut page = self.ask("POST", &format!("{index}/_search?scroll=1m"), query);
        loop {
            let hits = page["hits"]["hits"].as_array().unwrap_or_else(|| panic!("{page}"));
            if hits.is_empty() {
                return numbers;
            }
            for hit in hits {
                *numbers.entry(hit["fields"]["number"][0].as_u64().unwrap_or(0)).or_default() += 1;
            }
            let next = format!(r#"{{"scroll":"1m","scroll_id":{}}}"#, page["_scroll_id"]);
            page = self.ask("POST", "_search/scroll", &next);
        }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let uri = format!("http://127.0.0.1:{}/{path}", self.elasticsearch.port());
        let arguments = ["-sS", "-X", method, "-H", "content-type: application/json", "-d", body, &uri];
        let said = run(Command::new("curl").args(arguments));
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}{}", said.out, said.err))
    }
}

/// Sends events with the numbers 1, 2, 3, … to a topic, some 2000 a second.
pub(super) struct Sender {
    sent: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sender {
    pub(super) fn start(cluster: &Cluster, topic: &str) -> Self {
        // An idempotent producer: what it has to send again, because the broker was killed, is there once.
        let mut client = cluster.kafka_client();
        client.set("linger.ms", "1").set("enable.idempotence", "true");
        // It finds out soon that the broker is back, and that there are more partitions.
        client.set("reconnect.backoff.max.ms", "100").set("topic.metadata.refresh.interval.ms", "500");
        let producer: ThreadedProducer<DefaultProducerContext> = client.create().expect("a producer");
        let (sent, stop, topic) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default(), topic.to_owned());
        let thread = {
            let (sent, stop) = (Arc::clone(&sent), Arc::clone(&stop));
            std::thread::spawn(move || {
                while !stop.load(Relaxed) {
                    for _ in 0..20 {
                        send(&producer, &topic, sent.fetch_add(1, Relaxed) + 1);
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
                producer.flush(Duration::from_secs(60)).expect("the broker takes all");
            })
        };
        Self { sent, stop, thread: Some(thread) }
    }

    /// Ends it when the broker has everything, and returns the last number.
    pub(super) fn stop(mut self) -> u64 {
        self.stop.store(true, Relaxed);
        self.thread.take().expect("it runs").join().expect("it does not panic");
        self.sent.load(Relaxed)
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

fn send(producer: &ThreadedProducer<DefaultProducerContext>, topic: &str, number: u64) {
    let event = format!("{{\"number\":{number},\"message\":\"event {number} {}\"}}", "x".repeat(100));
    // The key decides on the partition.
    let key = (number % 64).to_string();
    let mut record = BaseRecord::<str, str>::to(topic).payload(&event).key(&key);
    while let Err((_, back)) = producer.send(record) {
        // The producer's memory is full, as long as there is no broker.
        std::thread::sleep(Duration::from_millis(1));
        record = back;
    }
}
