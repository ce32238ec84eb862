//! One Kafka for the whole process, by the project's own recipe, on ports and in a folder of its own.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static BROKER: OnceLock<Broker> = OnceLock::new();
/// Held for writing by who takes the broker down.
static USE: RwLock<()> = RwLock::const_new(());

/// The password that the broker knows for the user `logd`.
pub(crate) const PASSWORD: &str = "the right one";

/// A running Kafka.
pub(crate) struct Broker {
    folder: PathBuf,
    ports: [u16; 4],
    /// Stops Kafka when its input is closed, which the end of this process does, however that comes about.
    _keeper: Child,
}

/// Kafka, for use beside others.
pub(crate) async fn broker() -> (&'static Broker, RwLockReadGuard<'static, ()>) {
    let lock = USE.read().await;
    (BROKER.get_or_init(Broker::start), lock)
}

/// Kafka, for this test alone.
pub(crate) async fn broker_alone() -> (&'static Broker, RwLockWriteGuard<'static, ()>) {
    let lock = USE.write().await;
    (BROKER.get_or_init(Broker::start), lock)
}

impl Broker {
    fn start() -> Self {
        // All are held until the last is found, so that they differ.
        let held = [(); 4].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = held.map(|listener| listener.local_addr().unwrap().port());
        let folder = tempfile::Builder::new().prefix("logd-kafka-").tempdir().unwrap().keep();
        certificate(&folder.join("broker.pem"), &folder.join("ca.pem"));
        let wipe = recipe(&folder, ports, "wipe");
        let mut keeper = Command::new("sh");
        keeper.args(["-c", "cat; \"$0\" wipe kafka; rm -rf \"$SERVICES_RUN\""]).arg(wipe.get_program());
        keeper.envs(wipe.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let broker = Self { folder, ports, _keeper: keeper };
        broker.run("start");
        broker
    }

    /// Runs a command of the recipe.
    fn run(&self, command: &str) {
        // Kafka must not keep this process' output open.
        let said = self.folder.join("recipe.log");
        let log = File::create(&said).unwrap();
        let mut recipe = recipe(&self.folder, self.ports, command);
        let done = recipe.stdout(log.try_clone().unwrap()).stderr(log).status().unwrap();
        let said = std::fs::read_to_string(said).unwrap();
        assert!(done.success(), "`services.sh {command} kafka` has failed: {said}");
    }

    /// Kills the broker, as a crash would.
    pub(crate) fn kill(&self) {
        self.run("kill");
    }

    /// Starts it again.
    pub(crate) fn start_again(&self) {
        self.run("start");
    }

    /// Its address.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports[0])
    }

    /// The address at which it asks for a password.
    pub(crate) fn sasl_address(&self) -> String {
        format!("127.0.0.1:{}", self.ports[2])
    }

    /// The address at which it speaks TLS, by the certificate in `ca_file`.
    pub(crate) fn tls_address(&self) -> String {
        format!("127.0.0.1:{}", self.ports[3])
    }

