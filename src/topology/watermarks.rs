//! Watermarks: how far event time has come, for a component that waits for it.
//!
//! Each partition has a watermark of its own, its greatest event time less the lateness that is allowed, and what has
//! become late is decided by that alone: so it depends on neither batches nor the other partitions. The component as a
//! whole follows the least of them.

use std::collections::BTreeMap;
use std::time::Duration;

use logd_sdk::keyed::{Floor, Timing};
use logd_sdk::{Batch, Clock, Time};
use serde::{Deserialize, Serialize};

/// How far each partition is, and what was emitted.
#[derive(Debug)]
pub(crate) struct Watermarks {
    timing: Timing,
    clock: Clock,
    state: State,
}

/// What goes into a snapshot.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    /// By the partition's hash.
    partitions: BTreeMap<u64, Progress>,
    /// Windows that end at or before this have left.
    emitted: Time,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Progress {
    greatest: Time,
    ended: bool,
    /// When it last said something, on the clock of [`Watermarks::advance`]'s `active`.
    #[serde(skip)]
    heard: Duration,
}

/// The version of the snapshot's form.
const VERSION: u8 = 1;

/// Of what [`Watermarks::save`] has written, what another run can go on with: what has left stays gone. Partitions are not
/// those of that run, which would wait for them.
///
/// # Errors
/// It can't be read.
pub(super) fn carried(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let State { emitted, .. } = logd_sdk::snapshot::decode(VERSION, bytes)?;
    logd_sdk::snapshot::encode(VERSION, &State { partitions: BTreeMap::new(), emitted })
}

impl Watermarks {
    /// Nothing has come yet.
    pub(crate) fn new(timing: Timing, clock: Clock) -> Self {
        Self { timing, clock, state: State { partitions: BTreeMap::new(), emitted: Time::MIN } }
    }

    /// The same from the beginning.
    pub(crate) fn anew(&self) -> Self {
        Self::new(self.timing, self.clock.clone())
    }

    /// Whether they follow the clock, and not the events.
    pub(crate) fn follow_the_clock(&self) -> bool {
        self.timing.processing_time
    }

    /// What is closed, and what is too far ahead, for each block of the batch.
    pub(crate) fn floors(&self, batch: &Batch) -> Vec<Floor> {
        let now = self.clock.now();
        batch.blocks().iter().map(|block| self.floor(block.partition.hash(), now)).collect()
    }

    fn floor(&self, partition: u64, now: Time) -> Floor {
        if self.timing.processing_time {
            return Floor { closed: self.state.emitted, ahead: Time::MAX };
        }
        let greatest = self.state.partitions.get(&partition).map_or(Time::MIN, |progress| progress.greatest);
        Floor {
            closed: self.state.emitted.max(greatest.before(self.timing.allowed_lateness)),
            ahead: self.timing.max_ahead.map_or(Time::MAX, |ahead| now.max(greatest).after(ahead)),
        }
    }

    /// Takes note of the times in a batch whose floors were `floors`, heard at `active`.
    pub(crate) fn note(&mut self, batch: &Batch, floors: &[Floor], active: Duration) {
        for (place, (block, floor)) in batch.blocks().iter().zip(floors).enumerate() {
            let said = if block.greatest <= floor.ahead || block.greatest == Time::MAX {
                block.greatest
            } else {
                // Something is too far ahead to count: of the rest the greatest.
                let mine = batch.rows().iter().filter(|row| row.block as usize == place && row.time <= floor.ahead);
                mine.map(|row| row.time).max().unwrap_or(Time::MIN)
            };
            let new = Progress { greatest: Time::MIN, ended: false, heard: active };
            let progress = self.state.partitions.entry(block.partition.hash()).or_insert(new);
            progress.heard = active;
            progress.ended = said == Time::MAX;
            if !progress.ended {
                progress.greatest = progress.greatest.max(said);
            }
        }
    }

    /// Goes on to the least watermark of the partitions that count, and returns it. `active` is how long something could
    /// have been heard: time in which nothing could come makes no partition idle.
    pub(crate) fn advance(&mut self, active: Duration) -> Time {
        let next = if self.timing.processing_time { self.clock.now() } else { self.least(active) };
        self.state.emitted = self.state.emitted.max(next);
        self.state.emitted
    }

    /// The input has ended: everything that is open leaves.
    pub(crate) fn end(&mut self) -> Time {
        self.state.emitted = Time::MAX;
        Time::MAX
    }

    fn least(&self, active: Duration) -> Time {
        let idle = |progress: &Progress| active.saturating_sub(progress.heard) >= self.timing.idle_timeout;
        let lateness = self.timing.allowed_lateness;
        let live = self.state.partitions.values().filter(|progress| !progress.ended);
        match live.clone().filter(|progress| !idle(progress)).map(|progress| progress.greatest).min() {
            Some(least) => least.before(lateness),
            // All are silent: time goes on with the clock, from where the last of them was heard.
            None => {
                let silent = live.map(|progress| progress.greatest.after(active.saturating_sub(progress.heard)));
                silent.max().map_or(Time::MIN, |time| time.before(lateness))
            }
        }
    }

    /// Writes the state.
    pub(crate) fn save(&self) -> anyhow::Result<Vec<u8>> {
        logd_sdk::snapshot::encode(VERSION, &self.state)
    }

