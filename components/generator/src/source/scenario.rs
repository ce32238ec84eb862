//! The source of a scenario: its lines are due by a clock that may go faster than real time.
//!
//! What is made is a function of event time alone. So a stop needs no account of its own: by the system's clock, what
//! it left out is made at once; a clock of its own stands still meanwhile.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use logd_sdk::source::{Next, Source};
use logd_sdk::{Batch, Clock, Partition, Time, snapshot};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::feed::{Feed, Phase};
use crate::pace::{DELAY, LINES, Pace};
use crate::scenario::{Place, Scenario, ScenarioLines, Simulation};
use crate::speed::Speed;

/// The version of the position's form; the classic scenario's is another.
const VERSION: u8 = 2;

/// What is made, and how fast.
#[derive(Clone, Debug)]
pub(crate) struct ScenarioPlan {
    pub(crate) scenario: Scenario,
    pub(crate) seed: u64,
    /// How many lines there are at most.
    pub(crate) count: Option<u64>,
    /// What its clock reads now.
    pub(crate) live: Time,
    pub(crate) speed: Speed,
}

/// A scenario on its way.
#[derive(Debug)]
pub(crate) struct ScenarioSource {
    plan: ScenarioPlan,
    lines: ScenarioLines,
    pace: Pace,
    /// The system's clock; none if the scenario has one of its own.
    clock: Option<Clock>,
    /// What the clock read when lines were last made, in microseconds since the epoch.
    seen: i64,
    feed: Feed,
}

/// What a position says.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    start: Time,
    seen: i64,
    place: Place,
}

impl ScenarioPlan {
    fn lines(&self, place: Place) -> ScenarioLines {
        ScenarioLines::new(&self.scenario, self.seed, self.count, place)
    }

    fn pace(&self, time: i64) -> Pace {
        Pace::at(time, self.speed.factor())
    }

    fn labels(&self) -> anyhow::Result<String> {
        Ok(Simulation::new(&self.scenario, self.seed).labels_as_json_lines()?)
    }
}

impl ScenarioSource {
    /// A source that makes `plan`, by `clock` or else by a clock of its own.
    pub(crate) fn new(
        plan: ScenarioPlan,
        clock: Option<Clock>,
        partition: Arc<Partition>,
        labels: Option<PathBuf>,
    ) -> Self {
        let live = plan.live.as_micros();
        Self {
            lines: plan.lines(Place::default()),
            pace: plan.pace(live),
            clock,
            seen: live,
            feed: Feed::new(partition, labels),
            plan,
        }
    }

    /// What its clock reads; as fast as can be, it goes with the lines.
    fn now(&self) -> i64 {
        match (self.plan.speed, &self.clock) {
            (Speed::Max, _) => self.lines.next_time().unwrap_or(self.seen),
            (_, Some(clock)) => clock.now().as_micros().max(self.pace.now()),
            (_, None) => self.pace.now(),
        }
    }

    /// Makes what is due at `now`, but no more than a batch may hold.
    fn make(&mut self, now: i64) -> Option<Batch> {
        let first = self.lines.place().lines;
        let due = if self.plan.speed == Speed::Max { i64::MAX } else { now };
        self.lines.append(LINES, due, &mut self.feed.bytes, &mut self.feed.lines);
        self.seen = now;
        self.feed.batch(first)
    }
}

impl Source for ScenarioSource {
    async fn next(&mut self) -> anyhow::Result<Next> {
        if self.feed.phase == Phase::New {
            return self.feed.begin(|| self.plan.labels());
        }
        loop {
            let now = self.now();
            if let Some(batch) = self.make(now) {
                return Ok(Next::Batch(batch));
            }
            let Some(next) = self.lines.next_time() else { return Ok(self.feed.end()) };
            let span = u64::try_from(next.saturating_sub(now)).unwrap_or(0) as f64 / self.plan.speed.factor();
            sleep(Duration::from_micros((span as u64).max(DELAY as u64))).await;
        }
    }

    fn position(&self) -> Option<Vec<u8>> {
        let state = State { start: self.plan.scenario.start, seen: self.seen, place: self.lines.place() };
        snapshot::encode(VERSION, &state).ok()
    }

    fn seek(&mut self, position: &[u8]) -> anyhow::Result<()> {
        let state: State = snapshot::decode(VERSION, position)?;
        self.plan.scenario.start = state.start;
        self.lines = self.plan.lines(state.place);
        self.pace = self.plan.pace(state.seen);
        self.seen = state.seen;
        self.feed.labels = None;
        tracing::info!(log = state.place.lines, "Going on with the log of this number.");
        Ok(())
    }
}

#[cfg(test)]
mod tests;
