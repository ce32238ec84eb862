//! The `kafka` sink: a batch of events becomes messages, and each is delivered, tried again, or rejected by itself.
//!
//! - `settings`: what can be set, and what that builds,
//! - `record`: from an event to a message,
//! - `producer`: the client, and what it says of each message.
//!
//! Brokers judge whole batches of the client's making: one event too large, or with a time that the topic does not allow,
//! fails its neighbours too. So what failed for such a reason is sent again in halves, until the one is found that is
//! rejected.

mod producer;
mod record;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use logd_sdk::Batch;
use logd_sdk::sink::{Attempt, Sink};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _};

use self::producer::{Producer, Producers, Receipt, Round};
use self::record::Records;
pub(crate) use self::settings::KafkaSinkSettings;

/// The header with the event's identity.
const ID: &str = "logd-id";
/// How long a probe waits for an answer.
const PROBE: Duration = Duration::from_secs(5);

/// A running `kafka` sink.
pub(crate) struct KafkaSink {
    records: Records,
    producers: Arc<Producers>,
}

impl KafkaSink {
    /// A sink of these messages.
    fn new(records: Records, producers: Producers) -> Self {
        Self { records, producers: Arc::new(producers) }
    }

    /// Sends these rows, and waits for what becomes of them.
    async fn send(
        &self,
        producer: &Producer,
        batch: &Batch,
        rows: &[u32],
        attempt: &mut Attempt,
    ) -> Vec<(u32, RDKafkaErrorCode)> {
        let round = Arc::new(Round::default());
        let mut value = Vec::new();
        for &row in rows {
            match self.records.topic(batch, row as usize) {
                Ok(topic) => self.enqueue(producer, batch, row, &topic, &round, &mut value),
                Err(reason) => attempt.reject.push((row, reason)),
            }
        }
        round.end().await
    }

    /// Puts one message into the client's queue, which copies it.
    fn enqueue(
        &self,
        producer: &Producer,
        batch: &Batch,
        row: u32,
        topic: &str,
        round: &Arc<Round>,
        value: &mut Vec<u8>,
    ) {
        value.clear();
        self.records.codec.write(batch, row as usize, value);
        let id = batch.id(row as usize).to_string();
        let headers = OwnedHeaders::new_with_capacity(1).insert(Header { key: ID, value: Some(&id) });
        let key = self.records.key(batch, row as usize);
        let receipt = Box::new(Receipt { row, round: Arc::clone(round) });
        let mut record = BaseRecord::with_opaque_to(topic, receipt).payload(value).headers(headers);
        record.key = key.as_ref();
        // Kafka knows times after 1970 only: a message of another has the time at which it is sent.
        let millis = batch.rows()[row as usize].time.as_micros().div_euclid(1000);
        record.timestamp = (millis > 0).then_some(millis);
        round.begin();
        if let Err((error, record)) = producer.send(record) {
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
            record.delivery_opaque.round.settle(row, Some(code));
        }
    }
}

impl Sink for KafkaSink {
    async fn deliver(&self, batch: &Batch) -> Attempt {
        let producer = match self.producers.get() {
            Ok(producer) => producer,
            Err(error) => return Attempt::failed(batch, format!("{error:#}")),
        };
        let mut attempt = Attempt::delivered();
        let mut groups = vec![(0..batch.len() as u32).collect::<Vec<u32>>()];
        while let Some(rows) = groups.pop() {
            let failed = self.send(&producer, batch, &rows, &mut attempt).await;
            let mut judged = Vec::new();
            for (row, code) in failed {
                match Verdict::of(code) {
                    Verdict::Reject => attempt.reject.push((row, code.to_string())),
                    // Alone there was nothing else that it could have failed for.
                    Verdict::RejectAlone if rows.len() == 1 => attempt.reject.push((row, code.to_string())),
                    Verdict::RejectAlone => judged.push(row),
                    Verdict::Retry => {
                        attempt.retry.push(row);
                        attempt.error.get_or_insert_with(|| code.to_string());
                    }
                }
            }
            if !judged.is_empty() {
                // The first half is sent first.
                let second = judged.split_off(judged.len().div_ceil(2));
                groups.extend([second, judged].into_iter().filter(|rows| !rows.is_empty()));
            }
        }
        if let (Some(error), Some(trouble)) = (&mut attempt.error, self.producers.trouble()) {
            error.push_str(": ");
            error.push_str(&trouble);
        }
        attempt.retry.sort_unstable();
        attempt.reject.sort_unstable_by_key(|(row, _)| *row);
        attempt
    }

    async fn probe(&self) -> anyhow::Result<()> {
        let producers = Arc::clone(&self.producers);
        let asked = tokio::task::spawn_blocking(move || {
            let producer = producers.get()?;
            let answer = producer.client().fetch_metadata(None, PROBE);
            answer.map(drop).map_err(|error| {
                let trouble = producers.trouble().unwrap_or_else(|| "no answer".to_owned());
                crate::connection::failure(&error).context(trouble)
            })
        });
        asked.await.context("the client was not asked")?
    }
}

/// What is to be done about a message that failed.
enum Verdict {
    /// It is tried again.
    Retry,
    /// It never will be taken.
    Reject,
    /// It, or one that was sent with it, never will be.
    RejectAlone,
}

impl Verdict {
    fn of(code: RDKafkaErrorCode) -> Self {
        use RDKafkaErrorCode as Code;
        match code {
            Code::InvalidTopic => Self::Reject,
            Code::MessageSizeTooLarge
            | Code::MessageBatchTooLarge
            | Code::InvalidTimestamp
            | Code::InvalidRecord
            | Code::PolicyViolation => Self::RejectAlone,
            _ => Self::Retry,
        }
    }
}
