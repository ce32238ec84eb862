//! The settings of the `kafka` source: what they are, what they must be, and what they build.

use std::collections::{BTreeMap, BTreeSet};

use logd_sdk::component::{Makes, Settings, SourceSettings};
use logd_sdk::event::MESSAGE;
use logd_sdk::report::{KeyPath, Report, Segment};
use logd_sdk::settings::{ClientTls, FieldPath, TextFile};
use logd_sdk::{Check, Context};
use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;
use vrl::path::OwnedValuePath;

use super::begin::Owner;
use super::fields::{Fields, Part};
use super::{KafkaSource, Plan};
use crate::connection::{self, Connection, Sasl};

/// Reads topics as a member of a consumer group.
///
/// A message's value is the event, as it is; its time is the message's. Offsets are committed only when what was read up
/// to them is delivered, so that whoever goes on, this daemon after a restart or another member, begins behind it.
/// After a restart the daemon's own position counts, unless another member has read on or somebody has reset the group.
/// A member keeps its place in the group while it restarts (static membership): others take its partitions over when it
/// has been away for the session timeout, 45 seconds by default. With `--once` it reads to the ends that the partitions
/// have at the start, as a member that leaves then.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KafkaSourceSettings {
    /// Brokers to ask for the others, with commas between: `kafka-1:9092,kafka-2:9092`.
    bootstrap_servers: String,
    /// The consumer group.
    group_id: String,
    /// The topics. One that begins with `^` is a regular expression (POSIX, extended) for names of topics; new ones are
    /// found within ten seconds, as are new partitions.
    topics: Vec<String>,
    /// Where to begin in a topic of which the group knows nothing yet, or when an offset is not there any more.
    #[serde(default)]
    auto_offset_reset: AutoOffsetReset,
    /// Names the member; no other of the group may have this name. By default it is made of the component's name and
    /// the daemon's state in `data_dir`.
    #[serde(default)]
    group_instance_id: Option<String>,
    /// The credentials that the brokers ask for.
    #[serde(default)]
    sasl: Option<Sasl>,
    /// TLS to the brokers.
    #[serde(default)]
    tls: Option<ClientTls>,
    /// More options of librdkafka, as its documentation has them: `{ "fetch.wait.max.ms" = "100" }`.
    #[serde(default)]
    librdkafka_options: BTreeMap<String, String>,
    /// The field for the message's key. The settings of fields make an event an object, with the message's value as
    /// `message`; without any of them it is the value alone.
    #[serde(default)]
    key_field: Option<FieldPath>,
    /// The field for the topic's name.
    #[serde(default)]
    topic_key: Option<FieldPath>,
    /// The field for the partition's number.
    #[serde(default)]
    partition_key: Option<FieldPath>,
    /// The field for the message's offset.
    #[serde(default)]
    offset_key: Option<FieldPath>,
    /// The field for the message's headers, an object.
    #[serde(default)]
    headers_key: Option<FieldPath>,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AutoOffsetReset {
    /// With the oldest message.
    #[serde(alias = "smallest", alias = "beginning")]
    Earliest,
    /// With messages that come from now on.
    #[default]
    #[serde(alias = "largest", alias = "end")]
    Latest,
}

/// Options of librdkafka that have settings here.
const OWN: &[(&str, &str)] = &[
    ("group.id", "`group_id`"),
    ("group.instance.id", "`group_instance_id`"),
    ("auto.offset.reset", "`auto_offset_reset`"),
];

/// Options by which events could be lost or doubled.
const FORBIDDEN: &[&str] = &[
    "enable.auto.commit",
    "auto.commit.",
    "enable.auto.offset.store",
    "offset.store.",
    "enable.partition.eof",
    "group.protocol",
    "group.remote.assignor",
    "partition.assignment.strategy",
    "topic.blacklist",
];

impl Settings for KafkaSourceSettings {
    const NAME: &'static str = "kafka";
    const SUMMARY: &'static str = "Reads topics of Apache Kafka, as a member of a group";
    const EXAMPLE: &'static str = r#"
bootstrap_servers = "127.0.0.1:9092"
group_id = "logd"
topics = ["logs", "^audit-.*"]
auto_offset_reset = "earliest"
key_field = "key"
headers_key = "headers"
librdkafka_options = { "fetch.wait.max.ms" = "100" }
"#;

