//! What one key knows of its templates over time, and what it finds odd about them.
//!
//! Events are counted by template in buckets of ten seconds of event time. A bucket is closed when the watermark has
//! passed it, in the order of time, and only then anything is judged: with the template as it read at its last event in
//! the bucket. The mining of templates depends on nothing here, and nothing here on what was mined since. So it does not
//! matter between which two events a bucket is closed.
//!
//! **New** is a template that this does not know, once the key has been learned for a time and some events, and has
//! forgotten nothing since. **More than five** findings of one sort within five minutes become a storm, one incident for
//! all of them, by which the sixth and later are told.

mod describe;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::open::{CALM, LASTING, Seen, Slot};
use super::rate::{BUCKET, Change, Rate, Sign};
use super::track::{Finding, Naming, Sample, Track, goes_on, new};
use crate::incident::{Reason, Severity};
use crate::time::Micros;

/// A key must have had so many events before a template is new.
const LEARNED_EVENTS: u64 = 200;

/// More findings of one sort than these, within five minutes, are one incident.
const STORM: usize = 5;

/// After so many buckets without any event a key rests: all its incidents have come to an end by then.
const REST: i64 = LASTING + 2 * CALM;

/// A storm shows so many of its templates.
const SHOWN: usize = 10;

/// What a bucket has of one template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Counted {
    events: u32,
    text: Arc<str>,
    sample: Sample,
}

/// A bucket that is not closed yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Bucket {
    templates: BTreeMap<u64, Counted>,
    /// Whether a template was forgotten in it by the miner.
    has_evicted: bool,
}

/// All that is known of one key's templates. See [`PatternSettings`](super::PatternSettings) for its size.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Watch {
    waiting: BTreeMap<i64, Bucket>,
    tracks: BTreeMap<u64, Track>,
    storms: BTreeMap<Change, Slot>,
    /// The next bucket to close.
    next: Option<i64>,
    /// The last bucket with an event.
    last: i64,
    /// Since when it has been learning.
    since: i64,
    /// How many events it has learned from.
    events: u64,
}

/// What bounds a key, and how long it learns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// How many templates it has at most.
    pub(super) templates: usize,
    /// How many buckets it learns for.
    pub(super) learn: i64,
}

impl Watch {
    /// Whether something of it changes by time alone.
    pub(super) fn is_awake(&self) -> bool {
        !self.waiting.is_empty() || self.next.is_some_and(|next| next - self.last <= REST)
    }

    /// How many incidents are open.
    pub(super) fn open(&self) -> usize {
        let slots = self.tracks.values().map(|track| &track.slot).chain(self.storms.values());
        slots.filter(|slot| slot.open().is_some()).count()
    }

    /// Counts an event. Returns whether there was room for it.
    pub(super) fn count(
        &mut self,
        bucket: i64,
        id: u64,
        text: &Arc<str>,
        sample: impl FnOnce() -> Sample,
        limits: Limits,
    ) -> bool {
        let templates = &mut self.waiting.entry(bucket).or_default().templates;
        if let Some(counted) = templates.get_mut(&id) {
            counted.events = counted.events.saturating_add(1);
            if !Arc::ptr_eq(&counted.text, text) {
                counted.text = Arc::clone(text);
            }
            return true;
        }
        let has_room = templates.len() < limits.templates;
        if has_room {
            templates.insert(id, Counted { events: 1, text: Arc::clone(text), sample: sample() });
        }
        has_room
    }

    /// Notes that the miner had to forget a template in the bucket.
    pub(super) fn note_evicted(&mut self, bucket: i64) {
        self.waiting.entry(bucket).or_default().has_evicted = true;
    }

    /// Closes all buckets before `until`; at the input's end (`None`) all that have an event. Returns how many
    /// templates were forgotten.
    pub(super) fn advance(
        &mut self,
        until: Option<i64>,
        limits: Limits,
        id: impl Fn(Naming, Micros) -> u128,
        found: &mut Vec<Finding>,
    ) -> u64 {
        let mut evicted = 0;
        loop {
            let waiting = self.waiting.first_key_value().map(|(&bucket, _)| bucket);
            let Some(until) = until.or_else(|| Some(self.waiting.last_key_value()?.0 + 1)) else { return evicted };
            let Some(mut next) = self.next.or(waiting) else { return evicted };
            if next - self.last > REST && waiting != Some(next) && self.next.is_some() {
                // Nothing becomes of time in which nobody says anything.
                self.tracks.values_mut().for_each(|track| track.rate.rest());
                next = waiting.unwrap_or(until).min(until).max(next);
                self.next = Some(next);
            }
            if next >= until {
                return evicted;
            }
            if self.next.is_none() {
                (self.since, self.last) = (next, next);
            }
            evicted += self.close(next, limits, &id, found);
            self.next = Some(next + 1);
        }
    }

