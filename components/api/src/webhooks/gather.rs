//! From what happened to calls: what is held back, what becomes part of the same call, and what is never told.
//!
//! ```text
//!            ┌ silenced, until the silence ends ─┐ began and ended in it: never told
//! gathering ─┼ quiet hours, but for critical ────┤ all in one call when they end
//!            └ group_wait, from the first on ────┴─► one call for each service ─► waiting
//! ```
//!
//! What is held back is told as it stands when it is let go, and not what it was. All of it is in the store meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use logd_sdk::Time;

use super::error::Error;
use super::hours::Hours;
use super::meters;
use super::model::{Event, Held, Record, Severity, Silence, Stage, Webhook};
use super::payload::{self, Part};
use super::state::{Draft, Entry};
use super::store::Write;

/// Puts calls together that are due. Returns when the next ones are.
pub(super) fn gather(draft: &mut Draft<'_>, base: &str) -> Result<Option<Time>, Error> {
    let now = draft.now;
    let silences: Vec<(Silence, Time)> =
        draft.state.silences.values().filter_map(|silence| Some((silence.clone(), silence.end(now)?))).collect();
    let gathers = |entry: &&Entry| entry.queue.values().any(|record| record.stage == Stage::Gathering);
    let webhooks: Vec<String> =
        draft.state.webhooks.values().filter(gathers).map(|entry| entry.webhook.id.clone()).collect();
    for id in &webhooks {
        gather_one(draft, id, &silences, base)?;
    }
    let entries = webhooks.iter().filter_map(|id| draft.state.webhooks.get(id));
    let records = entries.flat_map(|entry| entry.queue.values()).filter(|record| record.stage == Stage::Gathering);
    Ok(records.map(|record| record.due).min())
}

fn gather_one(draft: &mut Draft<'_>, id: &str, silences: &[(Silence, Time)], base: &str) -> Result<(), Error> {
    let Some(entry) = draft.state.webhooks.get(id) else { return Ok(()) };
    let plan = Plan::of(entry, silences, draft.now);
    for number in plan.untold {
        meters::dropped(meters::SILENCED, 1);
        draft.forget(id, number);
    }
    for (number, held, until) in plan.held {
        draft.change(id, number, |record| (record.held, record.due) = (Some(held), until));
    }
    for (numbers, quiet) in plan.calls {
        put_together(draft, id, &numbers, quiet, base)?;
    }
    Ok(())
}

/// What becomes of the calls of a webhook that are being gathered.
#[derive(Debug, Default)]
struct Plan {
    /// Never told.
    untold: Vec<u64>,
    /// Held back until then, where that is not known yet.
    held: Vec<(u64, Held, Time)>,
    /// Told together, and whether quiet hours have held them back.
    calls: Vec<(Vec<u64>, bool)>,
}

impl Plan {
    fn of(entry: &Entry, silences: &[(Silence, Time)], now: Time) -> Self {
        let mut plan = Self::default();
        let gathering: BTreeMap<u64, &Record> = entry
            .queue
            .iter()
            .filter(|(_, record)| record.stage == Stage::Gathering)
            .map(|(number, record)| (*number, record))
            .collect();
        let quiet = quiet_until(&entry.webhook, now);
        let mut free = Vec::new();
        let mut silenced: BTreeMap<&str, Vec<(u64, Option<Event>)>> = BTreeMap::new();
        for (number, record) in &gathering {
            let hold = hold(record, silences, quiet);
            if record.held == Some(Held::Silenced) || matches!(hold, Some((Held::Silenced, _))) {
                for incident in &record.incidents {
                    silenced.entry(incident).or_default().push((*number, record.event));
                }
            }
            match hold {
                Some((held, until)) if (record.held, record.due) != (Some(held), until) => {
                    plan.held.push((*number, held, until));
                }
                Some(_) => {}
                None => free.push((*number, *record)),
            }
        }
        for changes in silenced.values() {
            plan.settle_silenced(changes);
        }
        let untold: BTreeSet<u64> = plan.untold.iter().copied().collect();
        plan.held.retain(|(number, ..)| !untold.contains(number));
        free.retain(|(number, _)| !untold.contains(number));
        plan.let_go(&free, &entry.webhook, now);
        plan
    }