    fn files(&mut self) -> Vec<(KeyPath, &mut TextFile)> {
        self.tls.iter_mut().flat_map(|tls| tls.files("tls")).collect()
    }

    fn check(&self, check: &mut Check<'_>) {
        let report = &mut *check.report;
        self.connection().check(report, OWN, FORBIDDEN);
        if self.group_id.is_empty() {
            report.error("group_id", "the group has no name").help(r#"write group_id = "logd""#);
        }
        if self.group_instance_id.as_deref().is_some_and(|id| !connection::is_name(id)) {
            report.error("group_instance_id", "a member's name is made of letters, digits, `.`, `_` and `-`");
        }
        if self.topics.is_empty() {
            report.error("topics", "there is no topic to read").help(r#"write topics = ["logs"]"#);
        }
        for (place, topic) in self.topics.iter().enumerate() {
            let key: [Segment; 2] = ["topics".into(), place.into()];
            match check_topic(topic) {
                Ok(()) if self.topics[..place].contains(topic) => {
                    report.error(key, format!("`{topic}` stands here twice"));
                }
                Ok(()) => {}
                Err(problem) => {
                    report.error(key, problem);
                }
            }
        }
        self.check_fields(report);
    }

    fn makes(&self, _: &str) -> Makes {
        let message = OwnedValuePath::single_field(MESSAGE);
        let named = self.named().into_iter().filter_map(|(_, _, path)| Some(path?.path().clone()));
        Makes::Fields([message].into_iter().chain(named).collect())
    }
}

/// What is wrong with a topic or an expression for topics.
fn check_topic(topic: &str) -> Result<(), String> {
    let Some(pattern) = topic.strip_prefix('^') else {
        let help = "letters, digits, `.`, `_` and `-`, or begins with `^`";
        return if connection::is_name(topic) { Ok(()) } else { Err(format!("a topic's name is made of {help}")) };
    };
    // Where librdkafka's expressions differ from those that everybody knows, they would match nothing, and not fail.
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        if let ('\\', Some(class)) = (c, rest.clone().next())
            && class.is_ascii_alphanumeric()
        {
            return Err(format!("`\\{class}` is unknown in a POSIX expression: write a class like `[0-9]`"));
        }
        if c == '\\' {
            rest.next();
        }
    }
    Regex::new(topic).map(drop).map_err(|error| format!("this is no regular expression: {error}"))
}

impl KafkaSourceSettings {
    /// How the cluster is reached.
    pub(crate) fn connection(&self) -> Connection<'_> {
        Connection {
            bootstrap_servers: &self.bootstrap_servers,
            sasl: self.sasl.as_ref(),
            tls: self.tls.as_ref(),
            options: &self.librdkafka_options,
        }
    }

    /// The fields that can be asked for: their settings, what they hold, and their paths.
    fn named(&self) -> [(&'static str, Part, Option<&FieldPath>); 5] {
        [
            ("key_field", Part::Key, self.key_field.as_ref()),
            ("topic_key", Part::Topic, self.topic_key.as_ref()),
            ("partition_key", Part::Partition, self.partition_key.as_ref()),
            ("offset_key", Part::Offset, self.offset_key.as_ref()),
            ("headers_key", Part::Headers, self.headers_key.as_ref()),
        ]
    }

    /// Reports fields that would overwrite one another.
    fn check_fields(&self, report: &mut Report) {
        let mut taken = BTreeSet::from([MESSAGE.to_owned()]);
        for (setting, _, path) in self.named() {
            let Some(path) = path else { continue };
            if !taken.insert(path.path().to_string()) {
                report.error(setting, format!("the field `{path}` is taken")).help("give each a field of its own");
            }
        }
    }
}

impl SourceSettings for KafkaSourceSettings {
    type Source = KafkaSource;

    fn ends(&self) -> bool {
        true
    }

