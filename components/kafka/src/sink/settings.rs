//! The settings of the `kafka` sink: what they are, what they must be, and what they build.

use std::collections::BTreeMap;

use logd_sdk::component::{Settings, SinkSettings};
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::report::KeyPath;
use logd_sdk::settings::{
    BatchSettings, ClientTls, Encoding, FieldPath, NameTemplate, RequestSettings, Template, TextFile,
};
use logd_sdk::sink::{Concurrency, Delivery, Repeats};
use logd_sdk::{Check, Context};
use rdkafka::ClientConfig;
use schemars::JsonSchema;
use serde::Deserialize;

use super::KafkaSink;
use super::producer::Producers;
use super::record::{Key, Records};
use crate::connection::{Connection, Sasl, is_name};

/// Writes each event as a message to a topic of Apache Kafka.
///
/// A message counts as delivered when all replicas that are in sync have it, and a repeat within the client is recognised
/// by the brokers (idempotent producer). Its header `logd-id` is the event's identity, the same whenever the event is
/// sent again: a consumer can tell repeats by it. Its timestamp is the event's time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KafkaSinkSettings {
    /// Brokers to ask for the others, with commas between: `kafka-1:9092,kafka-2:9092`.
    bootstrap_servers: String,
    /// The topic that an event goes to, with `{{ service }}` for a field of the event and `%Y-%m-%d` for its time. It
    /// begins with a literal; an event whose fields make no topic's name is rejected.
    topic: NameTemplate,
    /// The message's key, with fields and times as in `topic`. An event that lacks one of the fields has no key.
    #[serde(default)]
    key: Option<Template>,
    /// The field that is the message's key, in place of `key`.
    #[serde(default)]
    key_field: Option<FieldPath>,
    /// How events are written.
    #[serde(default)]
    encoding: Encoding,
    /// How messages are compressed.
    #[serde(default)]
    compression: Compression,
    /// Which partition a message goes to.
    #[serde(default)]
    partitioner: Partitioner,
    /// The credentials that the brokers ask for.
    #[serde(default)]
    sasl: Option<Sasl>,
    /// TLS to the brokers.
    #[serde(default)]
    tls: Option<ClientTls>,
    /// More options of librdkafka, as its documentation has them: `{ "linger.ms" = "20" }`.
    #[serde(default)]
    librdkafka_options: BTreeMap<String, String>,
    /// When a batch is sent.
    #[serde(default)]
    batch: BatchSettings,
    /// How it is sent, and sent again. One batch at a time by default, which keeps the order of events.
    #[serde(default)]
    request: RequestSettings,
}

/// How messages are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Compression {
    /// Not at all.
    #[default]
    None,
    /// By gzip.
    Gzip,
    /// By snappy.
    Snappy,
    /// By lz4.
    Lz4,
    /// By zstd.
    Zstd,
}

/// Which partition a message goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Partitioner {
    /// By the key, as Kafka's own clients do; without a key any.
    #[default]
    Murmur2Random,
    /// By a CRC of the key, as librdkafka's clients do by default; without a key any.
    ConsistentRandom,
    /// By the FNV-1a hash of the key, as Sarama's clients do; without a key any.
    Fnv1aRandom,
    /// Any.
    Random,
}

impl Compression {
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

impl Partitioner {
    fn name(self) -> &'static str {
        match self {
            Self::Murmur2Random => "murmur2_random",
            Self::ConsistentRandom => "consistent_random",
            Self::Fnv1aRandom => "fnv1a_random",
            Self::Random => "random",
        }
    }
}

/// Options of librdkafka that have settings here.
const OWN: &[(&str, &str)] = &[
    ("compression.", "`compression`"),
    ("partitioner", "`partitioner`"),
    ("message.timeout.ms", "`request.timeout`"),
    ("delivery.timeout.ms", "`request.timeout`"),
];

/// Options by which events could be lost, doubled, or put out of order.
const FORBIDDEN: &[&str] = &[
    "acks",
    "request.required.acks",
    "enable.idempotence",
    "transactional.id",
    "delivery.report.only.error",
    "queue.buffering.max.messages",
    "queue.buffering.max.kbytes",
];

/// Options of librdkafka that have other defaults here.
const DEFAULTS: &[(&str, &str)] = &[
    // A broker that is back is found again at once.
    ("reconnect.backoff.max.ms", "1000"),
    // Each message without a key goes to any partition, not a whole batch to one of them: whoever follows the time of
    // all partitions, as a window does, would wait for those that got nothing for a while.
    ("sticky.partitioning.linger.ms", "0"),
];

/// How much longer than the client's own deadline an attempt may take: it is the client that knows what became of each.
const GRACE: std::time::Duration = std::time::Duration::from_secs(5);

impl Settings for KafkaSinkSettings {
    const NAME: &'static str = "kafka";
    const SUMMARY: &'static str = "Writes to topics of Apache Kafka";
    const EXAMPLE: &'static str = r#"
bootstrap_servers = "127.0.0.1:9092"
topic = "logs-{{ service }}"
key = "{{ user_id }}"
encoding.codec = "json"
compression = "zstd"
partitioner = "murmur2_random"
batch = { max_events = 5000, timeout = "50ms" }
librdkafka_options = { "linger.ms" = "5" }
"#;

    fn files(&mut self) -> Vec<(KeyPath, &mut TextFile)> {
        self.tls.iter_mut().flat_map(|tls| tls.files("tls")).collect()
    }

