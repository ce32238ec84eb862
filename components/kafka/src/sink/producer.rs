//! The client that sends, and what it says of each message.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use logd_sdk::{Context, Health};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, NoCustomPartitioner, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::statistics::Statistics;
use tokio::sync::Notify;

use crate::connection;

/// A client that sends.
pub(crate) type Producer = ThreadedProducer<Reports>;

/// The client, and how to make another when it has failed for good.
pub(crate) struct Producers {
    config: ClientConfig,
    component: String,
    health: Health,
    current: Mutex<Arc<Producer>>,
}

impl Producers {
    /// Makes the first client. It connects by itself, when and as often as it has to.
    ///
    /// # Errors
    /// It can't be configured so: a certificate can't be read, say.
    pub(crate) fn new(config: ClientConfig, context: &Context) -> anyhow::Result<Self> {
        let (component, health) = (context.id.to_string(), context.health.clone());
        let first = producer(&config, &component, &health)?;
        Ok(Self { config, component, health, current: Mutex::new(first) })
    }

    /// The client, which is made anew if it has failed for good: an idempotent client stops when it can't tell any more
    /// what the brokers have.
    ///
    /// # Errors
    /// It can't be made.
    pub(crate) fn get(&self) -> anyhow::Result<Arc<Producer>> {
        let mut current = self.current();
        if let Some((code, reason)) = current.client().fatal_error() {
            tracing::warn!(component = self.component, error = %code, reason, "The Kafka client has failed, and is made anew.");
            *current = producer(&self.config, &self.component, &self.health)?;
        }
        Ok(Arc::clone(&current))
    }

    /// What the client last had against the connection, if anything.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.current().context().trouble().clone()
    }

    fn current(&self) -> MutexGuard<'_, Arc<Producer>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn producer(config: &ClientConfig, component: &str, health: &Health) -> anyhow::Result<Arc<Producer>> {
    let reports = Reports { component: component.to_owned(), health: health.clone(), trouble: Mutex::default() };
    config.create_with_context(reports).map(Arc::new).map_err(|error| connection::failure(&error))
}

/// Hears what became of each message, and what else the client has to say.
pub(crate) struct Reports {
    component: String,
    health: Health,
    /// The last trouble with the connection, until a message is delivered.
    trouble: Mutex<Option<String>>,
}

impl Reports {
    fn trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        connection::log(&self.component, level, facility, message);
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        use RDKafkaErrorCode as Code;
        let Some(code) = error.rdkafka_error_code() else { return };
        let known = self.trouble().is_some();
        // That all brokers are down is told behind why they are.
        let news = match code {
            Code::AllBrokersDown => !known,
            Code::BrokerTransportFailure | Code::Resolve | Code::Authentication | Code::SSL => true,
            _ => false,
        };
        if news {
            // A message waits for its deadline before it fails; whoever looks should know before that.
            self.health.ill(reason);
            *self.trouble() = Some(reason.to_owned());
        }
        tracing::warn!(component = self.component, error = %code, reason, "The Kafka client has met an error.");
    }
}

impl ProducerContext<NoCustomPartitioner> for Reports {
    type DeliveryOpaque = Box<Receipt>;

    fn delivery(&self, result: &DeliveryResult<'_>, receipt: Box<Receipt>) {
        if result.is_ok() && self.trouble().take().is_some() {
            self.health.well();
        }
        let code = result.as_ref().err().and_then(|(error, _)| error.rdkafka_error_code());
        receipt.round.settle(receipt.row, code);
    }
}

/// Which message of which round it was.
pub(crate) struct Receipt {
    /// The event's row.
    pub(crate) row: u32,
    /// With which it was sent.
    pub(crate) round: Arc<Round>,
}

/// Messages that are sent together, and waited for.
#[derive(Default)]
pub(crate) struct Round {
    open: Mutex<Open>,
    done: Notify,
}

#[derive(Default)]
struct Open {
    /// How many are waited for.
    awaited: usize,
    /// Those that could not be delivered.
    failed: Vec<(u32, RDKafkaErrorCode)>,
}

impl Round {
    /// One message more is waited for.
    pub(crate) fn begin(&self) {
        self.open().awaited += 1;
    }

    /// One of them is done with.
    pub(crate) fn settle(&self, row: u32, failure: Option<RDKafkaErrorCode>) {
        let mut open = self.open();
        open.awaited -= 1;
        open.failed.extend(failure.map(|code| (row, code)));
        if open.awaited == 0 {
            self.done.notify_one();
        }
    }

    /// Waits for all of them, when no more is begun. Returns those that failed, by row.
    pub(crate) async fn end(&self) -> Vec<(u32, RDKafkaErrorCode)> {
        while self.open().awaited > 0 {
            self.done.notified().await;
        }
        let mut failed = std::mem::take(&mut self.open().failed);
        failed.sort_unstable_by_key(|(row, _)| *row);
        failed
    }

    /// It is whole between any two statements, so a panic elsewhere does no harm to it.
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
