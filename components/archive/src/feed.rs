//! The feed of a sink: by it all comes that the archive remembers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, bail};
use logd_sdk::Time;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::archive::Inner;
use crate::counting::Counting;
use crate::events::{Malformed, WholeAnomaly};
use crate::records::{LogRecord, Point, Score};
use crate::sealed::Sealed;
use crate::series::{Band, Cell, Kind, Stat, usable};
use logd_sdk::ComponentId;

/// A log whose record has more bytes is not indexed.
const MAX_LOG: usize = 256 << 10;

/// What a sink brings goes by its feed. Of one sink, one feed at a time: the one that began last.
///
/// It begins with [`restore`](Self::restore), or where there is nothing to restore with the first
/// [`ready`](Self::ready) or [`seal`](Self::seal), at the last epoch that was applied.
#[derive(Debug)]
pub struct Feed {
    inner: Arc<Inner>,
    name: Arc<str>,
    /// Held while it begins.
    beginning: Mutex<()>,
    /// Its place on the board; 0 before it has begun.
    token: AtomicU64,
    /// How many failures of the index there were when it began.
    failures: AtomicU64,
}

impl Feed {
    pub(crate) fn new(inner: Arc<Inner>, sink: &ComponentId) -> Self {
        let name = sink.to_string().into();
        Self { inner, name, beginning: Mutex::default(), token: AtomicU64::new(0), failures: AtomicU64::new(0) }
    }

    /// Waits until there is room for a batch. Awaited before each one; all else that brings events is synchronous.
    ///
    /// # Errors
    /// The feed can't begin, as when the disk is full: to be tried again. Or another feed of the sink has begun, and this
    /// one is of no use any more.
    pub async fn ready(&self) -> anyhow::Result<()> {
        self.begin().await?;
        self.check()?;
        self.inner.logs.room().await;
        Ok(())
    }

    /// Begins to count a batch of a pipeline. Holds the archive's lock: it is short for a batch, and must not be kept.
    pub fn counting<'f>(&'f self, pipeline: &'f str) -> Counting<'f> {
        let now = self.inner.clock.now();
        let options = self.inner.options();
        let mut board = self.inner.board();
        board.set_time(&options, now);
        let place = board.place(self.token.load(Ordering::Relaxed));
        Counting::new(board, pipeline, place, now)
    }

    /// Takes in a log that [`Counting::count`] has admitted: it will be indexed, and is told to who watches. One whose
    /// record has more than 256 KiB is left out and counted. Never blocks.
    pub fn log(&self, log: LogRecord) {
        let token = self.token.load(Ordering::Relaxed);
        let too_large = log.size() > MAX_LOG;
        let epoch = self.inner.board().log(token, &log.pipeline, &log.service, too_large);
        let Some(epoch) = epoch.filter(|_| !too_large) else { return };
        let log = Arc::new(log);
        self.inner.lives.log(&log);
        self.inner.logs.add(log, &self.name, epoch, self.failures.load(Ordering::Relaxed));
    }

    /// Takes in a figure of a window. What finds no room is counted: [`Stats::left_out`](crate::Stats::left_out).
    pub fn point(&self, point: &Point<'_>) {
        let name = [point.source.pipeline(), point.source.id(), point.service, point.metric];
        self.cell(Kind::Point, name, point.time, usable(point.value).map(Cell::Value));
    }

    /// Takes in a score. What finds no room is counted.
    pub fn score(&self, score: &Score<'_>) {
        let stat = |value: Option<f64>| value.and_then(usable).map(Stat::of);
        let band = usable(score.value).map(|value| {
            let (expected, lower, upper) = (stat(score.expected), stat(score.lower), stat(score.upper));
            Cell::Band(Band { value: Stat::of(value), expected, lower, upper, score: score.score.and_then(usable) })
        });
        let name = [score.detector.pipeline(), score.detector.id(), score.service, score.metric];
        self.cell(Kind::Score, name, score.time, band);
    }

    fn cell(&self, kind: Kind, name: [&str; 4], time: Time, cell: Option<Cell>) {
        let token = self.token.load(Ordering::Relaxed);
        self.inner.board().cell(token, kind, name, time, cell);
    }