    /// The authority of the broker's certificate.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A folder for files of tests.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.address());
        config
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.config().create().unwrap()
    }

    /// A new topic, whose name begins with `name`.
    pub(crate) async fn topic(&self, name: &str, partitions: i32) -> String {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("{name}-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.topic_with(&name, partitions, &[]).await;
        name
    }

    /// A new topic of this name, with settings.
    pub(crate) async fn topic_with(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let new = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let new = settings.iter().fold(new, |new, (key, value)| new.set(key, value));
        let made = self.admin().create_topics([&new], &AdminOptions::new()).await.unwrap();
        made.into_iter().for_each(|made| drop(made.unwrap()));
    }

    /// Gives a topic more partitions.
    pub(crate) async fn add_partitions(&self, topic: &str, to: usize) {
        let new = NewPartitions::new(topic, to);
        let made = self.admin().create_partitions([&new], &AdminOptions::new()).await.unwrap();
        made.into_iter().for_each(|made| drop(made.unwrap()));
    }

    /// Deletes a topic.
    pub(crate) async fn delete_topic(&self, topic: &str) {
        let gone = self.admin().delete_topics(&[topic], &AdminOptions::new()).await.unwrap();
        gone.into_iter().for_each(|gone| drop(gone.unwrap()));
    }

    /// Deletes the messages before an offset.
    pub(crate) async fn delete_before(&self, topic: &str, partition: i32, offset: i64) {
        let mut list = rdkafka::TopicPartitionList::new();
        list.add_partition_offset(topic, partition, rdkafka::Offset::Offset(offset)).unwrap();
        self.admin().delete_records(&list, &AdminOptions::new()).await.unwrap();
    }

    /// A client that sends.
    pub(crate) fn producer(&self) -> ThreadedProducer<DefaultProducerContext> {
        self.config().set("linger.ms", "1").set("enable.idempotence", "true").create().unwrap()
    }

    /// Sends the numbers as messages, in turn to each partition, each a millisecond after the one before from 1970 on,
    /// and waits until the broker has them.
    pub(crate) fn send(&self, topic: &str, partitions: i32, numbers: std::ops::Range<u64>) {
        let producer = self.producer();
        for number in numbers {
            let value = number.to_string();
            let mut record = BaseRecord::<str, str>::to(topic).payload(&value).key("k").timestamp(number as i64 + 1);
            record.partition = Some((number % partitions as u64) as i32);
            while let Err((_, back)) = producer.send(record) {
                std::thread::sleep(Duration::from_millis(1));
                record = back;
            }
        }
        producer.flush(Duration::from_secs(30)).unwrap();
    }

    /// Sends two messages, each in a transaction of its own, of which the first is committed and the second aborted.
    pub(crate) fn transactions(&self, topic: &str, [committed, aborted]: [&str; 2]) {
        let mut config = self.config();
        let producer: ThreadedProducer<DefaultProducerContext> =
            config.set("transactional.id", topic).create().unwrap();
        let longest = Duration::from_secs(30);
        producer.init_transactions(longest).unwrap();
        for (text, is_committed) in [(committed, true), (aborted, false)] {
            producer.begin_transaction().unwrap();
            producer.send(BaseRecord::<str, str>::to(topic).payload(text)).map_err(|(error, _)| error).unwrap();
            producer.flush(longest).unwrap();
            if is_committed {
                producer.commit_transaction(longest).unwrap();
            } else {
                producer.abort_transaction(longest).unwrap();
            }
        }
    }

    /// A consumer of a group, or of none, that joins nothing by itself.
    pub(crate) fn consumer(&self, group: &str) -> BaseConsumer {
        self.config().set("group.id", group).set("enable.auto.commit", "false").create().unwrap()
    }

    /// What the group has committed of a partition: offset and metadata.
    pub(crate) fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<(i64, String)> {
        let mut list = rdkafka::TopicPartitionList::new();
        list.add_partition(topic, partition);
        let list = self.consumer(group).committed_offsets(list, Duration::from_secs(10)).unwrap();
        let element = list.find_partition(topic, partition).unwrap();
        Some((element.offset().to_raw().filter(|offset| *offset >= 0)?, element.metadata().to_owned()))
    }
}

/// A command of the recipe.
fn recipe(folder: &Path, ports: [u16; 4], command: &str) -> Command {
    let mut recipe = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/services/services.sh"));
    recipe.args([command, "kafka"]).stdin(Stdio::null()).env("SERVICES_RUN", folder);
    recipe.env("KAFKA_PORT", ports[0].to_string()).env("KAFKA_CONTROLLER_PORT", ports[1].to_string());
    recipe.env("START_TIMEOUT", "200").env("KAFKA_EXTRA_CONFIG", more_listeners(folder, ports));
    recipe
}

/// Lines of the broker's configuration: two more listeners, one with passwords, one with TLS.
fn more_listeners(folder: &Path, [plain, controller, sasl, tls]: [u16; 4]) -> String {
    format!(
        "listeners=PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller},\
         SASL_PLAINTEXT://127.0.0.1:{sasl},SSL://127.0.0.1:{tls}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL_PLAINTEXT://127.0.0.1:{sasl},SSL://127.0.0.1:{tls}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL\n\
         listener.name.sasl_plaintext.sasl.enabled.mechanisms=PLAIN\n\
         listener.name.sasl_plaintext.plain.sasl.jaas.config=\
         org.apache.kafka.common.security.plain.PlainLoginModule required user_logd=\"{PASSWORD}\";\n\
         listener.name.ssl.ssl.keystore.type=PEM\n\
         listener.name.ssl.ssl.keystore.location={}\n\
         log.retention.ms=-1\n",
        folder.join("broker.pem").display()
    )
}

/// A certificate for 127.0.0.1 that is its own authority: with its key for the broker, without for clients.
pub(crate) fn certificate(with_key: &Path, without: &Path) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(with_key, key.serialize_pem() + &certificate.pem()).unwrap();
    std::fs::write(without, certificate.pem()).unwrap();
}
