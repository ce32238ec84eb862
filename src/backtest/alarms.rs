//! Where the anomaly events of a backtest end: read as alarms, and kept.

use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use futures::future::BoxFuture;
use logd_backtest::alarms::{Alarm, Reader};
use logd_sdk::component::{Describe, SinkPlan};
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::erased::AnySink;
use logd_sdk::event::write_json;
use logd_sdk::sink::{Attempt, Delivery, Sink};
use logd_sdk::{Batch, Context, Time};

/// Takes the events of detectors' outputs. Its clones share what they have taken.
#[derive(Clone, Debug)]
pub(super) struct Alarms(Arc<Mutex<Taken>>);

/// What has been taken.
#[derive(Debug)]
struct Taken {
    /// One for each output, by the way that its events come.
    readers: Vec<Reader>,
    alarms: Vec<Alarm>,
    /// The events as they are written to files, with their times and ways; only if they are wanted.
    lines: Option<Vec<(Time, usize, String)>>,
    /// Why an event could not be read, of the first.
    fault: Option<anyhow::Error>,
}

impl Alarms {
    /// For outputs of these names, in the order of the ways; with the events themselves if `keep_events`.
    pub(super) fn new(outputs: &[String], keep_events: bool) -> Self {
        let readers = outputs.iter().map(|output| Reader::new(output)).collect();
        let lines = keep_events.then(Vec::new);
        Self(Arc::new(Mutex::new(Taken { readers, alarms: Vec::new(), lines, fault: None })))
    }

    /// All alarms in their order; and the events, a line each, by time. Events of one output come in its order, and of
    /// one moment in the order of the outputs: so nothing depends on which of them was faster.
    ///
    /// # Errors
    /// An event was no anomaly.
    pub(super) fn take(&self) -> anyhow::Result<(Vec<Alarm>, Vec<String>)> {
        let mut taken = self.lock();
        if let Some(fault) = taken.fault.take() {
            return Err(fault);
        }
        let (mut alarms, mut lines) = (take(&mut taken.alarms), taken.lines.take().unwrap_or_default());
        logd_backtest::alarms::sort(&mut alarms);
        lines.sort_by_key(|(time, way, _)| (*time, *way));
        Ok((alarms, lines.into_iter().map(|(_, _, line)| line).collect()))
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn take_in(&mut self, batch: &Batch) -> anyhow::Result<()> {
        let mut json = Vec::new();
        let way = batch.input();
        let reader = self.readers.get_mut(way).context("events come by a way that there is not")?;
        for row in 0..batch.len() {
            json.clear();
            write_json(batch, row, &mut json);
            self.alarms.extend(reader.read(serde_json::from_slice(&json)?)?);
            if let Some(lines) = &mut self.lines {
                lines.push((batch.rows()[row].time, way, String::from_utf8_lossy(&json).into_owned()));
            }
        }
        Ok(())
    }
}

impl Sink for Alarms {
    async fn deliver(&self, batch: &Batch) -> Attempt {
        let mut taken = self.lock();
        if let Err(fault) = taken.take_in(batch) {
            // The run goes on, and comes to nothing.
            taken.fault.get_or_insert(fault);
        }
        Attempt::delivered()
    }
}

impl Describe for Alarms {
    fn name(&self) -> &'static str {
        "backtest"
    }

    fn reads(&self, _: &dyn Conditions) -> Reads {
        Reads::Whole
    }
}

impl SinkPlan for Alarms {
    fn delivery(&self) -> Delivery {
        Delivery::default()
    }

    fn build<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, anyhow::Result<Arc<dyn AnySink>>> {
        Box::pin(async { Ok(Arc::new(self.clone()) as Arc<dyn AnySink>) })
    }
}