    /// Takes in an anomaly event of a detector: JSON as it leaves on `NAME.anomalies`, with a member `field` that names
    /// the metric. One that is known, as when two sinks are told, changes nothing. Returns it as it was understood.
    ///
    /// # Errors
    /// It is no anomaly event: it never will be, and nothing has changed.
    pub fn anomaly(&self, detector: &ComponentId, event: Value) -> Result<Arc<WholeAnomaly>, Malformed> {
        let bytes = event.to_string().len();
        let whole = Arc::new(WholeAnomaly::read(detector, event)?);
        let token = self.token.load(Ordering::Relaxed);
        let incident = self.inner.board().anomaly(token, &whole, bytes);
        if let Some(incident) = incident {
            self.inner.lives.anomaly(WholeAnomaly::clone(&whole), incident);
        }
        Ok(whole)
    }

    /// Ends the epoch at a barrier: its logs are durable when this returns, and what it returns is to be kept with the
    /// epoch. For [`Sink::sync`](logd_sdk::sink::Sink::sync).
    ///
    /// # Errors
    /// Logs were lost since the last epoch, as when the disk is full; or another feed of the sink has begun. The epoch
    /// must fail, and the sink be built anew, so that what came since the last one comes again.
    pub async fn seal(&self) -> anyhow::Result<Vec<u8>> {
        self.begin().await?;
        let token = self.token.load(Ordering::Relaxed);
        let sealed = self.inner.board().seal(token);
        let (epoch, has_logs, parts) = sealed.context("another feed of the sink has begun")?;
        if has_logs {
            self.inner.logs.commit().await?;
            // Not said earlier: to take the events again helps nobody, an epoch that fails does.
            if self.inner.logs.failures() != self.failures.load(Ordering::Relaxed) {
                bail!("logs could not be indexed, and have to come again");
            }
            self.inner.board().committed(token);
        }
        Sealed { epoch, parts }.encode()
    }

    /// What [`seal`](Self::seal) returned is durable with its epoch: now it takes effect, unless it has. For
    /// [`Sink::commit`](logd_sdk::sink::Sink::commit).
    ///
    /// # Errors
    /// It can't be written; to be tried again.
    pub async fn apply(&self, kept: &[u8]) -> anyhow::Result<()> {
        self.inner.apply(&self.name, self.token.load(Ordering::Relaxed), Sealed::decode(kept)?).await
    }

    /// Begins at an epoch: with what [`seal`](Self::seal) returned at the last complete one. That takes effect, unless
    /// it has, and logs that came after it are taken back. For [`Sink::restore`](logd_sdk::sink::Sink::restore).
    ///
    /// # Errors
    /// What was kept can't be read, or the disk fails.
    pub async fn restore(&self, kept: &[u8]) -> anyhow::Result<()> {
        let sealed = Sealed::decode(kept)?;
        let _beginning = self.beginning.lock().await;
        self.begin_at(Some(sealed)).await
    }

    /// Goes on where another feed of the same sink stands, in the middle of its epoch; that one is of no use afterwards.
    /// For [`Sink::succeed`](logd_sdk::sink::Sink::succeed).
    pub async fn succeed(&self, before: &Self) {
        let _beginning = (self.beginning.lock().await, before.beginning.lock().await);
        self.failures.store(before.failures.load(Ordering::Relaxed), Ordering::Relaxed);
        self.token.store(before.token.swap(0, Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Begins, if it has not.
    async fn begin(&self) -> anyhow::Result<()> {
        if self.token.load(Ordering::Relaxed) != 0 {
            return Ok(());
        }
        let _beginning = self.beginning.lock().await;
        if self.token.load(Ordering::Relaxed) == 0 { self.begin_at(None).await } else { Ok(()) }
    }

    async fn begin_at(&self, sealed: Option<Sealed>) -> anyhow::Result<()> {
        self.inner.board().retire_all(&self.name);
        let name = Arc::clone(&self.name);
        let applied = self.inner.on_store(move |inner| inner.store.epoch(&name)).await?.unwrap_or(0);
        let failures = self.inner.logs.failures();
        let epoch = match sealed {
            Some(sealed) => {
                let epoch = sealed.epoch;
                self.inner.apply(&self.name, 0, sealed).await?;
                epoch
            }
            None => applied,
        };
        self.inner.logs.take_back(&self.name, epoch).await?;
        self.failures.store(failures, Ordering::Relaxed);
        let token = self.inner.board().start(&self.name, epoch.max(applied) + 1);
        self.token.store(token, Ordering::Relaxed);
        self.inner.watch_again().await
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.inner.board().place(self.token.load(Ordering::Relaxed)).is_none() {
            bail!("another feed of the sink has begun");
        }
        Ok(())
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.inner.board().retire(self.token.load(Ordering::Relaxed));
    }
}