    /// Of an incident that is silenced, nothing is told if it is over and nobody knows that it began. Otherwise only how
    /// it stands.
    fn settle_silenced(&mut self, changes: &[(u64, Option<Event>)]) {
        let Some(((last, event), earlier)) = changes.split_last() else { return };
        let began = earlier.iter().any(|(_, event)| event.is_some_and(Event::is_opening));
        if began && *event == Some(Event::IncidentResolved) {
            self.untold.push(*last);
        }
        self.untold.extend(earlier.iter().map(|(number, _)| *number));
    }

    /// Says which of those that nothing holds back are told, and with which others.
    fn let_go(&mut self, free: &[(u64, &Record)], webhook: &Webhook, now: Time) {
        let was_quiet: Vec<u64> =
            free.iter().filter(|(_, record)| record.held == Some(Held::Quiet)).map(|(number, _)| *number).collect();
        let rest = free.iter().filter(|(_, record)| record.held != Some(Held::Quiet));
        if !was_quiet.is_empty() {
            self.calls.push((was_quiet, true));
        }
        if webhook.group_wait.is_zero() {
            self.calls.extend(rest.map(|(number, _)| (vec![*number], false)));
            return;
        }
        let mut services: BTreeMap<&str, (Vec<u64>, bool)> = BTreeMap::new();
        for (number, record) in rest {
            let (numbers, is_due) = services.entry(&record.subject.service).or_default();
            numbers.push(*number);
            *is_due |= record.due <= now || record.held.is_some();
        }
        let due = services.into_values().filter(|(_, is_due)| *is_due);
        self.calls.extend(due.map(|(numbers, _)| (numbers, false)));
    }
}

/// When a webhook's quiet hours end, if it has any now.
fn quiet_until(webhook: &Webhook, now: Time) -> Option<Time> {
    // What can't be read holds nothing back: a call too many is better than none.
    Hours::read(webhook.quiet_hours.as_ref()?).ok()?.end(now)
}

/// What holds a call back, and until when.
fn hold(record: &Record, silences: &[(Silence, Time)], quiet: Option<Time>) -> Option<(Held, Time)> {
    let subject = &record.subject;
    let covering = silences.iter().filter(|(one, _)| one.covers(&subject.pipeline, &subject.service, &subject.kind));
    if let Some(until) = covering.map(|(_, until)| *until).max() {
        return Some((Held::Silenced, until));
    }
    quiet.filter(|_| subject.severity < Severity::Critical).map(|until| (Held::Quiet, until))
}

/// Makes one call of what is told together.
fn put_together(draft: &mut Draft<'_>, id: &str, numbers: &[u64], quiet: bool, base: &str) -> Result<(), Error> {
    let now = draft.now;
    let Some(entry) = draft.state.webhooks.get(id) else { return Ok(()) };
    let records: Vec<(u64, Record)> =
        numbers.iter().filter_map(|number| Some((*number, entry.queue.get(number)?.clone()))).collect();
    let limits = entry.webhook.limits.clone();
    let mut parts: Vec<(Event, Part)> = Vec::new();
    for (number, record) in &records {
        let body = draft.body(id, *number)?;
        let part: Option<Part> = body.and_then(|body| serde_json::from_slice(&body).ok());
        match (record.event, part) {
            (Some(event), Some(part)) => parts.push((event, Part::within(part, &limits))),
            _ => tracing::error!(webhook = id, call = record.id, "What a call was to tell is lost from the store."),
        }
    }
    let mut records = records.into_iter();
    let Some((number, mut record)) = records.next() else { return Ok(()) };
    let Some((event, body)) = payload::of_parts(&parts, quiet, base) else {
        draft.give_up(id, number, meters::GIVEN_UP, "what it was to tell is lost");
        return Ok(());
    };
    for (other, merged) in records {
        record.changes.extend(merged.changes);
        for incident in merged.incidents {
            if !record.incidents.contains(&incident) {
                record.incidents.push(incident);
            }
        }
        record.subject.severity = record.subject.severity.max(merged.subject.severity);
        draft.forget(id, other);
    }
    record.event = Some(event);
    (record.stage, record.due, record.since, record.held) = (Stage::Waiting, now, now, None);
    let body = Some(Bytes::from(body.to_string()));
    draft.put(Write::Call { webhook: id.to_owned(), number, record: Box::new(record), body });
    Ok(())
}
