//! The settings of the `redis` sink.

use std::num::{NonZeroU32, NonZeroU64};

use indexmap::IndexMap;
use logd_sdk::component::SinkSettings;
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::report::KeyPath;
use logd_sdk::settings::{
    BatchSettings, ClientTls, Duration, Encoding, FieldPath, NameTemplate, RequestSettings, Secret, Template, TextFile,
};
use logd_sdk::sink::{Concurrency, Delivery, Repeats};
use logd_sdk::{Check, Context, Settings};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::check::check;
use crate::endpoint::Target;
use crate::sink::Redis;

/// Writes events to Redis 6 or newer, or what speaks its protocol.
///
/// Each batch is one round trip. Events are kept and sent again while Redis is away, out of memory, read-only, or refuses
/// the password; one whose key holds another type of data is rejected with what Redis says. Lists, streams and channels
/// may have an event twice after a crash of logd or of a connection. Hashes, strings and sorted sets come out the same.
/// Of a Redis Cluster it knows one node, and can write the keys that this node owns.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisSettings {
    /// Where Redis is: `redis://HOST:PORT`, `rediss://HOST:PORT` with TLS, or `unix:///PATH` of a socket. The port is 6379
    /// where there is none. A password does not belong here.
    pub(crate) endpoint: String,
    /// The ACL user; without it, Redis' default user.
    #[serde(default)]
    pub(crate) username: Option<String>,
    /// The user's password; an empty one is none.
    #[serde(default)]
    pub(crate) password: Option<Secret>,
    /// TLS of the connection, for an endpoint that begins with `rediss://`.
    #[serde(default)]
    pub(crate) tls: ClientTls,
    /// The number of the database.
    #[serde(default)]
    pub(crate) db: u32,
    /// What stands under the key.
    #[serde(default)]
    pub(crate) data_type: DataType,
    /// The key an event goes to, or the channel's name. It begins with a literal, so that no event can choose a key
    /// outside of those that the file allows; an event without the field is rejected.
    pub(crate) key: NameTemplate,
    /// Of a list: how it is written.
    #[serde(default)]
    pub(crate) list: Option<ListSettings>,
    /// Of a hash: its fields.
    #[serde(default)]
    pub(crate) hash: Option<HashSettings>,
    /// Of a stream: how it is written.
    #[serde(default)]
    pub(crate) stream: Option<StreamSettings>,
    /// Of a sorted set: how it is written.
    #[serde(default)]
    pub(crate) sorted_set: Option<SortedSetSettings>,
    /// A key to which nothing has been written for this long vanishes. By default it stays.
    #[serde(default)]
    pub(crate) ttl: Option<Duration>,
    /// How events are written; fields of hashes are templates, and not encoded.
    #[serde(default)]
    pub(crate) encoding: Encoding,
    /// When a batch is sent: 1000 events, 4 MiB or 1 s by default.
    #[serde(default)]
    pub(crate) batch: BatchSettings,
    /// How requests are made: one after the other by default, which keeps the order of events, and with a timeout of 5 s.
    #[serde(default)]
    pub(crate) request: RequestSettings,
}

/// What stands under a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DataType {
    /// A list of events.
    #[default]
    List,
    /// Fields with values and counters.
    Hash,
    /// The event that came last.
    String,
    /// A stream of entries, each with one field `message`, the event.
    Stream,
    /// Nothing: events are published to those who listen.
    Channel,
    /// Events by score. An event that is written as another one was takes its place.
    SortedSet,
}

/// How a list is written.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListSettings {
    /// At which end events are added.
    #[serde(default)]
    pub(crate) method: Method,
    /// How many events are kept, the newest; by default all are.
    #[serde(default)]
    pub(crate) max_length: Option<NonZeroU32>,
}

/// At which end of a list events are added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Method {
    /// In front: the first is the newest.
    #[default]
    Lpush,
    /// Behind: the last is the newest.
    Rpush,
}

/// The fields of a hash.
///
/// ```text
/// data_type = "hash"
/// key = "service:{{ service }}"
/// hash.set.last_seen = "{{ timestamp }}"
/// hash.add.total_logs = { fn = "count" }
/// hash.add.error_logs = { fn = "count", where = '.level == "ERROR"' }
/// hash.add.bytes = { fn = "sum", field = "bytes" }
/// ```
///
/// With `set` alone, a hash is written with every batch. With `add`, it is written once at each checkpoint, all its fields
/// in one step, so that they fit each other, and every event is counted once, whatever crashes. For that the hash has one
/// more field, `logd:LINEAGE:PIPELINE/SINK`, with the number of the last checkpoint that is in it. LINEAGE is that of the
/// state below `data_dir`: if that is thrown away, counting goes on on top of what the hash has, and what is read again
/// is counted again; the old field stays until somebody removes it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HashSettings {
    /// Fields that are set to a text of the event that came last. Where it lacks what the text needs, the field stays as
    /// it is.
    #[serde(default)]
    pub(crate) set: IndexMap<String, Template>,
    /// Fields that something is added to for each event.
    #[serde(default)]
    pub(crate) add: IndexMap<String, CounterSettings>,
}