    /// Reads what [`save`](Self::save) wrote.
    pub(crate) fn load(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.state = logd_sdk::snapshot::decode(VERSION, bytes)?;
        Ok(())
    }

    /// Windows that end at or before this have left.
    pub(crate) fn emitted(&self) -> Time {
        self.state.emitted
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use logd_sdk::{Block, Partition, Row};

    use super::*;

    const SECOND: i64 = 1_000_000;

    fn at(second: i64) -> Time {
        Time::from_micros(second * SECOND)
    }

    fn watermarks() -> Watermarks {
        let timing = Timing {
            allowed_lateness: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            max_ahead: Some(Duration::from_secs(600)),
            processing_time: false,
        };
        Watermarks::new(timing, Clock::fixed(at(1000)))
    }

    fn batch(partition: &str, seconds: &[i64]) -> Batch {
        let rows = seconds.iter().map(|&second| Row::line(0, 0, 0, at(second))).collect();
        let mut batch = Batch::new(Block::new(Bytes::new(), Partition::new("test", partition)), rows);
        batch.note_times();
        batch
    }

    fn note(watermarks: &mut Watermarks, batch: &Batch, active: u64) -> Time {
        let floors = watermarks.floors(batch);
        let active = Duration::from_secs(active);
        watermarks.note(batch, &floors, active);
        watermarks.advance(active)
    }

    #[test]
    fn a_clock_that_jumps_moves_no_watermark_back_and_pushes_none() {
        const HOUR: i64 = 3600;
        let by_events = |watermarks: &mut Watermarks, second: i64| note(watermarks, &batch("a", &[second]), 0);
        let mut events = watermarks();
        let mut clock = watermarks();
        clock.timing.processing_time = true;
        let (of_events, of_clock) = (events.clock.clone(), clock.clock.clone());
        for (now, second, expected) in [(1000, 990, 985), (1000 - HOUR, 991, 986), (1000 + HOUR, 992, 987)] {
            of_events.set(at(now));
            assert_eq!(by_events(&mut events, second), at(expected), "its clock says {now}");
        }
        for (now, expected) in [(1000, 1000), (1000 - HOUR, 1000), (1001, 1001), (1001 + HOUR, 1001 + HOUR)] {
            of_clock.set(at(now));
            assert_eq!(clock.advance(Duration::ZERO), at(expected), "it says {now}");
        }
    }

    #[test]
    fn the_least_partition_leads() {
        let mut watermarks = watermarks();
        assert_eq!(note(&mut watermarks, &batch("a", &[]), 0), Time::MIN, "announced, and nothing said");
        assert_eq!(note(&mut watermarks, &batch("b", &[100, 90]), 0), Time::MIN);
        assert_eq!(note(&mut watermarks, &batch("a", &[80]), 0), at(75));
        assert_eq!(watermarks.floors(&batch("b", &[]))[0].closed, at(95), "late by its own partition's watermark");
        assert_eq!(watermarks.floors(&batch("new", &[]))[0].closed, at(75), "late by what has been emitted");
    }

    #[test]
    fn an_ended_partition_holds_nothing_back() {
        let mut watermarks = watermarks();
        note(&mut watermarks, &batch("a", &[80]), 0);
        note(&mut watermarks, &batch("b", &[100]), 0);
        let mut ended = batch("a", &[]);
        ended.blocks_mut()[0].greatest = Time::MAX;
        assert_eq!(note(&mut watermarks, &ended, 0), at(95));
    }

    #[test]
    fn silence_lets_time_go_on() {
        let mut watermarks = watermarks();
        note(&mut watermarks, &batch("a", &[80]), 0);
        note(&mut watermarks, &batch("b", &[100]), 20);
        assert_eq!(watermarks.advance(Duration::from_secs(29)), at(75));
        assert_eq!(watermarks.advance(Duration::from_secs(30)), at(95), "the silent one no longer counts");
        assert_eq!(watermarks.advance(Duration::from_secs(60)), at(135), "all are silent: 100 + 40 - 5");
        assert_eq!(note(&mut watermarks, &batch("a", &[101]), 61), at(135), "and never back");
    }

    #[test]
    fn a_date_from_the_future_pushes_nothing() {
        let mut watermarks = watermarks();
        assert_eq!(note(&mut watermarks, &batch("a", &[990, 999_999, 995]), 0), at(990));
        assert_eq!(note(&mut watermarks, &batch("a", &[1600]), 0), at(1595), "within ten minutes of the clock");
        assert_eq!(note(&mut watermarks, &batch("a", &[2200]), 0), at(2195), "or of the partition");
    }

    #[test]
    fn another_run_waits_for_no_partition_of_this_one() {
        let mut watermarks = watermarks();
        note(&mut watermarks, &batch("a", &[80]), 7);
        let mut other = self::watermarks();
        other.load(&carried(&watermarks.save().expect("saved")).expect("read")).expect("loaded");
        assert_eq!(other.emitted(), at(75));
        assert_eq!(note(&mut other, &batch("b", &[100]), 0), at(95));
    }

    #[test]
    fn survives_a_restart() {
        let mut watermarks = watermarks();
        note(&mut watermarks, &batch("a", &[80]), 7);
        let mut restored = self::watermarks();
        restored.load(&watermarks.save().expect("saved")).expect("loaded");
        assert_eq!(restored.floors(&batch("a", &[])), watermarks.floors(&batch("a", &[])));
        assert_eq!(restored.emitted(), at(75));
    }
}