    /// Ends all incidents, for the key is let go.
    pub(super) fn forget(&mut self, found: &mut Vec<Finding>) {
        let bucket = self.next.unwrap_or(self.last);
        let end = Micros(bucket.saturating_mul(BUCKET));
        for (&id, track) in &mut self.tracks {
            if let Some(told) = track.slot.resolve(Reason::NoLongerWatched, bucket, end) {
                found.push(track.finding(id, told));
            }
        }
        for slot in self.storms.values_mut() {
            let told = slot.resolve(Reason::NoLongerWatched, bucket, end);
            found.extend(told.map(|told| Finding { told, template: None, shown: Vec::new(), samples: Vec::new() }));
        }
    }

    /// Whether it knows so much by `bucket` that what it does not know is new.
    fn is_learned(&self, bucket: i64, limits: Limits) -> bool {
        self.events >= LEARNED_EVENTS && bucket - self.since >= limits.learn
    }

    fn close(
        &mut self,
        bucket: i64,
        limits: Limits,
        id: &impl Fn(Naming, Micros) -> u128,
        found: &mut Vec<Finding>,
    ) -> u64 {
        let end = Micros((bucket + 1).saturating_mul(BUCKET));
        let Bucket { templates, has_evicted } = self.waiting.remove(&bucket).unwrap_or_default();
        let is_learned = self.is_learned(bucket, limits);
        let (signs, total) = self.observe(bucket, templates, is_learned);
        self.events = self.events.saturating_add(total);
        if total > 0 {
            self.last = bucket;
        }
        self.steps(bucket, end, &signs, found);
        self.begin(bucket, end, &signs, id, found);
        self.storms(bucket, end, &signs, id, found);
        let evicted = self.evict(bucket, end, limits.templates, found);
        if evicted > 0 || has_evicted {
            // What it has forgotten would be new when it comes again.
            (self.since, self.events) = (bucket, 0);
        }
        evicted
    }

    /// Takes the counts in; returns what is odd about templates, and how many events there were.
    fn observe(
        &mut self,
        bucket: i64,
        templates: BTreeMap<u64, Counted>,
        is_learned: bool,
    ) -> (BTreeMap<u64, Sign>, u64) {
        let (mut signs, mut total) = (BTreeMap::new(), 0);
        let mut counts = BTreeMap::new();
        for (id, Counted { events, text, sample }) in templates {
            total += u64::from(events);
            counts.insert(id, events);
            match self.tracks.get_mut(&id) {
                Some(track) => (track.text, track.sample, track.last) = (text, sample, bucket),
                None => {
                    let (rate, slot) = (Rate::default(), Slot::default());
                    self.tracks.insert(id, Track { text, sample, last: bucket, rate, slot, storm: None });
                    if is_learned {
                        signs.insert(id, new(events, true));
                    }
                }
            }
        }
        for (&id, track) in &mut self.tracks {
            let events = counts.get(&id).copied().unwrap_or(0);
            let sign = track.rate.observe(events, track.is_frozen());
            let of_new = track.change() == Some(Change::New);
            let sign = if of_new { (events > 0).then(|| new(events, false)) } else { sign };
            if let Some(sign) = sign {
                signs.entry(id).or_insert(sign);
            }
        }
        (signs, total)
    }

    /// Goes on with the incidents of single templates.
    fn steps(&mut self, bucket: i64, end: Micros, signs: &BTreeMap<u64, Sign>, found: &mut Vec<Finding>) {
        for (&id, track) in &mut self.tracks {
            let Some(change) = track.slot.open().map(|open| open.figures.change) else { continue };
            let sign = signs.get(&id).copied();
            let same = sign.filter(|sign| sign.figures.change == change);
            let holds = sign.is_some_and(|sign| goes_on(change, sign.figures.change));
            let Some(told) = track.slot.step(&Seen { holds, ..Seen::of(bucket, end, same) }) else { continue };
            found.push(track.finding(id, told));
            if told.reason == Some(Reason::NewNormal) && change != Change::New {
                track.rate.rebase();
            }
        }
    }

