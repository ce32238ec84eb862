//! The source of the classic scenario: asks the generator for lines when they are due, and keeps to the clock through
//! stops.

use std::path::PathBuf;
use std::sync::Arc;

use logd_sdk::source::{Next, Source};
use logd_sdk::{Batch, Clock, Partition, snapshot};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::feed::{Feed, Phase};
use crate::generator::{Generator, Plan, Position};
use crate::pace::{LINES, Pace, wait};
use crate::schedule::Schedule;

/// The version of the position's form.
const VERSION: u8 = 1;

/// What is missed in a stop of up to this many microseconds is made at once; a longer stop moves the rest of the plan.
const LONGEST_STOP: i64 = 60_000_000;

/// The classic scenario on its way.
#[derive(Debug)]
pub(crate) struct ClassicSource {
    /// What is made, from where it stands on.
    plan: Plan,
    generator: Generator,
    pace: Pace,
    /// The system's clock; none if the plan has one of its own.
    clock: Option<Clock>,
    /// What the clock read when lines were last made, in microseconds since the epoch.
    seen: i64,
    stop: Option<Stop>,
    feed: Feed,
}

/// A long stop that the stream has not come to yet.
///
/// Lines made between the last position and the stop may be out already, so they are made again as they were; that is
/// why the stop takes effect only some time behind the position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stop {
    /// Lines up to this time are made as planned, in microseconds since the epoch.
    after: i64,
    /// All others come so many microseconds later.
    length: i64,
}

/// What a position says.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    start: i64,
    live: i64,
    rate: u32,
    seen: i64,
    stop: Option<Stop>,
    position: Position,
}

impl ClassicSource {
    /// A source that makes `plan`, whose live time begins now, by `clock` or else by a clock of its own.
    pub(crate) fn new(plan: Plan, clock: Option<Clock>, partition: Arc<Partition>, labels: Option<PathBuf>) -> Self {
        Self {
            generator: Generator::new(&plan, Position::default()),
            pace: Pace::from(plan.live),
            clock,
            seen: plan.live,
            stop: None,
            feed: Feed::new(partition, labels),
            plan,
        }
    }

    /// What its clock reads. Where the system's clock has gone far ahead of its own, while logd did not run or the
    /// machine slept, a stop begins.
    fn now(&mut self) -> i64 {
        if self.plan.rate == 0 {
            // As fast as can be, the clock goes with the lines.
            return self.generator.next_time().unwrap_or(self.seen);
        }
        let paced = self.pace.now();
        let Some(clock) = &self.clock else { return paced };
        let now = clock.now().as_micros().max(paced);
        if now - paced > LONGEST_STOP {
            tracing::info!(
                component = self.feed.partition.name(),
                seconds = (now - paced) / 1_000_000,
                "The generator goes on after a stop; what was still to come comes as much later."
            );
            let stop = self.stop.get_or_insert(Stop { after: paced + LONGEST_STOP, length: -LONGEST_STOP });
            stop.length += now - paced;
            self.pace = Pace::from(now);
        }
        now
    }

    /// Makes what is due at `now`, but no more than a batch may hold.
    fn make(&mut self, now: i64) -> Option<Batch> {
        let next_time = self.generator.next_time();
        if let Some(stop) = self.stop.take_if(|stop| next_time.is_some_and(|time| time > stop.after)) {
            self.plan.start += stop.length;
            self.plan.live += stop.length;
            self.generator = Generator::new(&self.plan, self.generator.position());
        }
        let due = self.stop.map_or(now, |stop| stop.after.min(now));
        let first = self.generator.position().lines;
        self.generator.append(LINES, due, &mut self.feed.bytes, &mut self.feed.lines);
        self.seen = now;
        self.feed.batch(first)
    }
}

impl Source for ClassicSource {
    async fn next(&mut self) -> anyhow::Result<Next> {
        if self.feed.phase == Phase::New {
            return self.feed.begin(|| Ok(self.plan.labels().map(|label| label + "\n").collect()));
        }
        loop {
            let now = self.now();
            if let Some(batch) = self.make(now) {
                return Ok(Next::Batch(batch));
            }
            match wait(&self.generator, now) {
                Some(time) => sleep(time).await,
                None => return Ok(self.feed.end()),
            }
        }
    }

    fn position(&self) -> Option<Vec<u8>> {
        let Plan { start, live, rate, .. } = self.plan;
        let state = State { start, live, rate, seen: self.seen, stop: self.stop, position: self.generator.position() };
        snapshot::encode(VERSION, &state).ok()
    }

    fn seek(&mut self, position: &[u8]) -> anyhow::Result<()> {
        let state: State = snapshot::decode(VERSION, position)?;
        // If another rate is wanted now, the next slot still stands at the same time, and those before it elsewhere.
        let next = Schedule::new(state.start, state.rate).time(state.position.slot);
        self.plan.start = next - Schedule::new(0, self.plan.rate).time(state.position.slot);
        self.plan.live = state.live;
        self.generator = Generator::new(&self.plan, state.position);
        self.pace = Pace::from(state.seen);
        (self.seen, self.stop) = (state.seen, state.stop);
        self.feed.labels = None;
        tracing::info!(log = state.position.lines, "Going on with the log of this number.");
        Ok(())
    }
}
