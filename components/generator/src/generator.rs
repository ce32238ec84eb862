//! The generator itself: a plan turned into lines, from any position on, in chunks of any size.

use serde::{Deserialize, Serialize};

use crate::draw::Draws;
use crate::incident::{Effects, Incident};
use crate::log::Log;
use crate::schedule::Schedule;
use crate::service::Service;
use crate::timestamp::{Timestamps, whole_milliseconds};

/// All that decides a stream, byte for byte. Times are microseconds since the epoch, within the years 1970 to 9999.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Where all chance comes from.
    pub seed: u64,
    /// The time of the first line. With a backfill it lies that far before `live`.
    pub start: i64,
    /// When live time begins: incidents are told from it.
    pub live: i64,
    /// Lines a second over all services together, before incidents; 0 for as fast as can be, with time stamps at
    /// [`NOMINAL_RATE`](crate::NOMINAL_RATE).
    pub rate: u32,
    /// How many lines there are in all, the backfill's included. Without it the stream has no end.
    pub count: Option<u64>,
    /// What goes wrong.
    pub incidents: Vec<Incident>,
}

impl Plan {
    /// When each slot of the stream stands.
    pub fn schedule(&self) -> Schedule {
        Schedule::new(self.start, self.rate)
    }

    /// A label for each incident that reaches into the stream: a JSON object on one line, without its newline, with
    /// `service`, `kind`, `start`, `end`, `benign` and `params`.
    pub fn labels(&self) -> impl Iterator<Item = String> {
        self.incidents.iter().filter_map(|incident| incident.label(self.start, self.live))
    }
}

/// A place between two lines of a stream. With the same plan, the stream goes on from it as if it had never stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Lines made so far: the number of the next line, counted from 0.
    pub lines: u64,
    /// The slot that the next line is looked for in.
    pub slot: u64,
    /// Lines already made of that slot; not 0 only where traffic is multiplied.
    pub copy: u32,
}

/// Where a line stands in the bytes that it was appended to, and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
    /// Its event time in microseconds since the epoch: whole milliseconds, the same as in its text.
    pub time: i64,
}

/// Makes the lines of a plan.
#[derive(Debug)]
pub struct Generator {
    schedule: Schedule,
    count: u64,
    effects: Effects,
    draws: Draws,
    timestamps: Timestamps,
    position: Position,
}

impl Generator {
    /// A generator that stands at a position of a plan's stream; `Position::default()` is its beginning.
    pub fn new(plan: &Plan, position: Position) -> Self {
        Self {
            schedule: plan.schedule(),
            count: plan.count.unwrap_or(u64::MAX),
            effects: Effects::new(&plan.incidents, plan.live),
            draws: Draws::new(plan.seed),
            timestamps: Timestamps::new(),
            position,
        }
    }

    /// Where the next line comes from.
    pub const fn position(&self) -> Position {
        self.position
    }

    /// When there may be a next line, in microseconds since the epoch; none if the plan's count is reached.
    pub fn next_time(&self) -> Option<i64> {
        (self.position.lines < self.count).then(|| self.schedule.time(self.position.slot))
    }

    /// The time of the slot that lies so many ahead of the next one, in microseconds since the epoch.
    pub(crate) fn time_ahead(&self, slots: u64) -> i64 {
        self.schedule.time(self.position.slot.saturating_add(slots))
    }

    /// Appends the lines that are due at `now`, in microseconds since the epoch, but no more than `most`: their text,
    /// one behind the other without newlines, to `bytes`, and where each stands to `lines`.
    pub fn append(&mut self, most: usize, now: i64, bytes: &mut Vec<u8>, lines: &mut Vec<Line>) {
        let end = self.position.lines.saturating_add(most as u64).min(self.count);
        let due = self.schedule.due(now);
        while self.position.lines < end && self.position.slot < due {
            self.append_slot(end, bytes, lines);
        }
    }

    /// Appends what is left of the slot at the position, up to the stream's line number `end`.
    fn append_slot(&mut self, end: u64, bytes: &mut Vec<u8>, lines: &mut Vec<Line>) {
        let Position { slot, .. } = self.position;
        let time = whole_milliseconds(self.schedule.time(slot));
        let first = self.draws.of(slot, 0);
        let service = Service::drawn(first.service);
        let effect = self.effects.on(service, time);
        let copies = effect.copies(&first);
        while self.position.copy < copies {
            if self.position.lines == end {
                return;
            }
            let draw = if self.position.copy == 0 { first } else { self.draws.of(slot, self.position.copy) };
            let start = bytes.len();
            Log::new(service, &draw, effect).write(time, &mut self.timestamps, bytes);
            lines.push(Line { start, end: bytes.len(), time });
            self.position.copy += 1;
            self.position.lines += 1;
        }
        self.position.slot += 1;
        self.position.copy = 0;
    }
}