    /// Opens incidents, or joins storms.
    fn begin(
        &mut self,
        bucket: i64,
        end: Micros,
        signs: &BTreeMap<u64, Sign>,
        id: &impl Fn(Naming, Micros) -> u128,
        found: &mut Vec<Finding>,
    ) {
        for change in Change::ALL {
            let opens = |(&id, sign): (&u64, &Sign)| {
                let track = self.tracks.get(&id)?;
                let free = track.change().is_none() && !track.slot.rests(bucket);
                (sign.exceeds && sign.figures.change == change && free).then_some((id, *sign))
            };
            let opening: Vec<(u64, Sign)> = signs.iter().filter_map(opens).collect();
            let lately = self.tracks.values().filter(|track| track.slot.opened_lately(change, bucket)).count();
            let storms = self.storms.get(&change).is_some_and(|slot| slot.open().is_some());
            let is_storm = storms || opening.len() + lately > STORM;
            for (template, sign) in opening {
                let Some(track) = self.tracks.get_mut(&template) else { continue };
                if is_storm {
                    track.storm = Some(change);
                } else {
                    let told = track.slot.begin(&Seen::of(bucket, end, Some(sign)), &sign, |since| {
                        id(Naming::Template(template), since)
                    });
                    found.push(track.finding(template, told));
                }
            }
        }
    }

    /// Goes on with the storms, and begins those that have got templates.
    fn storms(
        &mut self,
        bucket: i64,
        end: Micros,
        signs: &BTreeMap<u64, Sign>,
        id: &impl Fn(Naming, Micros) -> u128,
        found: &mut Vec<Finding>,
    ) {
        for change in Change::ALL {
            let of_storm = |track: &Track| track.storm == Some(change);
            let templates = self.tracks.values().filter(|track| of_storm(track)).count();
            let slot = self.storms.entry(change).or_default();
            if templates == 0 && slot.open().is_none() {
                continue;
            }
            let sign_of = |(id, sign): (&u64, &Sign)| {
                (sign.figures.change == change && self.tracks.get(id).is_some_and(of_storm)).then_some((*id, *sign))
            };
            let mut members: Vec<(u64, Sign)> = signs.iter().filter_map(sign_of).collect();
            members.sort_by(|one, other| other.1.rank().total_cmp(&one.1.rank()).then(one.0.cmp(&other.0)));
            let worst = members.first().map(|&(_, sign)| sign);
            let mut seen = Seen::of(bucket, end, worst);
            seen.templates = templates;
            if change == Change::New {
                seen.score = templates as f64;
            }
            seen.severity = seen.severity.max(storm_severity(templates));
            let told = match (slot.open(), worst) {
                (Some(_), _) => slot.step(&seen),
                (None, Some(sign)) => Some(slot.begin(&seen, &sign, |since| id(Naming::Storm(change), since))),
                (None, None) => None,
            };
            let Some(told) = told else { continue };
            let of = members.iter().take(SHOWN).filter_map(|(id, _)| Some((*id, self.tracks.get(id)?)));
            let (shown, samples) = of.map(|(id, track)| (track.shown(id), track.sample.clone())).unzip();
            found.push(Finding { told, template: None, shown, samples });
            if let Some(reason) = told.reason {
                for track in self.tracks.values_mut().filter(|track| of_storm(track)) {
                    track.storm = None;
                    if reason == Reason::NewNormal && change != Change::New {
                        track.rate.rebase();
                    }
                }
            }
        }
    }

    /// Forgets the templates that were not seen for the longest, ties by id, until there are few enough.
    fn evict(&mut self, bucket: i64, end: Micros, limit: usize, found: &mut Vec<Finding>) -> u64 {
        let excess = self.tracks.len().saturating_sub(limit);
        if excess == 0 {
            return 0;
        }
        let mut oldest: Vec<(i64, u64)> = self.tracks.iter().map(|(&id, track)| (track.last, id)).collect();
        oldest.sort_unstable();
        for (_, id) in oldest.into_iter().take(excess) {
            let Some(mut track) = self.tracks.remove(&id) else { continue };
            if let Some(told) = track.slot.resolve(Reason::NoLongerWatched, bucket, end) {
                found.push(track.finding(id, told));
            }
        }
        excess as u64
    }
}

/// By how many templates there are.
fn storm_severity(templates: usize) -> Severity {
    if templates >= 10 * STORM { Severity::Critical } else { Severity::Warning }
}