    fn check(&self, check: &mut Check<'_>) {
        let report = &mut *check.report;
        self.connection().check(report, OWN, FORBIDDEN);
        let prefix = self.topic.prefix();
        // Followed by nothing, or by something that makes no difference to what is wrong with it.
        let topic = if prefix == self.topic.as_str() { prefix.to_owned() } else { format!("{prefix}x") };
        if !is_name(&topic) {
            report.error("topic", "a topic's name is made of letters, digits, `.`, `_` and `-`");
        }
        if self.key.is_some() && self.key_field.is_some() {
            report.error("key_field", "`key` and `key_field` are two ways to say the same").help("leave one out");
        }
        self.batch.check("batch", report);
        self.request.check("request", report);
    }

    fn reads(&self, _: &dyn Conditions) -> Reads {
        let key = self.key.iter().flat_map(|key| key.fields()).chain(&self.key_field);
        Reads::Fields(self.topic.fields().chain(key).map(|field| field.path().clone()).collect())
    }
}

impl KafkaSinkSettings {
    fn connection(&self) -> Connection<'_> {
        Connection {
            bootstrap_servers: &self.bootstrap_servers,
            sasl: self.sasl.as_ref(),
            tls: self.tls.as_ref(),
            options: &self.librdkafka_options,
        }
    }

    /// What the driver is to keep to, but for the grace that an attempt has.
    fn requested(&self) -> Delivery {
        let default = Delivery {
            concurrency: Concurrency::ONE,
            timeout: std::time::Duration::from_millis(50),
            repeats: Repeats::Doubled,
            ..Delivery::remote()
        };
        self.request.over(self.batch.over(default))
    }

    /// The client's configuration.
    fn config(&self) -> ClientConfig {
        let requested = self.requested();
        // Each attempt's batch twice over, for one that was cancelled may still be there; in KiB, within librdkafka's
        // bounds.
        let room = (requested.max_bytes.saturating_mul(requested.concurrency.most()) / 512).clamp(16 << 10, 2_097_151);
        let mut config = self.connection().config();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.type", self.compression.name())
            .set("partitioner", self.partitioner.name())
            .set("message.timeout.ms", requested.attempt_timeout.as_millis().to_string())
            // Bytes are what is bounded.
            .set("queue.buffering.max.messages", "0")
            .set("queue.buffering.max.kbytes", room.to_string());
        for (option, value) in DEFAULTS {
            if !self.librdkafka_options.contains_key(*option) {
                config.set(*option, *value);
            }
        }
        config
    }
}

impl SinkSettings for KafkaSinkSettings {
    type Sink = KafkaSink;

    fn delivery(&self) -> Delivery {
        let requested = self.requested();
        Delivery { attempt_timeout: requested.attempt_timeout + GRACE, ..requested }
    }

    async fn build(&self, context: &Context) -> anyhow::Result<KafkaSink> {
        let key = match (&self.key, &self.key_field) {
            (Some(template), _) => Some(Key::Template(template.clone())),
            (None, Some(field)) => Some(Key::Field(field.clone())),
            (None, None) => None,
        };
        let records = Records { topic: self.topic.clone(), key, codec: self.encoding.codec };
        Ok(KafkaSink::new(records, Producers::new(self.config(), context)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{problems, reads_its_example};

    #[test]
    fn reads_its_example_() {
        reads_its_example::<KafkaSinkSettings>();
    }

    #[test]
    fn rejects_what_it_must() {
        for (text, expected) in [
            ("topic = 'a b'", "topic: a topic's name is made of"),
            ("topic = 'a/{{ b }}'", "topic: a topic's name is made of"),
            ("topic = 't'\nkey = 'k'\nkey_field = 'k'", "key_field: `key` and `key_field`"),
            ("topic = 't'\nbatch.max_size = '0 B'", "batch.max_size: "),
            ("topic = 't'\nrequest.timeout = '0s'", "request.timeout: "),
            ("topic = 't'\nlibrdkafka_options = { 'acks' = '1' }", "can't be set"),
            ("topic = 't'\nlibrdkafka_options = { 'compression.codec' = 'lz4' }", "is for `compression` to say"),
            ("topic = 't'\nlibrdkafka_options = { 'linger' = '1' }", "No such configuration property"),
        ] {
            let found = problems::<KafkaSinkSettings>(&format!("bootstrap_servers = 'a:1'\n{text}"));
            assert!(found.len() == 1 && found[0].contains(expected), "{text}: {found:?}");
        }
    }

    #[test]
    fn defaults_give_way_to_options() {
        let config = |more: &str| {
            let text = format!("bootstrap_servers = 'a:1'\ntopic = 't'\n{more}");
            toml::from_str::<KafkaSinkSettings>(&text).unwrap().config()
        };
        let sticky = "sticky.partitioning.linger.ms";
        assert_eq!(config("").get(sticky), Some("0"));
        let own = config(&format!("librdkafka_options = {{ '{sticky}' = '10' }}"));
        assert_eq!((own.get(sticky), own.get("reconnect.backoff.max.ms")), (Some("10"), Some("1000")));
    }

    #[test]
    fn the_client_gives_up_before_the_driver_does() {
        let text = "bootstrap_servers = 'a:1'\ntopic = 't'\nrequest.timeout = '10s'";
        let settings: KafkaSinkSettings = toml::from_str(text).unwrap();
        assert_eq!(settings.config().get("message.timeout.ms"), Some("10000"));
        assert_eq!(settings.delivery().attempt_timeout, std::time::Duration::from_secs(15));
        settings.config().create_native_config().unwrap();
    }
}