/// What is added to a field.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CounterSettings {
    /// What is reckoned.
    #[serde(rename = "fn")]
    pub(crate) function: Function,
    /// For `sum`: of which field. What is no number adds nothing.
    #[serde(default)]
    pub(crate) field: Option<FieldPath>,
    /// A condition in VRL: only events that meet it are reckoned.
    #[serde(default)]
    pub(crate) r#where: Option<String>,
}

/// What can be reckoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Function {
    /// How many events there are.
    Count,
    /// The sum of the field; a whole number where all are whole.
    Sum,
}

/// How a stream is written.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StreamSettings {
    /// How many entries are kept, the newest; by default all are. Redis removes blocks of some hundred entries, so that
    /// there may be a block more.
    #[serde(default)]
    pub(crate) max_length: Option<NonZeroU64>,
}

/// How a sorted set is written.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SortedSetSettings {
    /// The field by which events are sorted: a number, or a time as seconds since 1970. By default the event's time. An
    /// event in which it is neither is rejected.
    #[serde(default)]
    pub(crate) score: Option<FieldPath>,
}

impl Settings for RedisSettings {
    const NAME: &'static str = "redis";
    const SUMMARY: &'static str = "Writes to Redis: lists, hashes, counters, streams, channels";
    const EXAMPLE: &'static str = r#"
endpoint = "redis://127.0.0.1:6379"
username = "logd"
password = "${REDIS_PASSWORD:-}"
db = 0
data_type = "hash"
key = "service:{{ service }}"
hash.set.last_seen = "{{ timestamp }}"
hash.add.total_logs = { fn = "count" }
hash.add.error_logs = { fn = "count", where = '.level == "ERROR"' }
ttl = "1d"
batch.max_events = 1000
request.timeout = "5s"
"#;

    fn files(&mut self) -> Vec<(KeyPath, &mut TextFile)> {
        self.tls.files("tls")
    }

    fn check(&self, check: &mut Check<'_>) {
        self::check(self, check);
    }

    fn reads(&self, conditions: &dyn Conditions) -> Reads {
        let hash = self.hash.iter();
        let set = hash.clone().flat_map(|hash| hash.set.values().flat_map(Template::fields));
        let add = hash.clone().flat_map(|hash| hash.add.values().filter_map(|counter| counter.field.as_ref()));
        let score = self.sorted_set.iter().filter_map(|sorted_set| sorted_set.score.as_ref());
        let fields = self.key.fields().chain(set).chain(add).chain(score).map(|field| field.path().clone());
        let sources = hash.flat_map(|hash| hash.add.values().filter_map(|counter| counter.r#where.as_deref()));
        // One that does not compile reads nothing; `check` has said so.
        let conditions = sources.filter_map(|source| conditions.compile(source).ok());
        conditions.fold(Reads::Fields(fields.collect()), |reads, condition| reads.and(condition.reads().clone()))
    }
}

impl RedisSettings {
    /// Where Redis is.
    pub(crate) fn target(&self) -> Target<'_> {
        Target {
            endpoint: &self.endpoint,
            username: self.username.as_deref(),
            password: self.password.as_ref(),
            tls: &self.tls,
            db: self.db,
        }
    }

    /// What is added to in hashes; nothing if it writes something else.
    pub(crate) fn counters(&self) -> Option<&HashSettings> {
        self.hash.as_ref().filter(|hash| self.data_type == DataType::Hash && !hash.add.is_empty())
    }
}

impl SinkSettings for RedisSettings {
    type Sink = Redis;

    fn delivery(&self) -> Delivery {
        let repeats = match self.data_type {
            DataType::List | DataType::Stream | DataType::Channel => Repeats::Doubled,
            // Counters above all: what a journal held back would not be counted again, and must be.
            DataType::Hash | DataType::String | DataType::SortedSet => Repeats::Harmless,
        };
        let most_kept = self.list.as_ref().and_then(|list| list.max_length);
        let delivery = Delivery {
            // Of a list that is cut off, the more come together, the fewer are sent in vain.
            max_events: if most_kept.is_some() { 5000 } else { 1000 },
            concurrency: Concurrency::ONE,
            attempt_timeout: std::time::Duration::from_secs(5),
            repeats,
            ..Delivery::remote()
        };
        self.request.over(self.batch.over(delivery))
    }

    fn succeeds(&self, before: &Self) -> bool {
        // What is counted belongs to the Redis that it was counted for.
        let is_same = (&self.endpoint, self.db) == (&before.endpoint, before.db);
        before.counters().is_none() || self.counters().is_some() && is_same
    }

    async fn build(&self, context: &Context) -> anyhow::Result<Redis> {
        Redis::new(self, context).await
    }
}

#[cfg(test)]
mod tests;
