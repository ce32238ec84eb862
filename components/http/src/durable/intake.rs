//! The side of the connections: appends requests to the log, and knows when they may be answered.

use std::sync::Arc;
use std::time::Duration;

use logd_disklog::{Error, Writer};
use logd_sdk::http::{Refusal, StatusCode};
use logd_sdk::{Clock, Context, Health, Time};
use metrics::Gauge;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::keys::{Claim, Key, Keys};
use super::record;
use crate::decode::Piece;

/// What requests have to put up with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How long one may wait for its answer.
    pub(crate) patience: Duration,
    /// When to come again, for who found no room.
    pub(crate) retry_after: Duration,
    /// Whether one is answered when its events are delivered, and not before.
    pub(crate) until_delivered: bool,
}

/// A request that is in a log, and waits to be delivered.
#[derive(Debug)]
pub(crate) struct Kept {
    log: u64,
    number: u64,
    deadline: Instant,
    retry_after: Duration,
}

impl Kept {
    /// Waits until `delivered` has come to it. Returns it if nobody will say so any more.
    async fn until(self, mut delivered: watch::Receiver<u64>) -> Result<Option<Self>, Refusal> {
        let wait = delivered.wait_for(|delivered| *delivered >= self.number);
        let is_gone = match timeout_at(self.deadline, wait).await {
            Ok(delivered) => delivered.is_err(),
            Err(_) => return Err(self.refusal()),
        };
        Ok(Some(self).filter(|_| is_gone))
    }

    /// What its client is told when nobody waits for its delivery any more.
    pub(crate) fn refusal(&self) -> Refusal {
        Refusal::busy("The events are kept, and not delivered yet.", self.retry_after)
    }
}

/// Takes requests.
#[derive(Debug)]
pub(crate) struct Intake {
    /// Which log it is.
    pub(super) log: u64,
    pub(super) writer: Writer,
    pub(super) keys: Arc<Keys>,
    pub(super) health: Health,
    pub(super) clock: Clock,
    pub(super) bounds: Bounds,
    /// Up to which record all is delivered.
    pub(super) delivered: watch::Sender<u64>,
    bytes: Gauge,
    records: Gauge,
}

impl Intake {
    /// An intake of the log `log`, which `writer` writes.
    pub(super) fn new(log: u64, writer: Writer, keys: Arc<Keys>, bounds: Bounds, context: &Context) -> Self {
        let released = writer.view().borrow().released();
        let intake = Self {
            log,
            writer,
            keys,
            health: context.health.clone(),
            clock: context.clock.clone(),
            bounds,
            delivered: watch::channel(released).0,
            bytes: context.meters.gauge("logd_source_log_bytes", &[]),
            records: context.meters.gauge("logd_source_log_records", &[]),
        };
        intake.show();
        intake
    }

    /// Takes a request, of which there is at least one event, and waits until it may be answered 200. Returns what it was
    /// waiting for if the source has gone before.
    ///
    /// # Errors
    /// 413 if the log never takes so much, 422 if another request had its key, and 503 if there is no room or no time.
    pub(crate) async fn take(self: Arc<Self>, pieces: Vec<Piece>, key: Option<Key>) -> Result<Option<Kept>, Refusal> {
        let Bounds { patience, retry_after, until_delivered } = self.bounds;
        let deadline = Instant::now() + patience;
        let late = |_| Refusal::busy("The events were not made safe in time: send them again.", retry_after);
        let (log, delivered) = (self.log, self.delivered.subscribe());
        // The intake is not held while delivery is waited for: the log is closed when the source is gone.
        let number = timeout_at(deadline, self.append_once(pieces, key)).await.map_err(late)??;
        if !until_delivered {
            return Ok(None);
        }
        Kept { log, number, deadline, retry_after }.until(delivered).await
    }

    /// Waits until a request is delivered that an earlier source has kept. Returns it if this source has gone before.
    ///
    /// # Errors
    /// 503 if there is no time, or if it is kept in another log.
    pub(crate) async fn await_delivery(self: Arc<Self>, kept: Kept) -> Result<Option<Kept>, Refusal> {
        if kept.log != self.log {
            return Err(kept.refusal());
        }
        let delivered = self.delivered.subscribe();
        drop(self);
        kept.until(delivered).await
    }

    /// Appends a request, unless it was before, and returns the number of its record.
    async fn append_once(self: Arc<Self>, pieces: Vec<Piece>, key: Option<Key>) -> Result<u64, Refusal> {
        let Some(key) = key else { return self.append(pieces, self.clock.now(), None).await };
        let busy = Refusal::busy("The request was interrupted: send it again.", self.bounds.retry_after);
        let mut fate = match self.keys.claim(key).await {
            Claim::Taken(number) => return Ok(number),
            Claim::Other => {
                let reason = "Another request had this Idempotency-Key.";
                return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, reason));
            }
            Claim::Open(fate) => fate,
            Claim::New(fate) => {
                let open = fate.subscribe();
                // A task of its own: should the client go away now, the next one with the key is told the truth.
                tokio::spawn(async move {
                    fate.send_replace(Some(self.append_keyed(pieces, key).await));
                });
                open
            }
        };
        fate.wait_for(Option::is_some).await.ok().and_then(|fate| fate.clone()).unwrap_or(Err(busy))
    }

    /// Appends a request that has claimed its key, and settles that.
    async fn append_keyed(&self, pieces: Vec<Piece>, key: Key) -> Result<u64, Refusal> {
        let received = self.clock.now();
        let appended = self.append(pieces, received, Some(key)).await;
        match &appended {
            Ok(number) => self.keys.taken(key, *number, received),
            Err(_) => self.keys.refused(key),
        }
        appended
    }

    /// Appends a request, and returns the number of its record once that is durable.
    async fn append(&self, pieces: Vec<Piece>, received: Time, key: Option<Key>) -> Result<u64, Refusal> {
        let record = record::encode(&pieces, received, key).map_err(|_| Refusal::internal())?;
        drop(pieces);
        let appended = self.writer.append_durable(vec![record]).await;
        self.show();
        appended.map(|numbers| numbers.start).map_err(|error| self.refusal(error))
    }

    /// What the client is told of a failure. Clients come again; whoever looks at the daemon learns more.
    fn refusal(&self, error: Error) -> Refusal {
        let busy = |reason| Refusal::busy(reason, self.bounds.retry_after);
        match error {
            Error::TooLarge { limit, .. } => Refusal::too_large(usize::try_from(limit).unwrap_or(usize::MAX)),
            Error::Closed => busy("The source is closing: send the events again."),
            Error::Full { .. } | Error::Locked(_) | Error::Io { .. } => {
                let error = format!("{:#}", anyhow::Error::from(error));
                if self.health.reason().is_none() {
                    tracing::warn!(error, "Requests are refused, for they can't be kept.");
                }
                self.health.ill(error);
                busy("There is no room for the events now: send them again.")
            }
        }
    }

    /// Shows how much is in the log.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn show(&self) {
        let (bytes, last) = {
            let view = self.writer.view();
            let view = view.borrow();
            (view.bytes(), view.next() - 1)
        };
        self.bytes.set(bytes as f64);
        self.records.set(last.saturating_sub(*self.delivered.borrow()) as f64);
    }
}