    async fn build(&self, context: &Context) -> anyhow::Result<KafkaSource> {
        let mut config = self.connection().config();
        let defaults = [
            // What is fetched ahead: a few seconds of a busy topic, and a small share of the daemon's memory.
            ("queued.max.messages.kbytes", "16384"),
            ("fetch.max.bytes", "8388608"),
            // When that was enough it is looked this often whether it still is: a second by default, in which it is gone.
            ("fetch.queue.backoff.ms", "10"),
            ("fetch.wait.max.ms", "100"),
            // How soon new partitions and topics are found.
            ("topic.metadata.refresh.interval.ms", "10000"),
            // A broker that is back is found again at once.
            ("reconnect.backoff.max.ms", "1000"),
        ];
        for (option, value) in defaults.into_iter().filter(|(option, _)| !self.librdkafka_options.contains_key(*option))
        {
            config.set(option, value);
        }
        config
            .set("group.id", &self.group_id)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("statistics.interval.ms", "1000")
            .set("auto.offset.reset", self.auto_offset_reset.name());
        match &self.group_instance_id {
            Some(id) => drop(config.set("group.instance.id", id)),
            // A run that ends leaves the group, so that the next one has the partitions at once.
            None if context.once => {}
            None => {
                let (pipeline, id) = (context.id.pipeline(), context.id.id());
                config.set("group.instance.id", format!("logd-{}-{pipeline}-{id}", context.lineage));
            }
        }
        config.create_native_config().map_err(|error| connection::failure(&error))?;
        Ok(KafkaSource::new(Plan {
            context: context.clone(),
            config,
            topics: self.topics.clone(),
            reset: self.auto_offset_reset,
            fields: Fields::new(self.named().map(|(_, part, path)| (part, path))),
            owner: Owner::new(context),
            rebalances: context.meters.counter("logd_kafka_rebalances_total", &[]),
            stalled: context.meters.gauge("logd_kafka_stalled_partitions", &[]),
        }))
    }
}

impl AutoOffsetReset {
    fn name(self) -> &'static str {
        match self {
            Self::Earliest => "earliest",
            Self::Latest => "latest",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{problems, reads_its_example};

    const WHERE: &str = "bootstrap_servers = 'a:1'\ngroup_id = 'g'\n";

    #[test]
    fn reads_its_example_() {
        reads_its_example::<KafkaSourceSettings>();
    }

    #[test]
    fn rejects_what_it_must() {
        for (text, expected) in [
            ("topics = []", "topics: there is no topic to read"),
            ("topics = ['a b']", "topics[0]: a topic's name is made of"),
            ("topics = ['.']", "topics[0]: a topic's name is made of"),
            ("topics = ['a', 'a']", "topics[1]: `a` stands here twice"),
            ("topics = ['^logs-\\d+']", "topics[0]: `\\d` is unknown in a POSIX expression"),
            ("topics = ['^logs-(']", "topics[0]: this is no regular expression"),
            ("topics = ['a']\nkey_field = 'message'", "key_field: the field `message` is taken"),
            ("topics = ['a']\nkey_field = 'k'\ntopic_key = '.k'", "topic_key: the field `.k` is taken"),
            ("topics = ['a']\ngroup_instance_id = 'a b'", "group_instance_id: a member's name"),
            ("topics = ['a']\nlibrdkafka_options = { 'enable.auto.commit' = 'true' }", "can't be set"),
            ("topics = ['a']\nlibrdkafka_options = { 'group.id' = 'h' }", "is for `group_id` to say"),
            ("topics = ['a']\nsasl = { mechanism = 'PLAIN', username = 'u', password = 'p' }", "PLAIN without TLS"),
            ("topics = ['a']\ntls = { crt_file = 'a.pem' }", "belong together"),
        ] {
            let found = problems::<KafkaSourceSettings>(&format!("{WHERE}{text}"));
            assert!(found.len() == 1 && found[0].contains(expected), "{text}: {found:?}");
        }
        for fine in ["topics = ['a', '^b[0-9]+', '^c\\.d$']", "topics = ['a']\nauto_offset_reset = 'smallest'"] {
            assert_eq!(problems::<KafkaSourceSettings>(&format!("{WHERE}{fine}")), [""; 0], "{fine}");
        }
        let found = problems::<KafkaSourceSettings>("bootstrap_servers = 'a:1,'\ngroup_id = ''\ntopics = ['a']");
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
