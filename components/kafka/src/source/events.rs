//! What librdkafka tells besides messages: rebalances, errors, statistics, and its log.
//!
//! All of it is told on the thread that polls, in the middle of a poll. So most is only noted here, and done by the
//! reader when the poll has returned.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use logd_sdk::Health;
use metrics::Counter;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use rdkafka::{Statistics, TopicPartitionList};

use crate::connection;

/// A change of the partitions that this member has.
#[derive(Debug)]
pub(crate) enum Change {
    /// These are added.
    Assigned(TopicPartitionList),
    /// These are to be let go.
    Revoked(TopicPartitionList),
}

/// Hears what there is to hear.
pub(crate) struct Events {
    component: String,
    health: Health,
    /// Counts offsets that were not there any more.
    resets: Counter,
    /// Whether the client is being closed: changes are agreed to at once.
    closing: AtomicBool,
    /// Whether an offset was not there any more while its partition was read.
    reset: AtomicBool,
    news: Mutex<News>,
}

/// What was heard and is not dealt with yet.
#[derive(Default)]
struct News {
    changes: VecDeque<Change>,
    statistics: Option<Statistics>,
    /// The last error of the connection, for as long as there is none.
    disconnected: Option<String>,
    /// Why the brokers do not let this member read, if they do not.
    refused: Option<String>,
}

impl Events {
    /// For a client that has not begun.
    pub(crate) fn new(component: String, health: Health, resets: Counter) -> Self {
        Self {
            component,
            health,
            resets,
            closing: AtomicBool::new(false),
            reset: AtomicBool::new(false),
            news: Mutex::default(),
        }
    }

    /// The next change.
    pub(crate) fn change(&self) -> Option<Change> {
        self.news().changes.pop_front()
    }

    /// New statistics, if there are any.
    pub(crate) fn statistics(&self) -> Option<Statistics> {
        self.news().statistics.take()
    }

    /// There is a connection.
    pub(crate) fn connected(&self) {
        self.news().disconnected = None;
    }

    /// The brokers let this member read.
    pub(crate) fn admitted(&self) {
        self.news().refused = None;
    }

    /// Whether they did not.
    pub(crate) fn is_refused(&self) -> bool {
        self.news().refused.is_some()
    }

    /// Tells how it is.
    pub(crate) fn show_health(&self) {
        let news = self.news();
        match (&news.disconnected, &news.refused) {
            (Some(reason), _) => self.health.away(reason),
            (None, Some(reason)) => self.health.ill(reason),
            (None, None) => {
                self.health.well();
            }
        }
    }

    /// The client is to be closed: nothing is waited for any more.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// Whether a partition may have gone back by itself, as one does whose topic was made anew.
    pub(crate) fn was_reset(&self) -> bool {
        self.reset.load(Ordering::Acquire)
    }

    /// Counts an offset that was not there any more.
    pub(crate) fn count_reset(&self) {
        self.resets.increment(1);
    }

    /// It is whole between any two statements, so a panic elsewhere does no harm to it.
    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Events {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // An offset that is not there any more while the partition is being read: only the log tells.
        if facility == "OFFSET" && message.contains("offset reset") {
            self.reset.store(true, Ordering::Release);
            self.count_reset();
        }
        connection::log(&self.component, level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.news().statistics = Some(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        use RDKafkaErrorCode as Code;
        let Some(code) = error.rdkafka_error_code() else { return };
        match code {
            Code::PartitionEOF => return,
            // What stood before it says why.
            Code::AllBrokersDown => drop(self.news().disconnected.get_or_insert_with(|| reason.to_owned())),
            Code::BrokerTransportFailure | Code::Resolve | Code::Authentication | Code::SSL => {
                self.news().disconnected = Some(reason.to_owned());
            }
            Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::InvalidTopic
            | Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed => self.news().refused = Some(reason.to_owned()),
            _ => {}
        }
        tracing::warn!(component = self.component, error = %code, reason, "The Kafka client has met an error.");
    }
}

impl ConsumerContext for Events {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let assigned = what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Acquire) {
            // The library says itself what it has against it.
            let _ = if assigned { consumer.incremental_assign(list) } else { consumer.incremental_unassign(list) };
            return;
        }
        let change = if assigned { Change::Assigned(list.clone()) } else { Change::Revoked(list.clone()) };
        self.news().changes.push_back(change);
    }
}
